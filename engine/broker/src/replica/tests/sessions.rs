//! Fetch sessions (KIP-227): each rule on its own, and the property that they exist for: who fetches with a session knows
//! what one without would have been told.

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_controller::image::MetadataImage;
use klamm_node::config::ServerConfig;
use klamm_node::{
    BrokerId, ConnectionId, Context, CorrelationId, Effects, EventKind, LeaderEpoch, MemoryDisk,
    Offset, Output, PartitionEpoch, Seq, Span, Streams, Time, Timestamp, TopicId,
};
use klamm_protocol::batch::BatchBuilder;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::compression::Compression;
use klamm_protocol::fetch_session::FetchSession;
use klamm_protocol::kafka::messages::fetch_request::{
    FetchPartition, FetchTopic, ForgottenTopic, ReplicaState,
};
use klamm_protocol::kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use klamm_protocol::kafka::messages::{FetchRequest, FetchResponse, ProduceRequest, ResponseKind};
use klamm_protocol::metadata::{BrokerEndpoint, Partition, RegisterBroker, RemoveTopic, Topic};
use klamm_protocol::{ErrorCode, MetadataRecord, convert};
use proptest::prelude::*;

use crate::replica::{ReplicaOutput, Replicas};

/// A broker that leads every partition alone, so that what is appended is committed.
struct Table {
    replicas: Replicas,
    config: ServerConfig,
    disk: MemoryDisk,
    rng: Streams,
    image: MetadataImage,
    metadata: i64,
    now: Time,
    serial: u64,
    events: Vec<EventKind>,
    answers: BTreeMap<u64, FetchResponse>,
}

/// A partition of the tests: a topic's id and an index.
type Place = (u128, i32);

impl Table {
    fn new(settings: &[(&str, &str)]) -> Self {
        let mut config = ServerConfig::default();
        for (key, value) in settings {
            config.set(key, value).expect("a config key");
        }
        let mut disk = MemoryDisk::new();
        let replicas = open(&config, &mut disk, Time(1));
        let mut table = Self {
            replicas,
            config,
            disk,
            rng: Streams::new(1, 1),
            image: MetadataImage::new(),
            metadata: 0,
            now: Time(1),
            serial: 0,
            events: Vec::new(),
            answers: BTreeMap::new(),
        };
        let listener = BrokerEndpoint {
            name: "PLAINTEXT".to_owned(),
            host: "broker-1".to_owned(),
            port: 9092,
            ..BrokerEndpoint::default()
        };
        table.write(RegisterBroker {
            broker_id: BrokerId(1),
            end_points: vec![listener],
            fenced: false,
            ..RegisterBroker::default()
        });
        table
    }

    fn write(&mut self, record: impl Into<MetadataRecord>) {
        let record = record.into();
        let offset = Offset(self.metadata);
        self.metadata += 1;
        let changes = self.image.apply(offset, &record);
        let changes: Vec<_> = changes.into_iter().map(|change| (offset, change)).collect();
        self.call(|replicas, cx, image, out| replicas.apply_metadata(cx, image, &changes, out));
    }

    /// A topic whose id is its number, named by its letter; a higher number of the same letter is the same name again.
    fn topic(&mut self, id: u128, partitions: i32) {
        self.write(Topic { name: name(id).to_owned(), topic_id: TopicId(id) });
        for partition_id in 0..partitions {
            self.write(Partition {
                partition_id,
                topic_id: TopicId(id),
                leader: BrokerId(1),
                isr: vec![BrokerId(1)],
                replicas: vec![BrokerId(1)],
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
                ..Partition::default()
            });
        }
    }

    fn delete(&mut self, id: u128) {
        self.write(RemoveTopic { topic_id: TopicId(id) });
    }

    fn restart(&mut self) {
        self.now += Span::millis(1);
        self.replicas = open(&self.config, &mut self.disk, self.now);
        self.call(|replicas, cx, image, out| replicas.apply_image(cx, image, out));
    }

