//! The faults that are planted in the engine, and who notices each.
//!
//! A checker that never fires is worth nothing, and one sees that only by breaking the engine. Each [`Fault`] is a mistake
//! behind a hook (`klamm_node::planted`, a constant `false` in every other build); the tests of this
//! room run the smallest scenario that exposes it and demand that the named checker fires with the fault and nothing
//! without.
//!
//! *Flows in*: nothing. *Flows out*: the list, for the tests and for the book. *Must never*: be depended upon by anything
//! but tests. Names are those of the bug zoo where a historical bug has one.

#![warn(clippy::float_arithmetic)]

mod catalogue;

pub use catalogue::{FAULTS, Fault, Noticed};
