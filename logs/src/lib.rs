//! What happened: the partner history, and the daemon's own log.
