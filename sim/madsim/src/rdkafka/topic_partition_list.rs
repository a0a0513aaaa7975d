//! Partitions with offsets.

use std::collections::BTreeMap;
use std::fmt;

use klamm_node::{Offset as NodeOffset, TopicPartition};

use super::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

const BEGINNING: i64 = -2;
const END: i64 = -1;
const STORED: i64 = -1000;
const INVALID: i64 = -1001;
const TAIL_BASE: i64 = -2000;

/// A place in a partition.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Offset {
    /// Its beginning.
    Beginning,
    /// Its end.
    End,
    /// What is committed.
    Stored,
    /// None.
    Invalid,
    /// This offset.
    Offset(i64),
    /// So many records before the end.
    OffsetTail(i64),
}

impl Offset {
    /// From librdkafka's number.
    pub fn from_raw(raw: i64) -> Self {
        match raw {
            BEGINNING => Self::Beginning,
            END => Self::End,
            STORED => Self::Stored,
            INVALID => Self::Invalid,
            n if n <= TAIL_BASE => Self::OffsetTail(TAIL_BASE - n),
            n => Self::Offset(n),
        }
    }

    /// As librdkafka's number, if it has one.
    pub fn to_raw(self) -> Option<i64> {
        match self {
            Self::Beginning => Some(BEGINNING),
            Self::End => Some(END),
            Self::Stored => Some(STORED),
            Self::Invalid => Some(INVALID),
            Self::Offset(n) if n >= 0 => Some(n),
            Self::OffsetTail(n) if n > 0 => Some(TAIL_BASE - n),
            Self::Offset(_) | Self::OffsetTail(_) => None,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Element {
    topic: String,
    partition: i32,
    offset: Offset,
    metadata: String,
}

/// One partition of a list.
pub struct TopicPartitionListElem<'a> {
    at: Handle<'a>,
}

enum Handle<'a> {
    Shared(&'a Element),
    Own(&'a mut Element),
}

impl TopicPartitionListElem<'_> {
    fn element(&self) -> &Element {
        match &self.at {
            Handle::Shared(element) => element,
            Handle::Own(element) => element,
        }
    }

    /// Its topic.
    pub fn topic(&self) -> &str {
        &self.element().topic
    }

    /// What went wrong with it. Nothing: the lab's lists carry no errors.
    ///
    /// # Errors
    /// Never.
    pub fn error(&self) -> KafkaResult<()> {
        Ok(())
    }

    /// Its index.
    pub fn partition(&self) -> i32 {
        self.element().partition
    }

    /// Its offset.
    pub fn offset(&self) -> Offset {
        self.element().offset
    }

    /// Sets its offset.
    ///
    /// # Errors
    /// There is no such offset, or the list is only looked at.
    pub fn set_offset(&mut self, offset: Offset) -> KafkaResult<()> {
        match (&mut self.at, offset.to_raw()) {
            (Handle::Own(element), Some(_)) => {
                element.offset = offset;
                Ok(())
            }
            (Handle::Own(_) | Handle::Shared(_), _) => {
                Err(KafkaError::SetPartitionOffset(RDKafkaErrorCode::InvalidArgument))
            }
        }
    }

    /// The text beside it.
    pub fn metadata(&self) -> &str {
        &self.element().metadata
    }

    /// Sets the text beside it. Not in a list that is only looked at. Simplified: the lab commits no such texts.
    pub fn set_metadata<M: AsRef<str>>(&mut self, metadata: M) {
        if let Handle::Own(element) = &mut self.at {
            metadata.as_ref().clone_into(&mut element.metadata);
        }
    }
}

impl PartialEq for TopicPartitionListElem<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.element() == other.element()
    }
}

impl fmt::Debug for TopicPartitionListElem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.element().fmt(f)
    }
}

/// Partitions with offsets, in the order in which they were added.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct TopicPartitionList {
    elements: Vec<Element>,
}

