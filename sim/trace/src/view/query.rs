//! Questions that conditions, expectations and checkers ask.

use klamm_node::{BrokerId, DirectoryId, LeaderEpoch, NodeId, Offset, ReplicaKey, TopicPartition};

use super::View;
use super::state::{
    AckedBatch, PartitionState, PartitionView, QuorumMember, ReplicaRole, ReplicaView, Written,
};

impl View {
    /// The nodes that vote by a set of voters. A voter whose disk was replaced is nobody any more (KIP-853).
    pub fn nodes_of_voters(&self, voters: &[ReplicaKey]) -> Vec<NodeId> {
        let node = |key: &ReplicaKey| {
            let node = self.table.node_of(key.id)?;
            let replica = self.nodes.get(&node).and_then(|view| view.raft.replica);
            let configured = key.directory == DirectoryId::ZERO;
            (configured || replica == Some(*key)).then_some(node)
        };
        voters.iter().filter_map(node).collect()
    }

    /// How many voters there are by what a member knows, and the nodes that they are.
    pub fn voters_of(&self, member: &QuorumMember) -> (usize, Vec<NodeId>) {
        if member.replica.is_none() {
            // A spare controller only watches.
            let votes = |node: &NodeId| {
                self.nodes.get(node).is_none_or(|view| view.raft.role != *"observer")
            };
            let nodes: Vec<NodeId> = self.table.voters().filter(votes).collect();
            return (nodes.len(), nodes);
        }
        (member.voters.len(), self.nodes_of_voters(&member.voters))
    }

    /// The voters by what the newest leader knows, or whoever knows the newest set.
    pub fn quorum_voters(&self) -> (usize, Vec<NodeId>) {
        let members = self.table.voters().filter_map(|node| self.nodes.get(&node));
        let newest = members
            .map(|view| &view.raft)
            .max_by_key(|member| (member.role == "leader", member.epoch, member.voters_at));
        newest.map_or_else(Default::default, |member| self.voters_of(member))
    }

    /// A partition's controller state by the committed metadata.
    pub fn truth(&self, partition: &TopicPartition) -> Option<&PartitionState> {
        self.partitions.get(partition)?.truth.as_ref()
    }

    /// The leader by the committed metadata; none if there is none.
    pub fn leader_of(&self, partition: &TopicPartition) -> Option<BrokerId> {
        self.truth(partition).map(|truth| truth.leader).filter(|leader| *leader != BrokerId::NONE)
    }

    /// The ISR by the committed metadata; empty for an unknown partition.
    pub fn isr_of(&self, partition: &TopicPartition) -> &[BrokerId] {
        self.truth(partition).map_or(&[], |truth| &truth.isr)
    }

    /// The leader epoch by the committed metadata.
    pub fn leader_epoch_of(&self, partition: &TopicPartition) -> Option<LeaderEpoch> {
        self.truth(partition).map(|truth| truth.leader_epoch)
    }

    /// A broker's replica of a partition.
    pub fn replica_of(&self, partition: &TopicPartition, broker: BrokerId) -> Option<&ReplicaView> {
        self.partitions.get(partition)?.replicas.get(&broker)
    }

    /// The replica that truly leads: its broker runs, it believes to lead, and the committed metadata agrees.
    pub fn true_leader(&self, partition: &TopicPartition) -> Option<(BrokerId, &ReplicaView)> {
        self.true_leader_in(self.partitions.get(partition)?)
    }

