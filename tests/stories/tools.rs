//! Schema tools of other projects change the tables of a shop's application, on one machine after the other.
//!
//! Their projects stand in `tests/tools`; `scripts/test` installs the tools. A tool that is not there is skipped,
//! with a line on stderr.
//!
//! * [`till`]: the application in any version of it, and a book of what it wrote.
//! * [`upgrade`]: the story that is told of every tool.
//! * [`random`]: chains of migrations from seeds.

mod by_hand;
mod node;
mod notes;
mod python;
mod random;
mod till;
mod upgrade;
