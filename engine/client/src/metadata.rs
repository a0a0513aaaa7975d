//! What a client believes of the cluster: brokers, topics, leaders; and when it asks again.
//!
//! *Flows in*: Metadata responses, leader hints of other responses (KIP-951). *Flows out*: `ClientLearned` events, and
//! endpoints. *Must never*: go back to an older leader epoch of the same topic id (KIP-320): an answer from a broker that
//! is behind would undo what was learnt.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{
    BrokerId, Context, Endpoint, EventKind, LeaderEpoch, Purpose, Span, Time, TopicId, TopicName,
    TopicPartition,
};
use klamm_protocol::kafka::messages::metadata_request::MetadataRequestTopic;
use klamm_protocol::kafka::messages::metadata_response::{MetadataResponse, MetadataResponseTopic};
use klamm_protocol::kafka::messages::{MetadataRequest, RequestKind};
use klamm_protocol::{ErrorCode, convert};
use regex::Regex;

use crate::assignor::Topics;
use crate::backoff::Backoff;

/// Who leads a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Leader {
    pub id: BrokerId,
    pub epoch: LeaderEpoch,
}

impl Leader {
    const NONE: Self = Self { id: BrokerId::NONE, epoch: LeaderEpoch::NONE };
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Topic {
    id: TopicId,
    /// How many partitions there are, as far as is known; 0 while the topic is unknown.
    count: i32,
    leaders: BTreeMap<i32, Leader>,
    /// A refusal that asking again will not change.
    refused: Option<ErrorCode>,
    /// The racks of each partition's replicas, if anybody wants to know them.
    racks: BTreeMap<i32, BTreeSet<String>>,
}

/// Topics to be found by their names.
#[derive(Clone, Debug)]
struct Pattern {
    /// Matches whole names.
    regex: Regex,
    /// Passes over Kafka's own topics.
    skips_internal: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    bootstrap: Vec<Endpoint>,
    brokers: BTreeMap<BrokerId, Endpoint>,
    controller: BrokerId,
    topics: BTreeMap<TopicName, Topic>,
    names: BTreeMap<TopicId, TopicName>,
    wanted: BTreeSet<TopicName>,
    max_age: Span,
    backoff: Backoff,
    /// When to ask next.
    due: Option<Time>,
    /// Not before this, however urgent.
    not_before: Time,
    asking: bool,
    /// Something is wanted that the request under way does not ask for.
    missed: bool,
    failures: u32,
    /// Who failed to answer last time.
    avoid: Option<Endpoint>,
    /// Who failed to answer since the last answer.
    silent: BTreeSet<Endpoint>,
    /// Counts answers and hints.
    changes: u64,
    /// Whether asking for a topic may create it.
    creates: bool,
    /// Asks about all topics and keeps those that match.
    pattern: Option<Pattern>,
    /// Keeps the racks of replicas (KIP-881).
    keeps_racks: bool,
}

impl Topic {
    pub(crate) fn id(&self) -> TopicId {
        self.id
    }
}

impl Metadata {
    pub(crate) fn new(bootstrap: Vec<Endpoint>, max_age: Span, backoff: Backoff) -> Self {
        Self {
            bootstrap,
            brokers: BTreeMap::new(),
            controller: BrokerId::NONE,
            topics: BTreeMap::new(),
            names: BTreeMap::new(),
            wanted: BTreeSet::new(),
            max_age,
            backoff,
            due: None,
            not_before: Time::ZERO,
            asking: false,
            missed: false,
            failures: 0,
            avoid: None,
            silent: BTreeSet::new(),
            changes: 0,
            creates: true,
            pattern: None,
            keeps_racks: false,
        }
    }

    /// Keeps the racks of replicas from now on.
    pub(crate) fn keep_racks(&mut self) {
        self.keeps_racks = true;
    }

    /// Looks for topics whose names match as a whole, from now on; or no more.
    pub(crate) fn look_for(&mut self, regex: Option<Regex>, skips_internal: bool) {
        self.pattern = regex.map(|regex| Pattern { regex, skips_internal });
        if self.pattern.is_some() {
            self.missed |= self.asking;
            self.refresh();
        }
    }