    pub(crate) fn true_leader_in<'a>(
        &self,
        view: &'a PartitionView,
    ) -> Option<(BrokerId, &'a ReplicaView)> {
        let truth = view.truth.as_ref()?;
        let replica = view.replicas.get(&truth.leader)?;
        let leads =
            replica.role == ReplicaRole::Leader && replica.leader_epoch == truth.leader_epoch;
        leads.then_some((truth.leader, replica))
    }

    /// The true leader's high watermark.
    pub fn high_watermark_of(&self, partition: &TopicPartition) -> Option<Offset> {
        self.true_leader(partition).map(|(_, replica)| replica.high_watermark)
    }

    /// The true leader's log end.
    pub fn log_end_of(&self, partition: &TopicPartition) -> Option<Offset> {
        self.true_leader(partition).map(|(_, replica)| replica.log.end())
    }

    /// True if every partition of the committed metadata has all its replicas in its ISR; false without partitions.
    pub fn all_in_sync(&self) -> bool {
        let mut truths = self.partitions.values().filter_map(|view| view.truth.as_ref()).peekable();
        truths.peek().is_some() && truths.all(|truth| truth.isr.len() == truth.replicas.len())
    }

    /// True if a replica's log end equals the true leader's.
    pub fn caught_up(&self, partition: &TopicPartition, broker: BrokerId) -> bool {
        let follower = self.replica_of(partition, broker).filter(|replica| replica.settled);
        let end = follower.map(|replica| replica.log.end());
        end.is_some() && end == self.log_end_of(partition)
    }

    /// True if every settled replica on a live broker holds the same log.
    pub fn logs_equal(&self, partition: &TopicPartition) -> bool {
        let Some(view) = self.partitions.get(partition) else { return false };
        let mut logs =
            view.replicas.values().filter(|replica| replica.settled).map(|replica| &replica.log);
        let Some(first) = logs.next() else { return false };
        logs.all(|log| {
            log.end() == first.end() && log.first_difference(first, first.end()).is_none()
        })
    }

    /// Whether a broker is fenced, by the committed metadata; none if it is not registered.
    pub fn fenced(&self, broker: BrokerId) -> Option<bool> {
        self.brokers.get(&broker).map(|view| view.fenced)
    }

    /// The active controller and its epoch.
    pub fn active_controller(&self) -> Option<(BrokerId, LeaderEpoch)> {
        self.quorum.active
    }

    /// The quorum's leader of the newest epoch that a member believes to lead.
    pub fn quorum_leader(&self) -> Option<(BrokerId, LeaderEpoch)> {
        let leads =
            |node: &NodeId| Some((self.nodes.get(node)?.raft.epoch, self.table.broker_of(*node)?));
        let leaders = self.nodes.iter().filter(|(_, view)| view.raft.role == "leader");
        leaders.filter_map(|(node, _)| leads(node)).max().map(|(epoch, broker)| (broker, epoch))
    }

    /// True if a node's process exists, be it scheduled or not.
    pub fn is_alive(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(super::state::NodeView::is_alive)
    }

    /// Records acknowledged to a client, or to all.
    pub fn acknowledged(&self, client: Option<NodeId>) -> u64 {
        self.count(client, |view| view.acknowledged)
    }

    /// Records given up by a client, or by all.
    pub fn failed(&self, client: Option<NodeId>) -> u64 {
        self.count(client, |view| view.failed)
    }

    /// Records read by a client, or by all.
    pub fn read_count(&self, client: Option<NodeId>) -> u64 {
        self.count(client, |view| view.read)
    }

    fn count(&self, client: Option<NodeId>, of: impl Fn(&super::state::ClientView) -> u64) -> u64 {
        let wanted = |node: &NodeId| client.is_none_or(|client| client == *node);
        self.nodes.iter().filter(|(node, _)| wanted(node)).map(|(_, view)| of(&view.client)).sum()
    }

    /// A consumer's next offset.
    pub fn position(&self, client: NodeId, partition: &TopicPartition) -> Option<Offset> {
        self.nodes.get(&client)?.client.positions.get(partition).copied()
    }

    /// Promised batches that the replica which should lead does not hold, whatever the promise covered. A batch below
    /// the log start is not missing: retention may take it. Without a true leader every log that is in the ISR counts.
    pub fn unreadable(&self, partition: &TopicPartition) -> Vec<&AckedBatch> {
        let Some(view) = self.partitions.get(partition) else { return Vec::new() };
        let judge: Vec<&ReplicaView> = match self.true_leader_in(view) {
            Some((_, leader)) => vec![leader],
            None => view
                .replicas
                .iter()
                .filter(|(id, _)| self.isr_of(partition).contains(id))
                .map(|(_, r)| r)
                .collect(),
        };
        let missing = |acked: &&AckedBatch| {
            acked.base.0 >= 0 && !judge.iter().any(|replica| replica.holds(acked))
        };
        view.acked.iter().filter(missing).collect()
    }

    /// Whether a replica outside the ISR and the ELR may be elected for a topic: by configuration (KIP-106), or because a
    /// person asked for it (KIP-460).
    pub fn unclean_allowed(&self, topic: &str) -> bool {
        let key = "unclean.leader.election.enable";
        let of = |resource: String| self.configs.get(&(resource, key.to_owned()));
        let value = of(format!("topic:{topic}"))
            .or_else(|| of("broker:".to_owned()))
            .or_else(|| self.server_config.get(key));
        self.unclean_asked || value.is_some_and(|value| value == "true")
    }

    /// Whether the cluster has eligible leader replicas (KIP-966).
    pub fn has_elr(&self) -> bool {
        let feature = "eligible.leader.replicas.version";
        // The level that a cluster begins with is no change, and so no event: 1 in Kafka 4.1 and later.
        let first = || self.server_config.get(feature).and_then(|level| level.parse().ok());
        self.features.get(feature).copied().or_else(first).unwrap_or(1) > 0
    }

    /// True if a node has not yet learnt that a topic was deleted: what it says of the partition is about the old topic,
    /// though a new one may have the name (KIP-516).
    pub fn is_stale(&self, node: NodeId, partition: &TopicPartition) -> bool {
        let deleted = self.partitions.get(partition).and_then(|state| state.deleted);
        deleted.is_some_and(|deleted| {
            let belief = self.nodes.get(&node).and_then(|node| node.beliefs.get(partition));
            belief.is_some_and(|belief| belief.offset < deleted)
        })
    }

    /// `min.insync.replicas` of a topic: its own, the cluster's, or the brokers'.
    pub fn min_isr(&self, topic: &str) -> usize {
        let key = "min.insync.replicas";
        let of = |resource: String| self.configs.get(&(resource, key.to_owned()));
        let value = of(format!("topic:{topic}")).or_else(|| of("broker:".to_owned()));
        let default = usize::try_from(self.min_insync_replicas).unwrap_or(1);
        value.and_then(|value| value.parse().ok()).unwrap_or(default)
    }
}

