//! A member before a coordinator that is moved, slow, forgetful and wrong by chance: what it is told it may not read it does
//! not hand out, it commits nothing that it has not handed out, and once all is well it has read and committed everything.

use std::collections::BTreeSet;

use klamm_node::{EventKind, MemberId, PlantedFaults};
use klamm_protocol::kafka::messages::consumer_group_heartbeat_response::{
    Assignment, TopicPartitions,
};
use klamm_protocol::kafka::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use klamm_protocol::kafka::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ListOffsetsResponse,
    OffsetFetchRequest,
};
use proptest::prelude::*;

use super::*;
use crate::testing::topic_uuid;

/// A group of one member, and the log of each partition: its length.
struct Cluster {
    coordinator: i32,
    logs: Vec<i64>,
    members: u32,
    member: String,
    epoch: i32,
    /// The partitions that it is to have, with KIP-848.
    target: Vec<i32>,
    assignment: Bytes,
    asks_to_rejoin: bool,
    committed: BTreeMap<i32, i64>,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Append { partition: usize, records: i64 },
    Serve,
    Refuse { code: i16 },
    Pass { ms: u64 },
    Move { to: i32 },
    Rebalance,
    PutOut,
    Crash { broker: i32 },
    Stick,
    Unstick,
    Commit,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..3_usize, 1..6_i64).prop_map(|(partition, records)| Op::Append { partition, records }),
        16 => Just(Op::Serve),
        2 => prop_oneof![Just(14_i16), Just(15), Just(16), Just(27), Just(22), Just(25), Just(110), Just(113), Just(7)]
            .prop_map(|code| Op::Refuse { code }),
        5 => (0..4_000_u64).prop_map(|ms| Op::Pass { ms }),
        1 => (1..=3_i32).prop_map(|to| Op::Move { to }),
        1 => Just(Op::Rebalance),
        1 => Just(Op::PutOut),
        1 => (1..=3_i32).prop_map(|broker| Op::Crash { broker }),
        1 => Just(Op::Stick),
        2 => Just(Op::Unstick),
        1 => Just(Op::Commit),
    ]
}

impl Cluster {
    fn new() -> Self {
        Self {
            coordinator: 2,
            logs: vec![0; 3],
            members: 0,
            member: String::new(),
            epoch: 0,
            target: vec![0, 1, 2],
            assignment: Bytes::new(),
            asks_to_rejoin: false,
            committed: BTreeMap::new(),
        }
    }

    /// What a coordinator says of a request of the classic protocol, if not that all is well.
    fn refuses(&self, request: &Request, member: &str, epoch: i32) -> ErrorCode {
        if request.broker != self.coordinator {
            ErrorCode::NOT_COORDINATOR
        } else if member != self.member {
            ErrorCode::UNKNOWN_MEMBER_ID
        } else if epoch != self.epoch {
            ErrorCode::ILLEGAL_GENERATION
        } else {
            ErrorCode::NONE
        }
    }

    fn join(&mut self, request: &Request, body: &JoinGroupRequest) -> JoinGroupResponse {
        let answer = JoinGroupResponse::default().with_protocol_name(Some(convert::text("")));
        let member = body.member_id.as_str();
        if request.broker != self.coordinator {
            return answer.with_error_code(ErrorCode::NOT_COORDINATOR.0);
        }
        if member.is_empty() {
            self.members += 1;
            self.member = format!("m{}", self.members);
            return answer
                .with_error_code(ErrorCode::MEMBER_ID_REQUIRED.0)
                .with_member_id(convert::text(&self.member));
        }
        if member != self.member {
            return answer.with_error_code(ErrorCode::UNKNOWN_MEMBER_ID.0);
        }
        self.epoch += 1;
        self.asks_to_rejoin = false;
        let protocol = &body.protocols[0];
        let me = JoinGroupResponseMember::default()
            .with_member_id(body.member_id.clone())
            .with_metadata(protocol.metadata.clone());
        answer
            .with_generation_id(self.epoch)
            .with_protocol_type(Some(convert::text("consumer")))
            .with_protocol_name(Some(protocol.name.clone()))
            .with_leader(body.member_id.clone())
            .with_member_id(body.member_id.clone())
            .with_members(vec![me])
    }

