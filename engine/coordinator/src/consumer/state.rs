//! What a consumer group is doing, and how its members get from one assignment to the next: tables for the book.
//!
//! *Flows in*: nothing. *Flows out*: names and figures. *Must never*: decide; a group's state follows from its epochs and its
//! members, and a member's from its reconciliation. The property test holds every step against these tables.

use super::member::MemberState;

/// What a consumer group is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GroupState {
    /// It has no members; it may have offsets.
    Empty,
    /// Its epoch is ahead of its target assignment.
    Assigning,
    /// Some member does not have yet what it is to have.
    Reconciling,
    /// Everybody has what they are to have.
    Stable,
    /// It was deleted.
    Dead,
}

impl GroupState {
    /// The state's name, as Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// A member's ways: from, to, why.
pub const MEMBER_MOVES: &[(MemberState, MemberState, &str)] = &[
    (MemberState::Stable, MemberState::UnrevokedPartitions, "the target leaves out what it has"),
    (
        MemberState::Stable,
        MemberState::UnreleasedPartitions,
        "others still have what it is to have",
    ),
    (MemberState::Stable, MemberState::Stable, "it has all of the new target"),
    (MemberState::UnrevokedPartitions, MemberState::UnrevokedPartitions, "more is to be given up"),
    (
        MemberState::UnrevokedPartitions,
        MemberState::UnreleasedPartitions,
        "it gave up, and others still have what it is to have",
    ),
    (MemberState::UnrevokedPartitions, MemberState::Stable, "it gave up"),
    (
        MemberState::UnreleasedPartitions,
        MemberState::UnrevokedPartitions,
        "a newer target leaves out what it has",
    ),
    (MemberState::UnreleasedPartitions, MemberState::UnreleasedPartitions, "some were given up"),
    (MemberState::UnreleasedPartitions, MemberState::Stable, "the last one was given up"),
];

/// The moves of a member as a figure in the DOT language.
pub fn member_figure() -> String {
    let moves = MEMBER_MOVES.iter().map(|(from, to, why)| (from.name(), to.name(), *why));
    klamm_node::figure::transitions("consumer_group_member", moves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure() {
        insta::assert_snapshot!(member_figure());
    }
}