    /// A topic of this id, by its name.
    pub(crate) fn named(&self, id: TopicId) -> Option<&TopicName> {
        self.names.get(&id)
    }

    /// The topics with these names that exist: the racks of each partition's replicas, empty where nobody asked for them.
    pub(crate) fn partitions_with_racks(&self, names: &BTreeSet<TopicName>) -> Topics {
        let known = names.iter().filter_map(|name| {
            let count = self.partitions(name)?;
            let racks = self.topics.get(name).map(|topic| &topic.racks);
            let of = |index| racks.and_then(|racks| racks.get(&index)).cloned().unwrap_or_default();
            Some((TopicName::clone(name), (0..count).map(of).collect()))
        });
        known.collect()
    }

    /// Asks without creating topics by it, as admin clients do.
    pub(crate) fn creating_nothing(self) -> Self {
        Self { creates: false, ..self }
    }

    /// Asks about a topic no more.
    pub(crate) fn forget(&mut self, topic: &TopicName) {
        self.wanted.remove(topic);
        if let Some(topic) = self.topics.remove(topic) {
            self.names.remove(&topic.id);
        }
    }

    /// Asks about a topic from now on; at once if it is not known.
    pub(crate) fn want(&mut self, topic: &TopicName) {
        let new = self.wanted.insert(TopicName::clone(topic));
        self.missed |= new && self.asking;
        if new || self.partitions(topic).is_none() {
            self.refresh();
        }
    }

    /// Asks as soon as the backoff allows.
    pub(crate) fn refresh(&mut self) {
        let at = self.not_before;
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// When to ask.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        if self.asking { None } else { self.due }
    }

    /// The request to send and whom to, if it is time; `load` says how busy a broker is, the least is asked.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        load: impl Fn(&Endpoint) -> (bool, usize),
    ) -> Option<(Endpoint, RequestKind)> {
        if self.asking || self.due.is_none_or(|due| due > cx.now) {
            return None;
        }
        self.due = None;
        let to = self.least_loaded(cx, load)?;
        self.asking = true;
        self.missed = false;
        let topics = self
            .wanted
            .iter()
            .map(|name| MetadataRequestTopic::default().with_name(Some(convert::topic(name))))
            .collect();
        let request = MetadataRequest::default()
            .with_topics(self.pattern.is_none().then_some(topics))
            .with_allow_auto_topic_creation(self.creates);
        Some((to, RequestKind::Metadata(request)))
    }

    /// Kafka's least loaded node: connected before unconnected, then by unanswered requests, from a random start.
    ///
    /// Once every broker it knows has failed, it asks those that it was given at the start (KIP-899): the brokers it
    /// learnt of last may be gone for good while others came back.
    pub(crate) fn least_loaded(
        &self,
        cx: &mut Context<'_>,
        load: impl Fn(&Endpoint) -> (bool, usize),
    ) -> Option<Endpoint> {
        let mut candidates: Vec<&Endpoint> = if self.is_lost() {
            self.bootstrap.iter().collect()
        } else {
            self.brokers.values().collect()
        };
        if candidates.len() > 1 {
            candidates.retain(|endpoint| Some(*endpoint) != self.avoid.as_ref());
        }
        let start = cx.rng.of(Purpose::ClientChoice).index(candidates.len());
        candidates.rotate_left(start);
        candidates
            .into_iter()
            .min_by_key(|endpoint| {
                let (open, busy) = load(endpoint);
                (!open, busy)
            })
            .cloned()
    }

    /// Whether no broker that it knows, if any, has answered since it failed.
    ///
    /// Simplified: Kafka asks whether any of them is connected, connecting or due to be connected again; a client that was
    /// refused by each in turn begins anew here even if a connection to one is just opening (KIP-899).
    fn is_lost(&self) -> bool {
        self.brokers.values().all(|endpoint| self.silent.contains(endpoint))
    }

