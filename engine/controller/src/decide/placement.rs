//! Where the replicas of a new topic go: in stripes over the brokers, starting at a drawn one.
//!
//! Leaders go round the active brokers, and each partition's followers are the brokers next in the circle; brokers that are
//! fenced or leaving come last, so that they get a replica only when the active ones do not suffice.
//!
//! Simplified: racks are not looked at, and the circle is the order of ids, not a shuffled one; Kafka's placer stripes over
//! racks too and shuffles again after each round.

use klamm_node::{BrokerId, Stream};
use klamm_protocol::ErrorCode;

use super::Refusal;
use crate::image::MetadataImage;

/// The replicas of each of `partitions` partitions, leader first.
///
/// Like Kafka, it counts registered brokers, not active ones: a topic may be created while one of its brokers is down.
pub(super) fn place(
    image: &MetadataImage,
    partitions: usize,
    replication_factor: usize,
    rng: &mut Stream,
) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let refuse = |why: String| Err((ErrorCode::INVALID_REPLICATION_FACTOR, why));
    let (active, inactive): (Vec<_>, Vec<_>) =
        image.brokers().partition(|broker| broker.is_active());
    let registered = active.len() + inactive.len();
    if replication_factor > registered {
        return refuse(format!(
            "Unable to replicate the partition {replication_factor} time(s): The target replication factor of \
             {replication_factor} cannot be reached because only {registered} broker(s) are registered."
        ));
    }
    if active.is_empty() {
        return refuse(format!(
            "Unable to replicate the partition {replication_factor} time(s): All brokers are currently fenced."
        ));
    }
    let first_active = rng.index(active.len());
    let first_inactive = rng.index(inactive.len());
    let circle = |brokers: &[&crate::image::BrokerImage], start: usize| -> Vec<BrokerId> {
        let ids = brokers.iter().map(|broker| broker.id);
        let skip = if brokers.is_empty() { 0 } else { start % brokers.len() };
        ids.clone().skip(skip).chain(ids.take(skip)).collect()
    };
    let replicas_of = |partition: usize| {
        let mut replicas = circle(&active, first_active + partition);
        replicas.extend(circle(&inactive, first_inactive + partition));
        replicas.truncate(replication_factor);
        replicas
    };
    Ok((0..partitions).map(replicas_of).collect())
}
