//! Every topic key of Kafka 4.1 (`TopicConfig`, `LogConfig`).
//!
//! Simplified: these topic keys are accepted, checked, stored and described, but nothing in the engine acts on them yet:
//! segment.ms, segment.jitter.ms, segment.index.bytes, flush.ms, retention.bytes, retention.ms, remote.storage.enable,
//! local.retention.ms, local.retention.bytes, delete.retention.ms, min.compaction.lag.ms, max.compaction.lag.ms,
//! file.delete.delay.ms, min.cleanable.dirty.ratio, compression.type, compression.gzip.level, compression.lz4.level,
//! compression.zstd.level, preallocate, message.timestamp.before.max.ms, message.timestamp.after.max.ms,
//! remote.log.copy.disable, remote.log.delete.on.disable; cleanup.policy only decides whether records may be deleted by request.

use std::collections::BTreeMap;

use super::Check::{Any, AtLeast, Between, EachOf, GzipLevel, OneOf, ThrottledReplicas};
use super::Kind::{Boolean, Double, Int, List, Long, String as Text};
use super::{Check, Key, Kind, Update};

const fn key(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    check: Check,
    behind: &'static [(&'static str, i64)],
    doc: &'static str,
) -> Key {
    Key { name, kind, default: Some(default), check, update: Update::ClusterWide, behind, doc }
}

const HOURS: i64 = 3_600_000;
const MINUTES: i64 = 60_000;

