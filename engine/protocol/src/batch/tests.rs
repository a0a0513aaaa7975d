//! Situations of batches; `kafka-protocol`'s own record code is the oracle where it is able to be one.

use kafka_protocol::records as oracle;
use klamm_node::{BrokerId, DirectoryId, Endpoint, ReplicaKey};
use proptest::prelude::*;

use super::*;

/// The example of `kafka-protocol`'s documentation: a batch made by a Java producer.
const FROM_JAVA: [u8; 79] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x43, 0, 0, 0, 0, 2, 0x73, 0x6d, 0x29, 0x7b, 0, 0, 0, 0, 0, 3,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 1, 0x22, 1, 0xd0, 0xf, 2, 0xa, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0xa, 0x77, 0x6f, 0x72, 0x6c,
    0x64, 0,
];

fn two_records(compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    builder.append(Timestamp(1000), Some(b"k"), Some(b"one"), &[]);
    builder.append(Timestamp(1005), None, None, &[]);
    builder.build()
}

fn refusal(bytes: &Bytes, rules: &ProduceRules) -> ErrorCode {
    validate_from_client(bytes, rules).expect_err("to be refused").code
}

/// Changes header bytes and makes the CRC right again.
fn patched(bytes: &Bytes, at: usize, with: &[u8]) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at..at + with.len()].copy_from_slice(with);
    let crc = crc32c::crc32c(&bytes[CRC_FROM..]);
    bytes[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    bytes.into()
}

#[test]
fn a_batch_made_elsewhere_is_read() {
    let batch = Batch::parse(&Bytes::from_static(&FROM_JAVA)).expect("a whole batch");
    let header = batch.header();
    assert_eq!((header.size(), header.last_offset_delta, header.record_count), (79, 3, 1));
    let records = batch.records().expect("records");
    // A compacted batch: the last offset stays although only the record with delta 1 is left.
    assert_eq!(records[0].offset, Offset(1));
    assert_eq!(records[0].key.as_deref(), Some(&b"hello"[..]));
    assert_eq!(records[0].value.as_deref(), Some(&b"world"[..]));
    assert_eq!(records[0].timestamp, Timestamp(1000));
}

#[test]
fn headers_keep_order_duplicates_and_odd_bytes() {
    let headers = vec![
        (Bytes::from_static(b"trace"), Some(Bytes::from_static(b"1"))),
        (Bytes::from_static(b"\xff\xfe"), None),
        (Bytes::from_static(b"trace"), Some(Bytes::from_static(b"2"))),
        (Bytes::new(), Some(Bytes::new())),
    ];
    for codec in Compression::ALL {
        let mut builder = BatchBuilder::new(codec);
        builder.append(Timestamp(7), None, Some(b"v"), &headers);
        let batch = Batch::parse(&builder.build()).expect("a batch");
        assert_eq!(batch.verify_crc(), Ok(()), "{codec}");
        assert_eq!(batch.records().expect("records")[0].headers, headers, "{codec}");
    }
}

#[test]
fn an_incomplete_last_batch_ends_the_iteration_silently() {
    let whole = two_records(Compression::None);
    let mut bytes = whole.to_vec();
    bytes.extend_from_slice(&whole);
    bytes.extend_from_slice(&whole[..whole.len() - 1]);
    let bytes = Bytes::from(bytes);
    let mut all = batches(&bytes);
    assert_eq!(all.by_ref().filter(Result::is_ok).count(), 2);
    assert_eq!(all.rest().len(), whole.len() - 1);
    for cut in 0..whole.len() {
        assert!(batches(&whole.slice(..cut)).next().is_none(), "cut at {cut}");
    }
}

#[test]
fn an_old_format_is_an_error_and_the_last_thing_read() {
    let mut bytes = two_records(Compression::None).to_vec();
    bytes[MAGIC_AT] = 1;
    let found: Vec<_> = batches(&bytes.into()).collect();
    assert_eq!(found, [Err(BatchError::Magic { magic: 1 })]);
}