    fn call(
        &mut self,
        f: impl FnOnce(&mut Replicas, &mut Context<'_>, &MetadataImage, &mut Vec<ReplicaOutput>),
    ) {
        let (mut effects, mut out) = (Effects::default(), Vec::new());
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(0),
            input_seq: Seq(0),
            disk: &mut self.disk,
            rng: &mut self.rng,
            out: &mut effects,
        };
        f(&mut self.replicas, &mut cx, &self.image, &mut out);
        for item in effects.items {
            if let Output::Observed(event, _) = item {
                self.events.push(event);
            }
        }
        for output in out {
            if let ReplicaOutput::Reply { token, response: Some(response) } = output
                && let ResponseKind::Fetch(response) = *response
            {
                self.answers.insert(token.serial, response);
            }
        }
    }

    fn token(&mut self, api_key: i16, api_version: i16) -> RequestToken {
        self.serial += 1;
        RequestToken {
            connection: ConnectionId(1),
            correlation_id: CorrelationId(1),
            api_key,
            api_version,
            serial: self.serial,
        }
    }

    fn produce(&mut self, (topic, partition): Place, records: usize) {
        let mut builder = BatchBuilder::new(Compression::None);
        for _ in 0..records {
            builder.append(Timestamp(1), None, Some(b"value"), &[]);
        }
        let data = PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(builder.build()));
        let topic = TopicProduceData::default()
            .with_topic_id(convert::topic_uuid(TopicId(topic)))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default().with_acks(1).with_topic_data(vec![topic]);
        let token = self.token(0, 13);
        self.call(|replicas, cx, image, out| {
            replicas.produce(cx, image, token, None, request, out)
        });
    }

    /// Asks without waiting.
    fn fetch(&mut self, request: FetchRequest, version: i16) -> FetchResponse {
        let serial = self.ask(request, version);
        self.answers.remove(&serial).expect("an answer at once")
    }

    fn ask(&mut self, request: FetchRequest, version: i16) -> u64 {
        let token = self.token(1, version);
        self.call(|replicas, cx, image, out| replicas.fetch(cx, image, token, request, out));
        token.serial
    }

    fn advance(&mut self, span: Span) {
        self.now += span;
        self.call(|replicas, cx, image, out| replicas.handle_timers(cx, image, out));
    }

    fn told(&mut self) -> Vec<String> {
        let told = std::mem::take(&mut self.events);
        told.iter().map(ToString::to_string).filter(|text| text.contains("Session")).collect()
    }
}

fn open(config: &ServerConfig, disk: &mut MemoryDisk, now: Time) -> Replicas {
    let (mut rng, mut out) = (Streams::new(1, 1), Effects::default());
    let mut cx =
        Context { now, wall: Timestamp(0), input_seq: Seq(0), disk, rng: &mut rng, out: &mut out };
    Replicas::open(&mut cx, BrokerId(1), config.clone()).expect("a disk that works")
}

fn name(id: u128) -> &'static str {
    ["a", "b", "c"][usize::try_from(id % 3).expect("small")]
}

/// A request about partitions at offsets, by topic id and by name.
fn request(id: i32, epoch: i32, send: &[(Place, i64)], forget: &[Place]) -> FetchRequest {
    let topics = send.iter().map(|((topic, partition), at)| {
        let ask = FetchPartition::default()
            .with_partition(*partition)
            .with_fetch_offset(*at)
            .with_partition_max_bytes(1 << 20);
        FetchTopic::default()
            .with_topic_id(convert::topic_uuid(TopicId(*topic)))
            .with_topic(convert::topic(name(*topic)))
            .with_partitions(vec![ask])
    });
    let forgotten = forget.iter().map(|(topic, partition)| {
        ForgottenTopic::default()
            .with_topic_id(convert::topic_uuid(TopicId(*topic)))
            .with_topic(convert::topic(name(*topic)))
            .with_partitions(vec![*partition])
    });
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_replica_state(ReplicaState::default().with_replica_id((-1).into()))
        .with_min_bytes(1)
        .with_session_id(id)
        .with_session_epoch(epoch)
        .with_topics(topics.collect())
        .with_forgotten_topics_data(forgotten.collect())
}

/// What an answer says of each partition: error, high watermark, log start, records.
type Said = BTreeMap<Place, (i16, i64, i64, Bytes)>;

