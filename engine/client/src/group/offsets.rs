//! Committed offsets: what was polled is committed, and what was committed is where a partition starts.
//!
//! *Must never*: commit what the application was not given yet, by a timer of which it knows nothing (Z56).

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::config::ConsumerConfig;
use klamm_node::event::Word;
use klamm_node::{Context, EventKind, LeaderEpoch, Offset, Time, TopicName, TopicPartition};
use klamm_protocol::kafka::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use klamm_protocol::kafka::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use klamm_protocol::kafka::messages::{
    ApiKey, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    RequestKind, ResponseKind,
};
use klamm_protocol::{ErrorCode, RpcError, convert};

use super::{Asked, Group, Identity};
use crate::consumer::{Consumer, Start};

/// The positions to commit, with the leader epoch of the last record before each.
pub(super) type Positions = BTreeMap<TopicPartition, (Offset, LeaderEpoch)>;

/// A commit without an outcome yet.
#[derive(Clone, Debug)]
struct Commit {
    serial: u64,
    offsets: Positions,
    reason: &'static str,
    /// Tries again until then; without it, fails at the first error.
    retries_until: Option<Time>,
    retry_at: Time,
    failures: u32,
    sent: bool,
    told: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Commits {
    open: Vec<Commit>,
    next: u64,
    /// When `enable.auto.commit` commits next.
    auto_at: Time,
    /// The last commit that failed because the group rebalances.
    overtaken: Option<u64>,
}

impl Commits {
    /// Whether a commit has no outcome yet.
    pub(super) fn is_open(&self, serial: u64) -> bool {
        self.open.iter().any(|commit| commit.serial == serial)
    }

    /// Waits for a commit no more.
    pub(super) fn drop(&mut self, serial: u64) {
        self.open.retain(|commit| commit.serial != serial);
    }

    /// Whether a commit failed only because the group rebalances: the member may commit again once it is over.
    pub(super) fn was_overtaken(&self, serial: u64) -> bool {
        self.overtaken == Some(serial)
    }

    pub(super) fn are_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The next commit by timer is a whole interval away.
    pub(super) fn restart_timer(&mut self, now: Time, config: &ConsumerConfig) {
        self.auto_at = now + config.auto_commit_interval;
    }
}

/// The committed offsets that are being asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetching {
    under_way: bool,
    retry_at: Time,
    failures: u32,
}

impl Group {
    /// Where the application stands in all that it has.
    pub(super) fn consumed(&self, reader: &mut Consumer) -> Positions {
        if self.hosted.is_some() {
            // librdkafka's notion: what the program has stored.
            return self.stored();
        }
        let started = self.assigned.iter().filter(|(_, holding)| holding.started);
        started
            .filter_map(|(partition, _)| Some((partition.clone(), reader.consumed(partition)?)))
            .collect()
    }

    /// Commits positions; returns the commit's number, or none if there is nothing to commit. It is tried again until
    /// `until`, if that lies ahead.
    pub(super) fn commit(
        &mut self,
        cx: &Context<'_>,
        offsets: Positions,
        reason: &'static str,
        until: Time,
    ) -> Option<u64> {
        if offsets.is_empty() {
            return None;
        }
        self.commits.next += 1;
        self.commits.open.push(Commit {
            serial: self.commits.next,
            offsets,
            reason,
            retries_until: Some(until).filter(|until| *until > cx.now),
            retry_at: cx.now,
            failures: 0,
            sent: false,
            told: false,
        });
        self.again = true;
        Some(self.commits.next)
    }

    /// `enable.auto.commit`: what earlier polls returned is done by now.
    pub(super) fn commit_by_timer(&mut self, cx: &Context<'_>, reader: &mut Consumer) {
        if !self.commits_by_timer() || self.assigned.is_empty() {
            return;
        }
        if self.commits.auto_at <= cx.now {
            self.commits.restart_timer(cx.now, &self.config);
            let offsets = self.consumed(reader);
            self.commit(cx, offsets, "auto", cx.now);
        }
        self.sooner(self.commits.auto_at);
    }

    /// Sends what is to be committed.
    pub(super) fn send_commits(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        let due: Vec<u64> = self
            .commits
            .open
            .iter()
            .filter(|commit| !commit.sent)
            .map(|commit| commit.serial)
            .collect();
        for serial in due {
            let at = self.commits.open.iter().position(|commit| commit.serial == serial);
            let Some(commit) = at.and_then(|at| self.commits.open.get(at)) else { continue };
            if commit.retry_at > cx.now {
                self.sooner(commit.retry_at);
                continue;
            }
            let identity = match self.commits_as() {
                Ok(identity) => identity,
                Err(error) => {
                    // As Java: who is not in a generation is refused without being asked about.
                    self.commit_failed(cx, serial, error);
                    continue;
                }
            };
            if self.expired(cx, serial) || !self.find(cx, reader) || !self.connected(cx) {
                continue;
            }
            self.renew(serial, reader);
            self.send_commit(cx, serial, identity);
        }
    }

