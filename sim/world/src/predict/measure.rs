//! The numbers that a prediction may ask for.

use klamm_node::NodeId;
use klamm_scenario::model::Measure;

use super::Walk;

impl Walk<'_> {
    /// A number where the walk stands; none if there is no such thing.
    pub(super) fn measure(&self, measure: &Measure) -> Option<i64> {
        let view = &self.view;
        let size = |count: usize| i64::try_from(count).ok();
        let of_client = |name: &Option<String>, count: &dyn Fn(Option<NodeId>) -> u64| match name {
            None => i64::try_from(count(None)).ok(),
            Some(name) => i64::try_from(count(Some(view.table.named(name)?))).ok(),
        };
        match measure {
            Measure::HighWatermark(p) => view.high_watermark_of(p).map(|offset| offset.0),
            Measure::LogEnd(p, None) => view.log_end_of(p).map(|offset| offset.0),
            Measure::LogEnd(p, Some(broker)) => {
                view.replica_of(p, *broker).map(|replica| replica.log.end().0)
            }
            Measure::LogStart(p) => view.true_leader(p).map(|(_, leader)| leader.log.start().0),
            Measure::LeaderEpoch(p) => view.leader_epoch_of(p).map(|epoch| i64::from(epoch.0)),
            Measure::IsrSize(p) => view.truth(p).and_then(|truth| size(truth.isr.len())),
            Measure::PartitionsWritten(topic) => {
                let of = view.partitions.keys().filter(|at| at.topic == *topic);
                size(of.filter(|at| view.log_end_of(at).is_some_and(|end| end.0 > 0)).count())
            }
            Measure::CutOff(p, broker) => {
                let node = view.table.node_of(*broker)?;
                Some(self.cut.get(&(p.clone(), node)).copied().unwrap_or(0))
            }
            Measure::Acknowledged(client) => of_client(client, &|node| view.acknowledged(node)),
            Measure::Failed(client) => of_client(client, &|node| view.failed(node)),
            Measure::Read(client) => of_client(client, &|node| view.read_count(node)),
            Measure::Lost(client) => of_client(client, &|node| {
                let lost = self.past.findings.permitted.iter().filter(|it| it.seq <= view.seq);
                let of = lost.filter(|it| node.is_none_or(|node| node == it.producer));
                of.map(|it| it.records.len() as u64).sum()
            }),
            Measure::Members(group) => {
                view.group(group).and_then(|(_, group)| size(group.members.len()))
            }
            Measure::Owned(client) => {
                let node = view.nodes.get(&view.table.named(client)?)?;
                node.client.membership.as_ref().and_then(|place| size(place.assigned.len()))
            }
            Measure::Committed(group, p) => {
                let (_, group) = view.group(group)?;
                group.offsets.get(p).map(|kept| kept.offset.0)
            }
            Measure::Lag(group, topic) => {
                let of = view.partitions.keys().filter(|at| at.topic == *topic);
                of.map(|at| view.lag(group, at)).sum()
            }
            Measure::Events(event) => i64::try_from(self.count(event)).ok(),
            Measure::Seconds => i64::try_from((view.now - self.began?).0 / 1_000_000_000).ok(),
        }
    }
}
