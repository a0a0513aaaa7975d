//! The two sticky assignors (KIP-54, KIP-429): as balanced as can be, and as few moves as that allows.
//!
//! Members say what they had, and in which generation they got it. Where two claim the same partition, the later generation
//! has it, and where the generations are equal nobody has (KAFKA-14639: who is a generation behind keeps all that nobody
//! else claims). Groups whose members all read the same topics are dealt with in [`constrained`], others in [`general`].

mod constrained;
mod general;

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use klamm_node::{MemberId, TopicName, TopicPartition, planted};

use super::{Assignment, Member, Members, Subscription, Topics, racks_matter};

/// The generation of a member that was in none.
const NO_GENERATION: i32 = -1;

/// Partitions that go from one owner to another, with the new one.
pub(super) type Moving = BTreeMap<TopicPartition, MemberId>;

/// Where a member says what it had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Claims {
    /// In the assignor's own bytes: members of the eager protocol have given everything up when they join.
    UserData,
    /// In the subscription; its generation too, from version 2 on, and before that in the assignor's own bytes.
    Subscription,
}

/// What a member says it had.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Claim {
    partitions: Vec<TopicPartition>,
    generation: Option<i32>,
}

/// What the cooperative-sticky assignor says to the next leader in its own bytes: the last generation.
pub fn cooperative_user_data(generation: i32) -> Bytes {
    Bytes::copy_from_slice(&generation.to_be_bytes())
}

/// What the sticky assignor says to the next leader in its own bytes: the last assignment, and its generation.
pub fn sticky_user_data(partitions: &[TopicPartition], generation: i32) -> Bytes {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let mut bytes = BytesMut::new();
    bytes.put_i32(count(topics.len()));
    for (topic, partitions) in topics {
        bytes.put_i16(i16::try_from(topic.len()).unwrap_or(i16::MAX));
        bytes.put_slice(topic.as_bytes());
        bytes.put_i32(count(partitions.len()));
        partitions.into_iter().for_each(|partition| bytes.put_i32(partition));
    }
    bytes.put_i32(generation);
    bytes.freeze()
}

impl Claim {
    fn of(subscription: &Subscription, claims: Claims) -> Self {
        let Subscription { owned, generation, user_data, .. } = subscription;
        match claims {
            Claims::Subscription => {
                let said = user_data.as_ref().map(|bytes| {
                    let generation: Option<[u8; 4]> =
                        bytes.get(..4).and_then(|bytes| bytes.try_into().ok());
                    generation.map_or(NO_GENERATION, i32::from_be_bytes)
                });
                Self { partitions: owned.clone(), generation: generation.or(said) }
            }
            Claims::UserData => match user_data {
                None => Self::default(),
                Some(bytes) if bytes.is_empty() => Self::default(),
                Some(bytes) => Self::read(bytes.clone())
                    .unwrap_or(Self { partitions: Vec::new(), generation: Some(NO_GENERATION) }),
            },
        }
    }

    /// The sticky assignor's bytes: version 1, or version 0 which has no generation.
    fn read(mut bytes: Bytes) -> Option<Self> {
        let mut partitions = Vec::new();
        for _ in 0..int(&mut bytes)? {
            if bytes.remaining() < 2 {
                return None;
            }
            let length = usize::try_from(bytes.get_i16()).ok()?;
            if bytes.remaining() < length {
                return None;
            }
            let name = bytes.copy_to_bytes(length);
            let name = TopicName::from(std::str::from_utf8(&name).ok()?);
            for _ in 0..int(&mut bytes)? {
                let partition = int(&mut bytes)?;
                partitions.push(TopicPartition::new(TopicName::clone(&name), partition));
            }
        }
        Some(Self { partitions, generation: int(&mut bytes) })
    }
}

fn int(bytes: &mut Bytes) -> Option<i32> {
    (bytes.remaining() >= 4).then(|| bytes.get_i32())
}

/// What both ways of assigning start from.
struct Before {
    /// What each member had, as far as it exists, nobody has it since, and no two had it at once.
    owned: Assignment,
    /// What two members claim for the same generation.
    doubly: BTreeSet<TopicPartition>,
    /// The same claims as they came, for moves back to an earlier owner.
    claims: BTreeMap<MemberId, Claim>,
    /// The latest generation that anybody claims.
    latest: i32,
}

