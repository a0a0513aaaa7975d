//! The controller through its public API: situations as text, and random histories against a model.

mod bench;
mod histories;
mod situations;