    /// What is committed before partitions are given up is tried again with what was polled since, as Java does: what the
    /// consumer keeps is read on meanwhile, and a later commit may have been written already.
    fn renew(&mut self, serial: u64, reader: &mut Consumer) {
        let found = self.commits.open.iter().position(|commit| commit.serial == serial);
        let tried = found.and_then(|at| self.commits.open.get(at));
        if tried.is_none_or(|commit| commit.reason != "revoke" || commit.failures == 0) {
            return;
        }
        let now = self.consumed(reader);
        let commit = found.and_then(|at| self.commits.open.get_mut(at));
        if let Some(commit) = commit.filter(|commit| commit.offsets != now && !now.is_empty()) {
            // It is told as a commit of its own.
            (commit.offsets, commit.told) = (now, false);
        }
    }

    /// Gives a commit up that found no coordinator for too long.
    fn expired(&mut self, cx: &mut Context<'_>, serial: u64) -> bool {
        let commit = self.commits.open.iter().find(|commit| commit.serial == serial);
        let until = commit.map(|commit| {
            commit.retries_until.unwrap_or(commit.retry_at + self.config.default_api_timeout)
        });
        let Some(until) = until else { return true };
        if until > cx.now {
            self.sooner(until);
            return false;
        }
        self.commit_failed(cx, serial, ErrorCode::REQUEST_TIMED_OUT.word());
        true
    }

