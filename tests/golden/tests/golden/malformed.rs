//! Real frames, mutated: whatever a stranger says, the broker goes on serving others, and says what it refused.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestKind, ResponseKind};
use klamm_golden::lesson;
use klamm_node::{CloseReason, EventKind, FrameRole, Span};
use klamm_protocol::api;
use klamm_world::{BROKER_PORT, CONTROLLER_PORT, Options, World};

use crate::lone::Lone;

const FRAMES: u32 = 10_000;
/// How many real frames of each API are mutated.
const EACH: usize = 24;

/// SplitMix64: deterministic, and the tests' own.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % (bound.max(1) as u64)).expect("below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.roll().to_le_bytes()[0]
    }
}

/// Requests of a real run, some of each API and version, and the port that they were for.
fn corpus() -> Vec<(u16, Bytes)> {
    let lesson = lesson("leader-crash");
    let options = Options { capture_frames: true, ..Options::default() };
    let mut world = World::with(&lesson.scenario, lesson.scenario.seed, &options);
    world.run();
    let mut counts: BTreeMap<(i16, i16), usize> = BTreeMap::new();
    let mut frames = Vec::new();
    for frame in world.lab().captured_frames() {
        let event = world.recorder().event(frame.sent).expect("stored");
        let EventKind::FrameSent { role: FrameRole::Request, api_key, api_version, .. } =
            event.kind
        else {
            continue;
        };
        let count = counts.entry((api_key, api_version)).or_default();
        *count += 1;
        let info = api::info(api_key).expect("of the table");
        if *count <= EACH {
            let port = if info.on_broker { BROKER_PORT } else { CONTROLLER_PORT };
            frames.push((port, frame.bytes.clone()));
        }
    }
    assert!(counts.len() > 8, "many APIs: {counts:?}");
    frames
}

fn put_length(frame: &mut [u8], length: i64) {
    if let Some(prefix) = frame.get_mut(..4) {
        prefix.copy_from_slice(&i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes());
    }
}

/// One of several kinds of damage; the length prefix is mended for those that are about the inside.
fn mutate(frame: &Bytes, dice: &mut Dice) -> Bytes {
    let mut bytes = frame.to_vec();
    let mut mend = true;
    match dice.below(9) {
        // Some bits inside.
        0 | 1 => {
            for _ in 0..=dice.below(4) {
                let at = 4 + dice.below(bytes.len() - 4);
                bytes[at] ^= 1 << dice.below(8);
            }
        }
        // Cut short.
        2 => {
            let keep = 4 + dice.below(bytes.len() - 4);
            bytes.truncate(keep);
        }
        // Something in the midst is gone, or doubled.
        3 => {
            let at = 4 + dice.below(bytes.len() - 4);
            let end = (at + 1 + dice.below(8)).min(bytes.len());
            bytes.drain(at..end);
        }
        4 => {
            let at = 4 + dice.below(bytes.len() - 4);
            let end = (at + 1 + dice.below(16)).min(bytes.len());
            let twice = bytes[at..end].to_vec();
            bytes.splice(at..at, twice);
        }
        // Four bytes that claim to be a huge or negative length.
        5 => {
            let at = 4 + dice.below(bytes.len().saturating_sub(8));
            let claim: [u8; 4] = match dice.below(4) {
                0 => [0x7f, 0xff, 0xff, 0xff],
                1 => [0xff, 0xff, 0xff, 0xff],
                2 => [0x80, 0x00, 0x00, 0x00],
                _ => [0x00, 0xff, 0xff, 0xff],
            };
            for (byte, claimed) in bytes.iter_mut().skip(at).zip(claim) {
                *byte = claimed;
            }
        }
        // Another length prefix.
        6 => {
            mend = false;
            let length = i64::try_from(bytes.len()).expect("small") - 4;
            let other = match dice.below(6) {
                0 => -1,
                1 => i64::from(i32::MAX),
                2 => 0,
                3 => length - 1,
                4 => length + 1 + i64::from(dice.byte()),
                _ => i64::from(i32::MIN),
            };
            put_length(&mut bytes, other);
        }
        // Another API or version.
        7 => {
            let at = 4 + 2 * dice.below(2);
            bytes[at] = 0;
            bytes[at + 1] = dice.byte() % 80;
        }
        // A header, then noise.
        _ => {
            let from = 8 + dice.below(bytes.len() - 8);
            bytes.iter_mut().skip(from).for_each(|byte| *byte = dice.byte());
        }
    }
    if mend {
        let length = i64::try_from(bytes.len()).expect("small") - 4;
        put_length(&mut bytes, length);
    }
    bytes.into()
}

fn answers(lone: &mut Lone) {
    let request = RequestKind::ApiVersions(ApiVersionsRequest::default());
    for port in [BROKER_PORT, CONTROLLER_PORT] {
        match lone.ask(port, 0, ApiKey::ApiVersions, &request) {
            Ok(ResponseKind::ApiVersions(response)) => assert_eq!(response.error_code, 0),
            other => panic!("port {port} answers, not {other:?}"),
        }
    }
}

#[test]
fn mutated_frames_never_stop_a_broker() {
    let corpus = corpus();
    let mut lone = Lone::running();
    let mut dice = Dice(20_25);
    let (mut refused, mut answered, mut silent) = (0, 0, 0);
    lone.take_events();
    for n in 0..FRAMES {
        let (port, frame) = &corpus[dice.below(corpus.len())];
        let mutated = mutate(frame, &mut dice);
        let connection = lone.connect(*port);
        // A stranger may say it in two breaths.
        let cut = dice.below(mutated.len());
        lone.say(connection, mutated.slice(..cut));
        lone.say(connection, mutated.slice(cut..));
        lone.run(Span::millis(1));
        let told = lone.take_events().into_iter().any(|event| {
            matches!(event, EventKind::FrameRefused { connection: on, .. } if on == connection)
        });
        match lone.closed(connection) {
            Some(CloseReason::Malformed | CloseReason::Unsupported) => {
                assert!(told, "frame {n}: it was refused without a word");
                refused += 1;
            }
            // acks=0 has no other way to say that it failed.
            Some(CloseReason::ErrorWithoutReply) => answered += 1,
            Some(other) => panic!("frame {n}: closed for {other}"),
            None => {
                assert!(!told, "frame {n}: refused, but the connection is open");
                if lone.take_heard(connection).is_empty() { silent += 1 } else { answered += 1 }
            }
        }
        lone.hang_up(connection);
        if n % 500 == 0 {
            answers(&mut lone);
        }
    }
    lone.run(Span::secs(30));
    answers(&mut lone);
    // All three happen often: the mutations are neither too wild nor too tame.
    assert!(refused > 1000 && answered > 1000 && silent > 50, "{refused} {answered} {silent}");
}
