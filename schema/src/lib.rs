//! Tables, rows, stamps, merging, tracking: how tables stay the same.