    fn send_commit(&mut self, cx: &mut Context<'_>, serial: u64, identity: Identity) {
        let version = self.version(ApiKey::OffsetCommit).unwrap_or(2);
        let group = self.id.clone();
        let found = self.commits.open.iter_mut().find(|commit| commit.serial == serial);
        let Some(commit) = found else { return };
        commit.sent = true;
        if !std::mem::replace(&mut commit.told, true) {
            let offsets = told(&commit.offsets);
            let reason = commit.reason.into();
            cx.observe(EventKind::CommitRequested { group, offsets, reason });
        }
        let mut topics: BTreeMap<TopicName, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for (partition, (offset, epoch)) in &commit.offsets {
            let mut asked = OffsetCommitRequestPartition::default()
                .with_partition_index(partition.partition)
                .with_committed_offset(offset.0)
                .with_committed_metadata(Some(convert::text("")));
            if version >= 6 {
                asked = asked.with_committed_leader_epoch(epoch.0);
            }
            topics.entry(TopicName::clone(&partition.topic)).or_default().push(asked);
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            OffsetCommitRequestTopic::default()
                .with_name(convert::topic(&name))
                .with_partitions(partitions)
        });
        let mut request = OffsetCommitRequest::default()
            .with_group_id(convert::text(self.id.as_str()).into())
            .with_generation_id_or_member_epoch(identity.epoch)
            .with_member_id(convert::text(identity.member.as_str()))
            .with_topics(topics.collect());
        if version >= 7 {
            request = request.with_group_instance_id(self.group_instance().map(convert::text));
        }
        let timeout = self.config.request_timeout;
        self.tell(cx, RequestKind::OffsetCommit(request), timeout, Asked::Commit(serial, identity));
    }

    pub(super) fn commit_answered(
        &mut self,
        cx: &mut Context<'_>,
        serial: u64,
        as_whom: &Identity,
        outcome: Result<ResponseKind, RpcError>,
    ) {
        self.again = true;
        let code = match outcome {
            Ok(ResponseKind::OffsetCommit(response)) => first_error(&response),
            Ok(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
            Err(error) => return self.commit_again(cx, serial, error.word()),
        };
        match code {
            ErrorCode::NONE => {
                let at = self.commits.open.iter().position(|commit| commit.serial == serial);
                let Some(commit) = at.map(|at| self.commits.open.remove(at)) else { return };
                let offsets = told(&commit.offsets);
                self.committed.extend(offsets.iter().cloned());
                let group = self.id.clone();
                if let Some(hosted) = self.hosted.as_deref_mut() {
                    hosted.commit_ended(serial, offsets.clone(), None);
                }
                cx.observe(EventKind::CommitAcknowledged { group, offsets });
            }
            // KIP-848: what it commits before it gives up is good in its newer epoch too.
            ErrorCode::STALE_MEMBER_EPOCH if self.keeps_committing(serial) => {
                self.commit_again(cx, serial, code.word());
            }
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
                self.commit_again(cx, serial, code.word());
            }
            ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::NOT_COORDINATOR
            | ErrorCode::REQUEST_TIMED_OUT => {
                self.coordinator_gone(cx, true);
                self.commit_again(cx, serial, code.word());
            }
            _ => {
                self.commit_failed(cx, serial, code.word());
                // A member of KIP-848 hears by its heartbeats what that says of it, and no sooner.
                if !self.is_modern && !self.by_hand.reads() {
                    self.classic_commit_refused(as_whom, code);
                }
            }
        }
    }

    /// Whether a commit is one that nobody but the consumer itself asked for.
    fn keeps_committing(&self, serial: u64) -> bool {
        let commit = self.commits.open.iter().find(|commit| commit.serial == serial);
        commit.is_some_and(|commit| matches!(commit.reason, "revoke" | "close"))
    }

    /// `enable.auto.commit`; without a group there is nowhere to commit to.
    pub(super) fn commits_by_timer(&self) -> bool {
        self.config.enable_auto_commit && !self.id.as_str().is_empty()
    }

    /// As whom it may commit now; or why not.
    fn commits_as(&self) -> Result<Identity, Word> {
        if self.by_hand.reads() {
            return Ok(Identity::nobody());
        }
        if self.is_modern { self.modern.commits_as() } else { self.classic.commits_as() }
    }

    fn commit_again(&mut self, cx: &mut Context<'_>, serial: u64, error: Word) {
        let found = self.commits.open.iter().position(|commit| commit.serial == serial);
        let Some(commit) = found.and_then(|at| self.commits.open.get_mut(at)) else { return };
        if commit.retries_until.is_none_or(|until| until <= cx.now) {
            if commit.reason == "auto" {
                // KAFKA-2978's successor in today's client: what failed for now is tried again soon.
                let soon = cx.now + self.config.retry_backoff;
                self.commits.auto_at = self.commits.auto_at.min(soon);
            }
            return self.commit_failed(cx, serial, error);
        }
        commit.retry_at = self.backoff.until(cx, commit.failures);
        commit.failures = commit.failures.saturating_add(1);
        commit.sent = false;
        self.failed(cx, ApiKey::OffsetCommit, error);
    }

    fn commit_failed(&mut self, cx: &mut Context<'_>, serial: u64, error: Word) {
        let found = self.commits.open.iter().position(|commit| commit.serial == serial);
        let Some(at) = found else { return };
        let commit = self.commits.open.remove(at);
        if error == ErrorCode::REBALANCE_IN_PROGRESS.word() {
            self.commits.overtaken = Some(serial);
        }
        let (group, offsets) = (self.id.clone(), told(&commit.offsets));
        if let Some(hosted) = self.hosted.as_deref_mut() {
            hosted.commit_ended(serial, offsets.clone(), Some(error.clone()));
        }
        cx.observe(EventKind::CommitFailed { group, offsets, error });
        self.again = true;
    }

    /// Asks where the partitions start that came and have no position yet.
    pub(super) fn start_partitions(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        let waits = |holding: &super::Holding| !holding.started && !holding.stopped;
        if self.fetching.under_way || !self.assigned.values().any(waits) {
            return;
        }
        if self.fetching.retry_at > cx.now {
            return self.sooner(self.fetching.retry_at);
        }
        if !self.find(cx, reader) || !self.connected(cx) {
            return;
        }
        let waiting = self.assigned.iter().filter(|(_, holding)| waits(holding));
        let partitions: BTreeSet<TopicPartition> =
            waiting.map(|(partition, _)| partition.clone()).collect();
        let request = self.offset_fetch(&partitions);
        self.fetching.under_way = true;
        let timeout = self.config.request_timeout;
        self.tell(cx, RequestKind::OffsetFetch(request), timeout, Asked::Offsets(partitions));
    }

    pub(super) fn offset_fetch(&self, partitions: &BTreeSet<TopicPartition>) -> OffsetFetchRequest {
        let version = self.version(ApiKey::OffsetFetch).unwrap_or(1);
        let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
        for partition in partitions {
            topics.entry(&partition.topic).or_default().push(partition.partition);
        }
        let group_id = convert::text(self.id.as_str()).into();
        let mut request = OffsetFetchRequest::default();
        if version >= 7 {
            // KIP-447: offsets of transactions that are not over yet are waited for.
            request = request.with_require_stable(true);
        }
        if version < 8 {
            let topics = topics.into_iter().map(|(name, indexes)| {
                OffsetFetchRequestTopic::default()
                    .with_name(convert::topic(name))
                    .with_partition_indexes(indexes)
            });
            return request.with_group_id(group_id).with_topics(Some(topics.collect()));
        }
        let topics = topics.into_iter().map(|(name, indexes)| {
            OffsetFetchRequestTopics::default()
                .with_name(convert::topic(name))
                .with_partition_indexes(indexes)
        });
        let mut group = OffsetFetchRequestGroup::default()
            .with_group_id(group_id)
            .with_topics(Some(topics.collect()));
        if version >= 9
            && let Some(Identity { member, epoch }) = self.fetches_as()
        {
            group =
                group.with_member_id(Some(convert::text(member.as_str()))).with_member_epoch(epoch);
        }
        request.with_topics(Some(Vec::new())).with_groups(vec![group])
    }

    /// As whom it asks for offsets: only KIP-848 looks at that.
    fn fetches_as(&self) -> Option<Identity> {
        self.is_modern.then(|| self.modern.commits_as().ok()).flatten()
    }

    pub(super) fn offsets_answered(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        asked: &BTreeSet<TopicPartition>,
        outcome: Result<ResponseKind, RpcError>,
    ) {
        self.fetching.under_way = false;
        self.again = true;
        let (code, answers) = match outcome {
            Ok(ResponseKind::OffsetFetch(response)) => read(&response),
            Ok(_) => (ErrorCode::UNKNOWN_SERVER_ERROR, Vec::new()),
            Err(error) => return self.fetch_again(cx, error.word()),
        };
        match code {
            ErrorCode::NONE => {}
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                self.coordinator_gone(cx, true);
                return self.fetch_again(cx, code.word());
            }
            // KIP-848: the epoch has changed since; the next request shows the new one.
            ErrorCode::STALE_MEMBER_EPOCH | ErrorCode::UNKNOWN_MEMBER_ID => {
                return self.fetch_again(cx, code.word());
            }
            code if code.retriable() => return self.fetch_again(cx, code.word()),
            code => {
                self.failed(cx, ApiKey::OffsetFetch, code.word());
                return self.application.fail(code.word());
            }
        }
        let mut again = None;
        for (partition, code, offset, epoch) in answers {
            let known = asked.contains(&partition);
            let Some(holding) = self.assigned.get_mut(&partition) else { continue };
            if !known || holding.started {
                continue;
            }
            if !code.is_none() {
                again = Some(code);
                continue;
            }
            let paused = holding.paused;
            if offset.0 >= 0 {
                holding.started = true;
                reader.begin(cx, &partition, Start::At(offset, epoch), "committed");
            } else if let Some(start) = reader.reset_start(cx) {
                holding.started = true;
                reader.begin(cx, &partition, start, "reset");
            } else {
                // Java throws NoOffsetForPartitionException at each poll until the application seeks.
                holding.stopped = true;
                self.failed(cx, ApiKey::OffsetFetch, "no-offset-for-partition".into());
            }
            reader.pause(&partition, paused);
        }
        match again {
            Some(code) if code.retriable() => self.fetch_again(cx, code.word()),
            Some(code) => {
                self.failed(cx, ApiKey::OffsetFetch, code.word());
                self.application.fail(code.word());
            }
            None => self.fetching.failures = 0,
        }
    }

    fn fetch_again(&mut self, cx: &mut Context<'_>, error: Word) {
        self.failed(cx, ApiKey::OffsetFetch, error);
        self.fetching.retry_at = self.backoff.until(cx, self.fetching.failures);
        self.fetching.failures = self.fetching.failures.saturating_add(1);
    }
}

