//! `klamm dump-log`: what stands in a log's segments, as Kafka's `DumpLogSegments` tells it. Reads Kafka's own files as well as
//! those of `klamm serve`; the records of the two internal topics are told in words.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use klamm_protocol::batch::{Batch, BatchHeader, ControlRecord, Record, TimestampType, batches};
use klamm_protocol::{GroupRecord, MetadataRecord};

use crate::args::DumpLog;
use crate::console::{Console, Failure, Outcome};

/// What the records of a log are.
#[derive(Clone, Copy)]
enum Decoder {
    /// Bytes of applications.
    Plain,
    /// `__consumer_offsets`.
    Groups,
    /// `__cluster_metadata`.
    Metadata,
}

impl Decoder {
    /// By the flags, and without any by the name of the directory that the segment lies in.
    fn of(args: &DumpLog, segment: &Path) -> Self {
        let directory =
            segment.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
        let directory = directory.as_deref().unwrap_or_default();
        if args.offsets_decoder || directory.starts_with("__consumer_offsets-") {
            Self::Groups
        } else if args.cluster_metadata_decoder || directory.starts_with("__cluster_metadata-") {
            Self::Metadata
        } else {
            Self::Plain
        }
    }
}

/// Dumps every segment; fails when one of them is damaged.
pub(crate) fn dump_log(args: &DumpLog, console: &Console) -> Outcome {
    let mut damaged = false;
    for path in &args.paths {
        for segment in segments(path)? {
            let bytes =
                std::fs::read(&segment).map_err(|error| Failure::in_file(&segment, error))?;
            let decoder = Decoder::of(args, &segment);
            let (text, sound) = dump(&segment, &bytes.into(), args.print_data_log, decoder);
            console.say(&text)?;
            damaged |= !sound;
        }
    }
    if damaged { Err(Failure::NotHeld) } else { Ok(()) }
}

/// A segment, or all segments of a partition's directory, oldest first.
fn segments(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let listed = std::fs::read_dir(path).map_err(|error| Failure::in_file(path, error))?;
    let mut segments = Vec::new();
    for entry in listed {
        let found = entry.map_err(|error| Failure::in_file(path, error))?.path();
        if found.extension().is_some_and(|extension| extension == "log") {
            segments.push(found);
        }
    }
    if segments.is_empty() {
        return Err(Failure::in_file(path, "there is no segment (*.log) in this directory"));
    }
    segments.sort();
    Ok(segments)
}

/// The text for a segment, and whether all of it is sound.
fn dump(path: &Path, bytes: &Bytes, deep: bool, decoder: Decoder) -> (String, bool) {
    let mut text = format!("Dumping {}\n", path.display());
    let mut read = batches(bytes);
    let mut sound = true;
    loop {
        let position = bytes.len() - read.rest().len();
        let batch = match read.next() {
            Some(Ok(batch)) => batch,
            Some(Err(error)) => {
                line(&mut text, format_args!("position: {position} damaged: {error}"));
                return (text, false);
            }
            None => break,
        };
        let valid = batch.verify_crc().is_ok();
        sound &= valid;
        describe(&mut text, batch.header(), position, valid);
        if deep {
            sound &= records(&mut text, &batch, decoder);
        }
    }
    let rest = read.rest().len();
    if rest > 0 {
        // What a crash leaves in the midst of a write; a segment that is preallocated ends in zeros.
        line(&mut text, format_args!("{rest} bytes behind the last whole batch"));
    }
    (text, sound)
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("writing to a string");
}

fn describe(text: &mut String, header: &BatchHeader, position: usize, valid: bool) {
    let codec = header.compression().map_or("unknown", klamm_protocol::Compression::name);
    let stamp = match header.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    line(
        text,
        format_args!(
            "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} producerEpoch: {} \
             partitionLeaderEpoch: {} isTransactional: {} isControl: {} position: {position} {stamp}: {} size: {} magic: 2 \
             compresscodec: {codec} crc: {} isvalid: {valid}",
            header.base_offset,
            header.last_offset(),
            header.record_count,
            header.base_sequence,
            header.last_sequence(),
            header.producer_id,
            header.producer_epoch,
            header.leader_epoch,
            header.is_transactional(),
            header.is_control(),
            header.max_timestamp.0,
            header.size(),
            header.crc,
        ),
    );
}

