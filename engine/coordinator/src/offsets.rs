//! Committed offsets: OffsetCommit, OffsetFetch, OffsetDelete, the group's side of TxnOffsetCommit, and expiry.
//!
//! *Flows in*: requests whose group has already been asked whether it takes them; records of the log; the retention time.
//! *Flows out*: records and responses. *Must never*: judge a member or a generation (the groups do), or show an offset that
//! is not committed to a reader that asked for what is.
//!
//! An offset has a *history*: what is written, and below it what was committed before, until the high watermark passes the
//! newer. That is what Kafka's timeline maps are for; a plain read gives the committed value, a decision sees the newest.

mod commit;
mod committer;
mod delete;
mod expire;
mod fetch;
mod shard;
mod store;

#[cfg(test)]
mod tests;

pub use commit::{Commit, commit, commit_refused, commit_transactional};
pub use delete::{delete, delete_all, delete_partitions};
pub use expire::expire;
pub use fetch::{FetchGroup, fetch, refused, unwind, wind};
pub use shard::Behind;
pub use store::{Committed, Offsets};
