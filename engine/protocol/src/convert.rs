//! Between the newtypes of `klamm-node` and those of `kafka-protocol`.

use klamm_node::{DirectoryId, IncarnationId, TopicId, TopicName};
use uuid::Uuid;

use crate::kafka::messages;
use crate::kafka::protocol::StrBytes;

/// An id for the wire.
pub fn uuid(id: impl Into<u128>) -> Uuid {
    Uuid::from_u128(id.into())
}

/// A topic's id for the wire.
pub fn topic_uuid(id: TopicId) -> Uuid {
    Uuid::from_u128(id.0)
}

/// A topic's id from the wire.
pub fn topic_id(id: Uuid) -> TopicId {
    TopicId(id.as_u128())
}

/// A directory's id for the wire.
pub fn directory_uuid(id: DirectoryId) -> Uuid {
    Uuid::from_u128(id.0)
}

/// A directory's id from the wire.
pub fn directory_id(id: Uuid) -> DirectoryId {
    DirectoryId(id.as_u128())
}

/// An incarnation's id for the wire.
pub fn incarnation_uuid(id: IncarnationId) -> Uuid {
    Uuid::from_u128(id.0)
}

/// An incarnation's id from the wire.
pub fn incarnation_id(id: Uuid) -> IncarnationId {
    IncarnationId(id.as_u128())
}

/// Text for the wire.
pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A topic's name for the wire.
pub fn topic(name: &str) -> messages::TopicName {
    messages::TopicName(text(name))
}

/// A topic's name from the wire.
pub fn topic_name(name: &messages::TopicName) -> TopicName {
    name.as_str().into()
}
