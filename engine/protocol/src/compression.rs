//! The five compression types of Kafka's record batches.
//!
//! *Flows in*: the records part of a batch. *Flows out*: the same, packed or unpacked.
//! *Must never*: let a few hostile bytes claim more memory than the caller's limit, or panic on them.
//!
//! Encoders run at fixed settings and versions, because the bytes of a run are part of its hash.

use std::io::{Read, Write};

use bytes::Bytes;
use thiserror::Error;

/// How the records of a batch are packed; the lowest three bits of its attributes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy; Java clients frame it as xerial does, librdkafka writes raw blocks. Both are read, xerial is written.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

/// Why packed records could not be unpacked.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CompressionError {
    /// The bytes are not of this format, or are cut.
    #[error("not valid {codec}: {reason}")]
    Malformed {
        /// Which format was expected.
        codec: Compression,
        /// What the decoder says.
        reason: String,
    },
    /// They would unpack to more than is allowed.
    #[error("{codec} data unpacks to more than {limit} bytes")]
    TooLarge {
        /// Which format.
        codec: Compression,
        /// The limit.
        limit: usize,
    },
}

/// As in Kafka's `compression.type`.
impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Magic bytes, then version and compatible version, of snappy-java's stream format.
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
const XERIAL_HEADER: &[u8] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// snappy-java's default block.
const XERIAL_BLOCK: usize = 32 * 1024;

/// The largest zstd window: what level 22 of the reference encoder asks for.
const ZSTD_WINDOW: u64 = 128 << 20;

impl Compression {
    /// All types, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The id in a batch's attributes.
    pub fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The type with this id.
    pub fn from_id(id: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.id() == id)
    }

    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The type with Kafka's name, as in the producer's `compression.type`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Packs bytes.
    pub fn compress(self, data: &[u8]) -> Vec<u8> {
        // Writing into a vector does not fail, and neither do these encoders on any input.
        match self {
            Self::None => data.to_vec(),
            Self::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(data).expect("a vector takes every write");
                encoder.finish().expect("a vector takes every write")
            }
            Self::Snappy => xerial(data),
            Self::Lz4 => {
                // Kafka's Java reader refuses blocks that depend on each other.
                let frame = lz4_flex::frame::FrameInfo::new()
                    .block_mode(lz4_flex::frame::BlockMode::Independent)
                    .block_size(lz4_flex::frame::BlockSize::Max64KB);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, Vec::new());
                encoder.write_all(data).expect("a vector takes every write");
                encoder.finish().expect("a vector takes every write")
            }
            Self::Zstd => {
                ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
            }
        }
    }

    /// Unpacks bytes, up to `limit` of them.
    ///
    /// # Errors
    /// The bytes are not of this format, or unpack to more than `limit`.
    pub fn decompress(self, data: &Bytes, limit: usize) -> Result<Bytes, CompressionError> {
        match self {
            Self::None if data.len() > limit => {
                Err(CompressionError::TooLarge { codec: self, limit })
            }
            Self::None => Ok(data.clone()),
            Self::Gzip => {
                self.drain(flate2::read::MultiGzDecoder::new(data.as_ref()), Vec::new(), limit)
            }
            Self::Snappy => unsnap(data, limit),
            Self::Lz4 => {
                self.drain(lz4_flex::frame::FrameDecoder::new(data.as_ref()), Vec::new(), limit)
            }
            Self::Zstd => unzstd(data, limit),
        }
        .map(|bytes| bytes.slice(..))
    }

    /// Reads to the end, but never more than one byte past the limit.
    fn drain(
        self,
        reader: impl Read,
        mut out: Vec<u8>,
        limit: usize,
    ) -> Result<Bytes, CompressionError> {
        let room = limit.saturating_sub(out.len()) as u64;
        reader
            .take(room.saturating_add(1))
            .read_to_end(&mut out)
            .map_err(|error| self.malformed(error))?;
        if out.len() > limit {
            return Err(CompressionError::TooLarge { codec: self, limit });
        }
        Ok(out.into())
    }

    fn malformed(self, reason: impl ToString) -> CompressionError {
        CompressionError::Malformed { codec: self, reason: reason.to_string() }
    }
}

fn xerial(data: &[u8]) -> Vec<u8> {
    let mut encoder = snap::raw::Encoder::new();
    let mut out = XERIAL_HEADER.to_vec();
    for block in data.chunks(XERIAL_BLOCK) {
        let packed =
            encoder.compress_vec(block).expect("a block of 32 KiB is within snappy's limit");
        let size = u32::try_from(packed.len()).expect("a block of 32 KiB stays small");
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(&packed);
    }
    out
}

fn unsnap(data: &[u8], limit: usize) -> Result<Bytes, CompressionError> {
    let codec = Compression::Snappy;
    let mut out = Vec::new();
    if !data.starts_with(XERIAL_MAGIC) {
        unsnap_block(data, &mut out, limit)?;
        return Ok(out.into());
    }
    let mut rest = data
        .get(XERIAL_HEADER.len()..)
        .ok_or_else(|| codec.malformed("the xerial header is cut"))?;
    while let Some((size, tail)) = rest.split_first_chunk::<4>() {
        let size = usize::try_from(u32::from_be_bytes(*size)).unwrap_or(usize::MAX);
        let Some((block, tail)) = tail.split_at_checked(size) else {
            return Err(codec.malformed("a xerial block is cut"));
        };
        unsnap_block(block, &mut out, limit)?;
        rest = tail;
    }
    if rest.is_empty() {
        Ok(out.into())
    } else {
        Err(codec.malformed("bytes behind the last xerial block"))
    }
}

