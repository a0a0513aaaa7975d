//! Expiry (KIP-211): offsets are kept for `offsets.retention.minutes` after the group has become empty, or, in a stable
//! group, after the last commit of a topic that it does not read any more.
//!
//! Z14 (KAFKA-4682): time must not run while the group is in use. A consumer that reads a quiet topic commits nothing new for
//! weeks, and still must not be thrown back to the policy for readers without an offset.

use klamm_node::{GroupId, Span, Timestamp, planted};
use klamm_protocol::group_record::GroupRecord;

use super::commit::record;
use super::store::{Committed, Offsets};

/// Tombstones for the offsets of a group whose time is over, and whether that is all that it had: then a group without
/// members may go too. `reads` says which topics are in use, `ages_from` from when on a commit grows old, if it does.
/// Offsets that an open transaction writes stay (KAFKA-19164).
pub fn expire(
    offsets: &Offsets,
    group: &GroupId,
    reads: impl Fn(&str) -> bool,
    ages_from: impl Fn(Timestamp) -> Option<Timestamp>,
    now: Timestamp,
    retention: Span,
) -> (Vec<GroupRecord>, bool) {
    let retention = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    let is_over =
        |committed: &Committed, from: Option<Timestamp>| match (from, committed.expires_at) {
            (None, _) => false,
            // A client of before Kafka 2.1 that said how long.
            (Some(_), Some(at)) => now >= at,
            (Some(from), None) => now.0.saturating_sub(from.0) >= retention,
        };
    let heedless = planted("expire_offsets_of_active_group");
    let mut records = Vec::new();
    let mut all = true;
    for (partition, committed) in offsets.newest_of(group) {
        let from = match heedless {
            true => Some(committed.committed_at),
            false if reads(&partition.topic) => None,
            false => ages_from(committed.committed_at),
        };
        if is_over(committed, from) && !offsets.has_pending(group, partition) {
            records.push(record(group, &partition.topic, partition.partition, None));
        } else {
            all = false;
        }
    }
    (records, all && !offsets.has_open_transactions(group))
}
