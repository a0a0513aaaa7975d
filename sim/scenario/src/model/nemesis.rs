//! Random faults that a scenario declares: which, how often, and what must survive.

use klamm_node::{Span, Time};

/// Random faults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nemesis {
    /// The source line, from 1.
    pub line: u32,
    /// When the first may happen.
    pub start: Time,
    /// When all of them end: whatever is left of the run is quiet.
    pub stop: Time,
    /// The least and the greatest time between two.
    pub every: (Span, Span),
    /// The least and the greatest time that one lasts.
    pub lasting: (Span, Span),
    /// How many at once, at most.
    pub at_once: u32,
    /// The kinds, with how often each comes in comparison to the others.
    pub kinds: Vec<(Mischief, u32)>,
    /// Whether each run has only some of the kinds, drawn by its seed.
    pub swarm: bool,
    /// What must survive.
    pub budget: Budget,
}

/// What random faults must leave alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Brokers that may be down, frozen or isolated at once; cuts into groups do not count.
    pub brokers: u32,
    /// Controllers that may be down, frozen or isolated at once.
    pub controllers: u32,
    /// Members that must be left in the ISR of every partition, up and not isolated.
    pub live_isr: u32,
}

macro_rules! mischief {
    ($($(#[doc = $doc:literal])+ $name:ident, $usual:literal;)*) => {
        /// A kind of random fault.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Mischief {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Mischief {
            /// Every kind: its name in scenario files, and whether it is among those that a scenario gets when it
            /// names none.
            pub const ALL: &'static [(Self, &'static str, bool)] =
                &[$((Self::$name, stringify!($name), $usual),)*];
        }
    };
}

mischief! {
    /// A process dies and comes back.
    Crash, true;
    /// A machine loses power, and with it what was not synced, and comes back.
    PowerFailure, true;
    /// A process is frozen for a while.
    Freeze, true;
    /// A process stops in an orderly way and comes back.
    OrderlyStop, true;
    /// A broker comes back with an empty disk.
    LostDisk, true;
    /// A server is cut off from the other servers, or from everybody.
    Isolate, true;
    /// A server is not heard any more, or hears nobody.
    OneWayCut, true;
    /// Two servers are cut off from each other.
    PairCut, true;
    /// The servers fall into two groups.
    Split, true;
    /// The servers fall into two groups, and one server reaches both.
    Bridge, true;
    /// Every server reaches a majority, and each another one.
    Ring, true;
    /// Servers are cut off one after the other, and come back in another order.
    Swizzle, true;
    /// The links of a server are slow or narrow.
    SlowLink, true;
    /// The links of a server lose, double and reorder packets.
    FlakyLink, true;
    /// Every connection of a server is reset.
    Reset, true;
    /// A disk is slow.
    SlowDisk, true;
    /// The answers of a broker are held back.
    HeldReplies, true;
    /// A broker learns late what the controllers decide.
    LateMetadata, true;
    /// A clock is set off and drifts.
    WrongClock, true;
    /// An operator moves the leadership of a partition.
    MoveLeader, true;
    /// An operator moves a partition to other brokers.
    Reassign, true;
    /// Syncs of a broker's disk fail.
    FailingSync, false;
    /// A broker's disk is full.
    FullDisk, false;
    /// A broker's disk only says that it synced, and then the power fails.
    LyingDisk, false;
    /// The process of a consumer or an application dies without leaving its group, and comes back.
    ConsumerCrash, false;
    /// A consumer or an application is frozen for a while: a zombie when it goes on.
    ConsumerFreeze, false;
    /// A consumer or an application closes in good order and comes back.
    ConsumerStop, false;
    /// A consumer or an application hears no broker any more, and none hears it.
    ConsumerCut, false;
    /// What coordinators answer to consumers is held back.
    HeldGroupReplies, false;
    /// A broker that coordinates a group dies, and comes back.
    CoordinatorCrash, false;
}

impl Mischief {
    /// Its name in scenario files.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _, _)| *kind == self).map_or("", |(_, name, _)| name)
    }
}
