//! Every frame of every scenario, read by the crate `kafka-protocol` alone: length, header in the right version, body, and
//! nothing behind it; every response answers a request of its connection; versions are advertised ones; batches are read
//! by a reader that this project did not write.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::Decodable;
use kafka_protocol::records::{Compression, RecordBatchDecoder};
use klamm_golden::{lessons, on_workers};
use klamm_node::{ConnectionId, EventKind, FrameRole, NodeId, Seq};
use klamm_protocol::{Listener, api};
use klamm_world::{BROKER_PORT, Options, World};

/// The end of a connection at which it was accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Served {
    node: NodeId,
    connection: ConnectionId,
}

/// What stands in the frame itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Asked {
    key: ApiKey,
    version: i16,
}

/// Which end of which connection asks, and which answers: told by events, apart from the frames.
#[derive(Default)]
struct Wiring {
    /// `ConnectionOpening` → (who, its connection).
    openings: BTreeMap<Seq, (NodeId, ConnectionId)>,
    /// The asking end → the answering end and the listener's port.
    served: BTreeMap<(NodeId, ConnectionId), (Served, u16)>,
}

#[derive(Default, Debug)]
struct Tally {
    requests: usize,
    responses: usize,
    batches: usize,
    records: usize,
    apis: BTreeMap<(i16, i16), usize>,
}

fn body_of(frame: &Bytes) -> Bytes {
    let mut frame = frame.clone();
    let length = usize::try_from(frame.get_i32()).expect("a length that is not negative");
    assert_eq!(length, frame.len(), "the length is that of the rest");
    frame
}

fn request(frame: &Bytes) -> (Asked, i32, RequestKind) {
    let mut rest = body_of(frame);
    let key = i16::from_be_bytes([rest[0], rest[1]]);
    let version = i16::from_be_bytes([rest[2], rest[3]]);
    let key = ApiKey::try_from(key).unwrap_or_else(|()| panic!("api key {key}"));
    let header = RequestHeader::decode(&mut rest, key.request_header_version(version));
    let header = header.expect("a request header");
    let body = RequestKind::decode(key, &mut rest, version);
    let body = body.unwrap_or_else(|error| panic!("{key:?} v{version}: {error}"));
    assert!(rest.is_empty(), "{key:?} v{version}: {} bytes are left over", rest.len());
    (Asked { key, version }, header.correlation_id, body)
}

fn response(frame: &Bytes, asked: Asked) -> (i32, ResponseKind) {
    let Asked { key, version } = asked;
    let mut rest = body_of(frame);
    // KIP-511: ApiVersions is answered with header version 0 for ever; the crate knows.
    if key == ApiKey::ApiVersions {
        assert_eq!(key.response_header_version(version), 0);
    }
    let header = ResponseHeader::decode(&mut rest, key.response_header_version(version));
    let header = header.expect("a response header");
    let body = ResponseKind::decode(key, &mut rest, version);
    let body = body.unwrap_or_else(|error| panic!("{key:?} v{version} response: {error}"));
    assert!(rest.is_empty(), "{key:?} v{version}: {} bytes are left over", rest.len());
    (header.correlation_id, body)
}

/// Reads the batches of a request or response.
fn read_batches(tally: &mut Tally, records: Option<&Bytes>) {
    let Some(records) = records.filter(|records| !records.is_empty()) else { return };
    let infos = RecordBatchDecoder::decode_batch_info(&mut records.clone()).expect("batch headers");
    tally.batches += infos.len();
    if infos.iter().any(|info| info.compression != Compression::None) {
        // The crate is built without codecs; compressed batches are read back by the tests of klamm-server.
        return;
    }
    let sets = RecordBatchDecoder::decode_all(&mut records.clone()).expect("whole batches");
    assert_eq!(sets.len(), infos.len());
    for (set, info) in sets.iter().zip(&infos) {
        assert_eq!(
            i32::try_from(set.records.len()),
            Ok(info.record_count),
            "as many records as the header says"
        );
        let offsets: Vec<i64> = set.records.iter().map(|record| record.offset).collect();
        assert!(offsets.is_sorted(), "offsets in order: {offsets:?}");
        tally.records += offsets.len();
    }
}

/// Only Produce carries records to brokers.
fn batches_of_request(tally: &mut Tally, request: &RequestKind) {
    if let RequestKind::Produce(produce) = request {
        let partitions = produce.topic_data.iter().flat_map(|topic| &topic.partition_data);
        partitions.for_each(|partition| read_batches(tally, partition.records.as_ref()));
    }
}

