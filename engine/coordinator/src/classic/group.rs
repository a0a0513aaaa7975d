//! A classic group as data: who is in it, who leads it, which protocol all of them support.
//!
//! *Flows in*: members that come and go. *Flows out*: what follows for leader, protocol and completeness. *Must never*: answer
//! a request, arm a timer or write a record; what changes and who has to be told is decided by its callers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_node::{GroupId, MemberId, Offset, Span, Timestamp, TopicName};
use klamm_protocol::ErrorCode;
use klamm_protocol::group_record::GroupMetadataValue;
use klamm_protocol::kafka::messages::join_group_response::JoinGroupResponseMember;
use klamm_protocol::kafka::protocol::StrBytes;

use super::member::{Member, Protocol};
use super::state::GroupState;
use super::{CONSUMER, consumer_protocol};

/// A classic group: its volatile state, and what its log says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassicGroup {
    pub(super) id: GroupId,
    pub(super) state: GroupState,
    /// The state before; it tells an initial rebalance from a later one.
    pub(super) previous: GroupState,
    /// When it came into its state; unknown for records from before Kafka 2.1.
    pub(super) state_since: Option<Timestamp>,
    pub(super) protocol_type: Option<Arc<str>>,
    pub(super) protocol: Option<Arc<str>>,
    pub(super) generation: i32,
    pub(super) leader: Option<MemberId>,
    pub(super) members: BTreeMap<MemberId, Member>,
    /// The member that has a `group.instance.id` now.
    pub(super) static_members: BTreeMap<Arc<str>, MemberId>,
    /// Who was told an id and has not come back with it (KIP-394).
    pub(super) pending_join: BTreeSet<MemberId>,
    /// Who has joined the generation and not synced.
    pub(super) pending_sync: BTreeSet<MemberId>,
    /// What its members subscribed to, if they are consumers.
    pub(super) subscribed_topics: Option<BTreeSet<TopicName>>,
    /// A member was added while an initial rebalance waits for more (KIP-134).
    pub(super) new_member_added: bool,
    /// The span that an initial rebalance waits now, and what remains after it.
    pub(super) initial_wait: Option<(Span, Span)>,
    /// The generation that the time for syncing runs for.
    pub(super) syncing: i32,
    /// What the log says. Replicated; everything else is volatile and made from it at load.
    pub(super) written: Option<GroupMetadataValue>,
    /// Where its first record is, since it came to be here.
    pub(super) since: Option<Offset>,
}

