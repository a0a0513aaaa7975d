//! CreateTopics (key 19, versions 2 to 7), on the broker listener. Forwarded to the active controller like every request that
//! changes metadata; here is the one that a broker makes by itself.

use klamm_coordinator::{GROUP_TOPIC, GroupConfig};
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};

/// The request by which a broker creates a topic that a client asked metadata for (`auto.create.topics.enable`), or that its
/// coordinators need. For others than these, the controller fills in its own numbers.
pub fn automatic(name: &str, groups: &GroupConfig, timeout_ms: i32) -> CreateTopicsRequest {
    let topic = CreatableTopic::default().with_name(convert::topic(name));
    let topic = match name {
        GROUP_TOPIC => topic
            .with_num_partitions(groups.offsets_topic_num_partitions)
            .with_replication_factor(groups.offsets_topic_replication_factor)
            .with_configs(vec![
                config("cleanup.policy", "compact"),
                config("compression.type", "producer"),
                config("segment.bytes", &groups.offsets_topic_segment_bytes.to_string()),
            ]),
        _ => topic.with_num_partitions(-1).with_replication_factor(-1),
    };
    CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(timeout_ms)
}

fn config(name: &str, value: &str) -> CreatableTopicConfig {
    CreatableTopicConfig::default()
        .with_name(convert::text(name))
        .with_value(Some(convert::text(value)))
}
