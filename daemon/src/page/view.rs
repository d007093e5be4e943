//! View models: from answers of the machine to what templates show. Pure; the words are in `texts`.

pub(super) mod attention;
pub(super) mod conflicts;
pub(super) mod forget;
pub(super) mod held;
pub(super) mod history;
pub(super) mod letting;
pub(super) mod log;
pub(super) mod pair;
pub(super) mod partners;
pub(super) mod people;
pub(super) mod press;
pub(super) mod settings;
pub(super) mod state;
pub(super) mod tables;