impl PartitionView {
    /// The batches that leaders wrote at a first offset, with their epochs, newest first.
    pub fn written_at(&self, base: Offset) -> Vec<(LeaderEpoch, Written)> {
        let mut found = Vec::new();
        let mut newest = self.written.keys().next_back().map(|(epoch, _)| *epoch);
        while let Some(epoch) = newest {
            found.extend(self.written.get(&(epoch, base)).map(|written| (epoch, *written)));
            let older = self.written.range(..(epoch, Offset(i64::MIN))).next_back();
            newest = older.map(|((epoch, _), _)| *epoch);
        }
        found
    }
}

impl ReplicaView {
    /// True if the log holds a promised batch, or has grown out of its offsets at the front. In which epoch it was written
    /// does not matter: when two leaders took the tries of one batch at the same offset, either is what was promised.
    pub fn holds(&self, acked: &AckedBatch) -> bool {
        if acked.end() <= self.log.start() {
            return true;
        }
        let first = acked.base.max(self.log.start());
        self.log.at(first).is_some_and(|batch| batch.crc == acked.crc)
    }

    /// The newest epoch in the cache, or -1.
    pub fn latest_epoch(&self) -> LeaderEpoch {
        self.epochs.last().map_or(LeaderEpoch::NONE, |entry| entry.epoch)
    }
}
