//! The gate: may this caller do that? Asked once, before a method of `/rpc` runs.

use std::future::Future;
use std::pin::Pin;

use crate::caller::Caller;
use crate::fault::Fault;
use crate::method::Right;

/// What a gate says, once it knows: a password may have to be checked first.
pub type Judging<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

/// Decides who may call. A method that is not let through does not run.
pub trait Gate: Send + Sync + 'static {
    /// Lets the caller through, or says why not.
    fn judge<'a>(&'a self, caller: &'a Caller, right: Right) -> Judging<'a>;
}
