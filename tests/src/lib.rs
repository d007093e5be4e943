//! The lab, and every promise as a test.

pub mod northwind;
pub mod sim;
