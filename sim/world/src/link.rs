//! Links: one per direction between two machines, with latency, bandwidth and cuts.
//!
//! A link knows nothing of connections. It answers one question for a packet that is handed to it: when it arrives.
//! Whether it does arrive is decided twice, when it leaves and when it gets there, so that a cut also catches what is
//! in flight (dst.md N1).

use klamm_node::rng::{Purpose, Stream};
use klamm_node::{Seq, Span, Time};
use klamm_scenario::model::{Flaws, Network};

use crate::fault::FaultId;

/// How long a packet takes from a machine to itself.
const LOOPBACK: Span = Span::micros(10);

/// How much a link's queue holds before it drops packets from its tail.
const QUEUE_BYTES: u64 = 1_048_576;

/// What becomes of a packet that is handed to a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passage {
    /// It is on its way.
    Arrives(Time),
    /// The link is cut.
    Cut,
    /// The link's queue is full.
    Overflow,
    /// It is lost on the way.
    Lost,
}

/// What a flaky link did to a packet that passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Disturbed {
    /// It arrives twice; TCP drops the second.
    pub doubled: bool,
    /// Later packets overtake it; TCP makes them wait.
    pub overtaken: bool,
}

/// How much longer a packet takes that is overtaken, in latencies.
const DETOUR: u64 = 8;

/// One direction between two machines.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    network: Network,
    usual: Network,
    loopback: bool,
    /// When the last byte handed over so far will have left.
    busy_until: Time,
    /// The cut in force.
    cut: Option<Seq>,
    /// Grows with every cut: a packet that left under another number was caught.
    cuts: u32,
    /// The last fault that cut it, and the one that slows it.
    cut_by: Option<FaultId>,
    slowed_by: Option<FaultId>,
    flaws: Option<Box<Flaky>>,
    hold: Option<Box<Hold>>,
    key: (u64, u64, u64),
    dice: Option<Box<Stream>>,
}

/// What a flaky link does, by whose doing, with its own dice: they are thrown while it is flaky only.
#[derive(Clone, Debug)]
struct Flaky {
    flaws: Flaws,
    by: Option<FaultId>,
    dice: Stream,
    last: Disturbed,
}

/// Answers that are held back.
#[derive(Clone, Debug)]
struct Hold {
    by: Span,
    api: Option<i16>,
    fault: Option<FaultId>,
}

impl Link {
    /// The link of `seed` from one machine to another, which are named by their entities.
    pub(crate) fn new(seed: u64, from: u64, to: u64, network: Network) -> Self {
        Self {
            network,
            usual: network,
            loopback: from == to,
            busy_until: Time::ZERO,
            cut: None,
            cuts: 0,
            cut_by: None,
            slowed_by: None,
            flaws: None,
            hold: None,
            key: (seed, from, to),
            dice: None,
        }
    }

    /// Hands over a packet of `size` bytes at `now`.
    pub(crate) fn pass(&mut self, now: Time, size: usize) -> Passage {
        if self.loopback {
            return Passage::Arrives(now + LOOPBACK);
        }
        if self.cut.is_some() {
            return Passage::Cut;
        }
        let Some((size, detour)) = self.disturb(size) else { return Passage::Lost };
        let mut leaves = now + detour;
        if self.network.bandwidth > 0 {
            let wait = self.busy_until.since(now);
            if transmission(QUEUE_BYTES, self.network.bandwidth) < wait {
                return Passage::Overflow;
            }
            self.busy_until = now + wait + transmission(size as u64, self.network.bandwidth);
            leaves = self.busy_until + detour;
        }
        let (seed, from, to) = self.key;
        let dice = self
            .dice
            .get_or_insert_with(|| Box::new(Stream::new(seed, Purpose::LinkLatency, from, to)));
        Passage::Arrives(leaves + dice.span(self.network.latency_low, self.network.latency_high))
    }

    /// What the link's flaws do to a packet: none if it is lost, else its size on the wire and the time it loses.
    fn disturb(&mut self, size: usize) -> Option<(usize, Span)> {
        let network = self.network;
        let Some(flaky) = &mut self.flaws else { return Some((size, Span::ZERO)) };
        let mut hit = |share: u32| share > 0 && flaky.dice.per_million(share * 1000);
        let (lost, doubled, overtaken) =
            (hit(flaky.flaws.loss), hit(flaky.flaws.duplicate), hit(flaky.flaws.reorder));
        flaky.last = Disturbed { doubled, overtaken };
        if lost {
            return None;
        }
        let detour = match overtaken {
            true => flaky.dice.span(network.latency_low, network.latency_high.times(DETOUR)),
            false => Span::ZERO,
        };
        Some((if doubled { size * 2 } else { size }, detour))
    }

    /// Makes the link flaky, or steady again.
    pub(crate) fn set_flaws(&mut self, flaws: Flaws, by: Option<FaultId>) {
        let (seed, from, to) = self.key;
        let dice = match self.flaws.take() {
            Some(flaky) => flaky.dice,
            None => Stream::new(seed, Purpose::LinkLoss, from, to),
        };
        let last = Disturbed::default();
        // The dice stay where they are while the link is steady: a second spell goes on with them.
        self.flaws = Some(Box::new(Flaky { flaws, by, dice, last }));
    }

    /// The fault that makes it flaky, and what it did to the last packet.
    pub(crate) fn disturbed(&self) -> Option<(Option<FaultId>, Disturbed)> {
        self.flaws.as_ref().map(|flaky| (flaky.by, flaky.last))
    }

