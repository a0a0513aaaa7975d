//! A client pool and a server, with the bytes carried by hand.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the codec crate's enums are far larger than what is asked here"
)]

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_node::{
    CloseReason, Context, Effect, Effects, Endpoint, Output, Seq, Span, Streams, Time, Timestamp,
};

use klamm_node::disk::MemoryDisk;

use super::{Call, Client, ClientSettings, Completed, RpcError, Server, ServerSettings, Software};
use crate::api::Listener;
use crate::kafka::messages::{
    ApiVersionsResponse, DescribeClusterRequest, DescribeClusterResponse, MetadataRequest,
    MetadataResponse, ProduceRequest, RequestKind, ResponseKind,
};

struct Side {
    disk: MemoryDisk,
    rng: Streams,
    out: Effects,
}

impl Side {
    fn new(entity: u64) -> Self {
        Self { disk: MemoryDisk::default(), rng: Streams::new(1, entity), out: Effects::default() }
    }

    fn at(&mut self, now: Time) -> Context<'_> {
        Context {
            now,
            wall: Timestamp(0),
            input_seq: Seq(1),
            disk: &mut self.disk,
            rng: &mut self.rng,
            out: &mut self.out,
        }
    }

    fn effects(&mut self) -> Vec<Effect> {
        let items = std::mem::take(&mut self.out.items).into_iter();
        items
            .filter_map(|item| match item {
                Output::Effect(effect, _) => Some(effect),
                Output::Observed(..) => None,
            })
            .collect()
    }
}

/// One pool and one server joined by a perfect wire; both ends of it have the client's connection id.
struct Wire {
    a: Side,
    b: Side,
    client: Client<&'static str>,
    server: Server,
    now: Time,
    closed: Vec<CloseReason>,
}

const PORT: u16 = 9092;

fn to() -> Endpoint {
    Endpoint::new("broker-1", PORT)
}

impl Wire {
    fn new(settings: ClientSettings) -> Self {
        let listeners = BTreeMap::from([(PORT, Listener::Broker)]);
        Self {
            a: Side::new(1),
            b: Side::new(2),
            client: Client::new(settings),
            server: Server::new(listeners, ServerSettings::default()),
            now: Time::ZERO,
            closed: Vec::new(),
        }
    }

    fn send(&mut self, call: Call, tag: &'static str) {
        self.client.send(&mut self.a.at(self.now), &to(), call, tag);
    }

    /// Carries what either side wants until both are silent; `answer` is the broker.
    fn run(&mut self, answer: &mut dyn FnMut(&RequestKind) -> Option<Option<ResponseKind>>) {
        loop {
            let (from_a, from_b) = (self.a.effects(), self.b.effects());
            if from_a.is_empty() && from_b.is_empty() {
                return;
            }
            for effect in from_a {
                match effect {
                    Effect::Connect { connection, .. } => {
                        let peer = Endpoint::new("client", 0);
                        self.server.accepted(&mut self.b.at(self.now), connection, PORT, peer);
                        self.client.opened(&mut self.a.at(self.now), connection);
                    }
                    Effect::Send { connection, bytes, .. } => {
                        // In two pieces, as a network may.
                        let (head, tail) =
                            (bytes.slice(..bytes.len() / 2), bytes.slice(bytes.len() / 2..));
                        self.server.received(&self.b.at(self.now), connection, &head);
                        self.server.received(&self.b.at(self.now), connection, &tail);
                    }
                    Effect::Close { connection, reason } => {
                        self.closed.push(reason);
                        self.server.closed(connection);
                    }
                    Effect::Halt { .. } => unreachable!("nobody halts"),
                }
            }
            for effect in from_b {
                match effect {
                    Effect::Send { connection, bytes, .. } => {
                        self.client.received(&mut self.a.at(self.now), connection, &bytes);
                    }
                    Effect::Close { connection, reason } => {
                        self.closed.push(reason);
                        let reason = CloseReason::PeerClosed;
                        self.client.closed(&mut self.a.at(self.now), connection, reason);
                    }
                    Effect::Connect { .. } | Effect::Halt { .. } => unreachable!("a server"),
                }
            }
            while let Some((token, request)) = self.server.next_request(&mut self.b.at(self.now)) {
                if let Some(response) = answer(&request.body) {
                    self.server.respond(&mut self.b.at(self.now), token, response.as_ref());
                }
            }
        }
    }

    fn done(&mut self) -> Vec<(&'static str, Result<i16, RpcError>)> {
        let completed = self.client.take_completed().into_iter();
        completed
            .map(|Completed { tag, version, outcome, .. }| (tag, outcome.map(|_| version)))
            .collect()
    }
}