/// The topic keys by name.
pub const TOPIC_KEYS: &[Key] = &[
    key(
        "cleanup.policy",
        List,
        "delete",
        EachOf(&["compact", "delete"]),
        &[("log.cleanup.policy", 1)],
        "What happens to old records: they are deleted by age and size, or all but the newest of each key are.",
    ),
    key(
        "compression.gzip.level",
        Int,
        "-1",
        GzipLevel,
        &[("compression.gzip.level", 1)],
        "How hard gzip tries, if compression.type is gzip.",
    ),
    key(
        "compression.lz4.level",
        Int,
        "9",
        Between(1, 17),
        &[("compression.lz4.level", 1)],
        "How hard lz4 tries, if compression.type is lz4.",
    ),
    key(
        "compression.type",
        Text,
        "producer",
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        &[("compression.type", 1)],
        "How batches are stored: packed anew, or as the producer packed them.",
    ),
    key(
        "compression.zstd.level",
        Int,
        "3",
        Between(-131_072, 22),
        &[("compression.zstd.level", 1)],
        "How hard zstd tries, if compression.type is zstd.",
    ),
    key(
        "delete.retention.ms",
        Long,
        "86400000",
        AtLeast(0),
        &[("log.cleaner.delete.retention.ms", 1)],
        "How long a compacted log keeps the mark of a deleted key.",
    ),
    key(
        "file.delete.delay.ms",
        Long,
        "60000",
        AtLeast(0),
        &[("log.segment.delete.delay.ms", 1)],
        "How long a file stays after its segment is gone.",
    ),
    key(
        "flush.messages",
        Long,
        "9223372036854775807",
        AtLeast(1),
        &[("log.flush.interval.messages", 1)],
        "Records after which the log is synced.",
    ),
    key(
        "flush.ms",
        Long,
        "9223372036854775807",
        AtLeast(0),
        &[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)],
        "Time after which the log is synced.",
    ),
    key(
        "follower.replication.throttled.replicas",
        List,
        "",
        ThrottledReplicas,
        &[],
        "Replicas that throttle their own fetches: partition:broker pairs, or * for all (KIP-73).",
    ),
    key(
        "index.interval.bytes",
        Int,
        "4096",
        AtLeast(0),
        &[("log.index.interval.bytes", 1)],
        "Bytes between two index entries.",
    ),
    key(
        "leader.replication.throttled.replicas",
        List,
        "",
        ThrottledReplicas,
        &[],
        "Replicas whose fetches are throttled at their leaders: partition:broker pairs, or * for all (KIP-73).",
    ),
    key(
        "local.retention.bytes",
        Long,
        "-2",
        AtLeast(-2),
        &[("log.local.retention.bytes", 1)],
        "How much of a tiered log stays local; -2 for all of retention.bytes (KIP-405).",
    ),
    key(
        "local.retention.ms",
        Long,
        "-2",
        AtLeast(-2),
        &[("log.local.retention.ms", 1)],
        "How long a tiered log's segments stay local; -2 for all of retention.ms (KIP-405).",
    ),
    key(
        "max.compaction.lag.ms",
        Long,
        "9223372036854775807",
        AtLeast(1),
        &[("log.cleaner.max.compaction.lag.ms", 1)],
        "The longest time that a record may go without being compacted (KIP-354).",
    ),
    key(
        "max.message.bytes",
        Int,
        "1048588",
        AtLeast(0),
        &[("message.max.bytes", 1)],
        "The largest batch.",
    ),
    key(
        "message.timestamp.after.max.ms",
        Long,
        "3600000",
        AtLeast(0),
        &[("log.message.timestamp.after.max.ms", 1)],
        "How far a record's stamp may be ahead of the broker's clock (KIP-937).",
    ),
    key(
        "message.timestamp.before.max.ms",
        Long,
        "9223372036854775807",
        AtLeast(0),
        &[("log.message.timestamp.before.max.ms", 1)],
        "How far a record's stamp may be behind the broker's clock (KIP-937).",
    ),
    key(
        "message.timestamp.type",
        Text,
        "CreateTime",
        OneOf(&["CreateTime", "LogAppendTime"]),
        &[("log.message.timestamp.type", 1)],
        "Whose clock stamps records: the producer's or the broker's.",
    ),
    key(
        "min.cleanable.dirty.ratio",
        Double,
        "0.5",
        Between(0, 1),
        &[("log.cleaner.min.cleanable.ratio", 1)],
        "How much of a log must be new before it is compacted.",
    ),
    key(
        "min.compaction.lag.ms",
        Long,
        "0",
        AtLeast(0),
        &[("log.cleaner.min.compaction.lag.ms", 1)],
        "The least time that a record stays uncompacted.",
    ),
    key(
        "min.insync.replicas",
        Int,
        "1",
        AtLeast(1),
        &[("min.insync.replicas", 1)],
        "The least size of the ISR for acks=all.",
    ),
    key(
        "preallocate",
        Boolean,
        "false",
        Any,
        &[("log.preallocate", 1)],
        "Whether a segment's file has its full size from the start.",
    ),
    key(
        "remote.log.copy.disable",
        Boolean,
        "false",
        Any,
        &[],
        "Whether a tiered log stops copying (KIP-950).",
    ),
    key(
        "remote.log.delete.on.disable",
        Boolean,
        "false",
        Any,
        &[],
        "Whether the remote part goes when tiering is turned off (KIP-950).",
    ),
    key(
        "remote.storage.enable",
        Boolean,
        "false",
        Any,
        &[],
        "Whether the log is tiered (KIP-405).",
    ),
    key(
        "retention.bytes",
        Long,
        "-1",
        Any,
        &[("log.retention.bytes", 1)],
        "The size above which old segments go; -1 for none.",
    ),
    key(
        "retention.ms",
        Long,
        "604800000",
        AtLeast(-1),
        &[
            ("log.retention.ms", 1),
            ("log.retention.minutes", MINUTES),
            ("log.retention.hours", HOURS),
        ],
        "The age at which segments go; -1 for never.",
    ),
    key(
        "segment.bytes",
        Int,
        "1073741824",
        AtLeast(14),
        &[("log.segment.bytes", 1)],
        "The largest segment.",
    ),
    key(
        "segment.index.bytes",
        Int,
        "10485760",
        AtLeast(4),
        &[("log.index.size.max.bytes", 1)],
        "The largest index of a segment.",
    ),
    key(
        "segment.jitter.ms",
        Long,
        "0",
        AtLeast(0),
        &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOURS)],
        "The most that is drawn off segment.ms, so that not all logs roll at once.",
    ),
    key(
        "segment.ms",
        Long,
        "604800000",
        AtLeast(1),
        &[("log.roll.ms", 1), ("log.roll.hours", HOURS)],
        "The age at which a segment is closed.",
    ),
    key(
        "unclean.leader.election.enable",
        Boolean,
        "false",
        Any,
        &[("unclean.leader.election.enable", 1)],
        "Whether a replica outside the ISR may lead when nobody else can.",
    ),
];

/// Keys that are stored and told, and change nothing.
pub const WITHOUT_EFFECT: &[&str] = &[
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.ms",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "preallocate",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
];

/// A topic key by name.
pub fn topic_key(name: &str) -> Option<&'static Key> {
    TOPIC_KEYS.binary_search_by_key(&name, |key| key.name).ok().and_then(|at| TOPIC_KEYS.get(at))
}

/// What is wrong with a topic's values taken together, if anything. Each is good by itself.
pub fn topic_conflict(set: &BTreeMap<String, String>) -> Option<String> {
    let number = |name: &str| -> Option<i64> {
        let default = topic_key(name)?.default?;
        set.get(name).map_or(default, String::as_str).trim().parse().ok()
    };
    let (most, least) = (number("max.compaction.lag.ms")?, number("min.compaction.lag.ms")?);
    if most < least {
        return Some(format!(
            "conflict topic config setting max.compaction.lag.ms ({most}) < min.compaction.lag.ms ({least})"
        ));
    }
    let tiered =
        set.get("remote.storage.enable").is_some_and(|on| on.trim().eq_ignore_ascii_case("true"));
    tiered.then(|| {
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
            .to_owned()
    })
}
