//! What scripts and the CLI ask of this machine, and what they are told.
