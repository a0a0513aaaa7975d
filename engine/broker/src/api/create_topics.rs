//! CreateTopics (key 19, versions 2 to 7), on the broker listener. Forwarded to the active controller.
//!
//! `Simplified:` Kafka wraps a forwarded request in an Envelope (key 58), which carries the client's principal and address
//! for authorisation. Without authorisation there is nothing to carry: the request itself goes to the controller.
//!
//! Errors: REQUEST_TIMED_OUT for every topic if no active controller answers in time; all others are the controller's.

use klamm_node::TopicName;
use klamm_protocol::convert;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use klamm_protocol::kafka::messages::create_topics_response::{
    CreatableTopicResult, CreateTopicsResponse,
};

/// The topics that a request asks for, to be kept for [`timed_out`].
pub fn asked(request: &CreateTopicsRequest) -> Vec<TopicName> {
    request.topics.iter().map(|topic| convert::topic_name(&topic.name)).collect()
}

/// The answer when the controller gave none.
pub fn timed_out(topics: &[TopicName]) -> CreateTopicsResponse {
    let results = topics.iter().map(|name| {
        CreatableTopicResult::default()
            .with_name(convert::topic(name))
            .with_error_code(ErrorCode::REQUEST_TIMED_OUT.0)
            .with_error_message(Some(convert::text("The request timed out.")))
    });
    CreateTopicsResponse::default().with_topics(results.collect())
}

/// The request by which a broker creates a topic that a client asked metadata for (`auto.create.topics.enable`). The
/// controller fills in its own numbers.
pub fn automatic(name: &str, timeout_ms: i32) -> CreateTopicsRequest {
    let topic = CreatableTopic::default()
        .with_name(convert::topic(name))
        .with_num_partitions(-1)
        .with_replication_factor(-1);
    CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(timeout_ms)
}