    /// The request failed.
    pub(crate) fn failed(&mut self, cx: &mut Context<'_>, to: &Endpoint) {
        self.asking = false;
        self.avoid = Some(to.clone());
        let was_lost = self.is_lost();
        self.silent.insert(to.clone());
        if self.is_lost() && !was_lost {
            let servers = self.bootstrap.iter().map(ToString::to_string).collect();
            cx.observe(EventKind::Rebootstrapped { servers });
        }
        self.not_before = self.backoff.until(cx, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.due = Some(self.not_before);
    }

    /// The answer.
    pub(crate) fn answered(
        &mut self,
        cx: &mut Context<'_>,
        from: &Endpoint,
        response: &MetadataResponse,
    ) {
        if response.brokers.is_empty() || response.error_code != 0 {
            // A broker that has just started knows nobody yet; Kafka's clients ignore such an answer.
            return self.failed(cx, from);
        }
        self.asking = false;
        self.changes += 1;
        self.avoid = None;
        self.silent.clear();
        self.brokers = response
            .brokers
            .iter()
            .filter_map(|broker| {
                Some((BrokerId(broker.node_id.0), endpoint(&broker.host, broker.port)?))
            })
            .collect();
        self.controller = BrokerId(response.controller_id.0);
        self.find_by_pattern(response);
        let mut incomplete = false;
        for topic in &response.topics {
            incomplete |= self.learn_topic(cx, topic);
            if self.keeps_racks {
                self.learn_racks(topic, response);
            }
        }
        self.not_before = self.backoff.until(cx, self.failures);
        if incomplete {
            self.failures = self.failures.saturating_add(1);
            self.due = Some(self.not_before);
        } else {
            self.failures = 0;
            // The answer says nothing of what became wanted while it was on its way (Kafka's partial update, `requestVersion`).
            let next = if self.missed { self.not_before } else { cx.now + self.max_age };
            self.due = Some(next);
        }
    }

    /// What matches is wanted; what matched and is not there any more is not.
    fn find_by_pattern(&mut self, response: &MetadataResponse) {
        let Some(pattern) = &self.pattern else { return };
        let found: BTreeSet<TopicName> = response
            .topics
            .iter()
            .filter(|topic| topic.error_code == 0 && !(pattern.skips_internal && topic.is_internal))
            .filter_map(|topic| topic.name.as_ref().map(convert::topic_name))
            .filter(|name| pattern.regex.is_match(name))
            .collect();
        let gone = |name: &&TopicName| pattern.regex.is_match(name) && !found.contains(*name);
        let gone: Vec<TopicName> = self.wanted.iter().filter(gone).cloned().collect();
        self.wanted.extend(found);
        gone.iter().for_each(|name| self.forget(name));
    }

    /// The topics that match the pattern, as far as they are known.
    pub(crate) fn matched(&self) -> BTreeSet<TopicName> {
        let Some(pattern) = &self.pattern else { return BTreeSet::new() };
        self.wanted.iter().filter(|name| pattern.regex.is_match(name)).cloned().collect()
    }

    fn learn_racks(&mut self, answer: &MetadataResponseTopic, response: &MetadataResponse) {
        let Some(name) = answer.name.as_ref().map(convert::topic_name) else { return };
        let Some(topic) = self.topics.get_mut(&name) else { return };
        let rack = |id| {
            let broker = response.brokers.iter().find(|broker| broker.node_id == id);
            broker.and_then(|broker| broker.rack.as_ref()).map(ToString::to_string)
        };
        let racks = answer.partitions.iter().map(|partition| {
            let racks = partition.replica_nodes.iter().filter_map(|id| rack(*id)).collect();
            (partition.partition_index, racks)
        });
        topic.racks = racks.collect();
    }

    /// Takes one topic of an answer; true if asking again will tell more.
    fn learn_topic(&mut self, cx: &mut Context<'_>, answer: &MetadataResponseTopic) -> bool {
        let Some(name) = answer.name.as_ref().map(convert::topic_name) else { return false };
        if !self.wanted.contains(&name) {
            return false;
        }
        let id = convert::topic_id(answer.topic_id);
        let topic = self.topics.entry(TopicName::clone(&name)).or_default();
        let error = ErrorCode(answer.error_code);
        topic.refused = (!error.is_none() && !error.retriable()).then_some(error);
        if !error.is_none() && error != ErrorCode::LEADER_NOT_AVAILABLE {
            // The topic is gone, or not there yet.
            topic.count = 0;
            let known: Vec<i32> = topic.leaders.keys().copied().collect();
            for partition in known {
                learn(cx, &name, topic, partition, Leader::NONE);
            }
            return topic.refused.is_none();
        }
        let same = topic.id == id;
        if !same {
            // Another topic of the same name: its epochs begin anew.
            self.names.remove(&topic.id);
            topic.id = id;
        }
        if id != TopicId::ZERO {
            self.names.insert(id, TopicName::clone(&name));
        }
        topic.count = i32::try_from(answer.partitions.len()).unwrap_or(i32::MAX);
        let mut incomplete = !error.is_none() || answer.partitions.is_empty();
        for partition in &answer.partitions {
            let code = ErrorCode(partition.error_code);
            let id = if code.is_none() { partition.leader_id.0 } else { -1 };
            let told = Leader { id: BrokerId(id), epoch: LeaderEpoch(partition.leader_epoch) };
            incomplete |= told.id == BrokerId::NONE;
            let stale = same
                && topic
                    .leaders
                    .get(&partition.partition_index)
                    .is_some_and(|known| told.epoch < known.epoch);
            if !stale || klamm_node::planted("metadata_goes_back") {
                learn(cx, &name, topic, partition.partition_index, told);
            }
        }
        incomplete
    }

    /// A broker said who leads instead of it (KIP-951); true if that was news.
    pub(crate) fn learn_hint(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        hint: Leader,
        at: Option<Endpoint>,
    ) -> bool {
        let Some(topic) = self.topics.get_mut(&partition.topic) else { return false };
        let known = topic.leaders.get(&partition.partition).copied().unwrap_or(Leader::NONE);
        if hint.id.0 < 0 || hint.epoch <= known.epoch {
            return false;
        }
        match at {
            Some(at) => {
                self.brokers.insert(hint.id, at);
            }
            None if !self.brokers.contains_key(&hint.id) => return false,
            None => {}
        }
        learn(cx, &partition.topic, topic, partition.partition, hint);
        true
    }

    /// Grows whenever something may have been learnt.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// How many partitions a topic has, once that is known.
    pub(crate) fn partitions(&self, topic: &TopicName) -> Option<i32> {
        self.topics.get(topic).map(|topic| topic.count).filter(|count| *count > 0)
    }

    /// The partitions of a topic that have a leader.
    pub(crate) fn available(&self, topic: &TopicName) -> Vec<i32> {
        let leaders = self.topics.get(topic).map(|topic| &topic.leaders);
        let led = leaders.into_iter().flatten().filter(|(_, leader)| leader.id.0 >= 0);
        led.map(|(partition, _)| *partition).collect()
    }

    /// Why a topic will not do, if asking again would not help.
    pub(crate) fn refusal(&self, topic: &TopicName) -> Option<ErrorCode> {
        self.topics.get(topic).and_then(|topic| topic.refused)
    }

    /// The leader of a partition and where it is; none while there is no leader.
    pub(crate) fn leader(&self, partition: &TopicPartition) -> Option<(Leader, &Endpoint)> {
        self.leader_of(self.topic(&partition.topic)?, partition.partition)
    }

    /// As [`Self::leader`], of a topic that was looked up already.
    pub(crate) fn leader_of(&self, topic: &Topic, partition: i32) -> Option<(Leader, &Endpoint)> {
        let leader = *topic.leaders.get(&partition)?;
        self.brokers.get(&leader.id).map(|endpoint| (leader, endpoint))
    }

    /// What is known of a topic: for those who ask about many of its partitions in a row.
    pub(crate) fn topic(&self, topic: &TopicName) -> Option<&Topic> {
        self.topics.get(topic)
    }

    pub(crate) fn topic_id(&self, topic: &TopicName) -> TopicId {
        self.topics.get(topic).map_or(TopicId::ZERO, |topic| topic.id)
    }

    /// A topic in a response: by name, or in newer versions by id.
    pub(crate) fn name_of(&self, name: &str, id: TopicId) -> Option<TopicName> {
        if name.is_empty() { self.names.get(&id).cloned() } else { Some(name.into()) }
    }

    pub(crate) fn controller(&self) -> Option<&Endpoint> {
        self.brokers.get(&self.controller)
    }

    pub(crate) fn broker(&self, id: BrokerId) -> Option<&Endpoint> {
        self.brokers.get(&id)
    }

    /// Which broker is there.
    pub(crate) fn broker_at(&self, at: &Endpoint) -> Option<BrokerId> {
        let mut brokers = self.brokers.iter();
        brokers.find(|(_, known)| *known == at).map(|(id, _)| *id)
    }

    /// The first broker that is none of these.
    pub(crate) fn other_broker(&self, than: &BTreeSet<BrokerId>) -> Option<(BrokerId, &Endpoint)> {
        let mut brokers = self.brokers.iter();
        brokers.find(|(id, _)| !than.contains(id)).map(|(id, at)| (*id, at))
    }

    /// Every leader that was learnt.
    pub(crate) fn leaders(&self) -> BTreeMap<TopicPartition, (BrokerId, LeaderEpoch)> {
        let all = self.topics.iter().flat_map(|(name, topic)| {
            topic.leaders.iter().map(move |(partition, leader)| {
                (TopicPartition::new(TopicName::clone(name), *partition), (leader.id, leader.epoch))
            })
        });
        all.collect()
    }
}

/// A host and port of a response.
pub(crate) fn endpoint(host: &str, port: i32) -> Option<Endpoint> {
    u16::try_from(port).ok().map(|port| Endpoint::new(host, port))
}

fn learn(
    cx: &mut Context<'_>,
    name: &TopicName,
    topic: &mut Topic,
    partition: i32,
    leader: Leader,
) {
    if topic.leaders.insert(partition, leader) != Some(leader) {
        let partition = TopicPartition::new(TopicName::clone(name), partition);
        let (leader, leader_epoch) = (leader.id, leader.epoch);
        cx.observe(EventKind::ClientLearned { partition, leader, leader_epoch });
    }
}

#[cfg(test)]
mod tests {
    use klamm_node::disk::MemoryDisk;
    use klamm_node::{Effects, Seq, Streams, Timestamp};
    use klamm_protocol::kafka::messages::metadata_response::MetadataResponseBroker;