impl Before {
    fn new(topics: &Topics, members: &Members, from: Claims) -> Self {
        let claims: BTreeMap<MemberId, Claim> = members
            .iter()
            .map(|(id, member)| (id.clone(), Claim::of(&member.subscription, from)))
            .collect();
        let generation = |claim: &Claim| claim.generation.unwrap_or(NO_GENERATION);
        let latest = claims.values().map(generation).max().unwrap_or(NO_GENERATION);
        let mut owned: Assignment = members.keys().map(|id| (id.clone(), Vec::new())).collect();
        let mut doubly = BTreeSet::new();
        let mut owners: BTreeMap<&TopicPartition, &MemberId> = BTreeMap::new();
        for (id, claim) in &claims {
            let mine = generation(claim);
            if planted("latest_generation_only_ownership") && mine < latest {
                continue;
            }
            for partition in &claim.partitions {
                let exists = topics.get(&partition.topic).is_some_and(|partitions| {
                    usize::try_from(partition.partition).is_ok_and(|p| p < partitions.len())
                });
                if !exists {
                    continue;
                }
                let other = owners.get(partition).copied().filter(|other| *other != id);
                let theirs = other.and_then(|other| claims.get(other)).map(generation);
                match (other, theirs) {
                    (Some(_), Some(theirs)) if mine < theirs => continue,
                    (Some(other), Some(theirs)) => {
                        if let Some(partitions) = owned.get_mut(other) {
                            partitions.retain(|held| held != partition);
                        }
                        if mine == theirs {
                            doubly.insert(partition.clone());
                            owners.insert(partition, id);
                            continue;
                        }
                    }
                    (_, _) if owners.contains_key(partition) => continue,
                    (_, _) => {}
                }
                owners.insert(partition, id);
                if let Some(partitions) = owned.get_mut(id) {
                    partitions.push(partition.clone());
                }
            }
        }
        Self { owned, doubly, claims, latest }
    }
}

/// Where members and replicas stand, as far as it matters.
struct Racks {
    members: BTreeMap<MemberId, String>,
    partitions: BTreeMap<TopicPartition, BTreeSet<String>>,
    /// How many members are near each partition.
    near: BTreeMap<TopicPartition, usize>,
}

impl Racks {
    fn new(topics: &Topics, members: &Members) -> Self {
        let rack =
            |member: &Member| member.subscription.rack.clone().filter(|rack| !rack.is_empty());
        let known: BTreeMap<MemberId, String> =
            members.iter().filter_map(|(id, member)| Some((id.clone(), rack(member)?))).collect();
        let nothing =
            Self { members: BTreeMap::new(), partitions: BTreeMap::new(), near: BTreeMap::new() };
        if known.is_empty() {
            return nothing;
        }
        let names: BTreeSet<&str> = known.values().map(String::as_str).collect();
        let partitions: BTreeMap<TopicPartition, BTreeSet<String>> = topics
            .iter()
            .flat_map(|(name, partitions)| {
                (0..).zip(partitions).map(move |(index, racks)| {
                    (TopicPartition::new(TopicName::clone(name), index), racks.clone())
                })
            })
            .collect();
        let count =
            |racks: &BTreeSet<String>| known.values().filter(|rack| racks.contains(*rack)).count();
        let near = partitions.iter().map(|(partition, racks)| (partition.clone(), count(racks)));
        let near = near.collect();
        if !racks_matter(&names, partitions.values()) {
            return Self { near, ..nothing };
        }
        Self { members: known, partitions, near }
    }

    fn matter(&self) -> bool {
        !self.members.is_empty()
    }

    fn mismatch(&self, member: &MemberId, partition: &TopicPartition) -> bool {
        self.members.get(member).is_some_and(|rack| {
            !self.partitions.get(partition).is_some_and(|racks| racks.contains(rack))
        })
    }

    /// Whether a member has said that it stands where a replica is.
    fn near(&self, member: &MemberId, partition: &TopicPartition) -> bool {
        self.members.get(member).is_some_and(|rack| {
            self.partitions.get(partition).is_some_and(|racks| racks.contains(rack))
        })
    }

    /// Those that few members are near to first.
    fn sort(&self, partitions: &mut [TopicPartition]) {
        if !self.near.is_empty() {
            partitions.sort_by_key(|partition| self.near.get(partition).copied().unwrap_or(0));
        }
    }
}

/// Who gets what, and what has to be given up by somebody first.
pub(super) fn assign(topics: &Topics, members: &Members, from: Claims) -> (Assignment, Moving) {
    let before = Before::new(topics, members, from);
    let racks = Racks::new(topics, members);
    let mut subscriptions = members.values().map(|member| &member.subscription.topics);
    let first = subscriptions.next();
    if subscriptions.all(|topics| Some(topics) == first) {
        return constrained::assign(topics, &before, &racks);
    }
    let assignment = general::assign(topics, members, before, &racks);
    let moving = moving(members, &assignment);
    (assignment, moving)
}

/// What a member has by its subscription and somebody else gets.
fn moving(members: &Members, assignment: &Assignment) -> Moving {
    let mut moving = Moving::new();
    for (id, partitions) in assignment {
        let owned = |id: &MemberId| {
            members.get(id).map(|member| member.subscription.owned.as_slice()).unwrap_or_default()
        };
        for partition in partitions.iter().filter(|partition| !owned(id).contains(partition)) {
            let revoked =
                members.keys().any(|other| other != id && owned(other).contains(partition));
            if revoked {
                moving.insert(partition.clone(), id.clone());
            }
        }
    }
    moving
}