fn told(offsets: &Positions) -> Vec<(TopicPartition, Offset)> {
    offsets.iter().map(|(partition, (offset, _))| (partition.clone(), *offset)).collect()
}

fn first_error(response: &OffsetCommitResponse) -> ErrorCode {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let mut codes = partitions.map(|partition| partition.error_code);
    ErrorCode(codes.find(|code| *code != 0).unwrap_or(0))
}

pub(super) type Answer = (TopicPartition, ErrorCode, Offset, LeaderEpoch);

/// The group's error, and each partition's answer.
pub(super) fn read(response: &OffsetFetchResponse) -> (ErrorCode, Vec<Answer>) {
    let mut answers = Vec::new();
    let mut add = |name: &TopicName, index: i32, code: i16, offset: i64, epoch: i32| {
        let partition = TopicPartition::new(TopicName::clone(name), index);
        answers.push((partition, ErrorCode(code), Offset(offset), LeaderEpoch(epoch)));
    };
    let Some(group) = response.groups.first() else {
        for topic in &response.topics {
            let name = convert::topic_name(&topic.name);
            for p in &topic.partitions {
                let epoch = p.committed_leader_epoch;
                add(&name, p.partition_index, p.error_code, p.committed_offset, epoch);
            }
        }
        return (ErrorCode(response.error_code), answers);
    };
    for topic in &group.topics {
        let name = convert::topic_name(&topic.name);
        for p in &topic.partitions {
            let epoch = p.committed_leader_epoch;
            add(&name, p.partition_index, p.error_code, p.committed_offset, epoch);
        }
    }
    (ErrorCode(group.error_code), answers)
}
