//! The life of a registered broker as the active controller sees it (Kafka's `BrokerControlState`), declared once: from the
//! table come the moves, their check and the figure in the book.

macro_rules! life {
    ($($(#[doc = $doc:literal])+ $event:ident: $($from:ident)|+ => $to:ident;)+) => {
        /// What moves a broker from one state to another.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum BrokerMove {$(
            $(#[doc = $doc])+
            $event,
        )+}

        impl BrokerMove {
            /// Every move.
            pub const ALL: &[Self] = &[$(Self::$event),+];
        }

        impl BrokerState {
            /// Where a move leads from here; none if it is not a move from here.
            pub fn on(self, event: BrokerMove) -> Option<Self> {
                match (event, self) {
                    $((BrokerMove::$event, $(Self::$from)|+) => Some(Self::$to),)+
                    _ => None,
                }
            }
        }
    };
}

/// Where a registered broker stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BrokerState {
    /// It may not lead or join ISRs.
    Fenced,
    /// It takes part.
    Unfenced,
    /// It still serves while its leaderships move away; it leads nothing new and joins no ISR (KIP-841).
    ControlledShutdown,
    /// It may stop. The controller takes it as fenced from here on.
    ShutdownNow,
}

life! {
    /// It knows of its own registration, and wants to take part.
    CaughtUp: Fenced => Unfenced;
    /// It wants to take no part.
    AskedToBeFenced: Unfenced => Fenced;
    /// It wants to leave, and leads partitions.
    AskedToLeave: Unfenced => ControlledShutdown;
    /// It wants to leave, and has nothing to hand over.
    LeftAtOnce: Fenced | Unfenced => ShutdownNow;
    /// It leads nothing any more, and every active broker knows.
    LeadershipsMoved: ControlledShutdown => ShutdownNow;
    /// Nothing was heard of it for the session timeout.
    SessionExpired: Unfenced | ControlledShutdown => Fenced;
    /// Another process registered in its place.
    Reregistered: Fenced | Unfenced | ControlledShutdown | ShutdownNow => Fenced;
}

impl BrokerState {
    /// Every state.
    pub const ALL: &[Self] =
        &[Self::Fenced, Self::Unfenced, Self::ControlledShutdown, Self::ShutdownNow];

    /// Makes a move that the controller believes to be a legal one.
    #[track_caller]
    pub(crate) fn after(self, event: BrokerMove) -> Self {
        let to = self.on(event);
        assert!(
            to.is_some(),
            "a broker that is {} does not move by '{}'",
            self.name(),
            event.name()
        );
        to.unwrap_or(self)
    }

    /// The state's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::Unfenced => "unfenced",
            Self::ControlledShutdown => "controlled-shutdown",
            Self::ShutdownNow => "shutdown-now",
        }
    }
}

impl BrokerMove {
    /// The move's words.
    pub fn name(self) -> &'static str {
        match self {
            Self::CaughtUp => "caught up with its registration",
            Self::AskedToBeFenced => "asks to be fenced",
            Self::AskedToLeave => "asks to leave, and leads",
            Self::LeftAtOnce => "asks to leave, and leads nothing",
            Self::LeadershipsMoved => "leaderships moved, and everybody knows",
            Self::SessionExpired => "silent for the session timeout",
            Self::Reregistered => "registered anew",
        }
    }
}

/// The table as a figure in the DOT language.
pub fn dot() -> String {
    let moves = BrokerState::ALL.iter().flat_map(|from| {
        let moved = |event: &BrokerMove| Some((from.name(), from.on(*event)?.name(), event.name()));
        BrokerMove::ALL.iter().filter_map(moved)
    });
    klamm_node::figure::transitions("broker_life", moves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_left_and_only_a_new_process_leaves_the_last() {
        for from in BrokerState::ALL {
            let ways: Vec<_> = BrokerMove::ALL
                .iter()
                .filter(|event| from.on(**event).is_some_and(|to| to != *from))
                .collect();
            assert!(!ways.is_empty(), "{} is a trap", from.name());
            if *from == BrokerState::ShutdownNow {
                assert_eq!(ways, [&BrokerMove::Reregistered]);
            }
        }
    }

    #[test]
    fn nobody_leaves_controlled_shutdown_for_good_service() {
        // KIP-841: a broker that was leaving takes part again only as another process.
        for event in BrokerMove::ALL {
            let to = BrokerState::ControlledShutdown.on(*event);
            assert_ne!(to, Some(BrokerState::Unfenced), "{}", event.name());
        }
    }
}
