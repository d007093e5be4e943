//! Frames that are none.
