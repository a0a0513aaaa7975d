//! Reading and writing the primitive types of Kafka's formats, for the formats that `kafka-protocol` does not cover:
//! record batches, control records, metadata records.
//!
//! *Flows in*: bytes of unknown origin. *Flows out*: numbers and slices, or a [`Malformed`] that says where it failed.
//! *Must never*: panic, or allocate by a length that the bytes merely claim.

use thiserror::Error;

/// What was wrong with bytes, and where.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("at byte {at}: expected {expected}")]
pub struct Malformed {
    /// How many bytes into the value.
    pub at: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

/// A position in bytes that are being read.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

macro_rules! fixed {
    ($($name:ident: $type:ty, $expected:literal;)*) => {$(
        pub(crate) fn $name(&mut self) -> Result<$type, Malformed> {
            Ok(<$type>::from_be_bytes(self.array($expected)?))
        }
    )*};
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn fail<T>(&self, expected: &'static str) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, expected })
    }

    pub(crate) fn take(
        &mut self,
        count: usize,
        expected: &'static str,
    ) -> Result<&'a [u8], Malformed> {
        let slice = self
            .at
            .checked_add(count)
            .and_then(|end| self.bytes.get(self.at..end))
            .ok_or(Malformed { at: self.at, expected })?;
        self.at += count;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, expected)?);
        Ok(array)
    }

    fixed! {
        i8: i8, "one byte";
        i16: i16, "two bytes";
        u16: u16, "two bytes";
        i32: i32, "four bytes";
        i64: i64, "eight bytes";
        u128: u128, "sixteen bytes of a uuid";
    }

    /// An unsigned varint of at most 32 bits.
    pub(crate) fn uvarint(&mut self) -> Result<u32, Malformed> {
        let start = self.at;
        let value = self.varlong_bits(5)?;
        u32::try_from(value).map_err(|_| Malformed { at: start, expected: "a varint of 32 bits" })
    }

    /// A zigzag varint of 32 bits, as records use it.
    pub(crate) fn varint(&mut self) -> Result<i32, Malformed> {
        let bits = self.uvarint()?;
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    /// A zigzag varint of 64 bits.
    pub(crate) fn varlong(&mut self) -> Result<i64, Malformed> {
        let bits = self.varlong_bits(10)?;
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    fn varlong_bits(&mut self, max_bytes: u32) -> Result<u64, Malformed> {
        let start = self.at;
        let mut value = 0_u64;
        for i in 0..max_bytes {
            let [byte] = self.array("a byte of a varint")?;
            // The tenth byte of a varlong has room for one bit only.
            if i == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed { at: start, expected: "a varint that ends" })
    }

    /// A nullable piece of a record: a zigzag length, -1 for null, then the bytes. Returns where it lies.
    pub(crate) fn nullable_range(&mut self) -> Result<Option<std::ops::Range<usize>>, Malformed> {
        let start = self.at;
        match self.varint()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length)
                    .map_err(|_| Malformed { at: start, expected: "a length of -1 or more" })?;
                let from = self.at;
                self.take(length, "as many bytes as the length says")?;
                Ok(Some(from..self.at))
            }
        }
    }
}

pub(crate) fn put_uvarint(out: &mut Vec<u8>, value: u32) {
    put_varlong_bits(out, u64::from(value));
}

pub(crate) fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_varlong(out, i64::from(value));
}

pub(crate) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    put_varlong_bits(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn put_varlong_bits(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`put_varint`] writes.
pub(crate) fn varint_size(value: i32) -> usize {
    let bits = ((value << 1) ^ (value >> 31)).cast_unsigned();
    (32 - (bits | 1).leading_zeros()).div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn varints_are_those_of_protocol_buffers() {
        let mut out = Vec::new();
        for value in [0, -1, 1, 63, -64, 64, i32::MAX, i32::MIN] {
            put_varint(&mut out, value);
        }
        let expected: &[u8] = &[
            0x00, 0x01, 0x02, 0x7e, 0x7f, 0x80, 0x01, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff,
            0xff, 0xff, 0x0f,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn a_varint_without_end_is_refused() {
        assert!(Cursor::new(&[0xff; 20]).uvarint().is_err());
        assert!(Cursor::new(&[0xff; 20]).varlong().is_err());
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x7f]).uvarint().is_err(), "35 bits");
        assert!(Cursor::new(&[0x80]).varint().is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(a in any::<i32>(), b in any::<i64>(), c in any::<u32>()) {
            let mut out = Vec::new();
            put_varint(&mut out, a);
            prop_assert_eq!(out.len(), varint_size(a));
            put_varlong(&mut out, b);
            put_uvarint(&mut out, c);
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(cursor.varint(), Ok(a));
            prop_assert_eq!(cursor.varlong(), Ok(b));
            prop_assert_eq!(cursor.uvarint(), Ok(c));
            prop_assert_eq!(cursor.remaining(), 0);
        }
    }
}
