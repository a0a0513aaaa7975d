//! What a message looks like on the wire, and a walk along it that allocates nothing.
//!
//! `kafka-protocol` trusts the length of an array and reserves memory for that many elements before it reads one, so a
//! frame of thirty bytes could ask for hundreds of gigabytes. The walk here finds out first whether the elements are there.
//! It also says *where* and *what* was expected, which the codec does not.
//!
//! *Flows in*: a body and what it claims to be. *Flows out*: nothing, or a [`WireError`]. *Must never*: accept a body of
//! which the codec would read more than is there.

use std::sync::OnceLock;

use kafka_protocol::messages::ApiKey;

use self::plan::Plan;
use crate::frame::WireError;
use crate::header::Cursor;

mod plan;
mod table;
#[cfg(test)]
pub(crate) mod tests;

/// A field's kind, without its meaning.
enum Kind {
    /// A number, boolean or uuid of so many bytes.
    Fixed(usize),
    /// A string; compact in flexible versions.
    Text,
    /// Bytes; compact in flexible versions.
    Blob,
    /// So many of one kind; compact in flexible versions.
    Array(&'static Self),
    /// A structure.
    Struct(&'static Shape),
    /// A structure or null: 1 in a byte and the structure, or -1.
    Nullable(&'static Shape),
}

/// A field and the versions that have it.
struct Field {
    name: &'static str,
    kind: Kind,
    versions: (i16, i16),
}

/// A field that is only there if its tag is (KIP-482).
struct Tagged {
    tag: u32,
    field: Field,
}

/// The fields of a structure in their order on the wire.
struct Shape {
    flexible_from: i16,
    fields: &'static [Field],
    tagged: &'static [Tagged],
    /// What is in each version, once somebody has asked.
    plans: OnceLock<Box<[Plan]>>,
}

/// Walks a request's body.
///
/// # Errors
/// Bytes that can't be that request; an API that is not in the table.
pub fn check_request(api: ApiKey, version: i16, body: &[u8]) -> Result<(), WireError> {
    check(table::request(api), version, body)
}

/// Walks a response's body.
///
/// # Errors
/// Bytes that can't be that response; an API that is not in the table.
pub fn check_response(api: ApiKey, version: i16, body: &[u8]) -> Result<(), WireError> {
    check(table::response(api), version, body)
}

fn check(shape: Option<&'static Shape>, version: i16, body: &[u8]) -> Result<(), WireError> {
    let shape = shape.ok_or_else(|| WireError::new(0, "a message of the API table"))?;
    let fits = plan::fits(shape, version, body);
    if fits && cfg!(not(debug_assertions)) {
        return Ok(());
    }
    let told = walk_struct(shape, version, &mut Cursor::new(body));
    debug_assert_eq!(fits, told.is_ok() && version < plan::VERSIONS, "the walks differ: {told:?}");
    told
}

fn walk_struct(shape: &Shape, version: i16, cursor: &mut Cursor<'_>) -> Result<(), WireError> {
    let flexible = version >= shape.flexible_from;
    for field in shape.fields {
        if field.in_version(version) {
            match field.kind {
                Kind::Fixed(size) => cursor.skip(size, field.name)?,
                Kind::Text | Kind::Blob | Kind::Array(_) | Kind::Struct(_) | Kind::Nullable(_) => {
                    walk(&field.kind, field.name, version, flexible, cursor)?;
                }
            }
        }
    }
    if flexible { walk_tagged(shape, version, cursor) } else { Ok(()) }
}

fn walk_tagged(shape: &Shape, version: i16, cursor: &mut Cursor<'_>) -> Result<(), WireError> {
    for _ in 0..cursor.varint("number of tagged fields")? {
        let tag = cursor.varint("tag")?;
        let size = cursor.varint("size of a tagged field")?;
        match shape.tagged.iter().find(|tagged| tagged.tag == tag) {
            // The codec reads a known tag by its kind and not by its size, so that is what must be there.
            Some(known) => walk(&known.field.kind, known.field.name, version, true, cursor)?,
            None => cursor.skip(to_usize(size), "unknown tagged field")?,
        }
    }
    Ok(())
}

fn walk(
    kind: &Kind,
    name: &str,
    version: i16,
    flexible: bool,
    cursor: &mut Cursor<'_>,
) -> Result<(), WireError> {
    match kind {
        Kind::Fixed(size) => cursor.skip(*size, name)?,
        Kind::Text | Kind::Blob if flexible => {
            let length = compact_length(cursor, name)?;
            cursor.skip(length, name)?;
        }
        Kind::Text => {
            let length = i32::from(cursor.int16(name)?);
            let length = plain_length(cursor, length, name)?;
            cursor.skip(length, name)?;
        }
        Kind::Blob => {
            let length = cursor.int32(name)?;
            let length = plain_length(cursor, length, name)?;
            cursor.skip(length, name)?;
        }
        Kind::Array(element) => {
            let count = if flexible {
                compact_length(cursor, name)?
            } else {
                let count = cursor.int32(name)?;
                plain_length(cursor, count, name)?
            };
            // No element is shorter than a byte, so that a claim beyond the rest is refused without a walk.
            if count > cursor.left() {
                let left = cursor.left();
                return Err(cursor.error(format!("{count} elements of {name}, {left} bytes left")));
            }
            for _ in 0..count {
                walk(element, name, version, flexible, cursor)?;
            }
        }
        Kind::Struct(shape) => walk_struct(shape, version, cursor)?,
        // The codec takes every byte but 1 for null.
        Kind::Nullable(shape) => {
            if cursor.take(1, name)? == [1] {
                walk_struct(shape, version, cursor)?;
            }
        }
    }
    Ok(())
}

/// A compact length is one more than the length; 0 stands for null, which takes no bytes either.
fn compact_length(cursor: &mut Cursor<'_>, name: &str) -> Result<usize, WireError> {
    Ok(to_usize(cursor.varint(name)?.saturating_sub(1)))
}

/// -1 stands for null, which takes no bytes.
fn plain_length(cursor: &Cursor<'_>, length: i32, name: &str) -> Result<usize, WireError> {
    match length {
        -1 => Ok(0),
        _ => usize::try_from(length)
            .map_err(|_| cursor.error(format!("a length of {name} of -1 or more, not {length}"))),
    }
}

fn to_usize(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

impl Field {
    fn in_version(&self, version: i16) -> bool {
        (self.versions.0..=self.versions.1).contains(&version)
    }
}
