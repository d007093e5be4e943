//! Keeping in step with partners: who dials whom, what is said over a link, and in which order.
//!
//! ```text
//!   dial ──▶ greet ──▶ roster ──▶ databases ──▶ sessions …            driver: the dialler's side
//!                                                                     answer: the other side
//!   agree     the roster, beside the sessions
//!   session   what comes next, without doing it                       pure
//!   one_link  which of two links between one pair stands              pure
//!   places    how many connections who may have
//! ```

mod agree;
pub mod answer;
pub mod dial;
pub mod driver;
mod exchange;
mod handover;
pub mod links;
pub mod one_link;
pub mod places;
pub mod session;
pub(crate) mod tell;
