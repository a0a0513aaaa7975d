//! What a broker is to a partition, declared once: from the table come the moves, their check and the figure in the book.
//!
//! *Flows in*: what happened to the replica. *Flows out*: its role from then on. *Must never*: let a move pass that is not
//! in the table. What a role carries (a leader's followers, a follower's position) is the partition's business.

macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $event:ident: $($from:ident)|+ => $to:ident, $words:literal;)+) => {
        /// What moves a replica from one role to another.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum RoleMove {$(
            $(#[doc = $doc])+
            $event,
        )+}

        impl RoleMove {
            /// Every move.
            pub const ALL: &[Self] = &[$(Self::$event),+];

            /// The move's words.
            pub fn name(self) -> &'static str {
                match self {$( Self::$event => $words, )+}
            }
        }

        impl PartitionRole {
            /// Where a move leads from here; none if it is not a move from here.
            pub fn on(self, event: RoleMove) -> Option<Self> {
                match (event, self) {
                    $((RoleMove::$event, $(Self::$from)|+) => Some(Self::$to),)+
                    _ => None,
                }
            }
        }
    };
}

/// What a broker is to a partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PartitionRole {
    /// It has nothing of it.
    Absent,
    /// It has found a log of it, and no metadata has claimed that yet.
    Found,
    /// It follows a leader, or waits for one.
    Follower,
    /// It leads.
    Leader,
    /// The disk under it failed: Kafka's offline replica.
    Offline,
    /// It has put the log away, to remove it later.
    Deleted,
    /// It has put the log away, for a person to look at.
    Stray,
}

roles! {
    /// A start found its log on the disk.
    LogFound: Absent => Found, "log found at the start";
    /// Metadata has the replica here, and this is its log.
    LogClaimed: Found => Follower, "assigned, by topic id";
    /// Metadata has the replica here, and there is no log of it.
    LogCreated: Absent => Follower, "assigned, new log";
    /// Metadata does not have the replica here, or has another topic of that name.
    Unknown: Found => Stray, "not in the metadata";
    /// This broker leads a new leader epoch.
    Elected: Follower | Leader => Leader, "leads a new epoch";
    /// Another broker leads a new leader epoch, or nobody does.
    FollowsAnother: Follower | Leader => Follower, "another leads, or nobody";
    /// The disk failed.
    DiskFailed: Follower | Leader => Offline, "disk failed";
    /// The topic was deleted, or the replica was moved to another broker.
    Unassigned: Follower | Leader | Offline => Deleted, "topic deleted, replica moved";
    /// The files are gone.
    FilesRemoved: Deleted => Absent, "after file.delete.delay.ms";
}

impl PartitionRole {
    /// Every role.
    pub const ALL: &[Self] = &[
        Self::Absent,
        Self::Found,
        Self::Follower,
        Self::Leader,
        Self::Offline,
        Self::Deleted,
        Self::Stray,
    ];

    /// The role's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Found => "found",
            Self::Follower => "follower",
            Self::Leader => "leader",
            Self::Offline => "offline",
            Self::Deleted => "deleted",
            Self::Stray => "stray",
        }
    }

    /// Makes a move that the engine believes to be a legal one.
    #[track_caller]
    pub(super) fn after(self, event: RoleMove) -> Self {
        let to = self.on(event);
        assert!(
            to.is_some(),
            "a replica that is {} does not move by '{}'",
            self.name(),
            event.name()
        );
        to.unwrap_or(self)
    }
}

/// The table as a figure in the DOT language.
pub fn role_figure() -> String {
    let moves = PartitionRole::ALL.iter().flat_map(|from| {
        let moved = |event: &RoleMove| Some((from.name(), from.on(*event)?.name(), event.name()));
        RoleMove::ALL.iter().filter_map(moved)
    });
    klamm_node::figure::transitions("partition_role", moves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stray_replica_is_the_end_and_nothing_comes_back_from_being_put_away() {
        for from in PartitionRole::ALL {
            let to: Vec<_> = RoleMove::ALL.iter().filter_map(|event| from.on(*event)).collect();
            assert_eq!(to.is_empty(), *from == PartitionRole::Stray, "{}", from.name());
            if *from == PartitionRole::Deleted {
                assert_eq!(
                    to,
                    [PartitionRole::Absent],
                    "S29: a deleted log is never claimed again"
                );
            }
        }
        for event in RoleMove::ALL {
            let from = |role: &&PartitionRole| role.on(*event) == Some(PartitionRole::Leader);
            let leaders: Vec<_> = PartitionRole::ALL.iter().filter(from).collect();
            assert!(
                leaders
                    .iter()
                    .all(|role| matches!(role, PartitionRole::Follower | PartitionRole::Leader)),
                "a log is claimed before it is led"
            );
        }
    }

    #[test]
    #[should_panic(expected = "a replica that is offline does not move by 'leads a new epoch'")]
    fn a_move_that_is_not_in_the_table_is_a_bug() {
        let _ = PartitionRole::Offline.after(RoleMove::Elected);
    }

    #[test]
    fn the_figure() {
        insta::assert_snapshot!(role_figure());
    }
}
