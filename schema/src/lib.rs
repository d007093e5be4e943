//! Tables, rows, stamps, merging, tracking: how tables stay the same.
//!
//! Only people's writes make versions; the table shows the versions. What a tracked table shows is a function of
//! the *set* of row versions known here, so equal sets give equal tables, whatever the order in which they came.
//!
//! ```text
//!   application ──writes──▶ table ──trigger──▶ log          (any process, any SQLite ≥ 3.24)
//!                             ▲                 │ fold      (ours: one entry per row, a seq, a stamp)
//!                             │ settle          ▼
//!   partner ──page──▶ apply ──┴───────────▶ entries ──page──▶ partner
//! ```
//!
//! # Invariants
//!
//! * No network, no JSON, no thread, no async; time is handed in as a [`Clock`].
//! * The rules ([`version`], [`settle`], [`stamp`], [`name`]) know no SQL; the rest drives SQLite by them.
//! * Nothing outside this crate knows SQL, and nothing in it knows a partner's address.

mod adopt;
mod apply;
mod catalogue;
mod cell;
mod check;
mod clock;
mod conflict;
mod cursor;
mod deletes;
mod digest;
mod drift;
mod dump;
mod entry;
mod error;
pub mod facts;
mod feed;
mod fold;
mod ground;
mod held;
mod key;
mod left_out;
mod listing;
mod look;
mod machines;
mod meter;
pub mod name;
mod named;
mod namesakes;
mod numbers;
mod origin;
mod overview;
mod pace;
mod page;
mod put;
mod repair;
mod revive;
mod rows;
pub mod settle;
pub mod shop;
mod sidecar;
mod spare;
pub mod stamp;
mod standing;
pub mod state;
#[cfg(test)]
mod still;
mod store;
mod track;
mod trigger;
mod tx;
mod undeclared;
mod under_way;
mod unlike;
mod unshown;
mod untrack;
pub mod version;
mod written;

pub use apply::{Applied, Sender};
pub use catalogue::{
    Declaration, DeclaredColumn, NAME_BYTES_MAX, Naming, OnDelete, Reference, Table,
};
pub use cell::{Affinity, Cell, Cells};
pub use check::{Checked, Doubles, Fits, check};
pub use clock::{Clock, Millis};
pub use conflict::Conflict;
pub use cursor::Known;
pub use deletes::{Deciding, Decision, ManyDeletes};
pub use drift::Went;
pub use dump::{Dump, DumpSince, DumpTable};
pub use error::{Error, Result};
pub use feed::{Effect, Runs};
pub use fold::Folded;
pub use held::give::Given;
pub use held::{Held, Retried, Why};
pub use machines::Waiting;
pub use meter::{BOUNDS, Counted, Histogram, Meters};
pub use named::{Missing, ROWS_NAMED_MAX};
pub use origin::Origin;
pub use overview::{Nameless, Overview};
pub use page::{Ask, Body, Last, Page, PageTable, Parts, Row, Withheld};
pub use put::{Put, PutTable};
pub use revive::{Happened, What};
pub use stamp::Stamp;
pub use store::{Greeting, Options, Store, TableState};
pub use track::{Candidate, Track, Tracked};
pub use undeclared::{Undeclared, in_shell};
pub use unlike::Unlike;
pub use untrack::Untracked;