impl TopicPartitionList {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// None, with room for so many.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { elements: Vec::with_capacity(capacity) }
    }

    /// From partitions and offsets, in the order of their names.
    ///
    /// # Errors
    /// One of the offsets is none.
    #[expect(clippy::disallowed_types, reason = "the signature is rdkafka's")]
    pub fn from_topic_map(
        map: &std::collections::HashMap<(String, i32), Offset>,
    ) -> KafkaResult<Self> {
        let sorted: BTreeMap<_, _> = map.iter().collect();
        let mut list = Self::new();
        for ((topic, partition), offset) in sorted {
            list.add_partition_offset(topic, *partition, *offset)?;
        }
        Ok(list)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.elements.len()
    }

    /// How many there is room for.
    pub fn capacity(&self) -> usize {
        self.elements.capacity()
    }

    /// Adds a topic without a partition.
    pub fn add_topic_unassigned<'a>(&'a mut self, topic: &str) -> TopicPartitionListElem<'a> {
        self.add_partition(topic, -1)
    }

    /// Adds a partition.
    pub fn add_partition<'a>(
        &'a mut self,
        topic: &str,
        partition: i32,
    ) -> TopicPartitionListElem<'a> {
        let (topic, offset) = (topic.to_owned(), Offset::Invalid);
        let element = Element { topic, partition, offset, metadata: String::new() };
        TopicPartitionListElem { at: Handle::Own(self.elements.push_mut(element)) }
    }

    /// Adds partitions from the first to the last of these.
    pub fn add_partition_range(&mut self, topic: &str, first: i32, last: i32) {
        for partition in first..=last {
            self.add_partition(topic, partition);
        }
    }

    /// Adds a partition with an offset.
    ///
    /// # Errors
    /// There is no such offset.
    pub fn add_partition_offset(
        &mut self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> KafkaResult<()> {
        self.add_partition(topic, partition).set_offset(offset)
    }

    /// Sets the offset of a partition.
    ///
    /// # Errors
    /// There is no such offset, or no such partition in the list.
    pub fn set_partition_offset(
        &mut self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> KafkaResult<()> {
        let found = |one: &&mut Element| one.topic == topic && one.partition == partition;
        match self.elements.iter_mut().find(found) {
            Some(element) => TopicPartitionListElem { at: Handle::Own(element) }.set_offset(offset),
            None => Err(KafkaError::SetPartitionOffset(RDKafkaErrorCode::UnknownPartition)),
        }
    }

    /// A partition of the list.
    pub fn find_partition(
        &self,
        topic: &str,
        partition: i32,
    ) -> Option<TopicPartitionListElem<'_>> {
        let found = |one: &&Element| one.topic == topic && one.partition == partition;
        let element = self.elements.iter().find(found)?;
        Some(TopicPartitionListElem { at: Handle::Shared(element) })
    }

    /// Sets all offsets.
    ///
    /// # Errors
    /// There is no such offset.
    pub fn set_all_offsets(&mut self, offset: Offset) -> KafkaResult<()> {
        for element in &mut self.elements {
            TopicPartitionListElem { at: Handle::Own(element) }.set_offset(offset)?;
        }
        Ok(())
    }

    /// All of it.
    pub fn elements(&self) -> Vec<TopicPartitionListElem<'_>> {
        let shared = |element| TopicPartitionListElem { at: Handle::Shared(element) };
        self.elements.iter().map(shared).collect()
    }

    /// The partitions of a topic.
    pub fn elements_for_topic<'a>(&'a self, topic: &str) -> Vec<TopicPartitionListElem<'a>> {
        self.elements().into_iter().filter(|element| element.topic() == topic).collect()
    }

    /// Partitions and offsets.
    #[expect(clippy::disallowed_types, reason = "the signature is rdkafka's")]
    pub fn to_topic_map(&self) -> std::collections::HashMap<(String, i32), Offset> {
        let pairs = self.elements.iter();
        pairs.map(|one| ((one.topic.clone(), one.partition), one.offset)).collect()
    }

    /// As the lab has partitions.
    pub(crate) fn partitions(&self) -> Vec<TopicPartition> {
        let one =
            |element: &Element| TopicPartition::new(element.topic.as_str(), element.partition);
        self.elements.iter().map(one).collect()
    }

    /// As the lab has offsets; none if one of them is not a number.
    pub(crate) fn offsets(&self) -> Option<Vec<(TopicPartition, NodeOffset)>> {
        let one = |element: &Element| match element.offset {
            Offset::Offset(at) if at >= 0 => {
                let partition = TopicPartition::new(element.topic.as_str(), element.partition);
                Some((partition, NodeOffset(at)))
            }
            Offset::Offset(_)
            | Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::Invalid
            | Offset::OffsetTail(_) => None,
        };
        self.elements.iter().map(one).collect()
    }

    /// From what the lab has.
    pub(crate) fn of<'a>(
        partitions: impl IntoIterator<Item = (&'a TopicPartition, Offset)>,
    ) -> Self {
        let one = |(at, offset): (&TopicPartition, Offset)| Element {
            topic: at.topic.to_string(),
            partition: at.partition,
            offset,
            metadata: String::new(),
        };
        Self { elements: partitions.into_iter().map(one).collect() }
    }
}

impl FromIterator<(String, i32, Offset)> for TopicPartitionList {
    fn from_iter<I: IntoIterator<Item = (String, i32, Offset)>>(partitions: I) -> Self {
        let one = |(topic, partition, offset)| {
            let metadata = String::new();
            Element { topic, partition, offset, metadata }
        };
        Self { elements: partitions.into_iter().map(one).collect() }
    }
}

impl FromIterator<((String, i32), Offset)> for TopicPartitionList {
    fn from_iter<I: IntoIterator<Item = ((String, i32), Offset)>>(partitions: I) -> Self {
        partitions.into_iter().map(|((topic, at), offset)| (topic, at, offset)).collect()
    }
}

impl fmt::Debug for TopicPartitionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.elements).finish()
    }
}
