//! The lab, and every promise as a test.
