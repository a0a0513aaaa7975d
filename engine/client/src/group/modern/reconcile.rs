//! From what it has to what it is to have: commit, give up, take in.

use std::collections::BTreeSet;

use klamm_node::{Context, Time, TopicName, TopicPartition};

use super::{ById, Reconciling, State};
use crate::application::Change;
use crate::consumer::Consumer;
use crate::group::Group;

impl Group {
    /// The part of a poll that concerns the group.
    pub(in crate::group) fn poll_modern(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
    ) -> bool {
        match self.modern.state {
            State::Fenced | State::Stale => {
                let all: Vec<TopicPartition> = self.assigned.keys().cloned().collect();
                if !self.agreed_to_give_up(reader, Change::Lost, &all) {
                    return false;
                }
                let (was, lost) = (self.modern.was.clone(), self.modern.lost.clone());
                self.lose(cx, reader, was, lost);
                self.modern.state = State::Joining;
                self.modern.due = cx.now;
                self.again = true;
                false
            }
            State::Reconciling => {
                self.reconcile(cx, reader);
                self.modern.state == State::Stable
            }
            State::Unsubscribed
            | State::Joining
            | State::Acknowledging
            | State::Stable
            | State::Undead => true,
        }
    }

    /// What it has, by topic ids.
    pub(super) fn owned_by_id(&self, reader: &mut Consumer) -> ById {
        let mut owned = ById::new();
        for partition in self.assigned.keys() {
            let id = reader.metadata().topic_id(&partition.topic);
            owned.entry(id).or_default().insert(partition.partition);
        }
        owned
    }

    pub(super) fn is_reconciled(&self, reader: &mut Consumer) -> bool {
        let owned = self.owned_by_id(reader);
        self.modern.target.as_ref().is_none_or(|target| *target == owned)
    }

    /// What it is to have, as far as the names of the topics are known; and whether that is all of it.
    fn resolved(&self, reader: &mut Consumer) -> (BTreeSet<TopicPartition>, bool) {
        let mut resolved = BTreeSet::new();
        let mut complete = true;
        for (id, partitions) in self.modern.target.iter().flatten() {
            let Some(name) = reader.metadata().named(*id).cloned() else {
                complete = false;
                continue;
            };
            let of = |partition: &i32| TopicPartition::new(TopicName::clone(&name), *partition);
            resolved.extend(partitions.iter().map(of));
        }
        (resolved, complete)
    }

    /// It may keep what it was about to give up.
    pub(super) fn keep_after_all(&mut self, reader: &mut Consumer) {
        let Some(dropped) = self.modern.reconciling.take() else { return };
        if let Some(hosted) = self.hosted.as_deref_mut() {
            hosted.call_off();
        }
        for partition in &dropped.given_up {
            if let Some(holding) = self.assigned.get_mut(partition) {
                holding.revoking = false;
                reader.pause(partition, holding.paused);
            }
        }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        if self.modern.reconciling.is_none() && !self.begin_reconciling(cx, reader) {
            return;
        }
        let Some(mut going_on) = self.modern.reconciling.clone() else { return };
        if going_on.commit.is_none() {
            if !self.agreed_to_give_up(reader, Change::Revoke, &going_on.given_up) {
                return;
            }
            going_on.deadline = cx.now + self.config.max_poll_interval;
            going_on.commit = Some(self.commit_first(cx, reader, going_on.deadline));
            self.modern.reconciling = Some(going_on.clone());
        }
        let deadline = going_on.deadline;
        if let Some(Some(commit)) = going_on.commit
            && self.commits.is_open(commit)
        {
            if cx.now < deadline {
                self.send_commits(cx, reader);
                if self.commits.is_open(commit) {
                    return self.sooner(deadline);
                }
            }
            self.commits.drop(commit);
        }
        let Some(mut done) = self.modern.reconciling.take() else { return };
        self.revoke(cx, reader, std::mem::take(&mut done.given_up));
        if !self.agreed_to_take_in(&done.added) {
            self.modern.reconciling = Some(done);
            return;
        }
        self.take_in(cx, done.added);
        self.commits.restart_timer(cx.now, &self.config);
        // The coordinator is told at once what it has now.
        self.modern.state = State::Acknowledging;
        self.modern.due = cx.now;
    }

    /// With auto commit, what was polled is committed before anything is given up.
    fn commit_first(
        &mut self,
        cx: &Context<'_>,
        reader: &mut Consumer,
        deadline: Time,
    ) -> Option<u64> {
        if !self.config.enable_auto_commit {
            return None;
        }
        let offsets = self.consumed(reader);
        self.commit(cx, offsets, "revoke", deadline)
    }

    /// Finds out what changes, and commits before that.
    fn begin_reconciling(&mut self, cx: &Context<'_>, reader: &mut Consumer) -> bool {
        let (resolved, complete) = self.resolved(reader);
        let owned: BTreeSet<TopicPartition> = self.assigned.keys().cloned().collect();
        let given_up: Vec<TopicPartition> = owned.difference(&resolved).cloned().collect();
        let added: Vec<TopicPartition> = resolved.difference(&owned).cloned().collect();
        if !complete {
            reader.metadata().refresh();
        }
        if given_up.is_empty() && added.is_empty() {
            if complete {
                self.modern.state = State::Acknowledging;
                self.modern.due = cx.now;
                self.again = true;
            }
            return false;
        }
        for partition in &given_up {
            if let Some(holding) = self.assigned.get_mut(partition) {
                holding.revoking = true;
                reader.pause(partition, true);
            }
        }
        let deadline = cx.now + self.config.max_poll_interval;
        // A program is asked before anything is committed for it.
        let commit = match self.hosted {
            Some(_) => None,
            None => Some(self.commit_first(cx, reader, deadline)),
        };
        self.modern.reconciling = Some(Reconciling { commit, deadline, given_up, added });
        true
    }
}
