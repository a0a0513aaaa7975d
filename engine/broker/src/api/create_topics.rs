//! CreateTopics (key 19, versions 2 to 7), on the broker listener. Forwarded to the active controller like every request that
//! changes metadata; here is the one that a broker makes by itself.

use klamm_protocol::convert;
use klamm_protocol::kafka::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};

/// The request by which a broker creates a topic that a client asked metadata for (`auto.create.topics.enable`). The
/// controller fills in its own numbers.
pub fn automatic(name: &str, timeout_ms: i32) -> CreateTopicsRequest {
    let topic = CreatableTopic::default()
        .with_name(convert::topic(name))
        .with_num_partitions(-1)
        .with_replication_factor(-1);
    CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(timeout_ms)
}