    fn beat(
        &mut self,
        request: &Request,
        body: &ConsumerGroupHeartbeatRequest,
    ) -> ConsumerGroupHeartbeatResponse {
        let answer = ConsumerGroupHeartbeatResponse::default().with_heartbeat_interval_ms(3_000);
        if request.broker != self.coordinator {
            return answer.with_error_code(ErrorCode::NOT_COORDINATOR.0);
        }
        let member = body.member_id.as_str();
        if body.member_epoch < 0 {
            self.member.clear();
            return answer.with_member_epoch(body.member_epoch);
        }
        if body.member_epoch == 0 {
            self.member = member.to_owned();
            self.epoch += 1;
        } else if member != self.member {
            return answer.with_error_code(ErrorCode::UNKNOWN_MEMBER_ID.0);
        } else if body.member_epoch > self.epoch || body.member_epoch + 1 < self.epoch {
            return answer.with_error_code(ErrorCode::FENCED_MEMBER_EPOCH.0);
        }
        if std::mem::take(&mut self.asks_to_rejoin) {
            // It has to give one up, or gets it back.
            self.epoch += 1;
            self.target = if self.target.len() == 3 { vec![0, 1] } else { vec![0, 1, 2] };
        }
        let topic = TopicPartitions::default()
            .with_topic_id(topic_uuid("orders"))
            .with_partitions(self.target.clone());
        let assignment = Assignment::default().with_topic_partitions(vec![topic]);
        answer.with_member_epoch(self.epoch).with_assignment(Some(assignment))
    }

    fn offsets(&self, request: &Request, body: &OffsetFetchRequest) -> OffsetFetchResponse {
        let group = OffsetFetchResponseGroup::default();
        if request.broker != self.coordinator {
            let group = group.with_error_code(ErrorCode::NOT_COORDINATOR.0);
            return OffsetFetchResponse::default().with_groups(vec![group]);
        }
        let asked = body.groups[0].topics.as_ref().expect("named")[0].partition_indexes.clone();
        let partitions = asked.into_iter().map(|partition| {
            OffsetFetchResponsePartitions::default()
                .with_partition_index(partition)
                .with_committed_offset(self.committed.get(&partition).copied().unwrap_or(-1))
                .with_committed_leader_epoch(-1)
        });
        let topic = OffsetFetchResponseTopics::default()
            .with_name(convert::topic("orders"))
            .with_partitions(partitions.collect());
        OffsetFetchResponse::default().with_groups(vec![group.with_topics(vec![topic])])
    }

