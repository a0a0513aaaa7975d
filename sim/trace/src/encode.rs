//! Events to bytes, for the hash and the store: postcard's format, into a buffer that is used again.
//!
//! An event is a dozen small numbers. Postcard itself writes each byte by byte into an array of its own and copies it from
//! there, which was four hundredths of a run; here a number is put together in a register and stored at once. What reads
//! the bytes is postcard, and tests hold that they are the ones that it would have written.

use std::fmt;

use klamm_node::event::Event;
use serde::{Serialize, ser};

/// Writes an event to the end of a buffer.
pub(crate) fn encode(event: &Event, buffer: &mut Vec<u8>) {
    event.serialize(&mut Encoder { bytes: buffer }).expect("events are plain data");
}

/// Writes postcard: numbers as varints, signed ones zigzag, a length before what has one, an index before a variant, and
/// nothing else.
struct Encoder<'a> {
    bytes: &'a mut Vec<u8>,
}

/// The bit of each byte that says that another one follows.
const MORE: u64 = 0x8080_8080_8080_8080;

impl Encoder<'_> {
    #[inline]
    fn varint(&mut self, number: u64) {
        if number < 0x80 {
            self.bytes.push(low_byte(number));
        } else {
            self.long_varint(number);
        }
    }

    fn long_varint(&mut self, number: u64) {
        let seventh = |at: u32| low_byte(number >> (7 * at));
        if number < 1 << 14 {
            // What is not one byte is mostly two: lengths, differences of times and of numbers of events.
            self.bytes.extend_from_slice(&[seventh(0) | 0x80, seventh(1)]);
        } else if number < 1 << 21 {
            self.bytes.extend_from_slice(&[seventh(0) | 0x80, seventh(1) | 0x80, seventh(2)]);
        } else if number < 1 << 28 {
            let bytes = [seventh(0) | 0x80, seventh(1) | 0x80, seventh(2) | 0x80, seventh(3)];
            self.bytes.extend_from_slice(&bytes);
        } else if number < 1 << 56 {
            // Five to eight bytes: all eight are stored, and those that say nothing are taken back.
            let last = (63 - number.leading_zeros()) / 7;
            let at = self.bytes.len() + 1 + usize::try_from(last).unwrap_or(0);
            let follow = MORE & ((1 << (8 * last)) - 1);
            self.bytes.extend_from_slice(&(in_sevens(number) | follow).to_le_bytes());
            self.bytes.truncate(at);
        } else {
            self.bytes.extend_from_slice(&(in_sevens(number) | MORE).to_le_bytes());
            self.varint(number >> 56);
        }
    }

    fn length(&mut self, length: usize) {
        self.varint(length as u64);
    }
}

/// The lowest 56 bits, seven to a byte: halves, quarters and eighths move apart, all at once each.
#[inline]
fn in_sevens(number: u64) -> u64 {
    let halves = (number & 0x0fff_ffff) | (number & 0x00ff_ffff_f000_0000) << 4;
    let quarters = (halves & 0x0000_3fff_0000_3fff) | (halves & 0x0fff_c000_0fff_c000) << 2;
    (quarters & 0x007f_007f_007f_007f) | (quarters & 0x3f80_3f80_3f80_3f80) << 1
}

#[inline]
fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

#[inline]
fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

/// Something that postcard can't write either.
#[derive(Debug)]
struct Unwritable(String);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::error::Error for Unwritable {}

impl ser::Error for Unwritable {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self(what.to_string())
    }
}

type Written = Result<(), Unwritable>;