fn said(response: &FetchResponse) -> Said {
    let partitions = response.responses.iter().flat_map(|topic| {
        let id = convert::topic_id(topic.topic_id).0;
        topic.partitions.iter().map(move |data| {
            let records = data.records.clone().unwrap_or_default();
            let at = (id, data.partition_index);
            (at, (data.error_code, data.high_watermark, data.log_start_offset, records))
        })
    });
    partitions.collect()
}

fn places(response: &FetchResponse) -> Vec<i32> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|data| data.partition_index).collect()
}

#[test]
fn what_has_not_changed_is_not_told_again() {
    let mut table = Table::new(&[]);
    table.topic(3, 3);
    let all = [((3, 0), 0), ((3, 1), 0), ((3, 2), 0)];
    let first = table.fetch(request(0, 0, &all, &[]), 17);
    assert_eq!(places(&first), [0, 1, 2], "a full answer tells of every partition");
    let id = first.session_id;
    assert!(id > 0);
    assert_eq!(places(&table.fetch(request(id, 1, &[], &[]), 17)), [0; 0]);
    table.produce((3, 1), 2);
    let second = table.fetch(request(id, 2, &[], &[]), 17);
    assert_eq!((places(&second), second.session_id), (vec![1], id));
    // Its records come again until the position moves; then nothing is new.
    assert_eq!(places(&table.fetch(request(id, 3, &[], &[]), 17)), [1]);
    assert_eq!(places(&table.fetch(request(id, 4, &[((3, 1), 2)], &[]), 17)), [0; 0]);
    // An error is told each time, and what follows it once more.
    assert_eq!(places(&table.fetch(request(id, 5, &[((3, 2), 9)], &[]), 17)), [2]);
    assert_eq!(places(&table.fetch(request(id, 6, &[], &[]), 17)), [2]);
    assert_eq!(places(&table.fetch(request(id, 7, &[((3, 2), 0)], &[]), 17)), [2]);
    assert_eq!(places(&table.fetch(request(id, 8, &[], &[]), 17)), [0; 0]);
}

#[test]
fn a_busy_partition_is_read_last_the_next_time() {
    let mut table = Table::new(&[]);
    table.topic(3, 3);
    for partition in 0..3 {
        table.produce((3, partition), 1);
    }
    let all = [((3, 0), 0), ((3, 1), 0), ((3, 2), 0)];
    // Room for one batch only: the first that has something.
    let small = |request: FetchRequest| request.with_max_bytes(1);
    let id = table.fetch(small(request(0, 0, &all, &[])), 17).session_id;
    let mut turn = |epoch: i32| {
        let response = table.fetch(small(request(id, epoch, &[], &[])), 17);
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        let busy = partitions.filter(|data| data.records.as_ref().is_some_and(|r| !r.is_empty()));
        busy.map(|data| data.partition_index).collect::<Vec<_>>()
    };
    assert_eq!([turn(1), turn(2), turn(3), turn(4)], [[0], [1], [2], [0]], "nobody starves");
}