    /// Answers as a cluster would; `wrong` is said instead, where a coordinator may say it.
    fn serve(&mut self, lab: &mut Lab1, request: &Request, wrong: Option<ErrorCode>) {
        let wrong = wrong.map(|code| code.0);
        if let RequestKind::FindCoordinator(_) = &request.body {
            let found = Coordinator::default()
                .with_node_id(WireBrokerId(self.coordinator))
                .with_host(convert::text(&format!("broker-{}", self.coordinator)))
                .with_port(9092)
                .with_error_code(if wrong.is_some() { 15 } else { 0 });
            let response = FindCoordinatorResponse::default().with_coordinators(vec![found]);
            return lab.reply(request, Some(&ResponseKind::FindCoordinator(response)));
        }
        if let RequestKind::JoinGroup(body) = &request.body {
            let response = match wrong {
                Some(code) => JoinGroupResponse::default()
                    .with_protocol_name(Some(convert::text("")))
                    .with_error_code(if matches!(code, 7 | 110 | 113) { 14 } else { code }),
                None => self.join(request, body),
            };
            return lab.reply(request, Some(&ResponseKind::JoinGroup(response)));
        }
        if let RequestKind::SyncGroup(body) = &request.body {
            let code = self.refuses(request, body.member_id.as_str(), body.generation_id).0;
            if let Some(mine) = body.assignments.first() {
                self.assignment = mine.assignment.clone();
            }
            let wrong =
                wrong.map(|code| if matches!(code, 7 | 14 | 110 | 113) { 27 } else { code });
            let response = SyncGroupResponse::default()
                .with_error_code(wrong.unwrap_or(code))
                .with_assignment(self.assignment.clone());
            return lab.reply(request, Some(&ResponseKind::SyncGroup(response)));
        }
        if let RequestKind::Heartbeat(body) = &request.body {
            let mut code = self.refuses(request, body.member_id.as_str(), body.generation_id);
            if code.is_none() && self.asks_to_rejoin {
                code = ErrorCode::REBALANCE_IN_PROGRESS;
            }
            let wrong =
                wrong.map(|code| if matches!(code, 7 | 14 | 110 | 113) { 15 } else { code });
            let response = HeartbeatResponse::default().with_error_code(wrong.unwrap_or(code.0));
            return lab.reply(request, Some(&ResponseKind::Heartbeat(response)));
        }
        if let RequestKind::ConsumerGroupHeartbeat(body) = &request.body {
            let wrong = wrong.map(|code| if matches!(code, 7 | 22 | 27 | 113) { 14 } else { code });
            let response = match wrong {
                Some(code) => ConsumerGroupHeartbeatResponse::default().with_error_code(code),
                None => self.beat(request, body),
            };
            return lab.reply(request, Some(&ResponseKind::ConsumerGroupHeartbeat(response)));
        }
        if let RequestKind::LeaveGroup(_) = &request.body {
            self.member.clear();
            let response = LeaveGroupResponse::default();
            return lab.reply(request, Some(&ResponseKind::LeaveGroup(response)));
        }
        if let RequestKind::OffsetFetch(body) = &request.body {
            let mut response = self.offsets(request, body);
            if let Some(code) = wrong {
                response.groups[0].error_code = if matches!(code, 14..=16) { code } else { 14 };
            }
            return lab.reply(request, Some(&ResponseKind::OffsetFetch(response)));
        }
        if let RequestKind::OffsetCommit(body) = &request.body {
            let epoch = body.generation_id_or_member_epoch;
            let code = self.refuses(request, body.member_id.as_str(), epoch);
            let code = wrong.map_or(code, ErrorCode);
            for topic in &body.topics {
                for p in &topic.partitions {
                    if code.is_none() {
                        self.committed.insert(p.partition_index, p.committed_offset);
                    }
                }
            }
            let answer = |p: &klamm_protocol::kafka::messages::offset_commit_request::OffsetCommitRequestPartition| {
                OffsetCommitResponsePartition::default()
                    .with_partition_index(p.partition_index)
                    .with_error_code(code.0)
            };
            let topics = body.topics.iter().map(|topic| {
                OffsetCommitResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_partitions(topic.partitions.iter().map(answer).collect())
            });
            let response = OffsetCommitResponse::default().with_topics(topics.collect());
            return lab.reply(request, Some(&ResponseKind::OffsetCommit(response)));
        }
        if let RequestKind::ListOffsets(body) = &request.body {
            let topics = body.topics.iter().map(|topic| {
                let at = |index: i32| {
                    ListOffsetsPartitionResponse::default()
                        .with_partition_index(index)
                        .with_offset(0)
                };
                let partitions = topic.partitions.iter().map(|p| at(p.partition_index)).collect();
                ListOffsetsTopicResponse::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions)
            });
            let response = ListOffsetsResponse::default().with_topics(topics.collect());
            return lab.reply(request, Some(&ResponseKind::ListOffsets(response)));
        }
        let RequestKind::Fetch(body) = &request.body else { panic!("{request:?}") };
        let topics = body.topics.iter().map(|topic| {
            let data = topic.partitions.iter().map(|asked| {
                let end = self.logs[asked.partition as usize];
                let count = (end - asked.fetch_offset).clamp(0, 4);
                let records = (count > 0).then(|| {
                    let at = Offset(asked.fetch_offset);
                    let mut builder = BatchBuilder::new(Compression::None).at(at, LeaderEpoch(0));
                    for n in 0..count {
                        builder.append(Timestamp(n), None, Some(b"value"), &[]);
                    }
                    builder.build()
                });
                PartitionData::default().with_partition_index(asked.partition).with_records(records)
            });
            FetchableTopicResponse::default()
                .with_topic_id(topic.topic_id)
                .with_partitions(data.collect())
        });
        let response = FetchResponse::default().with_responses(topics.collect());
        lab.reply(request, Some(&ResponseKind::Fetch(response)));
    }
}

