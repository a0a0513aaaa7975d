//! What the active controller does by itself from time to time: fence who is silent, and look at all partitions.
//!
//! *Flows in*: time, and what each run left to do. *Flows out*: the time of each task's next run. *Must never*: let one run
//! do all that there is to do: between two of them others get their turn, as in Kafka's `PeriodicTaskControlManager`.

use klamm_node::config::ServerConfig;
use klamm_node::{Span, Time};

/// When a task that left something to do runs again. A constant in Kafka too.
const SOON: Span = Span::millis(10);

/// What the controller looks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PeriodicTask {
    /// A broker whose session ran out, every eighth of a session (KAFKA-17793): it is fenced after 112.5 % of its session at
    /// the latest.
    FenceStaleBroker,
    /// Partitions that could be led by their preferred replica and are not (`auto.leader.rebalance.enable`).
    PreferredElection,
    /// Partitions without a leader that would take an unclean one (`unclean.leader.election.interval.ms`).
    UncleanElection,
}

/// The next time of each; counted from the controller's activation, so that a fail-over starts them anew.
#[derive(Clone, Debug)]
pub(super) struct Periodic {
    fencing: Option<(Time, Span)>,
    preferred: Option<(Time, Span)>,
    unclean: Option<(Time, Span)>,
}

impl Periodic {
    pub(super) fn from(settings: &ServerConfig, now: Time) -> Self {
        let every = |interval: Span| (interval > Span::ZERO).then(|| (now + interval, interval));
        let check = u64::try_from(settings.leader_imbalance_check_interval_seconds).unwrap_or(0);
        let preferred = every(Span::secs(check)).filter(|_| settings.auto_leader_rebalance_enable);
        let eighth = Span(settings.broker_session_timeout.0 / 8).max(Span::millis(1));
        let unclean = every(settings.unclean_leader_election_interval);
        Self { fencing: every(eighth), preferred, unclean }
    }

    fn of(&mut self, task: PeriodicTask) -> &mut Option<(Time, Span)> {
        match task {
            PeriodicTask::FenceStaleBroker => &mut self.fencing,
            PeriodicTask::PreferredElection => &mut self.preferred,
            PeriodicTask::UncleanElection => &mut self.unclean,
        }
    }

    /// When the task next finds anything; `oldest` is when the first session runs out.
    ///
    /// A look for silent brokers that can't find one changes nothing, so that it need not be held: only the rhythm counts.
    fn at(&self, task: PeriodicTask, oldest: Option<Time>) -> Option<Time> {
        match task {
            PeriodicTask::FenceStaleBroker => {
                let ((next, period), expiry) = self.fencing.zip(oldest)?;
                if expiry < next {
                    return Some(next);
                }
                let periods = expiry.since(next).0 / period.0 + 1;
                Some(next + period.times(periods))
            }
            PeriodicTask::PreferredElection => self.preferred.map(|(at, _)| at),
            PeriodicTask::UncleanElection => self.unclean.map(|(at, _)| at),
        }
    }

    pub(super) fn is_due(&self, task: PeriodicTask, oldest: Option<Time>, now: Time) -> bool {
        self.at(task, oldest).is_some_and(|at| at <= now)
    }

    /// A round was held; the next comes after the interval, or soon if this one left something to do.
    pub(super) fn held(&mut self, task: PeriodicTask, now: Time, more: bool) {
        if let Some((at, interval)) = self.of(task) {
            *at = now + if more { SOON } else { *interval };
        }
    }

    pub(super) fn next(&self, oldest: Option<Time>) -> Option<(Time, &'static str)> {
        let tasks = [
            (PeriodicTask::FenceStaleBroker, "broker-session-timeout"),
            (PeriodicTask::PreferredElection, "leader-imbalance-check"),
            (PeriodicTask::UncleanElection, "unclean-leader-election-check"),
        ];
        let next = |(task, why)| self.at(task, oldest).map(|at| (at, why));
        tasks.into_iter().filter_map(next).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Span::millis(millis)
    }

    #[test]
    fn a_silent_broker_is_found_at_the_first_look_after_its_session() {
        let mut periodic = Periodic::from(&ServerConfig::default(), at(1_000));
        let fence = PeriodicTask::FenceStaleBroker;
        // Looks come at 1.000 + n × 1.125 s. A session that ends exactly then has not run out yet.
        for (expiry, look) in [(1_500, 2_125), (2_124, 2_125), (2_125, 3_250), (10_000, 10_000)] {
            let look = if expiry == 10_000 { 11_125 } else { look };
            assert_eq!(periodic.at(fence, Some(at(expiry))), Some(at(look)), "{expiry}");
        }
        assert_eq!(periodic.at(fence, None), None);
        // One broker a run; the next follows soon, and the rhythm counts from there.
        periodic.held(fence, at(11_125), true);
        assert_eq!(periodic.at(fence, Some(at(10_500))), Some(at(11_135)));
        assert_eq!(periodic.at(fence, Some(at(20_000))), Some(at(11_135 + 8 * 1_125)));
    }
}
