//! A shop in a box: machines with real SQLite files and clocks of their own, in one process.
//!
//! ```text
//!   application ──SQL──▶ file ◀── Store          Machine: all three, and a clock
//!                                   │ page
//!                                   ▼
//!                        Store of another machine   session: what two daemons do over a link, step by step
//! ```
//!
//! Nothing here waits, sleeps or looks at the real time: a seed makes a whole week happen again.
//! What the machines say is asked of the public interface alone, and of the application's own tables.
//!
//! * [`machine`]: one machine, and how it restarts or is copied.
//! * [`session`]: one exchange, which may break at any page.
//! * [`story`]: a seed told from the first sale to the end of the day, and checked.
//! * [`world`]: tables chosen to be hard, and what an application may do to them.
//! * [`made`]: schemas made at random; [`writer`]: an application of any schema, read by [`shape`].
//! * [`gaps`]: what is known not to hold yet on any schema.
//! * [`witness`]: who wrote what, so that a row that vanished is missed; [`values`]: the same of each value.
//! * [`portrait`]: what tables show, so that two machines can be compared; [`shrink`]: a story that ends badly, made smaller.
//! * [`upgrade`]: a seed in which the machines change their tables one after the other.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a lab that cannot go on should stop, and say where"
)]

pub mod gaps;
pub mod machine;
pub mod made;
pub mod portrait;
pub mod session;
pub mod shape;
pub mod shrink;
pub mod story;
pub mod upgrade;
pub mod values;
pub mod witness;
pub mod world;
pub mod writer;

pub use machine::{Lab, Machine};
pub use session::{Broken, exchange, level, pull};