#[test]
fn forgotten_partitions_are_read_no_more_and_the_last_one_ends_the_session() {
    let mut table = Table::new(&[]);
    table.topic(3, 2);
    let id = table.fetch(request(0, 0, &[((3, 0), 0), ((3, 1), 0)], &[]), 17).session_id;
    table.produce((3, 0), 1);
    table.produce((3, 1), 1);
    assert_eq!(places(&table.fetch(request(id, 1, &[], &[(3, 0)]), 17)), [1]);
    table.told();
    let last = table.fetch(request(id, 2, &[], &[(3, 1)]), 17);
    assert_eq!((places(&last), last.session_id), (vec![], 0), "no session any more");
    assert_eq!(table.told(), [format!("FetchSessionClosed session={id} reason=empty")]);
    let gone = table.fetch(request(id, 3, &[], &[]), 17);
    assert_eq!(ErrorCode(gone.error_code), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn a_request_that_does_not_fit_its_session_is_refused() {
    let mut table = Table::new(&[]);
    table.topic(3, 1);
    let all = [((3, 0), 0)];
    let id = table.fetch(request(0, 0, &all, &[]), 17).session_id;
    let code = |response: FetchResponse| ErrorCode(response.error_code);
    assert_eq!(
        code(table.fetch(request(id ^ 1, 1, &[], &[]), 17)),
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
    );
    for wrong in [2, 7, -2, i32::MAX] {
        assert_eq!(
            code(table.fetch(request(id, wrong, &[], &[]), 17)),
            ErrorCode::INVALID_FETCH_SESSION_EPOCH
        );
    }
    assert_eq!(
        code(table.fetch(request(id, 1, &[], &[]), 12)),
        ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
        "version 12 names topics, and the session has ids"
    );
    // None of these has moved the session on.
    assert_eq!(code(table.fetch(request(id, 1, &[], &[]), 17)), ErrorCode::NONE);
    table.told();
    // A full request ends the session that it names, with or without a new one.
    let next = table.fetch(request(id, 0, &all, &[]), 17).session_id;
    assert!(next > 0 && next != id);
    assert_eq!(table.fetch(request(next, -1, &all, &[]), 17).session_id, 0);
    let told = table.told();
    assert_eq!(told[0], format!("FetchSessionClosed session={id} reason=replaced"));
    assert_eq!(told[2], format!("FetchSessionClosed session={next} reason=final"));
    assert_eq!(table.replicas.fetch_sessions(), 0);
}

#[test]
fn a_session_of_names_follows_its_topic_through_deletion_and_return() {
    let mut table = Table::new(&[]);
    table.topic(3, 1);
    let id = table.fetch(request(0, 0, &[((3, 0), 0)], &[]), 12).session_id;
    let first = |response: FetchResponse| response.responses[0].partitions[0].clone();
    table.delete(3);
    let gone = first(table.fetch(request(id, 1, &[], &[]), 12));
    assert_eq!(ErrorCode(gone.error_code), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    table.topic(6, 1);
    table.produce((6, 0), 2);
    let again = first(table.fetch(request(id, 2, &[], &[]), 12));
    assert_eq!((again.error_code, again.high_watermark), (0, 2));
}

#[test]
fn a_session_of_ids_does_not_take_another_topic_of_the_name() {
    let mut table = Table::new(&[]);
    table.topic(3, 1);
    let id = table.fetch(request(0, 0, &[((3, 0), 0)], &[]), 17).session_id;
    table.delete(3);
    table.topic(6, 1);
    let answer = table.fetch(request(id, 1, &[], &[]), 17);
    assert_eq!(
        ErrorCode(answer.responses[0].partitions[0].error_code),
        ErrorCode::UNKNOWN_TOPIC_ID
    );
    // The fetcher replaces it: the old id is forgotten, the new one asked for.
    let answer = table.fetch(request(id, 2, &[((6, 0), 0)], &[(3, 0)]), 17);
    assert_eq!(said(&answer).into_keys().collect::<Vec<_>>(), [(6, 0)]);
}

#[test]
fn a_full_cache_gives_places_to_the_idle_the_large_and_the_privileged() {
    let mut table = Table::new(&[("max.incremental.fetch.session.cache.slots", "1")]);
    table.topic(3, 3);
    let one = [((3, 0), 0)];
    let two = [((3, 0), 0), ((3, 1), 0)];
    let follower = |request: FetchRequest| {
        request.with_replica_state(
            ReplicaState::default().with_replica_id(7.into()).with_replica_epoch(-1),
        )
    };
    let first = table.fetch(request(0, 0, &one, &[]), 17).session_id;
    assert!(first > 0);
    assert_eq!(table.fetch(request(0, 0, &two, &[]), 17).session_id, 0, "the first is too young");
    table.told();
    // A follower takes a client's place at once.
    let second = table.fetch(follower(request(0, 0, &one, &[])), 17).session_id;
    assert_eq!(table.told()[0], format!("FetchSessionEvicted session={first} reason=client"));
    // Nobody takes its place while it is used and young.
    table.advance(Span::secs(100));
    table.fetch(follower(request(second, 1, &[], &[])), 17);
    assert_eq!(table.fetch(request(0, 0, &two, &[]), 17).session_id, 0);
    assert_eq!(table.fetch(follower(request(0, 0, &two, &[])), 17).session_id, 0);
    // After two minutes a larger one of its own kind may; a client's still not.
    table.advance(Span::secs(100));
    table.fetch(follower(request(second, 2, &[], &[])), 17);
    assert_eq!(table.fetch(request(0, 0, &two, &[]), 17).session_id, 0);
    assert_eq!(table.fetch(follower(request(0, 0, &one, &[])), 17).session_id, 0, "not larger");
    table.told();
    let third = table.fetch(follower(request(0, 0, &two, &[])), 17).session_id;
    assert_eq!(
        table.told()[0],
        format!("FetchSessionEvicted session={second} reason=fewer-partitions")
    );
    // Whoever is silent for more than two minutes goes, whoever comes.
    table.advance(Span::secs(121));
    assert!(table.fetch(request(0, 0, &one, &[]), 17).session_id > 0);
    assert_eq!(table.told()[0], format!("FetchSessionEvicted session={third} reason=idle"));
}

#[test]
fn an_answer_that_comes_out_of_order_is_none() {
    let mut table = Table::new(&[]);
    table.topic(3, 1);
    let id = table.fetch(request(0, 0, &[((3, 0), 0)], &[]), 17).session_id;
    let waiting = table.ask(request(id, 1, &[], &[]).with_max_wait_ms(500), 17);
    // A client that does not wait for its answer: the session goes on without it.
    table.fetch(request(id, 2, &[], &[]), 17);
    table.advance(Span::millis(500));
    let late = table.answers.remove(&waiting).expect("answered in time");
    assert_eq!(ErrorCode(late.error_code), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
}

#[test]
fn a_fetch_that_waits_while_its_session_is_evicted_is_answered_and_the_next_is_not() {
    let mut table = Table::new(&[("max.incremental.fetch.session.cache.slots", "1")]);
    table.topic(3, 2);
    let all = [((3, 0), 0), ((3, 1), 0)];
    let id = table.fetch(request(0, 0, &all, &[]), 17).session_id;
    let waiting = table.ask(request(id, 1, &[], &[]).with_max_wait_ms(500), 17);
    let follower = ReplicaState::default().with_replica_id(7.into()).with_replica_epoch(-1);
    table.fetch(request(0, 0, &all, &[]).with_replica_state(follower), 17);
    table.produce((3, 1), 1);
    let answer = table.answers.remove(&waiting).expect("there is something");
    assert_eq!((answer.error_code, answer.session_id, places(&answer)), (0, id, vec![0, 1]));
    let next = table.fetch(request(id, 2, &[], &[]), 17);
    assert_eq!(ErrorCode(next.error_code), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn a_parked_fetch_of_a_session_waits_for_all_of_its_partitions() {
    let mut table = Table::new(&[]);
    table.topic(3, 3);
    let all = [((3, 0), 0), ((3, 1), 0), ((3, 2), 0)];
    let id = table.fetch(request(0, 0, &all, &[]), 17).session_id;
    let waiting = table.ask(request(id, 1, &[], &[]).with_max_wait_ms(500), 17);
    assert!(!table.answers.contains_key(&waiting));
    table.produce((3, 2), 1);
    let answer = table.answers.remove(&waiting).expect("there is something");
    assert_eq!(places(&answer), [2]);
}

#[derive(Clone, Debug)]
enum Op {
    Append {
        place: Place,
        records: usize,
    },
    /// The fetcher wants the partition from this offset, or no longer.
    Want {
        place: Place,
        at: Option<i64>,
    },
    Fetch,
    /// A fetch whose answer is lost.
    Lose,
    /// Somebody sends the session a request of his own.
    Disturb {
        epoch: i32,
    },
    /// Another fetcher asks for a session.
    Crowd {
        partitions: i32,
    },
    Restart,
    Recreate {
        topic: u128,
    },
    Pass {
        secs: u64,
    },
}

fn place() -> impl Strategy<Value = Place> {
    (0..2_u128, 0..3_i32)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (place(), 1..4_usize).prop_map(|(place, records)| Op::Append { place, records }),
        4 => (place(), prop::option::of(0..8_i64)).prop_map(|(place, at)| Op::Want { place, at }),
        8 => Just(Op::Fetch),
        1 => Just(Op::Lose),
        1 => (-1..5).prop_map(|epoch| Op::Disturb { epoch }),
        1 => (1..4).prop_map(|partitions| Op::Crowd { partitions }),
        1 => Just(Op::Restart),
        1 => (0..2_u128).prop_map(|topic| Op::Recreate { topic }),
        1 => (0..200_u64).prop_map(|secs| Op::Pass { secs }),
    ]
}

/// A fetcher: what it wants, its session, and what it believes of each partition.
#[derive(Default)]
struct Fetcher {
    wanted: BTreeMap<Place, i64>,
    session: FetchSession<Place, i64>,
    known: Said,
}

impl Fetcher {
    fn plan(&mut self) -> FetchRequest {
        let wanted = self.wanted.iter().map(|(place, at)| (*place, *at)).collect();
        let plan = self.session.plan(wanted, |_, _| false);
        let forget: Vec<Place> = plan.forget.iter().map(|(place, _)| *place).collect();
        request(plan.session_id, plan.session_epoch, &plan.send, &forget)
    }

    /// Takes an answer; true if it was one.
    fn take(&mut self, response: &FetchResponse) -> bool {
        if response.error_code != 0 {
            let unknown = ErrorCode::FETCH_SESSION_ID_NOT_FOUND.0 == response.error_code;
            self.session.refused(unknown);
            return false;
        }
        let said = said(response);
        let asked = said.keys().filter(|place| self.session.asked(place).is_some()).count();
        assert!(self.session.answered(response.session_id, asked, said.len() - asked));
        // What is not told again has no records and no error, and is otherwise as it was.
        for known in self.known.values_mut() {
            known.3 = Bytes::new();
        }
        self.known.extend(said);
        self.known.retain(|place, _| self.wanted.contains_key(place));
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_a_session_one_knows_what_one_would_be_told_without(
        ops in prop::collection::vec(op(), 1..120),
        slots in 0..3_i32,
        version in prop_oneof![Just(17_i16), Just(13)],
    ) {
        let slots = slots.to_string();
        let mut table = Table::new(&[("max.incremental.fetch.session.cache.slots", slots.as_str())]);
        let mut ids = [0_u128, 1];
        // Topic ids of zero are none.
        for id in &mut ids {
            *id += 3;
            table.topic(*id, 3);
        }
        let mut fetcher = Fetcher::default();
        for op in ops {
            match op {
                Op::Append { place: (topic, partition), records } => {
                    table.produce((ids[topic as usize], partition), records);
                }
                Op::Want { place: (topic, partition), at } => {
                    let place = (ids[topic as usize], partition);
                    match at {
                        Some(at) => fetcher.wanted.insert(place, at),
                        None => fetcher.wanted.remove(&place),
                    };
                }
                Op::Fetch => {
                    let ask = fetcher.plan();
                    let response = table.fetch(ask, version);
                    if fetcher.take(&response) {
                        let wanted: Vec<_> =
                            fetcher.wanted.iter().map(|(place, at)| (*place, *at)).collect();
                        let plain = table.fetch(request(0, -1, &wanted, &[]), version);
                        prop_assert_eq!(&fetcher.known, &said(&plain));
                    }
                }
                Op::Lose => {
                    let ask = fetcher.plan();
                    table.fetch(ask, version);
                    fetcher.session.failed();
                }
                Op::Disturb { epoch } => {
                    let mine = fetcher.plan();
                    table.fetch(request(mine.session_id, epoch, &[((3, 0), 5)], &[]), version);
                    fetcher.session.failed();
                }
                Op::Crowd { partitions } => {
                    let many: Vec<_> = (0..partitions).map(|index| ((3, index), 0)).collect();
                    table.fetch(request(0, 0, &many, &[]), version);
                }
                Op::Restart => table.restart(),
                Op::Recreate { topic } => {
                    let id = &mut ids[topic as usize];
                    table.delete(*id);
                    *id += 3;
                    let id = *id;
                    table.topic(id, 3);
                }
                Op::Pass { secs } => table.advance(Span::secs(secs)),
            }
        }
    }
}
