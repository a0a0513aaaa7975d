//! `range`: of each topic, each reader has consecutive partitions.
//!
//! *Flows in*: members and topics. *Flows out*: ranges, in the order of instance ids first and member ids then. *Must never*:
//! look at what members had.

use std::collections::BTreeMap;

use klamm_node::{MemberId, TopicId};

use super::{Partitions, Spec};

/// How far a topic's partitions are handed out.
struct Ranges {
    count: i32,
    least: i32,
    /// How many of the next readers have one more.
    extra: i32,
    next: i32,
}

pub(super) fn assign(spec: &Spec) -> BTreeMap<MemberId, Partitions> {
    let mut readers: BTreeMap<TopicId, i32> = BTreeMap::new();
    for topic in spec.members.values().flat_map(|member| &member.topics) {
        *readers.entry(*topic).or_default() += 1;
    }
    let mut topics: BTreeMap<TopicId, Ranges> = readers
        .into_iter()
        .map(|(topic, readers)| {
            let count = spec.count(topic);
            let (least, extra) = (count / readers, count % readers);
            (topic, Ranges { count, least, extra, next: 0 })
        })
        .collect();
    let mut order: Vec<_> = spec.members.iter().collect();
    // Static members first, by their instance ids; the others by their own.
    order.sort_by_key(|(id, member)| (member.instance.is_none(), member.instance.clone(), *id));
    let ranges = order.into_iter().map(|(id, member)| {
        let mut assigned = Partitions::new();
        for topic in &member.topics {
            let Some(ranges) = topics.get_mut(topic) else { continue };
            let extra = i32::from(ranges.extra > 0);
            ranges.extra -= extra;
            let end = (ranges.next + ranges.least + extra).min(ranges.count);
            if ranges.next < end {
                assigned.insert(*topic, (ranges.next..end).collect());
            }
            ranges.next = end;
        }
        (id.clone(), assigned)
    });
    ranges.collect()
}
