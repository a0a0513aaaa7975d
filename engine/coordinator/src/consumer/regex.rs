//! Subscriptions by regular expression: the coordinator resolves them (KIP-848), all of a group's at once, so that the group
//! rebalances once for them.
//!
//! *Flows in*: members' expressions, the names of all topics. *Flows out*: which topics each matches, as records; a new epoch if
//! that changed. *Must never*: resolve more often than every ten seconds, or while a heartbeat waits: Kafka has a thread for
//! it, and here it happens a moment later.
//!
//! Simplified: expressions are those of the crate `regex`, where Kafka has RE2/J. They agree on what topic names can be matched
//! with, but for a few forms: `\Q…\E` and `\C` are refused here, and nested classes (`[a&&b]`, `[[a]]`) mean what they mean there.

use std::collections::BTreeSet;
use std::sync::Arc;

use klamm_node::{GroupId, Span, TopicName};
use klamm_protocol::ErrorCode;
use regex::Regex;

use super::Timer;
use super::draft::Draft;
use super::group::{Resolved, regex_record};
use super::member::Member;
use super::refused::Refused;
use super::subscribe::bump_epoch;
use super::topics::group_hash;
use crate::config::GroupConfig;
use crate::group::{Group, GroupShard};
use crate::shard::Op;

/// How long expressions are left alone once they were resolved. A constant in Kafka too.
const REST: Span = Span::secs(10);

/// How long it takes until they are resolved.
const MOMENT: Span = Span::millis(1);

/// What a heartbeat changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    None,
    /// The member has another expression, which is not resolved yet.
    Unresolved,
    /// The member has another expression, which others have too and which is resolved; or none any more.
    Resolved,
}

impl Change {
    pub(super) fn is_changed(self) -> bool {
        self != Self::None
    }

    pub(super) fn is_resolved(self) -> bool {
        self == Self::Resolved
    }
}

/// An expression that has to match a whole name.
fn compile(expression: &str) -> Result<Regex, Refused> {
    let whole = format!("\\A(?:{expression})\\z");
    // Alone as well: parentheses that close what is put around it are no expression.
    Regex::new(expression).and_then(|_| Regex::new(&whole)).map_err(|error| {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Refused::new(
            ErrorCode::INVALID_REGULAR_EXPRESSION,
            format!(
                "SubscribedTopicRegex `{expression}` is not a valid regular expression: {why}."
            ),
        )
    })
}

/// Takes note of a member's expression, and has all of them resolved if it is time.
pub(super) fn update(
    draft: &mut Draft<'_>,
    op: &Op<'_, '_, GroupShard>,
    config: &GroupConfig,
    before: &Member,
    after: &Member,
) -> Result<Change, Refused> {
    let mut change = Change::None;
    let mut has_to = false;
    if before.regex != after.regex {
        change = Change::Unresolved;
        if let Some(old) = before.regex()
            && draft.group.readers_of(old, Some(&after.id)) == 0
            && draft.group.regexes.contains_key(old)
        {
            let record = regex_record(&draft.id, old, None);
            draft.push(record);
        }
        match after.regex() {
            Some(new) if draft.group.readers_of(new, Some(&after.id)) == 0 => {
                compile(new)?;
                has_to = true;
            }
            Some(new) if draft.group.regexes.contains_key(new) => change = Change::Resolved,
            Some(_) => {}
            // Nothing will be resolved that could tell the others of what it leaves.
            None => change = Change::Resolved,
        }
    }
    let group = &draft.group;
    let subscribed = group.subscribed_regexes().len();
    if subscribed == 0 || draft.volatile.resolving {
        return Ok(change);
    }
    if let Some(last) = group.regexes.values().next() {
        let age = Span::from_wire_millis(op.cx.wall.0.saturating_sub(last.at.0));
        if age <= REST {
            return Ok(change);
        }
        // Kafka remembers the last version that brought a new topic; here every change of a topic counts.
        has_to |= draft.volatile.topics_changed_at.is_some_and(|changed| last.version < changed);
        has_to |= age > config.consumer_regex_refresh_interval;
    }
    if has_to || subscribed != group.regexes.len() {
        draft.volatile.resolving = true;
        draft.arm(Timer::Regex, MOMENT);
    }
    Ok(change)
}

impl Draft<'_> {
    /// Forgets expressions that nobody has any more.
    pub(super) fn forget_regexes(&mut self) {
        let subscribed: BTreeSet<&Arc<str>> = self.group.subscribed_regexes();
        let gone: Vec<_> = self
            .group
            .regexes
            .keys()
            .filter(|regex| !subscribed.contains(regex))
            .map(|regex| regex_record(&self.id, regex, None))
            .collect();
        self.extend(gone);
    }
}

impl GroupShard {
    /// Resolves the expressions of a group.
    pub(super) fn resolve_regexes(&mut self, op: &mut Op<'_, '_, Self>, id: &GroupId) {
        let Some(Group::Consumer(group)) = self.groups.get(id) else { return };
        let mut draft = Draft::of(id.clone(), group);
        draft.volatile.resolving = false;
        let names = op.topics.names();
        let (version, at) = (op.topics.version(), op.cx.wall);
        let mut has_changed = false;
        for expression in group.subscribed_regexes() {
            // It was valid when the member came with it; another version of the crate may have loaded it.
            let compiled = compile(expression).ok();
            let matches =
                |name: &&TopicName| compiled.as_ref().is_some_and(|regex| regex.is_match(name));
            let topics: BTreeSet<TopicName> = names.iter().filter(matches).cloned().collect();
            let before = group.regexes.get(expression).map(|resolved| &resolved.topics);
            // Also when it is resolved for the first time and matches nothing: its member may have had another before, whose
            // partitions are in the target still. Kafka passes over that, and leaves them to nobody.
            has_changed |= before.is_none_or(|before| *before != topics);
            let resolved = Resolved { topics, version, at };
            draft.push(regex_record(id, expression, Some(&resolved)));
        }
        let hash = group_hash(op.topics, &draft.group.subscribed_topics());
        if has_changed || hash != draft.group.metadata_hash {
            bump_epoch(&mut draft, op, has_changed.then_some("regex"));
        }
        let decided = draft.decided();
        self.leave_decision(op, decided);
    }
}