    use super::*;

    #[test]
    fn whoever_lost_every_broker_it_knew_asks_where_it_began() {
        let (mut disk, mut rng, mut out) =
            (MemoryDisk::new(), Streams::new(1, 1), Effects::default());
        let mut cx = Context {
            now: Time(1),
            wall: Timestamp(0),
            input_seq: Seq(1),
            disk: &mut disk,
            rng: &mut rng,
            out: &mut out,
        };
        let at = |id: i32| Endpoint::new(format!("broker-{id}"), 9092);
        let backoff = Backoff { least: Span::millis(100), most: Span::secs(1) };
        let mut metadata = Metadata::new((1..=3).map(at).collect(), Span::secs(300), backoff);
        let broker = MetadataResponseBroker::default()
            .with_node_id(1.into())
            .with_host(convert::text("broker-1"))
            .with_port(9092);
        let told = MetadataResponse::default().with_brokers(vec![broker]);
        metadata.answered(&mut cx, &at(2), &told);
        assert_eq!(metadata.least_loaded(&mut cx, |_| (false, 0)), Some(at(1)));
        metadata.failed(&mut cx, &at(1));
        let next = metadata.least_loaded(&mut cx, |_| (false, 0)).expect("somebody");
        assert!(next == at(2) || next == at(3), "{next:?}");
        metadata.answered(&mut cx, &next, &told);
        assert_eq!(metadata.least_loaded(&mut cx, |_| (false, 0)), Some(at(1)));
    }
}
