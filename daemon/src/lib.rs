//! Keeps the tables of a shop's machines the same, with no server and no cloud.