/// Folds the events since the last call: what is held, and how far each partition was handed out since it came.
#[derive(Default)]
struct Seen {
    held: BTreeSet<TopicPartition>,
    polled: BTreeMap<TopicPartition, i64>,
    furthest: BTreeMap<TopicPartition, i64>,
}

impl Seen {
    fn fold(&mut self, events: Vec<EventKind>) -> Result<(), TestCaseError> {
        for event in &events {
            if let EventKind::PartitionsAssigned { partitions, .. } = event {
                for partition in partitions {
                    prop_assert!(self.held.insert(partition.clone()), "had it already: {event}");
                }
            }
            if let EventKind::PartitionsRevoked { partitions, .. }
            | EventKind::PartitionsLost { partitions, .. } = event
            {
                for partition in partitions {
                    prop_assert!(self.held.remove(partition), "had it not: {event}");
                    self.polled.remove(partition);
                }
            }
            if let EventKind::RecordsPolled { partition, from, to } = event {
                prop_assert!(self.held.contains(partition), "not its own: {event}");
                let before = self.polled.insert(partition.clone(), to.0);
                prop_assert!(before.is_none_or(|before| before == from.0), "{before:?}, {event}");
                let furthest = self.furthest.entry(partition.clone()).or_default();
                *furthest = to.0.max(*furthest);
            }
            if let EventKind::CommitRequested { offsets, .. } = event {
                for (partition, offset) in offsets {
                    let known = self.furthest.get(partition).copied().unwrap_or(0);
                    prop_assert!(offset.0 <= known, "more than it handed out, {known}: {event}");
                }
            }
        }
        Ok(())
    }
}

