//! The three forms of a trace, and what is said of a broken file.

use klamm_node::{EventKind, NodeId, Seq, Time};

use super::{FORMAT_VERSION, Trace, TraceError, event_json, event_line};
use crate::recorder::{Keep, Recorder};
use crate::testing::{Story, header, node};
use crate::transcript::{Transcript, TranscriptOptions};

fn trace() -> Trace {
    Story::committed().recorder.to_trace()
}

#[test]
fn a_trace_file_reads_back_as_it_was() {
    let trace = trace();
    let bytes = trace.to_bytes();
    let back = Trace::from_bytes(&bytes).unwrap();
    assert_eq!(back.header, trace.header);
    assert_eq!(back.hash, trace.hash);
    assert!(back.events.iter().eq(trace.events.iter()));
    assert_eq!(back.to_bytes(), bytes);
    assert_eq!(back.first_difference(&trace), None);
}

#[test]
fn what_is_kept_does_not_change_the_hash_and_a_clone_goes_on_alike() {
    let story = Story::committed();
    for keep in [Keep::HASH, Keep::EVENTS, Keep::CHECKED] {
        let mut other = Recorder::new(header(), keep);
        let mut fork = None;
        for event in story.recorder.events() {
            if event.seq == Seq(20) {
                fork = Some(other.clone());
            }
            other.record(event.time, event.node, event.cause, event.kind);
        }
        assert_eq!(other.hash(), story.recorder.hash());
        let mut fork = fork.unwrap();
        for event in story.recorder.events().from(Seq(20)) {
            fork.record(event.time, event.node, event.cause, event.kind);
        }
        assert_eq!(fork.hash(), story.recorder.hash());
        assert_eq!(fork.view(), other.view());
        assert_eq!(fork.events().len(), other.events().len());
    }
}

#[test]
fn every_part_of_an_event_is_in_the_hash() {
    let hash = |time: u64, node: u16, cause: Option<u64>, kind: EventKind| {
        let mut recorder = Recorder::new(header(), Keep::HASH);
        recorder.record(Time(time), NodeId(node), cause.map(Seq), kind);
        recorder.hash()
    };
    let kind = || EventKind::NodeCrashed {};
    let base = hash(1, 1, None, kind());
    assert_eq!(base, hash(1, 1, None, kind()));
    let others = [
        hash(2, 1, None, kind()),
        hash(1, 2, None, kind()),
        hash(1, 1, Some(0), kind()),
        hash(1, 1, None, EventKind::NodePaused {}),
    ];
    assert!(others.iter().all(|other| *other != base));
}

#[test]
fn broken_files_are_told_apart() {
    let bytes = trace().to_bytes();
    assert_eq!(Trace::from_bytes(b"PNG").unwrap_err(), TraceError::NotATrace);
    let mut newer = bytes.clone();
    newer[8] = 99;
    assert_eq!(
        Trace::from_bytes(&newer).unwrap_err(),
        TraceError::Newer { found: 99, newest: FORMAT_VERSION }
    );
    let mut older = bytes.clone();
    older[8] = 2;
    assert_eq!(
        Trace::from_bytes(&older).unwrap_err(),
        TraceError::Older { found: 2, newest: FORMAT_VERSION }
    );
    let longer = [&*bytes, b"x"].concat();
    let said = Trace::from_bytes(&longer).unwrap_err().to_string();
    assert!(said.ends_with("what follows the final hash can't be decoded"), "{said}");
    // Cut anywhere, it is an error and never a panic or a shorter trace.
    for end in 8..bytes.len() {
        let cut = Trace::from_bytes(&bytes[..end]).unwrap_err();
        assert!(matches!(cut, TraceError::Truncated { .. }), "cut at {end}: {cut}");
    }
    // A flipped byte is found by the decoder, by the header's check or by the hash.
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        assert!(Trace::from_bytes(&flipped).is_err(), "flipped byte {at}");
    }
    let mut wrong = bytes;
    *wrong.last_mut().unwrap() ^= 1;
    let said = Trace::from_bytes(&wrong).unwrap_err().to_string();
    assert!(said.starts_with("the trace is corrupt: its events hash to "), "{said}");
}

#[test]
fn a_trace_of_other_events_is_refused_and_told_apart_from_a_damaged_one() {
    let mut bytes = trace().to_bytes();
    let ours = u64::from_le_bytes(bytes[10..18].try_into().unwrap());
    bytes[10] ^= 1;
    // As another build writes it, whose check fits.
    let length = u32::from_le_bytes(bytes[18..22].try_into().unwrap());
    let end = 22 + usize::try_from(length).unwrap();
    let check = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
    bytes[end..end + 8].copy_from_slice(&check.to_le_bytes());
    let said = Trace::from_bytes(&bytes).unwrap_err();
    assert_eq!(said, TraceError::OtherEvents { found: ours ^ 1, ours });
}

