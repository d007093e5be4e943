//! The sidecar's tables, one file each with all of its SQL.
//!
//! So far those that came with changing schemas; the older ones are still spread over the files that use them.

pub(crate) mod ask;
pub(crate) mod column;
pub(crate) mod fact;
pub(crate) mod part;
pub(crate) mod shape;
