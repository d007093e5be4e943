//! What travels: values, pages, and the questions and answers of each method.
//!
//! These types are promises to strangers. None of them is stored, and nothing that is stored
//! derives its form from them.

pub mod access;
pub mod admin;
pub mod facts;
pub mod join;
pub mod key;
pub mod network;
pub mod overview;
pub mod page;
pub mod pair;
pub mod pairing;
pub mod partner;
pub mod settings;
pub mod shop;
pub mod value;
