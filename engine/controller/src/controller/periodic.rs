//! When the active controller looks at all partitions by itself.

use klamm_node::config::ServerConfig;
use klamm_node::{Span, Time};

/// What it looks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PeriodicElection {
    /// Partitions that could be led by their preferred replica and are not (`auto.leader.rebalance.enable`).
    Preferred,
    /// Partitions without a leader that would take an unclean one (`unclean.leader.election.interval.ms`).
    Unclean,
}

/// The next time of each; counted from the controller's activation, so that a fail-over starts them anew.
#[derive(Clone, Debug)]
pub(super) struct Periodic {
    preferred: Option<(Time, Span)>,
    unclean: Option<(Time, Span)>,
}

impl Periodic {
    pub(super) fn from(settings: &ServerConfig, now: Time) -> Self {
        let every = |interval: Span| (interval > Span::ZERO).then(|| (now + interval, interval));
        let check = u64::try_from(settings.leader_imbalance_check_interval_seconds).unwrap_or(0);
        let preferred = every(Span::secs(check)).filter(|_| settings.auto_leader_rebalance_enable);
        Self { preferred, unclean: every(settings.unclean_leader_election_interval) }
    }

    fn of(&mut self, election: PeriodicElection) -> &mut Option<(Time, Span)> {
        match election {
            PeriodicElection::Preferred => &mut self.preferred,
            PeriodicElection::Unclean => &mut self.unclean,
        }
    }

    pub(super) fn is_due(&self, election: PeriodicElection, now: Time) -> bool {
        let next = match election {
            PeriodicElection::Preferred => self.preferred,
            PeriodicElection::Unclean => self.unclean,
        };
        next.is_some_and(|(at, _)| at <= now)
    }

    /// A round was held; the next comes after the interval, or at once if this one left something to do.
    pub(super) fn held(&mut self, election: PeriodicElection, now: Time, more: bool) {
        if let Some((at, interval)) = self.of(election) {
            *at = if more { now } else { now + *interval };
        }
    }

    pub(super) fn next(&self) -> Option<(Time, &'static str)> {
        let preferred = self.preferred.map(|(at, _)| (at, "leader-imbalance-check"));
        let unclean = self.unclean.map(|(at, _)| (at, "unclean-leader-election-check"));
        preferred.into_iter().chain(unclean).min()
    }
}