impl ClassicGroup {
    /// A group that nobody has heard of.
    pub fn new(id: GroupId, now: Timestamp) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            previous: GroupState::Dead,
            state_since: Some(now),
            protocol_type: None,
            protocol: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            subscribed_topics: None,
            new_member_added: false,
            initial_wait: None,
            syncing: 0,
            written: None,
            since: None,
        }
    }

    /// Its name.
    pub fn id(&self) -> &GroupId {
        &self.id
    }

    /// Its state.
    pub fn state(&self) -> GroupState {
        self.state
    }

    /// When it came into its state.
    pub fn state_since(&self) -> Option<Timestamp> {
        self.state_since
    }

    /// Its generation.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// `consumer`, `connect`, …; none for a group that only keeps offsets.
    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// The protocol of its generation.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The member that assigns.
    pub fn leader(&self) -> Option<&MemberId> {
        self.leader.as_ref()
    }

    /// Its members.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// A member.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// The member that has a `group.instance.id`.
    pub fn static_member(&self, instance_id: &str) -> Option<&MemberId> {
        self.static_members.get(instance_id)
    }

    /// Who was told an id and has not come back with it.
    pub fn pending_members(&self) -> impl Iterator<Item = &MemberId> {
        self.pending_join.iter()
    }

    /// What the log says of it.
    pub fn written(&self) -> Option<&GroupMetadataValue> {
        self.written.as_ref()
    }

    /// Where its first record is, since it came to be here; none if nothing is written yet.
    pub fn since(&self) -> Option<Offset> {
        self.since
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.state == GroupState::Empty
    }

    /// Whether it is there for offsets only.
    pub fn is_simple(&self) -> bool {
        self.protocol_type.is_none() && self.is_empty() && self.pending_join.is_empty()
    }

    /// Whether its members are consumers.
    pub fn is_of_consumers(&self) -> bool {
        self.protocol_type() == Some(CONSUMER)
    }

    /// What its members subscribed to, as far as it can know.
    pub fn subscribed_topics(&self) -> Option<&BTreeSet<TopicName>> {
        self.subscribed_topics.as_ref()
    }

    /// Whether offsets of a topic are in use. Consumers whose subscription can't be read may read every topic.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.is_of_consumers(),
        }
    }

    /// Whether a rebalance may begin.
    pub(super) fn can_rebalance(&self) -> bool {
        match self.state {
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => true,
            GroupState::PreparingRebalance | GroupState::Dead => false,
        }
    }

    pub(super) fn is_leader(&self, member: &MemberId) -> bool {
        self.leader.as_ref() == Some(member)
    }

    /// The longest time that any member may take to join again.
    pub(super) fn rebalance_timeout(&self) -> Span {
        let longest = self.members.values().map(|member| member.terms.rebalance_timeout_ms).max();
        Span::from_wire_millis(longest.unwrap_or(0).into())
    }

    pub(super) fn awaiting_join(&self) -> usize {
        self.members.values().filter(|member| member.is_awaiting_join()).count()
    }

    pub(super) fn all_have_joined(&self) -> bool {
        self.pending_join.is_empty() && self.members.values().all(Member::is_awaiting_join)
    }

    /// Adds a member that supports what the others do. The first one leads.
    pub(super) fn add(&mut self, member: Member, protocol_type: &str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.into());
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(Arc::clone(instance_id), member.id.clone());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.pending_join.remove(&member.id);
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member out. Another one leads if it led: Kafka takes any, here it is the first by id.
    pub(super) fn take(&mut self, id: &str) -> Option<Member> {
        let member = self.members.remove(id);
        if let Some(instance_id) = member.as_ref().and_then(|member| member.instance_id.as_ref()) {
            self.static_members.remove(instance_id);
        }
        if self.leader.as_ref().is_some_and(|leader| leader.as_str() == id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_join.remove(id);
        self.pending_sync.remove(id);
        member
    }

    /// Sees to it that the leader is one who has joined. False if nobody has.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let joined = |id: &MemberId| self.members.get(id).is_some_and(Member::is_awaiting_join);
        if self.leader.as_ref().is_some_and(joined) {
            return true;
        }
        let first = self.members.values().find(|member| member.is_awaiting_join());
        match first.map(|member| member.id.clone()) {
            Some(first) => {
                self.leader = Some(first);
                true
            }
            None => false,
        }
    }

    /// The names that every member supports.
    fn candidates(&self) -> BTreeSet<Arc<str>> {
        let mut members = self.members.values();
        let Some(first) = members.next() else { return BTreeSet::new() };
        let common = |name: &&Arc<str>| self.members.values().all(|member| member.supports(name));
        first.terms.protocols.iter().map(|known| &known.name).filter(common).cloned().collect()
    }

    /// The protocol that most members prefer among those that all of them support. Kafka leaves a draw open; here the first
    /// by name wins it.
    pub(super) fn select_protocol(&self) -> Option<Arc<str>> {
        let candidates = self.candidates();
        let mut votes: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for name in self.members.values().filter_map(|member| member.vote(&candidates)) {
            *votes.entry(name).or_default() += 1;
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name)
    }

    /// Whether a member with these protocols could be one of the group: some protocol must be common to it and all others.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let common =
            |known: &Protocol| self.members.values().all(|member| member.supports(&known.name));
        self.protocol_type() == Some(protocol_type) && protocols.iter().any(common)
    }

    /// The topics that its members subscribed to, read from their metadata if they are consumers.
    pub(super) fn compute_subscribed_topics(&self) -> Option<BTreeSet<TopicName>> {
        if !self.is_of_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = Some(self.protocol()?);
        let mut all = BTreeSet::new();
        for member in self.members.values() {
            all.extend(consumer_protocol::subscribed_topics(&member.metadata(protocol))?);
        }
        Some(all)
    }

    /// What the leader has to know of everybody.
    pub(super) fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        let of = |member: &Member| {
            JoinGroupResponseMember::default()
                .with_member_id(text(member.id.as_str()))
                .with_group_instance_id(member.instance_id.as_deref().map(text))
                .with_metadata(member.metadata(self.protocol()))
        };
        self.members.values().map(of).collect()
    }

    /// Whether a request comes from who it says: its id must be the group's, and the one that has its instance id now.
    pub(super) fn validate_member(
        &self,
        member: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_member(instance_id) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                // Planted (Z52, KAFKA-8225): whoever knows the instance id is taken for the member.
                Some(_) if klamm_node::planted("group_no_instance_fencing") => return Ok(()),
                Some(existing) if existing.as_str() != member => {
                    return Err(ErrorCode::FENCED_INSTANCE_ID);
                }
                Some(_) => {}
            }
        }
        match self.members.contains_key(member) {
            true => Ok(()),
            false => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        }
    }
}