#[test]
fn stamping_leaves_the_crc_alone_unless_the_clock_is_the_leaders() {
    let sent = two_records(Compression::None);
    let crc = BatchHeader::parse(&sent).expect("a header").crc;
    let mut bytes = sent.to_vec();
    stamp(&mut bytes, Offset(40), LeaderEpoch(3), None).expect("a whole batch");
    let batch = Batch::parse(&bytes.clone().into()).expect("a batch");
    assert_eq!(batch.header().crc, crc);
    assert_eq!(batch.verify_crc(), Ok(()));
    assert_eq!(batch.header().last_offset(), Offset(41));
    assert_eq!(batch.header().next_offset(), Offset(42));
    assert_eq!(batch.header().leader_epoch, LeaderEpoch(3));

    stamp(&mut bytes, Offset(40), LeaderEpoch(3), Some(Timestamp(9999))).expect("a whole batch");
    let batch = Batch::parse(&bytes.clone().into()).expect("a batch");
    assert_ne!(batch.header().crc, crc);
    assert_eq!(batch.verify_crc(), Ok(()));
    assert_eq!(batch.header().timestamp_type(), TimestampType::LogAppendTime);
    let stamps: Vec<_> =
        batch.records().expect("records").iter().map(|record| record.timestamp).collect();
    assert_eq!(stamps, [Timestamp(9999), Timestamp(9999)]);

    bytes.pop();
    assert!(stamp(&mut bytes, Offset(0), LeaderEpoch(0), None).is_err(), "a cut batch");
}

#[test]
fn a_flipped_bit_anywhere_under_the_crc_is_found() {
    let sent = two_records(Compression::None);
    for at in CRC_AT..sent.len() {
        let mut bytes = sent.to_vec();
        bytes[at] ^= 0x10;
        let found = Batch::parse(&bytes.into()).map(|batch| batch.verify_crc());
        assert!(matches!(found, Ok(Err(BatchError::Crc { .. }))), "byte {at}");
    }
}

#[test]
fn a_leader_takes_a_good_batch_and_says_why_it_refuses_others() {
    let rules = ProduceRules::default();
    let good = two_records(Compression::None);
    let valid = validate_from_client(&good, &rules).expect("a good batch");
    assert_eq!(valid.records.len(), 2);
    assert_eq!(valid.batch.bytes(), &good);

    let twice = Bytes::from([good.as_ref(), good.as_ref()].concat());
    assert_eq!(refusal(&twice, &rules), ErrorCode::INVALID_RECORD, "two batches");
    assert_eq!(refusal(&Bytes::new(), &rules), ErrorCode::INVALID_RECORD, "no batch");
    assert_eq!(refusal(&good.slice(..70), &rules), ErrorCode::INVALID_RECORD, "a cut batch");
    assert_eq!(
        refusal(&patched(&good, 0, &[0, 0, 0, 0, 0, 0, 0, 5]), &rules),
        ErrorCode::INVALID_RECORD
    );
    assert_eq!(
        refusal(&patched(&good, 23, &[0, 0, 0, 5]), &rules),
        ErrorCode::INVALID_RECORD,
        "deltas"
    );
    assert_eq!(
        refusal(&patched(&good, 57, &[0, 0, 0, 3]), &rules),
        ErrorCode::INVALID_RECORD,
        "count"
    );
    assert_eq!(refusal(&patched(&good, 57, &[0x7f; 4]), &rules), ErrorCode::INVALID_RECORD, "bomb");
    assert_eq!(
        refusal(&patched(&good, 21, &[0, 0x20]), &rules),
        ErrorCode::INVALID_RECORD,
        "control"
    );
    assert_eq!(refusal(&patched(&good, 21, &[0, 7]), &rules), ErrorCode::INVALID_RECORD, "codec 7");
    assert_eq!(
        refusal(&patched(&good, 21, &[0, 1]), &rules),
        ErrorCode::CORRUPT_MESSAGE,
        "no gzip"
    );
    assert_eq!(refusal(&patched(&good, 21, &[0, 8]), &rules), ErrorCode::INVALID_TIMESTAMP);
    assert_eq!(
        refusal(&patched(&good, 43, &[0; 8]), &rules),
        ErrorCode::INVALID_RECORD,
        "sequence -1"
    );

    let mut flipped = good.to_vec();
    *flipped.last_mut().expect("bytes") ^= 1;
    assert_eq!(refusal(&flipped.into(), &rules), ErrorCode::CORRUPT_MESSAGE);

    let small = ProduceRules { max_message_bytes: good.len() - 1, ..rules };
    assert_eq!(refusal(&good, &small), ErrorCode::MESSAGE_TOO_LARGE);
    let short = ProduceRules { segment_bytes: good.len() as u64 - 1, ..rules };
    assert_eq!(refusal(&good, &short), ErrorCode::RECORD_LIST_TOO_LARGE);
    let old = ProduceRules { api_version: 6, ..rules };
    assert_eq!(
        refusal(&two_records(Compression::Zstd), &old),
        ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
    );
    assert!(validate_from_client(&two_records(Compression::Zstd), &rules).is_ok());
}