impl ser::Serializer for &mut Encoder<'_> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Written {
        self.serialize_u8(u8::from(value))
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Written {
        self.serialize_u8(value.cast_unsigned())
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> Written {
        self.serialize_i64(i64::from(value))
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Written {
        self.serialize_i64(i64::from(value))
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Written {
        self.serialize_u64(zigzag(value))
    }

    fn serialize_i128(self, value: i128) -> Written {
        self.serialize_u128((value.cast_unsigned() << 1) ^ (value >> 127).cast_unsigned())
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Written {
        self.bytes.push(value);
        Ok(())
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> Written {
        self.serialize_u64(u64::from(value))
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> Written {
        self.serialize_u64(u64::from(value))
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Written {
        self.varint(value);
        Ok(())
    }

    fn serialize_u128(self, mut value: u128) -> Written {
        while value >= 0x80 {
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.serialize_u8(value.to_le_bytes()[0])
    }

    fn serialize_f32(self, value: f32) -> Written {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Written {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Written {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Written {
        self.serialize_u8(0)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        self.bytes.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Written {
        self.serialize_u32(index)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Written {
        self.varint(u64::from(index));
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Unwritable> {
        self.length(length.ok_or_else(|| Unwritable("a list of unknown length".to_owned()))?);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unwritable> {
        self.varint(u64::from(index));
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, Unwritable> {
        self.serialize_seq(length)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unwritable> {
        self.varint(u64::from(index));
        Ok(self)
    }
}

/// What is in a list, tuple, map or structure follows one after the other.
macro_rules! one_after_the_other {
    ($($of:ident: $($one:ident($($name:ty)?))+;)+) => {$(
        impl ser::$of for &mut Encoder<'_> {
            type Ok = ();
            type Error = Unwritable;

            $(
                #[inline]
                fn $one<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Written {
                    value.serialize(&mut **self)
                }
            )+

            #[inline]
            fn end(self) -> Written {
                Ok(())
            }
        }
    )+};
}

one_after_the_other! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key() serialize_value();
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use klamm_node::{EventKind, NodeId, Seq, Time};

    use super::*;
    use crate::testing::Story;

    fn same<T: Serialize>(value: T) {
        let mut ours = vec![7];
        value.serialize(&mut Encoder { bytes: &mut ours }).unwrap();
        assert_eq!(ours[1..], postcard::to_stdvec(&value).unwrap());
    }

    #[test]
    fn numbers_of_every_length_are_postcards() {
        for shift in 0..64 {
            for number in
                [1 << shift, (1 << shift) - 1, u64::MAX >> shift, 0x5555_5555_5555_5555 >> shift]
            {
                same(number);
                same(number.cast_signed());
                same(number.cast_signed().wrapping_neg());
                same(u128::from(number) << shift);
                same(i128::from(number.cast_signed()) << shift);
            }
        }
        same((
            u8::MAX,
            i8::MIN,
            u16::MAX,
            i16::MIN,
            u32::MAX,
            i32::MIN,
            u64::MAX,
            i64::MIN,
            u128::MAX,
            i128::MIN,
        ));
    }

    #[test]
    fn what_holds_numbers_is_postcards() {
        #[derive(Serialize)]
        struct Unit;
        #[derive(Serialize)]
        struct Pair(u8, u64);
        #[derive(Serialize)]
        enum Each {
            Unit,
            Newtype(u64),
            Tuple(u8, i64),
            Struct { a: Option<u32>, b: Vec<String> },
        }
        same(((), Unit, Pair(1, 300), true, 'ß', "text", Some("x".repeat(200)), None::<u8>));
        same((1.5_f32, -2.5_f64, BTreeMap::from([(1, "one"), (300, "many")])));
        same([Each::Unit, Each::Newtype(1 << 60)]);
        same([Each::Tuple(1, -1), Each::Struct { a: Some(9), b: vec![String::new()] }]);
    }

    #[test]
    fn events_are_postcards() {
        let story = Story::begun();
        let stored = story.recorder.events();
        assert!(stored.len() > 10, "a story tells something");
        for index in 0..stored.len() {
            let encoded = stored.encoded(index).unwrap();
            let event: Event = postcard::from_bytes(encoded).unwrap();
            assert_eq!(encoded, postcard::to_stdvec(&event).unwrap(), "{event:?}");
        }
        let kind = EventKind::CommandGiven { text: "x".repeat(500) };
        same(Event {
            seq: Seq(u64::MAX),
            time: Time(1 << 40),
            node: NodeId(300),
            cause: None,
            kind,
        });
    }
}