#[test]
fn hostile_lengths_are_an_error() {
    let mut none = trace().to_bytes();
    none[8] = 0;
    assert!(Trace::from_bytes(&none).unwrap_err().to_string().contains("the format version"));
    let mut bytes = trace().to_bytes();
    bytes.truncate(18);
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(Trace::from_bytes(&bytes), Err(TraceError::Truncated { .. })));
}

#[test]
fn two_traces_first_part_where_they_part() {
    let (mut one, mut other) = (Story::committed(), Story::committed());
    one.crash(1);
    other.crash(2);
    one.crash(3);
    let (a, b) = one.recorder.to_trace().first_difference(&other.recorder.to_trace()).unwrap();
    assert_eq!((a.unwrap().node, b.unwrap().node), (node(1), node(2)));
}

#[test]
fn the_text_form() {
    let mut story = Story::committed();
    let step = story.step(0, 31, "cut broker-1 from broker-2");
    story.caused(crate::LAB, Some(step), EventKind::LinkCut { from: node(1), to: node(2) });
    let trace = story.recorder.to_trace();
    let lines: Vec<String> = trace.lines().collect();
    let count = lines.len();
    assert_eq!(
        lines[count - 2..],
        [
            r#"    146     0.146000 lab           scenario   StepStarted step=0 line=31 text="cut broker-1 from broker-2""#,
            "    147     0.147000 lab           world      LinkCut from=broker-1 to=broker-2 cause=#146",
        ]
    );
    let event = trace.events.get(Seq(147)).unwrap();
    assert_eq!(event_line(&event, trace.nodes()), lines[146]);
    assert_eq!(
        event_json(&event, trace.nodes()),
        r#"{"cause":146,"fields":{"from":0,"to":1},"kind":"LinkCut","node":"lab","room":"world","seq":147,"time_ns":147000000}"#
    );
}

#[test]
fn a_transcript_reads_like_a_script() {
    let mut story = Story::begun();
    story.step(0, 31, "crash broker-1");
    story.at(node(1), EventKind::TimerFired { why: "for nothing".into() });
    let timer = story.at(node(1), EventKind::TimerFired { why: "bad luck".into() });
    story.caused(node(1), Some(timer), EventKind::NodeCrashed {});
    story.partition(2, 1, 1, &[2, 3]);
    story.step(1, 40, "expect a leader — The old leader is gone.\nWho is next?");
    story.lead(2, 1, 0);
    for offset in 0..6 {
        story.append(2, offset, offset, 1, 7);
    }
    story.at(
        crate::LAB,
        EventKind::ExpectationMet { expectation: 0, text: "orders-0 has a leader".to_owned() },
    );
    let options = TranscriptOptions {
        rooms: vec![klamm_node::Room::World, klamm_node::Room::Replica, klamm_node::Room::Log],
        narration: [(1, "The old leader is gone.\nWho is next?".to_owned())].into(),
        ..TranscriptOptions::default()
    };
    let text = Transcript::of(&story.recorder.to_trace(), options.clone());
    let script = text.split_once("── ").unwrap().1;
    let expected = "\
0.133000 step 0 (line 31): crash broker-1
      0.135000 broker-1      TimerFired why=bad luck
      0.136000 broker-1      NodeCrashed
  = orders-0 leader=2 epoch=1 isr=[2,3] | b1 down 0..0 hw 0 | b2 0..0 hw 0 | b3 0..0 hw 0

── 0.158000 step 1 (line 40): expect a leader
   The old leader is gone.
   Who is next?

      0.159000 broker-2      LeadershipTaken partition=orders-0 leader_epoch=1 start=0
      0.160000 broker-2      EpochStarted partition=orders-0 epoch=1 start=0
      0.161000 broker-2      BatchAppended partition=orders-0 base_offset=0 last_offset=0 leader_epoch=1 crc=7 size=100 as_leader=true
      0.162000 broker-2      BatchAppended partition=orders-0 base_offset=1 last_offset=1 leader_epoch=1 crc=7 size=100 as_leader=true
      0.163000 broker-2      BatchAppended partition=orders-0 base_offset=2 last_offset=2 leader_epoch=1 crc=7 size=100 as_leader=true
      0.167000 ok: orders-0 has a leader
               … 3 more BatchAppended of orders-0 at broker-2
  = orders-0 leader=2 epoch=1 isr=[2,3] | b1 down 0..0 hw 0 | b2* 0..6 hw 0 | b3 0..0 hw 0
";
    assert_eq!(script, expected, "{script}");
    // Colour adds codes and nothing else.
    let colored =
        Transcript::of(&story.recorder.to_trace(), TranscriptOptions { color: true, ..options });
    let plain: String = colored
        .split('\u{1b}')
        .enumerate()
        .map(|(i, part)| if i == 0 { part } else { part.split_once('m').unwrap().1 })
        .collect();
    assert_eq!(plain, text);
}