#[test]
fn records_at_fault_are_named_one_by_one() {
    let good = two_records(Compression::Lz4);
    let compacted = ProduceRules { compacted: true, ..ProduceRules::default() };
    let refused = validate_from_client(&good, &compacted).expect_err("a record has no key");
    assert_eq!(refused.code, ErrorCode::INVALID_RECORD);
    assert_eq!(refused.record_errors.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1]);

    let strict = ProduceRules { timestamp_after_max_ms: 1002, ..ProduceRules::default() };
    let refused = validate_from_client(&good, &strict).expect_err("a record from the future");
    assert_eq!(refused.code, ErrorCode::INVALID_TIMESTAMP);
    assert_eq!(refused.record_errors[0].0, 1);
    // With LogAppendTime nobody asks the producer's clock.
    let appended = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..strict };
    assert!(validate_from_client(&good, &appended).is_ok());
}

#[test]
fn a_lie_about_the_max_timestamp_is_put_right() {
    let lie = patched(&two_records(Compression::None), MAX_TIMESTAMP_AT, &[0x7f; 8]);
    let valid = validate_from_client(&lie, &ProduceRules::default()).expect("a good batch");
    assert_eq!(valid.batch.header().max_timestamp, Timestamp(1005));
    assert_eq!(valid.batch.verify_crc(), Ok(()));
}

#[test]
fn sequence_numbers_wrap_to_zero() {
    let mut builder = BatchBuilder::new(Compression::None).by_producer(
        ProducerId(9),
        ProducerEpoch(0),
        i32::MAX - 1,
    );
    for _ in 0..4 {
        builder.append(Timestamp(0), None, None, &[]);
    }
    let header = BatchHeader::parse(&builder.build()).expect("a header");
    assert_eq!(header.last_sequence(), 1);
}

