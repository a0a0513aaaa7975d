//! The walk along a message that fits, which nearly every message does.
//!
//! What a structure looks like in one version is worked out once: fields that this version lacks are gone, and numbers in a row
//! are one step. *Flows in*: a body and what it claims to be. *Flows out*: whether it fits. *Must never*: take a body that the
//! [walk that tells where](super::walk_struct) would refuse, or refuse one that it would take; each message of a test is
//! walked both ways.

use super::{Kind, Shape, to_usize};

/// What there is in one version of a structure, in order.
pub(super) struct Plan {
    flexible: bool,
    steps: Box<[Step]>,
}

enum Step {
    /// So many bytes of numbers.
    Skip(usize),
    /// Anything else.
    Field(&'static Kind),
}

impl Plan {
    fn new(shape: &'static Shape, version: i16) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        for field in shape.fields.iter().filter(|field| field.in_version(version)) {
            match (&field.kind, steps.last_mut()) {
                (Kind::Fixed(size), Some(Step::Skip(bytes))) => *bytes += size,
                (Kind::Fixed(size), _) => steps.push(Step::Skip(*size)),
                (kind, _) => steps.push(Step::Field(kind)),
            }
        }
        Self { flexible: version >= shape.flexible_from, steps: steps.into() }
    }

    fn all(shape: &'static Shape) -> Box<[Self]> {
        (0..VERSIONS).map(|version| Self::new(shape, version)).collect()
    }
}

/// More than any API has: Fetch is at 18.
pub(super) const VERSIONS: i16 = 32;

/// Whether a body has everything that it claims to have. Of a version of [`VERSIONS`] or more that is not known here.
pub(super) fn fits(shape: &'static Shape, version: i16, body: &[u8]) -> bool {
    Rest { bytes: body, version }.structure(shape).is_some()
}

/// What is left of a body.
struct Rest<'a> {
    bytes: &'a [u8],
    version: i16,
}

impl Rest<'_> {
    fn structure(&mut self, shape: &'static Shape) -> Option<()> {
        let plans = shape.plans.get_or_init(|| Plan::all(shape));
        let plan = plans.get(usize::try_from(self.version).ok()?)?;
        for step in &plan.steps {
            match step {
                Step::Skip(bytes) => self.skip(*bytes)?,
                Step::Field(kind) => self.field(kind, plan.flexible)?,
            }
        }
        if plan.flexible { self.tagged(shape) } else { Some(()) }
    }

    #[inline]
    fn tagged(&mut self, shape: &'static Shape) -> Option<()> {
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let size = self.varint()?;
            match shape.tagged.iter().find(|tagged| tagged.tag == tag) {
                Some(known) => self.field(&known.field.kind, true)?,
                None => self.skip(to_usize(size))?,
            }
        }
        Some(())
    }

    fn field(&mut self, kind: &'static Kind, flexible: bool) -> Option<()> {
        match kind {
            Kind::Fixed(size) => self.skip(*size),
            Kind::Text => {
                let length = if flexible { self.compact()? } else { self.length::<2>()? };
                self.skip(length)
            }
            Kind::Blob => {
                let length = if flexible { self.compact()? } else { self.length::<4>()? };
                self.skip(length)
            }
            Kind::Array(element) => {
                let count = if flexible { self.compact()? } else { self.length::<4>()? };
                if count > self.bytes.len() {
                    return None;
                }
                for _ in 0..count {
                    self.field(element, flexible)?;
                }
                Some(())
            }
            Kind::Struct(shape) => self.structure(shape),
            Kind::Nullable(shape) => {
                let there = *self.bytes.first()? == 1;
                self.skip(1)?;
                if there { self.structure(shape) } else { Some(()) }
            }
        }
    }

    #[inline]
    fn skip(&mut self, count: usize) -> Option<()> {
        self.bytes = self.bytes.get(count..)?;
        Some(())
    }

    /// A length of so many bytes; -1 stands for null, which takes none.
    #[inline]
    fn length<const BYTES: usize>(&mut self) -> Option<usize> {
        let (first, rest) = self.bytes.split_first_chunk::<BYTES>()?;
        self.bytes = rest;
        // The sign of the first byte is the number's.
        let sign = if first[0] < 0x80 { 0 } else { 0xff };
        let mut wide = [sign; 4];
        wide[4 - BYTES..].copy_from_slice(first);
        match i32::from_be_bytes(wide) {
            -1 => Some(0),
            length => usize::try_from(length).ok(),
        }
    }

    #[inline]
    fn compact(&mut self) -> Option<usize> {
        self.varint().map(|length| to_usize(length.saturating_sub(1)))
    }

    #[inline]
    fn varint(&mut self) -> Option<u32> {
        let (first, rest) = self.bytes.split_first()?;
        if *first < 0x80 {
            self.bytes = rest;
            return Some(u32::from(*first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Option<u32> {
        let mut value = 0_u64;
        for (at, byte) in self.bytes.iter().take(5).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.skip(at + 1)?;
                return u32::try_from(value).ok();
            }
        }
        None
    }
}
