//! The controller through its public API: situations as text, and random histories against a model.

mod admin;
mod bench;
mod brokers;
mod cluster;
mod elections;
mod elr;
mod features;
mod histories;
mod placement;
mod reassignments;
mod settings;
mod situations;
mod topics;