fn metadata() -> Call {
    Call::new(RequestKind::Metadata(MetadataRequest::default()), Span::secs(1))
}

fn describe() -> Call {
    Call::new(RequestKind::DescribeCluster(DescribeClusterRequest::default()), Span::secs(1))
}

fn polite(request: &RequestKind) -> Option<Option<ResponseKind>> {
    Some(Some(match request {
        RequestKind::Metadata(_) => MetadataResponse::default().into(),
        RequestKind::DescribeCluster(_) => DescribeClusterResponse::default().into(),
        RequestKind::ApiVersions(_) => ApiVersionsResponse::default()
            .with_api_keys(
                [(3, 0, 9), (18, 0, 4)]
                    .map(|(key, min, max)| {
                        crate::kafka::messages::api_versions_response::ApiVersion::default()
                            .with_api_key(key)
                            .with_min_version(min)
                            .with_max_version(max)
                    })
                    .to_vec(),
            )
            .into(),
        _ => return None,
    }))
}

#[test]
fn several_requests_share_a_connection_and_come_back_in_order() {
    let mut wire = Wire::new(ClientSettings::default());
    for tag in ["a", "b", "c"] {
        wire.send(metadata(), tag);
    }
    wire.run(&mut polite);
    assert_eq!(wire.done(), [("a", Ok(13)), ("b", Ok(13)), ("c", Ok(13))]);
    assert_eq!(wire.a.out.next_connection, 1, "one connection for all");
}

#[test]
fn a_negotiating_pool_takes_the_highest_common_version_or_none() {
    let software = Software { name: "klamm".to_owned(), version: "0.1".to_owned() };
    let mut wire =
        Wire::new(ClientSettings { negotiate: Some(software), ..ClientSettings::default() });
    wire.send(metadata(), "metadata");
    wire.send(metadata().up_to(4), "old");
    wire.send(describe(), "describe");
    wire.run(&mut polite);
    let expected =
        [("metadata", Ok(9)), ("old", Ok(4)), ("describe", Err(RpcError::UnsupportedVersion))];
    let mut done = wire.done();
    done.sort_by_key(|(tag, _)| expected.iter().position(|(t, _)| t == tag));
    assert_eq!(done, expected);
}

#[test]
fn a_request_that_is_not_answered_in_time_closes_the_connection_and_fails_what_is_behind_it() {
    let mut wire = Wire::new(ClientSettings::default());
    wire.send(metadata(), "stuck");
    wire.run(&mut |_| None);
    wire.now = Time::ZERO + Span::millis(400);
    wire.send(metadata(), "behind");
    wire.run(&mut |_| None);
    assert_eq!(wire.client.next_deadline(), Some(Time::ZERO + Span::secs(1)));
    wire.now = Time::ZERO + Span::secs(1);
    wire.client.handle_timers(&mut wire.a.at(wire.now));
    let lost = Err(RpcError::Disconnected(CloseReason::RequestTimeout));
    assert_eq!(wire.done(), [("stuck", Err(RpcError::Timeout)), ("behind", lost)]);
    wire.run(&mut polite);
    assert_eq!(wire.closed, [CloseReason::RequestTimeout]);
    // The next request waits for the backoff, then gets a new connection.
    wire.send(metadata(), "again");
    wire.run(&mut polite);
    assert_eq!(wire.done(), []);
    let backoff = wire.client.next_deadline().expect("a reconnect").since(wire.now);
    assert!((Span::millis(40)..=Span::millis(60)).contains(&backoff), "{backoff}");
    wire.now += backoff;
    wire.client.handle_timers(&mut wire.a.at(wire.now));
    wire.run(&mut polite);
    assert_eq!(wire.done(), [("again", Ok(13))]);
}

#[test]
fn a_produce_without_acknowledgement_gets_no_bytes_and_does_not_block_the_next_request() {
    let mut wire = Wire::new(ClientSettings::default());
    let produce = RequestKind::Produce(ProduceRequest::default());
    wire.send(Call::new(produce, Span::secs(1)).without_response(), "fire");
    wire.send(metadata(), "next");
    wire.run(&mut |request| match request {
        RequestKind::Produce(_) => Some(None),
        _ => polite(request),
    });
    assert_eq!(wire.done(), [("fire", Ok(13)), ("next", Ok(13))]);
}

#[test]
fn while_a_request_is_processed_the_next_one_waits_in_its_bytes() {
    let mut wire = Wire::new(ClientSettings::default());
    wire.send(metadata(), "a");
    wire.send(describe(), "b");
    let mut seen = 0;
    wire.run(&mut |_| {
        seen += 1;
        None
    });
    assert_eq!(seen, 1, "Kafka mutes the connection meanwhile");
}