/// The records of a batch; false if they can't be read.
fn records(text: &mut String, batch: &Batch, decoder: Decoder) -> bool {
    let records = match batch.records() {
        Ok(records) => records,
        Err(error) => {
            line(text, format_args!("| damaged: {error}"));
            return false;
        }
    };
    for record in records {
        let told =
            if batch.header().is_control() { control(&record) } else { tell(&record, decoder) };
        line(
            text,
            format_args!("| offset: {} CreateTime: {} {told}", record.offset, record.timestamp.0),
        );
    }
    true
}

fn control(record: &Record) -> String {
    match ControlRecord::parse(record) {
        Ok(control) => format!("control: {control:?}"),
        Err(error) => format!("control: {error}"),
    }
}

fn tell(record: &Record, decoder: Decoder) -> String {
    let shown = |bytes: Option<&Bytes>| match bytes {
        None => "null".to_owned(),
        Some(bytes) => String::from_utf8_lossy(bytes).escape_debug().to_string(),
    };
    let plain = || {
        let headers: Vec<String> = record.headers.iter().map(|(key, _)| shown(Some(key))).collect();
        format!(
            "headerKeys: [{}] key: {} payload: {}",
            headers.join(","),
            shown(record.key.as_ref()),
            shown(record.value.as_ref())
        )
    };
    match (decoder, &record.key, &record.value) {
        (Decoder::Groups, Some(key), value) => match GroupRecord::decode(key, value.as_ref()) {
            Ok(decoded) => decoded.to_string(),
            Err(error) => format!("{error}; {}", plain()),
        },
        (Decoder::Metadata, _, Some(value)) => match MetadataRecord::decode(value) {
            Ok(decoded) => decoded.to_string(),
            Err(error) => format!("{error}; {}", plain()),
        },
        (Decoder::Plain | Decoder::Groups | Decoder::Metadata, _, _) => plain(),
    }
}

#[cfg(test)]
mod tests {
    use klamm_node::{Offset, Timestamp};
    use klamm_protocol::group_record::OffsetCommitValue;
    use klamm_protocol::{BatchBuilder, Compression};

    use super::*;

    fn segment() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None);
        let commit = GroupRecord::OffsetCommit {
            group: "g".into(),
            topic: "orders".into(),
            partition: 2,
            value: Some(OffsetCommitValue { offset: Offset(17), ..OffsetCommitValue::default() }),
        };
        let (key, value) = commit.encode().expect("short");
        builder.append(Timestamp(5), Some(&key), value.as_deref(), &[]);
        builder.append(Timestamp(6), Some(&key), None, &[]);
        builder.build().to_vec()
    }

    #[test]
    fn commits_are_told_in_words_and_damage_is_found() {
        let path = Path::new("__consumer_offsets-3/00000000000000000000.log");
        let (text, sound) = dump(path, &segment().into(), true, Decoder::Groups);
        assert!(sound, "{text}");
        assert!(text.contains("baseOffset: 0 lastOffset: 1 count: 2"), "{text}");
        assert!(
            text.contains("| offset: 0 CreateTime: 5 OffsetCommit(group g, orders-2 = 17)"),
            "{text}"
        );
        assert!(text.contains("OffsetCommit(group g, orders-2, tombstone)"), "{text}");

        let mut spoilt = segment();
        let last = spoilt.len() - 2;
        spoilt[last] ^= 1;
        let (text, sound) = dump(path, &spoilt.into(), false, Decoder::Groups);
        assert!(!sound && text.contains("isvalid: false"), "{text}");
        let cut = segment()[..70].to_vec();
        let (text, sound) = dump(path, &cut.into(), false, Decoder::Groups);
        assert!(sound && text.contains("70 bytes behind the last whole batch"), "{text}");
    }
}