fn unsnap_block(block: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), CompressionError> {
    let codec = Compression::Snappy;
    let claimed = snap::raw::decompress_len(block).map_err(|error| codec.malformed(error))?;
    if claimed > limit.saturating_sub(out.len()) {
        return Err(CompressionError::TooLarge { codec, limit });
    }
    // Snappy's densest element is a copy of 64 bytes in three, so that a block can't hold what it claims beyond that.
    if claimed > block.len().saturating_mul(22) {
        return Err(codec.malformed("a block that claims more than it can hold"));
    }
    let from = out.len();
    out.resize(from + claimed, 0);
    let size = snap::raw::Decoder::new()
        .decompress(block, &mut out[from..])
        .map_err(|error| codec.malformed(error))?;
    out.truncate(from + size);
    Ok(())
}

fn unzstd(data: &[u8], limit: usize) -> Result<Bytes, CompressionError> {
    let codec = Compression::Zstd;
    let window = ZSTD_WINDOW.min((limit as u64).max(1 << 20));
    let mut rest = data;
    let mut out = Bytes::new();
    // Frames may follow each other; an empty input has none and is refused.
    loop {
        let before = rest.len();
        let decoder =
            ruzstd::decoding::StreamingDecoder::new_with_max_window_size(&mut rest, window)
                .map_err(|error| codec.malformed(error))?;
        out = codec.drain(decoder, out.into(), limit)?;
        if rest.is_empty() {
            return Ok(out);
        }
        if rest.len() == before {
            return Err(codec.malformed("bytes behind the last frame"));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1 << 20;

    #[test]
    fn other_peoples_bytes_are_read() {
        // "hello" as written by gzip -n, by snappy as a raw block, and by lz4 and zstd command-line tools.
        let vectors: [(Compression, &[u8]); 5] = [
            (Compression::None, b"hello"),
            (
                Compression::Gzip,
                b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0",
            ),
            (Compression::Snappy, b"\x05\x10hello"),
            (Compression::Lz4, b"\x04\x22\x4d\x18\x40\x40\xc0\x05\0\0\x80hello\0\0\0\0"),
            (Compression::Zstd, b"\x28\xb5\x2f\xfd\x20\x05\x29\0\0hello"),
        ];
        for (codec, bytes) in vectors {
            let read = codec.decompress(&Bytes::from_static(bytes), LIMIT);
            assert_eq!(read, Ok(Bytes::from_static(b"hello")), "{codec}");
        }
    }

    #[test]
    fn both_framings_of_snappy_are_read() {
        let mut framed = XERIAL_HEADER.to_vec();
        framed.extend_from_slice(b"\0\0\0\x07\x05\x10hello\0\0\0\x04\x02\x04, ");
        assert_eq!(
            Compression::Snappy.decompress(&framed.clone().into(), LIMIT),
            Ok(Bytes::from_static(b"hello, "))
        );
        framed.truncate(framed.len() - 1);
        assert!(Compression::Snappy.decompress(&framed.into(), LIMIT).is_err(), "a cut block");
    }

    #[test]
    fn large_data_of_several_blocks_survives() {
        // Runs, then bytes without a pattern (a linear congruence), then runs again.
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        let runs = |n: usize| std::iter::repeat_n(*b"0123456789abcdef", n / 16).flatten();
        let data: Vec<u8> = runs(300_000).chain(noise.take(300_000)).chain(runs(300_000)).collect();
        for codec in Compression::ALL {
            let packed = Bytes::from(codec.compress(&data));
            assert!(
                codec == Compression::None || packed.len() < data.len(),
                "{codec}: {}",
                packed.len()
            );
            assert_eq!(codec.decompress(&packed, data.len()), Ok(data.clone().into()), "{codec}");
            assert_eq!(packed, codec.compress(&data), "{codec} is deterministic");
            // Cut anywhere, it is an error or the beginning, which then lacks records.
            for cut in [packed.len() - 1, packed.len() / 2, 1] {
                if let Ok(beginning) = codec.decompress(&packed.slice(..cut), data.len()) {
                    assert!(data.starts_with(&beginning), "{codec}");
                }
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_unfolds() {
        let zeros = vec![0; 4 * LIMIT];
        for codec in Compression::ALL {
            let packed = Bytes::from(codec.compress(&zeros));
            assert_eq!(
                codec.decompress(&packed, LIMIT),
                Err(CompressionError::TooLarge { codec, limit: LIMIT }),
                "{codec}"
            );
            assert!(codec.decompress(&packed, zeros.len()).is_ok(), "{codec} within the limit");
        }
        // A raw snappy block of ten bytes that claims 100 MiB.
        let lie = Bytes::from_static(b"\x80\x80\x80\x32\x10hello");
        assert!(Compression::Snappy.decompress(&lie, usize::MAX).is_err());
    }

    proptest! {
        #[test]
        fn what_is_packed_unpacks(
            words in proptest::collection::vec("[a-c]{0,9}|\\PC{0,3}", 0..400),
            codec in proptest::sample::select(&Compression::ALL),
        ) {
            let data = words.concat().into_bytes();
            let packed = Bytes::from(codec.compress(&data));
            prop_assert_eq!(codec.decompress(&packed, LIMIT), Ok(Bytes::from(data)));
        }

        #[test]
        fn hostile_bytes_are_an_error_at_worst(
            mut packed in "[a-c]{0,300}".prop_map(String::into_bytes),
            codec in proptest::sample::select(&Compression::ALL),
            hits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
            from_valid in any::<bool>(),
        ) {
            if from_valid {
                packed = codec.compress(&packed);
            }
            for (index, byte) in hits {
                if !packed.is_empty() {
                    let at = index.index(packed.len());
                    packed[at] = byte;
                }
            }
            if let Ok(data) = codec.decompress(&packed.into(), LIMIT) {
                prop_assert!(data.len() <= LIMIT);
            }
        }
    }
}