#[test]
fn an_api_of_the_other_listener_and_nonsense_close_the_connection() {
    for (bytes, reason) in [
        // Vote version 0 on the broker listener.
        (&[0, 0, 0, 11, 0, 52, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0][..], CloseReason::Unsupported),
        // A frame of minus one byte.
        (&[0xff, 0xff, 0xff, 0xff][..], CloseReason::Malformed),
        // Metadata version 99.
        (&[0, 0, 0, 11, 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0][..], CloseReason::Unsupported),
    ] {
        let mut wire = Wire::new(ClientSettings::default());
        let connection = wire.b.out.fresh_connection();
        let peer = Endpoint::new("client", 0);
        wire.server.accepted(&mut wire.b.at(wire.now), connection, PORT, peer);
        wire.server.received(&wire.b.at(wire.now), connection, &Bytes::copy_from_slice(bytes));
        assert_eq!(wire.server.next_request(&mut wire.b.at(wire.now)), None);
        assert_eq!(wire.b.effects(), [Effect::Close { connection, reason }]);
        assert!(!wire.server.owns(connection));
    }
}

#[test]
fn api_versions_from_the_future_is_answered_in_version_zero_and_the_connection_lives() {
    let mut wire = Wire::new(ClientSettings::default());
    let connection = wire.b.out.fresh_connection();
    let peer = Endpoint::new("client", 0);
    wire.server.accepted(&mut wire.b.at(wire.now), connection, PORT, peer);
    let frame = [0, 0, 0, 11, 0, 18, 0, 77, 0, 0, 0, 5, 0xff, 0xff, 0];
    wire.server.received(&wire.b.at(wire.now), connection, &Bytes::copy_from_slice(&frame));
    assert_eq!(wire.server.next_request(&mut wire.b.at(wire.now)), None);
    let Some(Effect::Send { bytes, .. }) = wire.b.effects().into_iter().next() else {
        panic!("an answer")
    };
    // Correlation id 5, UNSUPPORTED_VERSION, one entry: key 18, versions 0 to 4 (KIP-511).
    assert_eq!(bytes[4..], [0, 0, 0, 5, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    assert!(wire.server.owns(connection));
}

#[test]
fn a_silent_connection_is_closed_but_not_while_its_request_is_processed() {
    let mut wire = Wire::new(ClientSettings::default());
    wire.send(metadata(), "long poll");
    wire.run(&mut |_| None);
    wire.b.effects();
    let due = wire.server.next_deadline().expect("a look");
    wire.server.handle_timers(&mut wire.b.at(due));
    assert!(wire.b.effects().is_empty(), "somebody waits for its answer");
    assert!(wire.server.next_deadline() > Some(due));
    let mut wire = Wire::new(ClientSettings::default());
    wire.send(metadata(), "short");
    wire.run(&mut polite);
    let due = wire.server.next_deadline().expect("idle");
    assert_eq!(due, Time::ZERO + Span::secs(600));
    wire.server.handle_timers(&mut wire.b.at(due));
    assert!(matches!(wire.b.effects()[..], [Effect::Close { reason: CloseReason::Idle, .. }]));
}

#[test]
fn a_peer_that_throttles_is_left_alone_for_so_long() {
    let throttling = |request: &RequestKind| match request {
        RequestKind::Metadata(_) => {
            Some(Some(MetadataResponse::default().with_throttle_time_ms(300).into()))
        }
        _ => polite(request),
    };
    let mut wire = Wire::new(ClientSettings::default());
    wire.send(metadata(), "too much");
    wire.run(&mut { throttling });
    assert_eq!(wire.done(), [("too much", Ok(13))]);
    assert!(!wire.client.is_open(&to()), "KIP-219: nothing is sent there");
    wire.send(describe(), "next");
    assert!(wire.a.effects().is_empty());
    let due = wire.client.next_deadline().expect("the end of the throttle");
    assert_eq!(due, Time::ZERO + Span::millis(300));
    wire.now = due;
    wire.client.handle_timers(&mut wire.a.at(wire.now));
    wire.run(&mut polite);
    assert!(matches!(wire.done()[..], [("next", Ok(_))]));
    // Before version 6 the broker itself had waited.
    wire.send(metadata().up_to(5), "old");
    wire.run(&mut { throttling });
    assert_eq!(wire.done(), [("old", Ok(5))]);
    assert!(wire.client.is_open(&to()));
}
