//! How the types of fields are written in versions with and without compact lengths and tags (KIP-482).

use bytes::Bytes;
use klamm_node::{GroupId, LeaderEpoch, MemberId, Offset, TopicId, TopicName};

use super::GroupRecordError;
use crate::cursor::{Cursor, Malformed, put_uvarint};

/// A value of a field.
pub(super) trait Field: Sized {
    fn put(&self, writer: &mut Writer);
    fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed>;
}

/// A key or value being written. What does not fit is remembered and told at the end.
pub(super) struct Writer {
    version: i16,
    flexible: bool,
    out: Vec<u8>,
    too_long: Option<usize>,
}

impl Writer {
    /// Begins with the number that precedes the fields: a key's type or a value's version.
    pub(super) fn new(version: i16, flexible: bool) -> Self {
        let out = version.to_be_bytes().to_vec();
        Self { version, flexible, out, too_long: None }
    }

    pub(super) fn finish(self) -> Result<Bytes, GroupRecordError> {
        match self.too_long {
            None => Ok(self.out.into()),
            Some(bytes) => Err(GroupRecordError::TooLong { bytes }),
        }
    }

    /// The version that is written.
    pub(super) fn version(&self) -> i16 {
        self.version
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn uvarint(&mut self, value: usize) {
        match u32::try_from(value) {
            Ok(value) => put_uvarint(&mut self.out, value),
            Err(_) => self.too_long = Some(value),
        }
    }

    /// A text's length; Kafka reads no text of more than 32,767 bytes in any version.
    fn short_length(&mut self, length: Option<usize>) {
        match length.map(i16::try_from) {
            None if self.flexible => self.raw(&[0]),
            None => self.raw(&(-1_i16).to_be_bytes()),
            Some(Ok(length)) if self.flexible => {
                self.uvarint(usize::from(length.unsigned_abs()) + 1)
            }
            Some(Ok(length)) => self.raw(&length.to_be_bytes()),
            Some(Err(_)) => self.too_long = length,
        }
    }

    fn long_length(&mut self, length: usize) {
        match i32::try_from(length) {
            Ok(_) if self.flexible => self.uvarint(length + 1),
            Ok(length) => self.raw(&length.to_be_bytes()),
            Err(_) => self.too_long = Some(length),
        }
    }

    /// Ends a message with its tagged fields, in the order of their tags.
    pub(super) fn end_message(&mut self, tagged: Vec<(u32, Self)>) {
        if !self.flexible {
            return;
        }
        self.uvarint(tagged.len());
        for (tag, field) in tagged {
            put_uvarint(&mut self.out, tag);
            self.uvarint(field.out.len());
            self.raw(&field.out);
            self.too_long = self.too_long.or(field.too_long);
        }
    }

    /// A tagged field of the message that is being written.
    pub(super) fn tagged(&self, field: &impl Field) -> Self {
        let (version, flexible) = (self.version, self.flexible);
        let mut writer = Self { version, flexible, out: Vec::new(), too_long: None };
        field.put(&mut writer);
        writer
    }
}

/// A key or value being read.
pub(super) struct Reader<'r, 'a> {
    version: i16,
    flexible: bool,
    cursor: &'r mut Cursor<'a>,
}

impl<'r, 'a> Reader<'r, 'a> {
    pub(super) fn new(cursor: &'r mut Cursor<'a>, version: i16, flexible: bool) -> Self {
        Self { version, flexible, cursor }
    }

    /// The version that is read.
    pub(super) fn version(&self) -> i16 {
        self.version
    }

    fn short_length(&mut self) -> Result<Option<usize>, Malformed> {
        let at = self.cursor.at();
        let length = match self.flexible {
            true => (self.cursor.uvarint()? as usize).checked_sub(1),
            false => match self.cursor.i16()? {
                -1 => None,
                length => Some(
                    usize::try_from(length)
                        .map_err(|_| Malformed { at, expected: "a length of -1 or more" })?,
                ),
            },
        };
        match length {
            Some(length) if length > 0x7fff => {
                Err(Malformed { at, expected: "a text of at most 32,767 bytes" })
            }
            length => Ok(length),
        }
    }

    fn long_length(&mut self) -> Result<usize, Malformed> {
        let at = self.cursor.at();
        let length = match self.flexible {
            true => (self.cursor.uvarint()? as usize).checked_sub(1),
            false => usize::try_from(self.cursor.i32()?).ok(),
        };
        length.ok_or(Malformed { at, expected: "a length that is not null" })
    }

    /// Reads the tagged fields, whose tags must ascend; none in a version that has no tags.
    pub(super) fn tagged(&mut self) -> Result<Tagged<'a>, Malformed> {
        let mut tagged = Tagged { version: self.version, fields: Vec::new() };
        if !self.flexible {
            return Ok(tagged);
        }
        for _ in 0..self.cursor.uvarint()? {
            let at = self.cursor.at();
            let tag = self.cursor.uvarint()?;
            if tagged.fields.last().is_some_and(|(last, _, _)| *last >= tag) {
                return Err(Malformed { at, expected: "tags in ascending order" });
            }
            let size = self.cursor.uvarint()? as usize;
            let from = self.cursor.at();
            let bytes = self.cursor.take(size, "as many bytes as the tagged field's size says")?;
            tagged.fields.push((tag, bytes, from));
        }
        Ok(tagged)
    }
}

