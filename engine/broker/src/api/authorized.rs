//! What a client may do where nobody asks who it is: everything that there is to do with a resource (KIP-430).
//!
//! Kafka without an authorizer answers the operations that the resource supports (`AuthHelper.authorizedOperations`,
//! `AclEntry.supportedOperations`), as bits by the operations' codes.

const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;
const CREATE: i32 = 1 << 5;
const DELETE: i32 = 1 << 6;
const ALTER: i32 = 1 << 7;
const DESCRIBE: i32 = 1 << 8;
const CLUSTER_ACTION: i32 = 1 << 9;
const DESCRIBE_CONFIGS: i32 = 1 << 10;
const ALTER_CONFIGS: i32 = 1 << 11;
const IDEMPOTENT_WRITE: i32 = 1 << 12;

/// With a topic.
pub const TOPIC: i32 =
    READ | WRITE | CREATE | DESCRIBE | DELETE | ALTER | DESCRIBE_CONFIGS | ALTER_CONFIGS;

/// With the cluster.
pub const CLUSTER: i32 = CREATE
    | CLUSTER_ACTION
    | DESCRIBE_CONFIGS
    | ALTER_CONFIGS
    | IDEMPOTENT_WRITE
    | ALTER
    | DESCRIBE;

/// With a group.
pub const GROUP: i32 = READ | DESCRIBE | DELETE | DESCRIBE_CONFIGS | ALTER_CONFIGS;

/// What a described group says of this: nothing unless it was asked for, and nothing of a group that there is no description of.
pub fn of_group(asked: bool, error_code: i16) -> i32 {
    if asked && error_code == 0 { GROUP } else { UNKNOWN }
}

/// Nobody asked, or there is nothing to say it of.
const UNKNOWN: i32 = i32::MIN;

#[cfg(test)]
mod tests {
    #[test]
    fn the_bits_are_those_that_a_kafka_broker_answers() {
        // `kafka-broker-api` shows these numbers on a cluster without an authorizer.
        assert_eq!((super::TOPIC, super::CLUSTER, super::GROUP), (3576, 8096, 3400));
    }
}
