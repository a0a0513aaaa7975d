//! Kafka's names of files and directories, and back.

use klamm_node::{Offset, TopicPartition};

/// The file of a replica's leader epochs.
pub const LEADER_EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
/// The file that ties a partition's directory to a topic id (KIP-516).
pub const PARTITION_METADATA: &str = "partition.metadata";
/// High watermarks of all partitions of a disk.
pub const HIGH_WATERMARK_CHECKPOINT: &str = "replication-offset-checkpoint";
/// Up to where each log of a disk was known to be durable.
pub const RECOVERY_POINT_CHECKPOINT: &str = "recovery-point-offset-checkpoint";
/// First offsets that were moved up by other means than dropping segments.
pub const LOG_START_CHECKPOINT: &str = "log-start-offset-checkpoint";
/// Says that the last stop was an orderly one.
pub const CLEAN_SHUTDOWN_MARKER: &str = ".kafka_cleanshutdown";
/// The ending of a segment's records.
pub const LOG_SUFFIX: &str = ".log";
/// The ending of a segment's offset index.
pub const INDEX_SUFFIX: &str = ".index";

/// The directory of a partition: `orders-0`.
pub fn partition_dir(partition: &TopicPartition) -> String {
    partition.to_string()
}

/// The partition that a directory's name stands for; `None` for anything else, such as `orders-0.<uuid>-delete`.
pub fn parse_partition_dir(name: &str) -> Option<TopicPartition> {
    let (topic, index) = name.strip_suffix('/').unwrap_or(name).rsplit_once('-')?;
    let digits = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
    let partition = index.parse().ok().filter(|_| digits)?;
    (!topic.is_empty()).then(|| TopicPartition::new(topic, partition))
}

/// Why a partition's directory was put away, and what becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PutAway {
    /// The replica was deleted: its files go after `file.delete.delay.ms`.
    Deleted,
    /// Found at the start, and not what the metadata has here: kept until a person removes it.
    Stray,
}

impl PutAway {
    /// The word in events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Stray => "stray",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Deleted => "-delete",
            Self::Stray => "-stray",
        }
    }
}

/// The longest name that file systems take.
const MAX_NAME: usize = 255;

/// The name of a partition's directory that is put away: `orders-0.<32 hexadecimal digits>-delete`. `unique` keeps two
/// deleted topics of one name apart; a topic's name that is too long is cut, as in Kafka.
pub fn put_away_dir(partition: &TopicPartition, unique: u128, why: PutAway) -> String {
    let tail = format!("-{}.{unique:032x}{}", partition.partition, why.suffix());
    let topic: &str = &partition.topic;
    // Topic names are ASCII, so that bytes are characters; anything else keeps its whole name.
    let topic = topic.get(..MAX_NAME - tail.len()).unwrap_or(topic);
    format!("{topic}{tail}")
}

/// Why a directory of this name was put away; `None` for any other name.
pub fn parse_put_away_dir(name: &str) -> Option<PutAway> {
    let name = name.strip_suffix('/').unwrap_or(name);
    let (partition, tail) = name.rsplit_once('.')?;
    let (unique, _) = tail.split_once('-')?;
    let whole = unique.len() == 32 && unique.bytes().all(|b| b.is_ascii_hexdigit());
    parse_partition_dir(partition).filter(|_| whole)?;
    [PutAway::Deleted, PutAway::Stray].into_iter().find(|why| tail[unique.len()..] == *why.suffix())
}

/// The path of a segment's file: 20 digits, so that names sort as offsets do.
pub fn segment_path(dir: &str, base: Offset, suffix: &str) -> String {
    format!("{dir}/{:020}{suffix}", base.0)
}

/// The base offset in the name of a segment's file with this ending.
pub fn parse_segment_name(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?;
    let number = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| number).map(Offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        let dashed = TopicPartition::new("my-topic", 12);
        assert_eq!(parse_partition_dir(&partition_dir(&dashed)), Some(dashed.clone()));
        assert_eq!(parse_partition_dir("my-topic-12/"), Some(dashed));
        for other in ["orders", "orders-", "-1", "orders-0.abc-delete", "orders-+1"] {
            assert_eq!(parse_partition_dir(other), None, "{other}");
        }
        for why in [PutAway::Deleted, PutAway::Stray] {
            let dir = put_away_dir(&TopicPartition::new("my.topic", 3), 0xabc, why);
            assert_eq!(parse_put_away_dir(&format!("{dir}/")), Some(why), "{dir}");
            assert_eq!(parse_partition_dir(&dir), None, "{dir}: nobody takes it for a replica");
            let longest = put_away_dir(&TopicPartition::new("x".repeat(249), 100_000), 1, why);
            assert_eq!((longest.len(), parse_put_away_dir(&longest)), (255, Some(why)));
        }
        for other in ["orders-0", "orders-0.abc-delete", "my.topic-delete", "a.0-stray"] {
            assert_eq!(parse_put_away_dir(other), None, "{other}");
        }
        assert_eq!(segment_path("t-0", Offset(42), LOG_SUFFIX), "t-0/00000000000000000042.log");
        assert_eq!(parse_segment_name("00000000000000000042.log", LOG_SUFFIX), Some(Offset(42)));
        assert_eq!(parse_segment_name("42.log", LOG_SUFFIX), None);
        assert_eq!(parse_segment_name("00000000000000000042.index", LOG_SUFFIX), None);
    }
}