/// Only Fetch carries records back.
fn batches_of_response(tally: &mut Tally, response: &ResponseKind) {
    if let ResponseKind::Fetch(fetch) = response {
        let partitions = fetch.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.for_each(|partition| read_batches(tally, partition.records.as_ref()));
    }
}

fn listener(port: u16) -> Listener {
    if port == BROKER_PORT { Listener::Broker } else { Listener::Controller }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only connections and frames are looked at")]
fn check(world: &World) -> Tally {
    let (mut wiring, mut tally) = (Wiring::default(), Tally::default());
    // Opening and accepting first: what is asked and answered is then known by the connection.
    for event in world.recorder().events() {
        match &event.kind {
            EventKind::ConnectionOpening { connection, .. } => {
                wiring.openings.insert(event.seq, (event.node, *connection));
            }
            EventKind::ConnectionAccepted { connection, port, .. } => {
                let opening = event.cause.expect("somebody opened it");
                let served = Served { node: event.node, connection: *connection };
                wiring.served.insert(wiring.openings[&opening], (served, *port));
            }
            _ => {}
        }
    }
    let mut frames = world.lab().captured_frames().iter();
    let mut waiting: BTreeMap<(Served, i32), Asked> = BTreeMap::new();
    for event in world.recorder().events() {
        let EventKind::FrameSent {
            connection,
            role,
            api_key,
            api_version,
            correlation_id,
            size,
            ..
        } = event.kind
        else {
            continue;
        };
        let frame = frames.next().expect("every frame was captured");
        assert_eq!(frame.sent, event.seq);
        assert_eq!(usize::try_from(size), Ok(frame.bytes.len()));
        match role {
            FrameRole::Request => {
                let (asked, correlation, body) = request(&frame.bytes);
                assert_eq!((asked.key as i16, asked.version), (api_key, api_version));
                assert_eq!(correlation, correlation_id.0);
                let info = api::info(api_key).expect("an API of the table");
                assert!(
                    (info.min..=info.max).contains(&api_version),
                    "{} v{api_version} is not served",
                    info.name
                );
                // A connection that nobody accepted carries nothing, so its frames have no answer.
                if let Some((served, port)) = wiring.served.get(&(event.node, connection)) {
                    assert!(info.served_on(listener(*port)), "{} on port {port}", info.name);
                    let before = waiting.insert((*served, correlation), asked);
                    assert_eq!(before, None, "correlation ids of open requests are different");
                }
                batches_of_request(&mut tally, &body);
                tally.requests += 1;
                *tally.apis.entry((api_key, api_version)).or_default() += 1;
            }
            FrameRole::Response => {
                let served = Served { node: event.node, connection };
                let asked = waiting.remove(&(served, correlation_id.0));
                let asked = asked.unwrap_or_else(|| panic!("an answer to nothing: {}", event.kind));
                assert_eq!((asked.key as i16, asked.version), (api_key, api_version));
                let (correlation, body) = response(&frame.bytes, asked);
                assert_eq!(correlation, correlation_id.0);
                batches_of_response(&mut tally, &body);
                tally.responses += 1;
            }
        }
    }
    assert_eq!(frames.next(), None, "no frame without its event");
    tally
}

#[test]
fn every_frame_is_kafka_to_another_reader() {
    let tallies = on_workers(&lessons(), |lesson| {
        let options = Options { capture_frames: true, ..Options::default() };
        let mut world = World::with(&lesson.scenario, lesson.scenario.seed, &options);
        world.run();
        let refused = world.recorder().events().iter();
        let refused: Vec<_> = refused
            .filter(|event| matches!(event.kind, EventKind::FrameRefused { .. }))
            .map(|event| event.kind.to_string())
            .collect();
        assert!(refused.is_empty(), "{}: {refused:?}", lesson.name);
        check(&world)
    });
    let mut apis: BTreeMap<i16, usize> = BTreeMap::new();
    for tally in &tallies {
        assert!(tally.requests > 100 && tally.responses > 100, "a run worth reading: {tally:?}");
        assert!(tally.batches > 10 && tally.records > 10, "a run with records: {tally:?}");
        tally.apis.iter().for_each(|((key, _), count)| *apis.entry(*key).or_default() += count);
    }
    let spoken: Vec<_> = api::APIS.iter().filter(|api| apis.contains_key(&api.key)).collect();
    // What the scenarios do not say is said by `versions`.
    assert!(spoken.len() >= 10, "the scenarios speak only {apis:?}");
}