/// A text as messages have it.
pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::member::Terms;
    use super::*;

    fn member(id: &str, protocols: &[&str]) -> Member {
        let protocol = |name: &&str| Protocol { name: (*name).into(), metadata: Bytes::new() };
        Member {
            id: id.into(),
            instance_id: None,
            client_id: "c".into(),
            client_host: "/h".into(),
            terms: Terms {
                rebalance_timeout_ms: 1,
                session_timeout_ms: 1,
                protocols: protocols.iter().map(protocol).collect(),
            },
            assignment: Bytes::new(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
        }
    }

    fn group(members: &[(&str, &[&str])]) -> ClassicGroup {
        let mut group = ClassicGroup::new("g".into(), Timestamp(0));
        for (id, protocols) in members {
            group.add(member(id, protocols), CONSUMER);
        }
        group
    }

    #[test]
    fn votes_count_among_what_all_support() {
        let selected = |members: &[(&str, &[&str])]| group(members).select_protocol();
        // Two prefer sticky, but one can't; range is what is left.
        let all: [(&str, &[&str]); 3] =
            [("a", &["sticky", "range"]), ("b", &["sticky", "range"]), ("c", &["range"])];
        assert_eq!(selected(&all).as_deref(), Some("range"));
        let most: [(&str, &[&str]); 3] =
            [("a", &["range", "sticky"]), ("b", &["sticky", "range"]), ("c", &["sticky", "range"])];
        assert_eq!(selected(&most).as_deref(), Some("sticky"));
        let drawn: [(&str, &[&str]); 2] =
            [("a", &["sticky", "range"]), ("b", &["range", "sticky"])];
        assert_eq!(selected(&drawn).as_deref(), Some("range"), "a draw goes to the first by name");
        assert_eq!(selected(&[]), None);
    }

    #[test]
    fn a_newcomer_must_share_a_protocol_with_everybody() {
        let mut group = group(&[("a", &["range", "sticky"]), ("b", &["range"])]);
        let can = |group: &ClassicGroup, kind: &str, names: &[&str]| {
            group.supports(kind, &member("x", names).terms.protocols)
        };
        assert!(can(&group, "anything", &["sticky"]), "an empty group takes what comes");
        assert!(!can(&group, "", &["sticky"]) && !can(&group, CONSUMER, &[]));
        group.state = GroupState::Stable;
        assert!(can(&group, CONSUMER, &["roundrobin", "range"]));
        assert!(!can(&group, CONSUMER, &["sticky"]), "b can't");
        assert!(!can(&group, "connect", &["range"]));
    }

    #[test]
    fn who_leads_after_the_leader() {
        let mut group = group(&[("b", &["range"]), ("c", &["range"]), ("a", &["range"])]);
        assert_eq!(group.leader().map(MemberId::as_str), Some("b"), "the first to join");
        group.take("b");
        assert_eq!(group.leader().map(MemberId::as_str), Some("a"), "the first by id");
        assert!(!group.elect_joined_leader(), "nobody has joined again");
        let joined = group.members.get_mut("c").expect("a member");
        joined.awaiting_join = Some(super::super::JoinWait { token: None });
        assert!(group.elect_joined_leader());
        assert_eq!(group.leader().map(MemberId::as_str), Some("c"), "who has joined leads");
        group.take("a");
        group.take("c");
        assert_eq!(group.leader(), None);
    }
}