    /// True while packets may be lost, doubled or overtaken, or answers are held.
    pub(crate) fn is_disturbing(&self) -> bool {
        let flaky = self.flaws.as_ref().is_some_and(|flaky| flaky.flaws != Flaws::default());
        flaky || self.hold.is_some()
    }

    /// Holds answers back from now on, or, with zero, no longer.
    pub(crate) fn set_hold(&mut self, by: Span, api: Option<i16>, fault: Option<FaultId>) {
        self.hold = (by > Span::ZERO).then(|| Box::new(Hold { by, api, fault }));
    }

    /// How long the answer to a request of this API is held, and by whose doing.
    pub(crate) fn held(&self, api: i16) -> Option<(Span, Option<FaultId>)> {
        let hold = self.hold.as_ref()?;
        let concerned = hold.api.is_none_or(|only| only == api);
        concerned.then_some((hold.by, hold.fault))
    }

    /// True if a packet that left under this number of cuts may still arrive.
    pub(crate) fn lets_through(&self, left_under: u32) -> bool {
        self.cut.is_none() && self.cuts == left_under
    }

    /// How often it was cut so far.
    pub(crate) fn cuts(&self) -> u32 {
        self.cuts
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// The last fault that cut it.
    pub(crate) fn cut_by(&self) -> Option<FaultId> {
        self.cut_by
    }

    /// The fault that slows it.
    pub(crate) fn slowed_by(&self) -> Option<FaultId> {
        self.slowed_by
    }

    /// Cuts the link; what is in flight will not arrive. False if there is nothing to cut.
    pub(crate) fn cut(&mut self, seq: Seq, by: Option<FaultId>) -> bool {
        if self.loopback || self.cut.is_some() {
            return false;
        }
        self.cut = Some(seq);
        self.cuts += 1;
        self.cut_by = by;
        true
    }

    /// Lets traffic pass again; true if it did not before.
    pub(crate) fn heal(&mut self) -> bool {
        self.cut.take().is_some()
    }

    pub(crate) fn set(&mut self, network: Network, by: Option<FaultId>) {
        self.network = network;
        self.slowed_by = by.filter(|_| self.is_slow());
    }

    fn is_slow(&self) -> bool {
        is_slower(self.network, self.usual)
    }
}

/// Whether a network has more latency or less bandwidth than another.
pub(crate) fn is_slower(now: Network, usual: Network) -> bool {
    now.latency_high > usual.latency_high
        || (now.bandwidth > 0 && (usual.bandwidth == 0 || now.bandwidth < usual.bandwidth))
}

fn transmission(bytes: u64, bandwidth: u64) -> Span {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(bandwidth.max(1));
    Span(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(bandwidth: u64) -> Link {
        let latency = Span::millis(1);
        Link::new(7, 1, 2, Network { latency_low: latency, latency_high: latency, bandwidth })
    }

    #[test]
    fn bandwidth_makes_packets_queue_and_a_full_queue_drops() {
        let mut link = link(1_000_000);
        let second = 1_000_000_000;
        assert_eq!(link.pass(Time(0), 1_000_000), Passage::Arrives(Time(second + 1_000_000)));
        assert_eq!(link.pass(Time(0), 500_000), Passage::Arrives(Time(second * 3 / 2 + 1_000_000)));
        assert_eq!(link.pass(Time(0), 1), Passage::Overflow);
    }

    #[test]
    fn a_cut_and_a_heal_in_between_still_catch_what_was_in_flight() {
        let mut link = link(0);
        let left_under = link.cuts();
        assert!(link.cut(Seq(1), None));
        assert_eq!(link.pass(Time(0), 1), Passage::Cut);
        assert!(link.heal());
        assert!(!link.lets_through(left_under));
        assert!(link.lets_through(link.cuts()));
    }

    #[test]
    fn a_flaky_link_throws_its_own_dice() {
        let mut steady = link(0);
        let mut flaky = link(0);
        flaky.set_flaws(Flaws { loss: 300, duplicate: 200, reorder: 0 }, None);
        let mut passed = 0;
        let mut doubled = 0;
        for _ in 0..1000 {
            if let Passage::Arrives(at) = flaky.pass(Time(0), 100) {
                assert_eq!(steady.pass(Time(0), 100), Passage::Arrives(at), "no draw is shifted");
                passed += 1;
                doubled += i32::from(flaky.disturbed().is_some_and(|(_, d)| d.doubled));
            }
        }
        assert!((650..750).contains(&passed), "{passed} of 1000 with 30 % loss");
        assert!((100..200).contains(&doubled), "{doubled} of 700 with 20 % doubled");
        flaky.set_flaws(Flaws::default(), None);
        assert!(!flaky.is_disturbing());
        assert!((0..100).all(|_| flaky.pass(Time(0), 100) != Passage::Lost));
    }

    #[test]
    fn only_the_answers_that_are_meant_are_held() {
        let mut link = link(0);
        link.set_hold(Span::secs(2), Some(1), None);
        assert_eq!(link.held(1), Some((Span::secs(2), None)));
        assert_eq!(link.held(0), None);
        link.set_hold(Span::ZERO, Some(1), None);
        assert_eq!(link.held(1), None);
    }

    #[test]
    fn loopback_is_fast_and_can_not_be_cut() {
        let mut link = Link::new(7, 1, 1, Network::default());
        assert!(!link.cut(Seq(1), None));
        assert_eq!(link.pass(Time(5), 1_000_000), Passage::Arrives(Time(5) + LOOPBACK));
    }
}
