//! The moves of a member from role to role, declared once: from the table come the check of every move and the figure in
//! the book.
//!
//! *Flows in*: nothing. *Flows out*: whether a move is one. *Must never*: decide when to move; that is the roles' business.

use crate::role::QuorumRole::{
    self, Candidate, Follower, Leader, Observer, Prospective, Resigned, Unattached,
};

/// Every move that there is: from, to, and what brings it about (KIP-595, KIP-853, KIP-996).
pub const MOVES: &[(QuorumRole, QuorumRole, &str)] = &[
    (Unattached, Unattached, "newer epoch, or its vote is given"),
    (Unattached, Prospective, "election timeout"),
    (Unattached, Follower, "leader known"),
    (Prospective, Candidate, "majority of pre-votes"),
    (Prospective, Unattached, "lost without a leader, newer epoch, or its vote is given"),
    (Prospective, Follower, "lost with a leader, or leader known"),
    (Candidate, Leader, "majority of votes"),
    (Candidate, Prospective, "election timeout"),
    (Candidate, Unattached, "newer epoch"),
    (Candidate, Follower, "leader known"),
    (Leader, Resigned, "no majority fetches, or an orderly end"),
    (Leader, Unattached, "newer epoch"),
    (Leader, Follower, "newer epoch with its leader"),
    (Follower, Prospective, "fetch timeout, or the leader resigned"),
    (Follower, Follower, "newer epoch with its leader"),
    (Follower, Unattached, "newer epoch"),
    (Resigned, Unattached, "election timeout: next epoch; or newer epoch"),
    (Resigned, Follower, "newer epoch with its leader"),
    (Leader, Observer, "no voter any more, and a newer epoch"),
    (Resigned, Observer, "no voter any more: election timeout or newer epoch"),
    (Follower, Observer, "no voter any more, or its becoming one was cut off"),
    (Observer, Follower, "a voter now, or its removal was cut off"),
    (Observer, Observer, "newer epoch, or leader known"),
];

/// The roles in which a process can begin: what its disk remembers says which.
pub const BEGINNINGS: &[(QuorumRole, &str)] = &[
    (Unattached, "voter that knows no leader"),
    (Candidate, "it had voted for itself"),
    (Follower, "it knew the leader"),
    (Resigned, "it was the leader"),
    (Observer, "no voter"),
];

/// Whether there is such a move.
pub(crate) fn is_move(from: QuorumRole, to: QuorumRole) -> bool {
    MOVES.iter().any(|(a, b, _)| (*a, *b) == (from, to))
}

/// The table as a figure in the DOT language.
pub fn quorum_figure() -> String {
    let mut dot =
        "digraph quorum_role {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n  start [shape=point];\n".to_owned();
    for (role, words) in BEGINNINGS {
        dot.push_str(&format!("  start -> {} [style=dashed, label=\"{words}\"];\n", role.name()));
    }
    for (from, to, words) in MOVES {
        dot.push_str(&format!("  {} -> {} [label=\"{words}\"];\n", from.name(), to.name()));
    }
    dot.push_str("}\n");
    dot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_move_is_declared_twice_and_every_role_can_be_reached() {
        for (at, (from, to, _)) in MOVES.iter().enumerate() {
            assert!(MOVES[..at].iter().all(|(a, b, _)| (a, b) != (from, to)), "{from:?} to {to:?}");
            let reached = |role| {
                BEGINNINGS.iter().any(|(begin, _)| *begin == role)
                    || MOVES.iter().any(|(a, b, _)| *b == role && *a != role)
            };
            assert!(reached(*from) && reached(*to), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn the_figure() {
        insta::assert_snapshot!(quorum_figure());
    }
}