/// The tagged fields of a message; those that nobody asks for are passed over.
pub(super) struct Tagged<'a> {
    version: i16,
    fields: Vec<(u32, &'a [u8], usize)>,
}

impl Tagged<'_> {
    pub(super) fn get<T: Field>(&self, tag: u32) -> Result<Option<T>, Malformed> {
        let Some((_, bytes, at)) = self.fields.iter().find(|(found, _, _)| *found == tag) else {
            return Ok(None);
        };
        let mut cursor = Cursor::new(bytes);
        let value = T::get(&mut Reader::new(&mut cursor, self.version, true))
            .map_err(|error| Malformed { at: at + error.at, expected: error.expected })?;
        Ok(Some(value))
    }

    /// Nothing is left to read of the message.
    pub(super) fn end_message<T>(self, message: T) -> Result<T, Malformed> {
        Ok(message)
    }
}

macro_rules! numbers {
    ($($type:ty, $get:ident;)*) => {$(
        impl Field for $type {
            fn put(&self, writer: &mut Writer) {
                writer.raw(&self.to_be_bytes());
            }
            fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
                reader.cursor.$get()
            }
        }
    )*};
}

numbers! { i8, i8; i32, i32; i64, i64; }

macro_rules! newtypes {
    ($($type:ident, $get:ident;)*) => {$(
        impl Field for $type {
            fn put(&self, writer: &mut Writer) {
                writer.raw(&self.0.to_be_bytes());
            }
            fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
                reader.cursor.$get().map($type)
            }
        }
    )*};
}

newtypes! { LeaderEpoch, i32; Offset, i64; TopicId, u128; }

impl Field for String {
    fn put(&self, writer: &mut Writer) {
        writer.short_length(Some(self.len()));
        writer.raw(self.as_bytes());
    }
    fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
        let at = reader.cursor.at();
        Option::get(reader)?.ok_or(Malformed { at, expected: "a text that is not null" })
    }
}

impl Field for Option<String> {
    fn put(&self, writer: &mut Writer) {
        match self {
            None => writer.short_length(None),
            Some(text) => text.put(writer),
        }
    }
    fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
        let Some(length) = reader.short_length()? else { return Ok(None) };
        let at = reader.cursor.at();
        let bytes = reader.cursor.take(length, "as many bytes as the text's length says")?;
        match str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Malformed { at, expected: "UTF-8" }),
        }
    }
}

macro_rules! names {
    ($($type:ty)*) => {$(
        impl Field for $type {
            fn put(&self, writer: &mut Writer) {
                let text: &str = std::borrow::Borrow::borrow(self);
                writer.short_length(Some(text.len()));
                writer.raw(text.as_bytes());
            }
            fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
                String::get(reader).map(Self::from)
            }
        }
    )*};
}

names! { GroupId MemberId TopicName }

impl Field for Bytes {
    fn put(&self, writer: &mut Writer) {
        writer.long_length(self.len());
        writer.raw(self);
    }
    fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
        let length = reader.long_length()?;
        let bytes = reader.cursor.take(length, "as many bytes as the length says")?;
        Ok(Self::copy_from_slice(bytes))
    }
}

impl<T: Field> Field for Vec<T> {
    fn put(&self, writer: &mut Writer) {
        writer.long_length(self.len());
        for element in self {
            element.put(writer);
        }
    }
    fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
        let count = reader.long_length()?;
        // Every element takes at least a byte; room is made as elements really come.
        if count > reader.cursor.remaining() {
            return reader.cursor.fail("as many elements as the array says");
        }
        let mut elements = Self::new();
        for _ in 0..count {
            elements.push(T::get(reader)?);
        }
        Ok(elements)
    }
}

/// An array that may be null; as a tagged field only.
impl Field for Option<Vec<i32>> {
    fn put(&self, writer: &mut Writer) {
        match self {
            None => writer.raw(&[0]),
            Some(elements) => elements.put(writer),
        }
    }
    fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
        let at = reader.cursor.at();
        match reader.cursor.uvarint()? {
            0 => Ok(None),
            count if count as usize - 1 > reader.cursor.remaining() => {
                Err(Malformed { at, expected: "as many elements as the array says" })
            }
            count => (1..count).map(|_| reader.cursor.i32()).collect::<Result<_, _>>().map(Some),
        }
    }
}

/// A message that may be null: one byte that says whether it is there, 1 in a tagged field (written as a varint) and
/// -1 for null elsewhere.
pub(super) fn put_nullable<T: Field>(message: &Option<T>, writer: &mut Writer) {
    match message {
        None => writer.raw(&[0xff]),
        Some(message) => {
            writer.raw(&[1]);
            message.put(writer);
        }
    }
}

/// Reads what [`put_nullable`] wrote.
pub(super) fn get_nullable<T: Field>(reader: &mut Reader<'_, '_>) -> Result<Option<T>, Malformed> {
    match reader.cursor.i8()? {
        1.. => T::get(reader).map(Some),
        ..=0 => Ok(None),
    }
}
