//! Where the replicas of new partitions go: Kafka's striped placement over racks (KIP-36).
//!
//! Two wheels turn: from partition to partition the first rack moves on by one, and within each rack the first broker does.
//! Replicas of one partition go to racks in turn, so that they share a rack only when there are fewer racks than replicas;
//! leaders go round all brokers. Once as many partitions are placed as there are unfenced brokers, racks and brokers are
//! shuffled, so that the same brokers do not always meet.
//!
//! *Flows in*: the brokers, and random draws. *Flows out*: the replicas of each partition, leader first.
//! *Must never*: place a leader on a fenced broker, or anything on one that is leaving. A fenced broker gets a replica only
//! where its rack has no other broker left.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, Stream};
use klamm_protocol::ErrorCode;

use super::Refusal;
use crate::image::MetadataImage;

/// The replicas of each of `partitions` partitions, leader first.
///
/// Like Kafka, it counts fenced brokers too: a topic may be created while one of its brokers is down.
pub(super) fn place(
    image: &MetadataImage,
    partitions: usize,
    replication_factor: usize,
    rng: &mut Stream,
) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let refuse = |why: String| {
        let why = format!("Unable to replicate the partition {replication_factor} time(s): {why}");
        Err((ErrorCode::INVALID_REPLICATION_FACTOR, why))
    };
    let mut racks = Racks::of(image, rng);
    if replication_factor == 0 {
        let why = "Invalid replication factor 0: the replication factor must be positive.";
        return refuse(why.to_owned());
    }
    if racks.unfenced == 0 {
        return refuse("All brokers are currently fenced.".to_owned());
    }
    if replication_factor > racks.total {
        return refuse(format!(
            "The target replication factor of {replication_factor} cannot be reached because only {} broker(s) are registered.",
            racks.total
        ));
    }
    Ok((0..partitions).map(|_| racks.next_partition(replication_factor, rng)).collect())
}

/// A wheel of brokers: each round begins one further.
#[derive(Clone, Debug, Default)]
struct Wheel {
    brokers: Vec<BrokerId>,
    /// How many were taken in this round.
    taken: usize,
    /// Where the round began.
    offset: usize,
    round: usize,
}

impl Wheel {
    fn start_anywhere(&mut self, rng: &mut Stream) {
        if !self.brokers.is_empty() {
            self.offset = rng.index(self.brokers.len());
        }
    }

    fn next(&mut self, round: usize) -> Option<BrokerId> {
        if self.brokers.is_empty() {
            return None;
        }
        if self.round != round {
            self.round = round;
            self.taken = 0;
            self.offset = (self.offset + 1) % self.brokers.len();
        }
        if self.taken >= self.brokers.len() {
            return None;
        }
        let found = self.brokers.get((self.taken + self.offset) % self.brokers.len()).copied();
        self.taken += 1;
        found
    }
}

#[derive(Clone, Debug, Default)]
struct Rack {
    unfenced: Wheel,
    fenced: Wheel,
}

impl Rack {
    fn next(&mut self, round: usize) -> Option<BrokerId> {
        self.unfenced.next(round).or_else(|| self.fenced.next(round))
    }
}

#[derive(Clone, Debug)]
struct Racks {
    racks: Vec<Rack>,
    total: usize,
    unfenced: usize,
    round: usize,
    /// Which rack the next partition begins with.
    offset: usize,
}

impl Racks {
    fn of(image: &MetadataImage, rng: &mut Stream) -> Self {
        let mut by_name: BTreeMap<Option<&str>, Rack> = BTreeMap::new();
        let (mut total, mut unfenced) = (0, 0);
        for broker in image.brokers().filter(|broker| !broker.in_controlled_shutdown) {
            let rack = by_name.entry(broker.rack.as_deref()).or_default();
            total += 1;
            if broker.fenced {
                rack.fenced.brokers.push(broker.id);
            } else {
                unfenced += 1;
                rack.unfenced.brokers.push(broker.id);
            }
        }
        let mut racks: Vec<Rack> = by_name.into_values().collect();
        for rack in &mut racks {
            rack.fenced.start_anywhere(rng);
            rack.unfenced.start_anywhere(rng);
        }
        let offset = if racks.is_empty() { 0 } else { rng.index(racks.len()) };
        Self { racks, total, unfenced, round: 0, offset }
    }

    /// The caller has checked that there is an unfenced broker, and that there are brokers enough.
    fn next_partition(&mut self, replication_factor: usize, rng: &mut Stream) -> Vec<BrokerId> {
        // With one unfenced broker every round would end here, and begin with it again.
        if self.round == self.unfenced && self.unfenced > 1 {
            self.shuffle(rng);
            self.round = 0;
        }
        let count = self.racks.len();
        let start = self.offset % count;
        let mut replicas = Vec::with_capacity(replication_factor);
        // The leader must be able to lead: the first rack, from the offset on, that has an unfenced broker.
        let mut first_rack = None;
        for turn in 0..count {
            let at = (start + turn) % count;
            let found = self.racks.get_mut(at).and_then(|rack| rack.unfenced.next(self.round));
            if let Some(leader) = found {
                replicas.push(leader);
                first_rack = Some(at);
                break;
            }
        }
        let mut at = start;
        let mut barren = 0;
        // A rack in which every broker has this partition is passed by; one round without a find ends it.
        while replicas.len() < replication_factor && barren <= count {
            // The leader's rack has had its turn.
            let found = if first_rack == Some(at) {
                first_rack = None;
                barren = 0;
                None
            } else {
                barren += 1;
                self.racks.get_mut(at).and_then(|rack| rack.next(self.round))
            };
            if let Some(follower) = found {
                replicas.push(follower);
                barren = 0;
            }
            at = (at + 1) % count;
        }
        self.round += 1;
        self.offset = start + 1;
        replicas
    }

    fn shuffle(&mut self, rng: &mut Stream) {
        shuffle(&mut self.racks, rng);
        for rack in &mut self.racks {
            shuffle(&mut rack.fenced.brokers, rng);
            shuffle(&mut rack.unfenced.brokers, rng);
        }
    }
}

/// Fisher and Yates.
fn shuffle<T>(list: &mut [T], rng: &mut Stream) {
    for last in (1..list.len()).rev() {
        list.swap(last, rng.index(last + 1));
    }
}
