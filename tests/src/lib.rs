//! The lab, and every promise as a test.

pub mod followed;
pub mod lab;
pub mod northwind;
pub mod seeds;
pub mod sim;