#[test]
fn control_records_read_back_and_have_kafkas_bytes() {
    let voter = |id| Voter { id: BrokerId(id), directory_id: DirectoryId::ZERO };
    let all = [
        ControlRecord::Abort { coordinator_epoch: 3 },
        ControlRecord::Commit { coordinator_epoch: 4 },
        ControlRecord::LeaderChange(LeaderChange {
            leader_id: BrokerId(3001),
            voters: vec![voter(3001), voter(3002)],
            granting_voters: vec![voter(3001)],
        }),
        ControlRecord::SnapshotHeader { last_contained_log_timestamp: Timestamp(5) },
        ControlRecord::SnapshotFooter,
        ControlRecord::KRaftVersion { kraft_version: 1 },
        ControlRecord::Other { kind: 9, value: Bytes::from_static(b"\0\0\x01\0") },
        ControlRecord::Voters(vec![VoterNode {
            key: ReplicaKey::new(BrokerId(3001), DirectoryId(7)),
            listeners: vec![("C".to_owned(), Endpoint::new("h", 9093))],
            kraft_versions: (0, 1),
        }]),
    ];
    let bytes = control_batch(Offset(10), LeaderEpoch(2), Timestamp(1), None, &all);
    let batch = Batch::parse(&bytes).expect("a batch");
    assert!(batch.header().is_control() && !batch.header().is_transactional());
    let records = batch.records().expect("records");
    let read: Vec<_> = records
        .iter()
        .map(|record| ControlRecord::parse(record).expect("a control record"))
        .collect();
    assert_eq!(read, all);
    // EndTransactionMarker and ControlRecordType of Kafka: version and type, version and coordinator epoch.
    assert_eq!(records[1].key.as_deref(), Some(&[0, 0, 0, 1][..]));
    assert_eq!(records[1].value.as_deref(), Some(&[0, 0, 0, 0, 0, 4][..]));
    assert_eq!(records[4].value.as_deref(), Some(&[0, 0, 0][..]));
    // VotersRecord: version; one voter with id and directory, one endpoint, the range of kraft.version; no tagged fields.
    let mut voters = vec![0, 0, 2, 0, 0, 11, 185];
    voters.extend_from_slice(&7_u128.to_be_bytes());
    voters.extend_from_slice(&[2, 2, b'C', 2, b'h', 35, 133, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(records[7].value.as_deref(), Some(&voters[..]));

    // Version 0 of a leader change has no directories.
    let old = Record {
        value: Some(Bytes::from_static(&[0, 0, 0, 0, 0, 7, 2, 0, 0, 0, 7, 0, 1, 0])),
        ..records[2].clone()
    };
    let expected =
        LeaderChange { leader_id: BrokerId(7), voters: vec![voter(7)], granting_voters: vec![] };
    assert_eq!(ControlRecord::parse(&old), Ok(ControlRecord::LeaderChange(expected)));

    let marker = control_batch(
        Offset(0),
        LeaderEpoch(0),
        Timestamp(0),
        Some((ProducerId(5), ProducerEpoch(1))),
        &all[1..2],
    );
    let header = BatchHeader::parse(&marker).expect("a header");
    assert!(header.is_control() && header.is_transactional());
    assert_eq!((header.producer_id, header.base_sequence), (ProducerId(5), -1));
}

type Content = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

fn bytes_up_to(size: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..size)
}

fn content() -> impl Strategy<Value = Content> {
    (
        0..=i64::MAX / 2,
        proptest::option::of(bytes_up_to(20)),
        proptest::option::of(bytes_up_to(80)),
        proptest::collection::vec((bytes_up_to(9), proptest::option::of(bytes_up_to(9))), 0..4),
    )
}

fn build(contents: &[Content], builder: &mut BatchBuilder) {
    for (timestamp, key, value, headers) in contents {
        let headers: Vec<_> = headers
            .iter()
            .map(|(key, value)| (Bytes::from(key.clone()), value.clone().map(Bytes::from)))
            .collect();
        let before = builder.size();
        builder.append(Timestamp(*timestamp), key.as_deref(), value.as_deref(), &headers);
        let most = BatchBuilder::size_of_next(key.as_deref(), value.as_deref(), &headers);
        assert!(builder.size() - before <= most);
    }
}

proptest! {
    #[test]
    fn what_is_built_is_valid_and_reads_back(
        contents in proptest::collection::vec(content(), 1..12),
        codec in proptest::sample::select(&Compression::ALL),
    ) {
        let mut builder = BatchBuilder::new(codec);
        build(&contents, &mut builder);
        let rules = ProduceRules { timestamp_after_max_ms: i64::MAX, ..ProduceRules::default() };
        let valid = validate_from_client(&builder.build(), &rules).expect("what we build is valid");
        for (record, (timestamp, key, value, headers)) in valid.records.iter().zip(&contents) {
            prop_assert_eq!(record.timestamp.0, *timestamp);
            prop_assert_eq!(record.key.as_deref(), key.as_deref());
            prop_assert_eq!(record.value.as_deref(), value.as_deref());
            let read: Vec<_> = record
                .headers
                .iter()
                .map(|(key, value)| (key.to_vec(), value.as_ref().map(|value| value.to_vec())))
                .collect();
            prop_assert_eq!(&read, headers);
        }
    }

    #[test]
    fn the_oracle_reads_what_we_build(
        mut contents in proptest::collection::vec(content(), 1..12),
        sequence in 0..1000_i32,
    ) {
        // The oracle keeps header keys in a map of strings.
        for (_, _, _, headers) in &mut contents {
            headers.clear();
        }
        let mut builder = BatchBuilder::new(Compression::None)
            .at(Offset(77), LeaderEpoch(5))
            .by_producer(ProducerId(1), ProducerEpoch(2), sequence)
            .transactional();
        build(&contents, &mut builder);
        let set = oracle::RecordBatchDecoder::decode(&mut builder.build()).expect("the oracle reads it");
        prop_assert_eq!(set.records.len(), contents.len());
        for ((record, (timestamp, key, value, _)), place) in set.records.iter().zip(&contents).zip(0..) {
            prop_assert_eq!(record.timestamp, *timestamp);
            prop_assert_eq!(record.offset, 77 + i64::from(place));
            prop_assert_eq!(record.partition_leader_epoch, 5);
            prop_assert_eq!((record.producer_id, record.producer_epoch), (1, 2));
            prop_assert_eq!(record.sequence, sequence + place);
            prop_assert!(record.transactional && !record.control);
            prop_assert_eq!(record.key.as_deref(), key.as_deref());
            prop_assert_eq!(record.value.as_deref(), value.as_deref());
        }
    }

    #[test]
    fn we_read_what_the_oracle_builds(
        contents in proptest::collection::vec(content(), 1..12),
        control in any::<bool>(),
    ) {
        let records: Vec<oracle::Record> = contents.iter().zip(0..).map(|((timestamp, key, value, headers), place)| oracle::Record {
            transactional: false,
            control,
            delete_horizon: false,
            partition_leader_epoch: 4,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: oracle::TimestampType::Creation,
            offset: i64::from(place) + 9,
            sequence: -1,
            timestamp: *timestamp,
            key: key.clone().map(Bytes::from),
            value: value.clone().map(Bytes::from),
            headers: headers
                .iter()
                .zip(0..)
                .map(|((_, value), place)| (format!("h{place}").into(), value.clone().map(Bytes::from)))
                .collect(),
        }).collect();
        let options = oracle::RecordEncodeOptions { version: 2, compression: oracle::Compression::None };
        let mut out = bytes::BytesMut::new();
        oracle::RecordBatchEncoder::encode(&mut out, &records, &options).expect("the oracle writes it");
        let read: Vec<Record> = batches(&out.freeze())
            .flat_map(|batch| {
                let batch = batch.expect("a batch");
                assert_eq!(batch.verify_crc(), Ok(()));
                assert_eq!(batch.header().is_control(), control);
                batch.records().expect("records")
            })
            .collect();
        prop_assert_eq!(read.len(), records.len());
        for (ours, theirs) in read.iter().zip(&records) {
            prop_assert_eq!(ours.offset.0, theirs.offset);
            prop_assert_eq!(ours.timestamp.0, theirs.timestamp);
            prop_assert_eq!(&ours.key, &theirs.key);
            prop_assert_eq!(&ours.value, &theirs.value);
            prop_assert_eq!(ours.headers.len(), theirs.headers.len());
        }
    }

    #[test]
    fn hostile_bytes_are_an_error_at_worst(
        codec in proptest::sample::select(&Compression::ALL),
        hits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
        noise in bytes_up_to(200),
        only_noise in any::<bool>(),
    ) {
        let mut bytes = if only_noise { noise } else { two_records(codec).to_vec() };
        for (index, byte) in hits {
            if !bytes.is_empty() {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
        }
        let bytes = Bytes::from(bytes);
        for batch in batches(&bytes).flatten() {
            if let Ok(records) = batch.records() {
                for record in &records {
                    ControlRecord::parse(record).ok();
                }
            }
        }
        validate_from_client(&bytes, &ProduceRules::default()).ok();
        stamp(&mut bytes.to_vec(), Offset(1), LeaderEpoch(1), Some(Timestamp(1))).ok();
    }
}
