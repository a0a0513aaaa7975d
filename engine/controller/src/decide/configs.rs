//! Topic configs at creation: which keys and values are accepted, and what the answer lists.
//!
//! Simplified: only the keys in `klamm_node::config` exist; Kafka's other topic keys are refused as unknown, rather than
//! accepted and ignored.

use std::collections::BTreeMap;

use klamm_node::config::{Scope, ServerConfig, TopicConfig, keys};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::text;
use klamm_protocol::kafka::messages::create_topics_request::CreatableTopic;
use klamm_protocol::kafka::messages::create_topics_response::CreatableTopicConfigs;

use super::Refusal;

/// `ConfigSource` on the wire.
mod source {
    pub(super) const DYNAMIC_TOPIC: i8 = 1;
    pub(super) const STATIC_BROKER: i8 = 4;
    pub(super) const DEFAULT: i8 = 5;
}

/// The configs that a request sets, if all of them are good.
pub(super) fn requested(topic: &CreatableTopic) -> Result<BTreeMap<String, String>, Refusal> {
    let refuse = |why: String| Err((ErrorCode::INVALID_CONFIG, why));
    let mut set = BTreeMap::new();
    let mut checked = TopicConfig::default();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            return refuse(format!("Null value not supported for topic configs: {}", config.name));
        };
        if let Err(error) = checked.set(&config.name, value) {
            return refuse(error.to_string());
        }
        set.insert(config.name.to_string(), value.to_string());
    }
    match out_of_bounds(&checked) {
        Some(why) => refuse(why),
        None => Ok(set),
    }
}

/// What parses but can't be.
fn out_of_bounds(config: &TopicConfig) -> Option<String> {
    let bounds: [(bool, &str, &str); 5] = [
        (config.min_insync_replicas >= 1, "min.insync.replicas", "at least 1"),
        (config.max_message_bytes >= 0, "max.message.bytes", "at least 0"),
        (config.segment_bytes >= 14, "segment.bytes", "at least 14"),
        (config.flush_messages >= 1, "flush.messages", "at least 1"),
        (
            matches!(config.message_timestamp_type.as_str(), "CreateTime" | "LogAppendTime"),
            "message.timestamp.type",
            "CreateTime or LogAppendTime",
        ),
    ];
    bounds.iter().find(|(holds, _, _)| !holds).map(|(_, key, expected)| {
        format!("Invalid value for configuration {key}: expected {expected}")
    })
}

/// Every topic key with its effective value and where it comes from. Never null: the Java admin client throws on that.
pub(super) fn effective(
    set: &BTreeMap<String, String>,
    server: &ServerConfig,
) -> Vec<CreatableTopicConfigs> {
    keys(Scope::Topic)
        .map(|key| {
            let (value, source) = match (set.get(key.name), from_server(key.name, server)) {
                (Some(value), _) => (value.clone(), source::DYNAMIC_TOPIC),
                (None, Some(value)) if value != key.default => (value, source::STATIC_BROKER),
                (None, _) => (key.default.to_owned(), source::DEFAULT),
            };
            CreatableTopicConfigs::default()
                .with_name(text(key.name))
                .with_value(Some(text(&value)))
                .with_config_source(source)
        })
        .collect()
}

/// The server's value behind a topic key.
fn from_server(key: &str, server: &ServerConfig) -> Option<String> {
    let defaults = crate::image::topic_defaults(server);
    Some(match key {
        "min.insync.replicas" => defaults.min_insync_replicas.to_string(),
        "unclean.leader.election.enable" => defaults.unclean_leader_election_enable.to_string(),
        "max.message.bytes" => defaults.max_message_bytes.to_string(),
        "segment.bytes" => defaults.segment_bytes.to_string(),
        "index.interval.bytes" => defaults.index_interval_bytes.to_string(),
        "flush.messages" => defaults.flush_messages.to_string(),
        _ => return None,
    })
}
