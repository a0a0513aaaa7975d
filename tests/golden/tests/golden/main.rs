//! The golden suite: every scenario of the repository, run and looked at from all sides.
//!
//! ```text
//!   transcripts   what a run reads like                      snapshots/<chapter>/<name>.snap
//!   pictures      what a run looks like at its steps           pictures/*.snap
//!   determinism   a seed gives one hash, and no seed breaks an invariant
//!   snapshots     a clone of a world goes on to the same hash
//!   view          what the events say equals what the nodes hold
//!   wire          every frame is the Kafka protocol, as another implementation reads it
//!   predictions   what a learner is asked is judged, and its texts say what is so
//!   why           causes lead back to the step that started it
//!   faults        every fault changed something
//!   nemesis       whatever happens at random, promises are kept
//!   malformed     mutated frames never stop a broker
//!   versions      every API in every version that is advertised
//! ```

mod consoles;
mod determinism;
mod faults;
mod groups;
mod lone;
mod malformed;
mod nemesis;
mod operators;
mod pictures;
mod predictions;
mod quorum;
mod ran;
mod settings;
mod snapshots;
mod transcripts;
mod versions;
mod view;
mod why;
mod wire;
