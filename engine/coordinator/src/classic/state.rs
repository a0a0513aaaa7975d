//! The state machine of a classic group, declared once: from the table come the moves, their check and the figure in the book.
//!
//! *Flows in*: what happened to the group. *Flows out*: its state from then on. *Must never*: let a move pass that is not in
//! the table. What a state means for a request is the business of the request's own file.

macro_rules! moves {
    ($($(#[doc = $doc:literal])+ $event:ident: $($from:ident)|+ => $to:ident, $words:literal;)+) => {
        /// What moves a classic group from one state to another.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum GroupMove {$(
            $(#[doc = $doc])+
            $event,
        )+}

        impl GroupMove {
            /// Every move.
            pub const ALL: &[Self] = &[$(Self::$event),+];

            /// The move's words.
            pub fn name(self) -> &'static str {
                match self {$( Self::$event => $words, )+}
            }
        }

        impl GroupState {
            /// Where a move leads from here; none if it is not a move from here.
            pub fn on(self, event: GroupMove) -> Option<Self> {
                match (event, self) {
                    $((GroupMove::$event, $(Self::$from)|+) => Some(Self::$to),)+
                    _ => None,
                }
            }
        }
    };
}

/// What a classic group is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GroupState {
    /// It has no members; it may have offsets.
    Empty,
    /// Its members are asked to join again.
    PreparingRebalance,
    /// All that will join have joined; the leader's assignment is awaited.
    CompletingRebalance,
    /// Its members have their assignments.
    Stable,
    /// It was deleted, or another broker coordinates it now.
    Dead,
}

moves! {
    /// Members are asked to join again.
    RebalanceStarted: Empty | CompletingRebalance | Stable => PreparingRebalance, "rebalance-started";
    /// Who will join has joined.
    JoinCompleted: PreparingRebalance => CompletingRebalance, "join-completed";
    /// Nobody is left to join.
    LastLeft: PreparingRebalance => Empty, "last-left";
    /// The leader's assignment is committed.
    AssignmentCommitted: CompletingRebalance => Stable, "assignment-committed";
    /// The group was deleted, or its partition has another leader.
    Unloaded: Empty | PreparingRebalance | CompletingRebalance | Stable | Dead => Dead, "unloaded";
}

impl GroupState {
    /// Every state.
    pub const ALL: &[Self] = &[
        Self::Empty,
        Self::PreparingRebalance,
        Self::CompletingRebalance,
        Self::Stable,
        Self::Dead,
    ];

    /// The state's name, as Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }

    /// Makes a move that the engine believes to be a legal one.
    #[track_caller]
    pub(super) fn after(self, event: GroupMove) -> Self {
        let to = self.on(event);
        assert!(
            to.is_some(),
            "a group that is {} does not move by '{}'",
            self.name(),
            event.name()
        );
        to.unwrap_or(self)
    }
}

/// The table as a figure in the DOT language.
pub fn group_figure() -> String {
    let moves = GroupState::ALL.iter().flat_map(|from| {
        let moved = |event: &GroupMove| Some((from.name(), from.on(*event)?.name(), event.name()));
        GroupMove::ALL.iter().filter_map(moved)
    });
    klamm_node::figure::transitions("classic_group", moves)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state against every move, for people to read.
    #[test]
    fn the_table_as_a_matrix() {
        let mut text = String::new();
        for from in GroupState::ALL {
            for event in GroupMove::ALL {
                let to = from.on(*event).map_or("-", GroupState::name);
                text.push_str(&format!("{:<20} {:<42} {to}\n", from.name(), event.name()));
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_figure() {
        insta::assert_snapshot!(group_figure());
    }

    #[test]
    fn assignments_come_from_a_completed_join_only_and_death_is_for_ever() {
        for from in GroupState::ALL {
            let to: Vec<_> = GroupMove::ALL.iter().filter_map(|event| from.on(*event)).collect();
            let stable = to.contains(&GroupState::Stable);
            assert_eq!(stable, *from == GroupState::CompletingRebalance, "{}", from.name());
            assert!(to.contains(&GroupState::Dead), "{} can be unloaded", from.name());
        }
        let after_death = GroupMove::ALL.iter().filter_map(|event| GroupState::Dead.on(*event));
        assert!(after_death.into_iter().all(|to| to == GroupState::Dead));
    }
}
