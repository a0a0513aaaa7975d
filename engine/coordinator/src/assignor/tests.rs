//! Assignors.
