//! How the types of fields are written in flexible messages (KIP-482).

use klamm_node::{
    BrokerEpoch, BrokerId, DirectoryId, IncarnationId, LeaderEpoch, PartitionEpoch, TopicId,
};

use crate::cursor::{Cursor, Malformed, put_uvarint};

/// A value of a field.
pub(super) trait FieldType: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed>;
}

macro_rules! numbers {
    ($($type:ty, $get:ident;)*) => {$(
        impl FieldType for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
                cursor.$get()
            }
        }
    )*};
}

numbers! {
    i8, i8;
    i16, i16;
    u16, u16;
    i64, i64;
}

/// A fraction; two are equal if their bits are, so that records can be compared.
#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Double {}

impl FieldType for Double {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_bits().to_be_bytes());
    }
    fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        Ok(Self(f64::from_bits(cursor.i64()?.cast_unsigned())))
    }
}

macro_rules! newtypes {
    ($($type:ident, $get:ident;)*) => {$(
        impl FieldType for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0.to_be_bytes());
            }
            fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
                cursor.$get().map($type)
            }
        }
    )*};
}

newtypes! {
    BrokerId, i32;
    LeaderEpoch, i32;
    PartitionEpoch, i32;
    BrokerEpoch, i64;
    TopicId, u128;
    DirectoryId, u128;
    IncarnationId, u128;
}

/// A partition's index, and only that.
impl FieldType for i32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
    fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        cursor.i32()
    }
}

impl FieldType for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        Ok(cursor.i8()? != 0)
    }
}

impl FieldType for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_compact_length(out, Some(self.len()));
        out.extend_from_slice(self.as_bytes());
    }
    fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let at = cursor.at();
        Option::get(cursor)?.ok_or(Malformed { at, expected: "a string that is not null" })
    }
}

impl FieldType for Option<String> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => put_compact_length(out, None),
            Some(text) => text.put(out),
        }
    }
    fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let Some(length) = get_compact_length(cursor)? else { return Ok(None) };
        let at = cursor.at();
        let bytes = cursor.take(length, "as many bytes as the string's length says")?;
        match str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Malformed { at, expected: "UTF-8" }),
        }
    }
}

impl<T: FieldType> FieldType for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_compact_length(out, Some(self.len()));
        for element in self {
            element.put(out);
        }
    }
    fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let at = cursor.at();
        Option::get(cursor)?.ok_or(Malformed { at, expected: "an array that is not null" })
    }
}

impl<T: FieldType> FieldType for Option<Vec<T>> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => put_compact_length(out, None),
            Some(elements) => elements.put(out),
        }
    }
    fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let Some(count) = get_compact_length(cursor)? else { return Ok(None) };
        // Every element takes at least a byte; room is made as elements really come.
        if count > cursor.remaining() {
            return cursor.fail("as many elements as the array says");
        }
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(T::get(cursor)?);
        }
        Ok(Some(elements))
    }
}

fn put_compact_length(out: &mut Vec<u8>, length: Option<usize>) {
    let plus_one = length.map_or(0, |length| length + 1);
    put_uvarint(out, u32::try_from(plus_one).expect("metadata fields stay far below 4 GiB"));
}

fn get_compact_length(cursor: &mut Cursor<'_>) -> Result<Option<usize>, Malformed> {
    Ok((cursor.uvarint()? as usize).checked_sub(1))
}

/// A message being written.
pub(super) struct Writer {
    version: i16,
    out: Vec<u8>,
    tagged: Vec<(u32, Vec<u8>)>,
}

impl Writer {
    pub(super) fn new(version: i16) -> Self {
        Self { version, out: Vec::new(), tagged: Vec::new() }
    }

    pub(super) fn has(&self, since: i16) -> bool {
        self.version >= since
    }

    pub(super) fn put(&mut self, value: &impl FieldType) {
        value.put(&mut self.out);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    pub(super) fn put_tagged(&mut self, tag: u32, value: &impl FieldType) {
        let mut bytes = Vec::new();
        value.put(&mut bytes);
        self.tagged.push((tag, bytes));
    }

    /// Writes the tagged fields, in the order of their tags.
    pub(super) fn end_message(&mut self) {
        let mut tagged = std::mem::take(&mut self.tagged);
        tagged.sort_by_key(|(tag, _)| *tag);
        let length = |n: usize| u32::try_from(n).expect("metadata fields stay far below 4 GiB");
        put_uvarint(&mut self.out, length(tagged.len()));
        for (tag, bytes) in tagged {
            put_uvarint(&mut self.out, tag);
            put_uvarint(&mut self.out, length(bytes.len()));
            self.out.extend_from_slice(&bytes);
        }
    }
}

/// A message being read.
pub(super) struct Reader<'r, 'a> {
    version: i16,
    cursor: &'r mut Cursor<'a>,
}

impl<'r, 'a> Reader<'r, 'a> {
    pub(super) fn new(version: i16, cursor: &'r mut Cursor<'a>) -> Self {
        Self { version, cursor }
    }

    pub(super) fn get<T: FieldType>(&mut self, since: i16) -> Result<Option<T>, Malformed> {
        if self.version < since { Ok(None) } else { T::get(self.cursor).map(Some) }
    }

    /// Reads the tagged fields, whose tags must ascend.
    pub(super) fn tagged(&mut self) -> Result<Tagged<'a>, Malformed> {
        let cursor = &mut *self.cursor;
        let mut fields: Vec<(u32, &'a [u8], usize)> = Vec::new();
        for _ in 0..cursor.uvarint()? {
            let at = cursor.at();
            let tag = cursor.uvarint()?;
            if fields.last().is_some_and(|(last, _, _)| *last >= tag) {
                return Err(Malformed { at, expected: "tags in ascending order" });
            }
            let size = cursor.uvarint()? as usize;
            let from = cursor.at();
            let bytes = cursor.take(size, "as many bytes as the tagged field's size says")?;
            fields.push((tag, bytes, from));
        }
        Ok(Tagged { version: self.version, fields })
    }
}

/// The tagged fields of a message; those that nobody asks for are passed over.
pub(super) struct Tagged<'a> {
    version: i16,
    fields: Vec<(u32, &'a [u8], usize)>,
}

impl Tagged<'_> {
    pub(super) fn get<T: FieldType>(&self, since: i16, tag: u32) -> Result<Option<T>, Malformed> {
        if self.version < since {
            return Ok(None);
        }
        let Some((_, bytes, at)) = self.fields.iter().find(|(found, _, _)| *found == tag) else {
            return Ok(None);
        };
        let mut cursor = Cursor::new(bytes);
        let value = T::get(&mut cursor).map_err(|malformed| Malformed {
            at: at + malformed.at,
            expected: malformed.expected,
        })?;
        if cursor.remaining() > 0 {
            return Err(Malformed { at: at + cursor.at(), expected: "the tagged field to end" });
        }
        Ok(Some(value))
    }

    pub(super) fn end_message<T>(&self, message: T) -> Result<T, Malformed> {
        Ok(message)
    }
}
