//! A fault: the code and the sentence that a caller is given.
//!
//! No paths, SQL or addresses are in it; the chain of causes goes to the log.

use std::fmt;

use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};

use crate::code::Code;

/// An error as it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub code: Code,
    /// One sentence for the caller.
    pub message: String,
}

impl Fault {
    /// A fault with a sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Our own trouble. What it is, only the log says.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "internal error")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for ErrorObjectOwned {
    fn from(fault: Fault) -> Self {
        ErrorObject::owned(fault.code.number(), fault.message, None::<()>)
    }
}

impl From<&ErrorObjectOwned> for Fault {
    /// A number that this version does not know becomes `Internal`; the sentence stays.
    fn from(error: &ErrorObjectOwned) -> Self {
        Self::new(Code::of(error.code()).unwrap_or(Code::Internal), error.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_survives_the_wire() {
        let fault = Fault::new(Code::ShopFull, "the shop is full");
        assert_eq!(Fault::from(&ErrorObjectOwned::from(fault.clone())), fault);
    }
}