fn run(ops: Vec<Op>, config: &[(&str, &str)]) -> Result<(), TestCaseError> {
    let mut keys = vec![("max.poll.records", "3"), ("max.poll.interval.ms", "20000")];
    keys.extend(config);
    let mut lab = lab(&keys);
    let mut cluster = Cluster::new();
    let mut seen = Seen::default();
    work(&mut lab, Span::millis(40), CommitWhen::Asked);
    subscribe(&mut lab);
    for op in ops {
        match op {
            Op::Append { partition, records } => cluster.logs[partition] += records,
            Op::Serve => {
                if let Some(request) = lab.next_request() {
                    cluster.serve(&mut lab, &request, None);
                }
            }
            Op::Refuse { code } => {
                if let Some(request) = lab.next_request() {
                    cluster.serve(&mut lab, &request, Some(ErrorCode(code)));
                }
            }
            Op::Pass { ms } => lab.advance(Span::millis(ms)),
            Op::Move { to } => cluster.coordinator = to,
            Op::Rebalance => cluster.asks_to_rejoin = true,
            Op::PutOut => cluster.member = "nobody".to_owned(),
            Op::Crash { broker } => {
                lab.crash(broker);
                lab.restart(broker);
            }
            Op::Stick => call(&mut lab, GroupCommand::Stick),
            Op::Unstick => call(&mut lab, GroupCommand::Unstick),
            Op::Commit => call(&mut lab, GroupCommand::CommitSync),
        }
        seen.fold(std::mem::take(&mut lab.events))?;
    }
    call(&mut lab, GroupCommand::Unstick);
    cluster.asks_to_rejoin = false;
    cluster.target = vec![0, 1, 2];
    cluster.epoch += 1;
    for _ in 0..400 {
        for _ in 0..20 {
            let Some(request) = lab.next_request() else { break };
            cluster.serve(&mut lab, &request, None);
        }
        lab.advance(Span::millis(300));
        seen.fold(std::mem::take(&mut lab.events))?;
    }
    prop_assert!(!lab.halted);
    prop_assert_eq!(seen.held.len(), 3, "it has everything again");
    for (index, end) in cluster.logs.iter().enumerate() {
        let partition = TopicPartition::new("orders", index as i32);
        prop_assert_eq!(seen.furthest.get(&partition).copied().unwrap_or(0), *end, "read");
        let committed = cluster.committed.get(&(index as i32)).copied().unwrap_or(0);
        prop_assert_eq!(committed, *end, "committed, {}", partition);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn classic_eager(ops in prop::collection::vec(op(), 1..150)) {
        run(ops, &[])?;
    }

    #[test]
    fn classic_cooperative(ops in prop::collection::vec(op(), 1..150)) {
        run(ops, &[COOPERATIVE])?;
    }

    #[test]
    fn modern(ops in prop::collection::vec(op(), 1..150)) {
        run(ops, &[("group.protocol", "consumer")])?;
    }
}

/// Runs with planted faults (`--features klamm-node/planted-faults`) only: what notices each of them.
#[test]
fn planted_faults_are_noticed() {
    if !PlantedFaults::POSSIBLE {
        return;
    }
    let fetches_ahead = || {
        let mut ops = vec![Op::Append { partition: 0, records: 40 }];
        ops.extend([Op::Serve; 12]);
        ops.extend([Op::Pass { ms: 100 }, Op::Serve, Op::Commit, Op::Serve, Op::Serve]);
        run(ops, &[]).is_err()
    };
    let hands_out_what_it_gives_up = || {
        let mut lab = member(&[], "range", &[0]);
        records(&mut lab, 0, 0, 5);
        lab.advance(Span::secs(3));
        heartbeat(&mut lab, ErrorCode::REBALANCE_IN_PROGRESS);
        lab.told();
        records(&mut lab, 0, 5, 2);
        lab.told().iter().any(|event| event.starts_with("RecordsPolled"))
    };
    let forgets_the_older_generation = || {
        let subscription = |owned: &[i32], generation| crate::assignor::Subscription {
            topics: BTreeSet::from(["orders".into()]),
            owned: orders(owned),
            generation: Some(generation),
            ..crate::assignor::Subscription::default()
        };
        let member = |id: &str, owned: &[i32], generation| {
            let subscription = subscription(owned, generation);
            let member = crate::assignor::Member { subscription, ..Default::default() };
            (MemberId::from(id), member)
        };
        // The first is a generation behind, and nobody else claims what it has.
        let members = [member("a", &[3], 4), member("b", &[0], 5), member("c", &[1], 5)].into();
        let topics = [("orders".into(), vec![BTreeSet::new(); 4])].into();
        let found = crate::assignor::Assignor::CooperativeSticky.assign(&topics, &members);
        !found[&MemberId::from("a")].contains(&TopicPartition::new("orders", 3))
    };
    let noticed: [(&str, &dyn Fn() -> bool); 3] = [
        ("autocommit_unprocessed_positions", &fetches_ahead),
        ("fetch_while_revoking", &hands_out_what_it_gives_up),
        ("latest_generation_only_ownership", &forgets_the_older_generation),
    ];
    for (fault, notices) in noticed {
        let ends_badly = |faults: &PlantedFaults| faults.during(notices);
        assert!(!ends_badly(&PlantedFaults::default()), "{fault}: without it all is well");
        assert!(ends_badly(&PlantedFaults::new([fault.to_owned()])), "{fault} is not noticed");
    }
}
