//! Scenario files: the RON text that scripts a run, read into a validated model.
//!
//! *Flows in*: a file's name and text. *Flows out*: a [`model::Scenario`], or every error at once, each with its place.
//! *Must never*: run anything, read a file, or accept a name that means nothing.

pub mod model;

pub use model::Scenario;
