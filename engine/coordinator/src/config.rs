//! What a group coordinator is told: Kafka's `group.*` and `offsets.*` keys.

use klamm_node::Span;
use klamm_node::config::{ConfigError, ServerConfig};

/// A group coordinator's settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`: the shortest session timeout that a member of a classic group may ask for.
    pub min_session_timeout: Span,
    /// `group.max.session.timeout.ms`: the longest.
    pub max_session_timeout: Span,
    /// `group.initial.rebalance.delay.ms`: how long an empty classic group waits for more members (KIP-134).
    pub initial_rebalance_delay: Span,
    /// `group.max.size`: the most members of a classic group (KIP-389).
    pub max_size: usize,
    /// `group.consumer.session.timeout.ms`: how long a member of a consumer group may be silent.
    pub consumer_session_timeout: Span,
    /// `group.consumer.heartbeat.interval.ms`: how often it is told to send heartbeats.
    pub consumer_heartbeat_interval: Span,
    /// `group.consumer.max.size`: the most members of a consumer group.
    pub consumer_max_size: usize,
    /// `group.consumer.assignors`: the assignors of this broker by their names, the default one first.
    pub consumer_assignors: Vec<String>,
    /// `group.consumer.migration.policy`: which ways a group with members may change its protocol.
    pub migration_policy: MigrationPolicy,
    /// `group.consumer.assignment.interval.ms`: how long a target assignment holds at least (KIP-1263).
    pub consumer_assignment_interval: Span,
    /// `group.consumer.regex.refresh.interval.ms`: how often a regular expression is resolved again.
    pub consumer_regex_refresh_interval: Span,
    /// `offset.metadata.max.bytes`: the longest text beside a committed offset.
    pub offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`: how long an offset outlives its use (KIP-211).
    pub offsets_retention: Span,
    /// `offsets.retention.check.interval.ms`: how often that is looked at.
    pub offsets_retention_check_interval: Span,
    /// `offsets.commit.timeout.ms`: how long a write waits for its replicas.
    pub offsets_commit_timeout: Span,
    /// `offsets.load.buffer.size`: how many bytes are read at once when a partition is loaded.
    pub offsets_load_buffer_size: usize,
    /// `offsets.topic.num.partitions`: partitions of `__consumer_offsets` when it is created.
    pub offsets_topic_num_partitions: i32,
    /// `offsets.topic.replication.factor`: its replicas then.
    pub offsets_topic_replication_factor: i16,
    /// `offsets.topic.segment.bytes`: the size of its segments.
    pub offsets_topic_segment_bytes: u64,
}

/// Which ways a group with members may change its protocol (KIP-848).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MigrationPolicy {
    /// Neither way.
    Disabled,
    /// From the classic protocol to the consumer protocol.
    Upgrade,
    /// Back.
    Downgrade,
    /// Both ways.
    Bidirectional,
}

impl MigrationPolicy {
    /// Whether a classic group with members may become a consumer group.
    pub fn upgrades(self) -> bool {
        matches!(self, Self::Upgrade | Self::Bidirectional)
    }

    /// Whether a consumer group with members may become a classic group.
    pub fn downgrades(self) -> bool {
        matches!(self, Self::Downgrade | Self::Bidirectional)
    }

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "disabled" => Some(Self::Disabled),
            "upgrade" => Some(Self::Upgrade),
            "downgrade" => Some(Self::Downgrade),
            "bidirectional" => Some(Self::Bidirectional),
            _ => None,
        }
    }
}

impl GroupConfig {
    /// What a broker's settings say.
    ///
    /// # Errors
    /// A value, or two together, that Kafka refuses at the start of a broker.
    pub fn new(server: &ServerConfig) -> Result<Self, ConfigError> {
        let bad = |key: &str, expected: &str| ConfigError::BadValue {
            key: key.to_owned(),
            value: server.get(key).unwrap_or_default(),
            expected: expected.to_owned(),
        };
        let at_least_1 = |key: &str| match server.get(key).and_then(|text| text.parse::<i64>().ok())
        {
            Some(..1) => Err(bad(key, "1 or more")),
            Some(1..) | None => Ok(()),
        };
        for key in [
            "group.max.size",
            "group.consumer.session.timeout.ms",
            "group.consumer.min.session.timeout.ms",
            "group.consumer.max.session.timeout.ms",
            "group.consumer.heartbeat.interval.ms",
            "group.consumer.min.heartbeat.interval.ms",
            "group.consumer.max.heartbeat.interval.ms",
            "group.consumer.max.size",
            "offsets.load.buffer.size",
            "offsets.topic.num.partitions",
            "offsets.topic.replication.factor",
            "offsets.topic.segment.bytes",
            "offsets.retention.minutes",
            "offsets.retention.check.interval.ms",
            "offsets.commit.timeout.ms",
        ] {
            at_least_1(key)?;
        }
        let session = server.group_consumer_session_timeout;
        let heartbeat = server.group_consumer_heartbeat_interval;
        let session_bounds =
            server.group_consumer_min_session_timeout..=server.group_consumer_max_session_timeout;
        let heartbeat_bounds = server.group_consumer_min_heartbeat_interval
            ..=server.group_consumer_max_heartbeat_interval;
        if !heartbeat_bounds.contains(&heartbeat) {
            return Err(bad(
                "group.consumer.heartbeat.interval.ms",
                "a value between group.consumer.min.heartbeat.interval.ms and group.consumer.max.heartbeat.interval.ms",
            ));
        }
        if !session_bounds.contains(&session) {
            return Err(bad(
                "group.consumer.session.timeout.ms",
                "a value between group.consumer.min.session.timeout.ms and group.consumer.max.session.timeout.ms",
            ));
        }
        if heartbeat >= session {
            return Err(bad(
                "group.consumer.heartbeat.interval.ms",
                "less than group.consumer.session.timeout.ms",
            ));
        }
        let assignors = server
            .group_consumer_assignors
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let consumer_assignors = assignors
            .map(|name| match name {
                "uniform" | "org.apache.kafka.coordinator.group.assignor.UniformAssignor" => {
                    Ok("uniform".to_owned())
                }
                "range" | "org.apache.kafka.coordinator.group.assignor.RangeAssignor" => {
                    Ok("range".to_owned())
                }
                _ => {
                    Err(bad("group.consumer.assignors", "uniform and range, or their class names"))
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        if consumer_assignors.is_empty() {
            return Err(bad("group.consumer.assignors", "at least one assignor"));
        }
        let migration_policy = MigrationPolicy::parse(&server.group_consumer_migration_policy)
            .ok_or_else(|| {
                bad(
                    "group.consumer.migration.policy",
                    "disabled, upgrade, downgrade or bidirectional",
                )
            })?;
        let size = |number: i32| usize::try_from(number).unwrap_or(0);
        Ok(Self {
            min_session_timeout: server.group_min_session_timeout,
            max_session_timeout: server.group_max_session_timeout,
            initial_rebalance_delay: server.group_initial_rebalance_delay,
            max_size: size(server.group_max_size),
            consumer_session_timeout: session,
            consumer_heartbeat_interval: heartbeat,
            consumer_max_size: size(server.group_consumer_max_size),
            consumer_assignors,
            migration_policy,
            consumer_assignment_interval: server.group_consumer_assignment_interval,
            consumer_regex_refresh_interval: server.group_consumer_regex_refresh_interval,
            offset_metadata_max_bytes: size(server.offset_metadata_max_bytes),
            offsets_retention: Span::from_wire_millis(
                server.offsets_retention_minutes.saturating_mul(60_000),
            ),
            offsets_retention_check_interval: server.offsets_retention_check_interval,
            offsets_commit_timeout: server.offsets_commit_timeout,
            offsets_load_buffer_size: size(server.offsets_load_buffer_size),
            offsets_topic_num_partitions: server.offsets_topic_num_partitions,
            offsets_topic_replication_factor: server.offsets_topic_replication_factor,
            offsets_topic_segment_bytes: server.offsets_topic_segment_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: &[(&str, &str)]) -> Result<GroupConfig, ConfigError> {
        let mut server = ServerConfig::default();
        for (key, value) in settings {
            server.set(key, value)?;
        }
        GroupConfig::new(&server)
    }

    #[test]
    fn the_defaults_are_kafkas() {
        let config = with(&[]).expect("the defaults hold together");
        assert_eq!(config.min_session_timeout, Span::secs(6));
        assert_eq!(config.max_session_timeout, Span::secs(1800));
        assert_eq!(config.initial_rebalance_delay, Span::secs(3));
        assert_eq!(config.consumer_assignors, ["uniform", "range"]);
        assert_eq!(config.migration_policy, MigrationPolicy::Bidirectional);
        assert_eq!(config.offsets_retention, Span::secs(7 * 24 * 3600));
        assert_eq!(
            (config.offsets_topic_num_partitions, config.offsets_topic_replication_factor),
            (50, 3)
        );
    }

    #[test]
    fn what_does_not_hold_together_is_refused() {
        for (key, value) in [
            ("group.consumer.session.timeout.ms", "44999"),
            ("group.consumer.heartbeat.interval.ms", "15001"),
            ("group.consumer.heartbeat.interval.ms", "0"),
            ("group.consumer.assignors", "sticky"),
            ("group.consumer.assignors", ""),
            ("group.consumer.migration.policy", "sideways"),
            ("offsets.topic.num.partitions", "0"),
            ("group.max.size", "0"),
        ] {
            assert!(with(&[(key, value)]).is_err(), "{key}={value}");
        }
        assert!(
            with(&[("group.consumer.migration.policy", "UPGRADE")]).is_ok(),
            "case does not matter"
        );
        let short = with(&[
            ("group.consumer.min.session.timeout.ms", "1000"),
            ("group.consumer.session.timeout.ms", "5000"),
        ]);
        assert!(short.is_err(), "a session of one heartbeat");
    }
}
