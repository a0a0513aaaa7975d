//! The rules, one for each kind of number.

use super::{
    BrokerId, NodeId, NodeKind, Offset, Phrase, ReplicaRole, ReplicaView, Rule, Subject,
    TopicPartition, asked, list, plain,
};

impl Rule<'_> {
    /// What a member of the quorum is called; a dash for nobody.
    fn named(&self, member: BrokerId) -> String {
        let table = &self.view().table;
        let name = table.node_of(member).map(|node| table.name(node).to_owned());
        name.unwrap_or_else(|| "–".to_owned())
    }

    /// Writes the rule of a subject; none if it is not there.
    pub(super) fn explain(&mut self, subject: &Subject) -> Option<()> {
        match subject {
            Subject::Leader(p) => self.leader(p),
            Subject::LeaderEpoch(p) => self.leader_epoch(p),
            Subject::Isr(p) => self.isr(p),
            Subject::Elr(p) => {
                let least = self.view().min_isr(&p.topic);
                self.say(Phrase::WhyElr, &[asked(least, Subject::MinIsr(p.clone()))]);
            }
            Subject::MinIsr(p) => {
                let at = (format!("topic:{}", p.topic), "min.insync.replicas".to_owned());
                let own = self.view().configs.contains_key(&at);
                self.say(if own { Phrase::WhyMinIsrTopic } else { Phrase::WhyMinIsrDefault }, &[]);
            }
            Subject::ReplicaRole(p, b) => self.role(p, *b),
            Subject::ReplicaEpoch(p, _) => {
                let epoch = self.view().leader_epoch_of(p).map_or(-1, |epoch| epoch.0);
                self.say(Phrase::WhyReplicaEpoch, &[asked(epoch, Subject::LeaderEpoch(p.clone()))]);
            }
            Subject::LogStart(..) => self.say(Phrase::WhyLogStart, &[]),
            Subject::LogEnd(p, b) => self.log_end(p, *b),
            Subject::HighWatermark(p, b) => self.high_watermark(p, *b),
            Subject::Synced(p, b) => {
                let replica = self.view().replica_of(p, *b)?;
                let (synced, end) = (replica.synced, replica.log.end());
                let end = asked(end, Subject::LogEnd(p.clone(), *b));
                self.say(Phrase::WhySynced, &[plain(synced), end]);
            }
            Subject::Epochs(p, b) => {
                let epochs = self.view().replica_of(p, *b)?.log.epochs();
                let language = self.stage.style.language;
                let each: Vec<String> = epochs
                    .iter()
                    .map(|(epoch, start)| language.say(Phrase::EpochFrom, &[epoch, start]))
                    .collect();
                self.say(Phrase::WhyEpochs, &[plain(each.join(", "))]);
            }
            Subject::FollowerEnd(p, leader, follower) => {
                let end = *self.view().replica_of(p, *leader)?.followers.get(follower)?;
                let end = asked(end, Subject::LogEnd(p.clone(), *follower));
                self.say(Phrase::WhyFollowerEnd, &[end]);
            }
            Subject::Committed(g, p) => {
                let (_, group) = self.view().group(g)?;
                let Some(kept) = group.offsets.get(p) else {
                    self.say(Phrase::WhyNoCommit, &[]);
                    return Some(());
                };
                let member = kept.member.as_str();
                let client = group.members.get(&kept.member).map(|view| view.client_id.as_str());
                let who = client.filter(|client| !client.is_empty()).unwrap_or(member).to_owned();
                let values =
                    [plain(who), plain(kept.epoch), plain(kept.log_offset), plain(group.at)];
                self.say(Phrase::WhyCommitted, &values);
            }
            Subject::Position(n, p) => {
                let name = self.view().table.name(*n).to_owned();
                let end = self.view().leader_of(p).map(|leader| Subject::LogEnd(p.clone(), leader));
                let end = match end {
                    Some(end) => (super::value_of(self.view(), &end)?, Some(end)),
                    None => plain("–"),
                };
                self.say(Phrase::WhyPosition, &[plain(name), end]);
            }
            Subject::Lag(g, p) => {
                let leader = self.view().leader_of(p)?;
                let mark = self.view().replica_of(p, leader)?.high_watermark;
                let (_, group) = self.view().group(g)?;
                let kept = group.offsets.get(p)?.offset;
                let values = [
                    asked(mark, Subject::HighWatermark(p.clone(), leader)),
                    asked(kept, Subject::Committed(g.clone(), p.clone())),
                ];
                self.say(Phrase::WhyLag, &values);
            }
            Subject::Process(n) => {
                let node = self.view().nodes.get(n)?;
                let language = self.stage.style.language;
                let word = language.word(crate::words::process(node.state));
                let times = node.incarnation;
                self.say(Phrase::WhyProcess, &[plain(word), plain(times)]);
            }
            Subject::Fenced(b) => match self.view().brokers.get(b) {
                Some(broker) => {
                    let values =
                        [plain(broker.offset), plain(broker.fenced), plain(broker.shutting_down)];
                    self.say(Phrase::WhyFenced, &values);
                }
                None => self.say(Phrase::WhyNotRegistered, &[]),
            },
            Subject::Applied(_) => {
                let newest = self.view().quorum.applied.map_or(-1, |offset| offset.0);
                self.say(Phrase::WhyApplied, &[plain(newest)]);
            }
            Subject::QuorumRole(n) => {
                let member = &self.view().nodes.get(n)?.raft;
                let values = [
                    asked(member.epoch, Subject::QuorumEpoch(*n)),
                    plain(self.named(member.leader)),
                    plain(self.named(member.voted)),
                ];
                self.say(Phrase::WhyQuorumRole, &values);
            }
            Subject::QuorumEpoch(_) => self.say(Phrase::WhyQuorumEpoch, &[]),
            Subject::MetadataEnd(n) => {
                let committed = self.view().nodes.get(n)?.raft.committed;
                let committed = asked(committed, Subject::MetadataCommitted(*n));
                self.say(Phrase::WhyMetadataEnd, &[committed]);
            }
            Subject::MetadataCommitted(_) => self.say(Phrase::WhyMetadataCommitted, &[]),
            Subject::BelievedLeader(n, p) => self.belief(*n, p, subject),
            Subject::Count(n) => self.count(*n)?,
            Subject::GroupState(g) => {
                let (coordinator, group) = self.view().group(g)?;
                let name = self.view().table.name(coordinator).to_owned();
                let values = [plain(name), plain(group.members.len())];
                self.say(Phrase::WhyGroupState, &values);
            }
            Subject::GroupEpoch(_) => self.say(Phrase::WhyGroupEpoch, &[]),
            Subject::InFlight => self.say(Phrase::WhyInFlight, &[]),
        }
        Some(())
    }

    fn leader(&mut self, p: &TopicPartition) {
        let Some(truth) = self.view().truth(p).cloned() else {
            return self.say(Phrase::WhyNoPartition, &[]);
        };
        let values = [
            plain(truth.offset),
            plain(truth.leader),
            asked(truth.leader_epoch, Subject::LeaderEpoch(p.clone())),
            asked(list(&truth.isr), Subject::Isr(p.clone())),
        ];
        self.say(Phrase::WhyLeader, &values);
        self.record(truth.seq);
    }

    fn leader_epoch(&mut self, p: &TopicPartition) {
        let Some(truth) = self.view().truth(p).cloned() else {
            return self.say(Phrase::WhyNoPartition, &[]);
        };
        self.say(Phrase::WhyLeaderEpoch, &[plain(truth.offset)]);
        self.record(truth.seq);
    }

    fn isr(&mut self, p: &TopicPartition) {
        let Some(truth) = self.view().truth(p).cloned() else {
            return self.say(Phrase::WhyNoPartition, &[]);
        };
        let leader = asked(truth.leader, Subject::Leader(p.clone()));
        self.say(Phrase::WhyIsr, &[leader, plain(truth.offset)]);
        self.record(truth.seq);
    }

    /// The event at which a metadata record was applied first.
    fn record(&mut self, seq: klamm_node::Seq) {
        self.parts.push(super::WhyPart::Event(format!(" (#{seq})"), seq));
    }

    fn role(&mut self, p: &TopicPartition, broker: BrokerId) {
        let view = self.view();
        let node = self.node_of(broker).and_then(|node| view.nodes.get(&node));
        let truth = view.truth(p);
        let (offset, leader) = truth.map_or((-1, -1), |truth| (truth.offset.0, truth.leader.0));
        let isr = asked(list(view.isr_of(p)), Subject::Isr(p.clone()));
        let leader = asked(leader, Subject::Leader(p.clone()));
        if let Some(node) = node.filter(|node| !node.is_alive()) {
            let language = self.stage.style.language;
            let word = language.word(crate::words::process(node.state));
            return self.say(Phrase::WhyRoleDown, &[plain(word), leader, isr]);
        }
        let applied = node.and_then(|node| node.applied).map_or(-1, |offset| offset.0);
        let takes = view.replica_of(p, broker).map_or(-1, |replica| replica.leader.0);
        let applied = match self.node_of(broker) {
            Some(node) => asked(applied, Subject::Applied(node)),
            None => plain(applied),
        };
        self.say(Phrase::WhyRole, &[applied, plain(takes), plain(offset), leader]);
    }

    fn log_end(&mut self, p: &TopicPartition, broker: BrokerId) {
        let last = self
            .view()
            .replica_of(p, broker)
            .map(|replica| (replica.log.last(), replica.log.start()));
        match last {
            Some((Some(batch), _)) => {
                let values = [plain(batch.base), plain(batch.last), plain(batch.epoch)];
                self.say(Phrase::WhyLogEnd, &values);
            }
            Some((None, start)) => self.say(Phrase::WhyLogEndEmpty, &[plain(start)]),
            None => self.say(Phrase::WhyLogEndEmpty, &[plain("–")]),
        }
    }

    fn high_watermark(&mut self, p: &TopicPartition, broker: BrokerId) {
        let view = self.view();
        let Some(replica) = view.replica_of(p, broker).cloned() else {
            return self.say(Phrase::WhyHwIdle, &[]);
        };
        match replica.role {
            ReplicaRole::Leader => self.leaders_watermark(p, broker, &replica),
            ReplicaRole::Follower => {
                let leader = replica.leader;
                let known = view.replica_of(p, leader).map(|leader| leader.high_watermark);
                let known = known.map_or_else(|| "–".to_owned(), |mark| mark.to_string());
                let values = [
                    asked(replica.log.end(), Subject::LogEnd(p.clone(), broker)),
                    plain(leader),
                    asked(known, Subject::HighWatermark(p.clone(), leader)),
                ];
                self.say(Phrase::WhyHwFollower, &values);
            }
            ReplicaRole::Idle => self.say(Phrase::WhyHwIdle, &[]),
        }
    }

    /// The heart of replication: the least log end of those that count.
    fn leaders_watermark(&mut self, p: &TopicPartition, broker: BrokerId, replica: &ReplicaView) {
        self.say(Phrase::WhyHwLeader, &[]);
        // What the leader goes by: what it believes, or was answered, and whom it has asked to add (KIP-497).
        let believed = self
            .node_of(broker)
            .and_then(|node| self.view().nodes.get(&node))
            .and_then(|node| node.beliefs.get(p))
            .map(|belief| (belief.partition_epoch, belief.isr.clone()));
        let mut counts: Vec<BrokerId> = match (&replica.answered, believed) {
            (Some((answered, isr)), Some((known, _))) if *answered > known => isr.clone(),
            (_, Some((_, isr))) => isr,
            (Some((_, isr)), None) => isr.clone(),
            (None, None) => Vec::new(),
        };
        let isr = counts.clone();
        for more in replica.proposed.iter().flatten() {
            if !counts.contains(more) {
                counts.push(*more);
            }
        }
        let mut least = replica.log.end();
        let own = asked(replica.log.end(), Subject::LogEnd(p.clone(), broker));
        self.say(Phrase::WhyHwOne, &[plain(self.name_of(broker)), own]);
        for other in counts.iter().filter(|other| **other != broker) {
            let known = replica.followers.get(other).copied();
            least = least.min(known.unwrap_or(Offset(0)));
            let end = match known {
                Some(end) => asked(end, Subject::FollowerEnd(p.clone(), broker, *other)),
                None => plain("–"),
            };
            self.say(Phrase::WhyHwOne, &[plain(self.name_of(*other)), end]);
        }
        self.say(Phrase::WhyHwLeast, &[plain(least)]);
        let minimum = self.view().min_isr(&p.topic);
        if isr.len() < minimum && self.view().has_elr() {
            let values = [
                asked(list(&isr), Subject::Isr(p.clone())),
                asked(minimum, Subject::MinIsr(p.clone())),
            ];
            self.say(Phrase::WhyHwMinIsr, &values);
        } else if replica.high_watermark > least {
            self.say(Phrase::WhyHwNotBack, &[plain(replica.high_watermark)]);
        }
        let replicas = self.view().truth(p).map(|truth| truth.replicas.clone()).unwrap_or_default();
        for other in replicas.iter().filter(|other| !counts.contains(other) && **other != broker) {
            self.say(Phrase::WhyNotCounted, &[plain(self.name_of(*other))]);
        }
    }

    fn belief(&mut self, node: NodeId, p: &TopicPartition, subject: &Subject) {
        let believed = super::value_of(self.view(), subject).unwrap_or_else(|| "–".to_owned());
        let leader = self.view().leader_of(p).map_or_else(|| "–".to_owned(), |b| b.to_string());
        debug_assert!(self.view().nodes.contains_key(&node), "a belief is a node's");
        let leader = asked(leader, Subject::Leader(p.clone()));
        self.say(Phrase::WhyBelief, &[plain(believed), leader]);
    }

    fn count(&mut self, node: NodeId) -> Option<()> {
        let client = &self.view().nodes.get(&node)?.client;
        let kind = self.view().table.get(node).map(|info| info.kind);
        if kind == Some(NodeKind::Consumer) {
            let resets = client.resets;
            self.say(Phrase::WhyRead, &[plain(resets)]);
        } else {
            let values = [plain(client.accepted), plain(client.failed), plain(client.retried)];
            self.say(Phrase::WhyAcked, &values);
        }
        Some(())
    }
}
