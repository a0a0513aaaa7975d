//! When a run may be judged for liveness: how long a cluster with a scenario's settings may take to heal.

use klamm_node::Span;
use klamm_node::config::{ConsumerConfig, ProducerConfig, ServerConfig};
use klamm_scenario::Scenario;
use klamm_scenario::model::{Action, Client};
use klamm_trace::{NodeTable, Quiescence};

/// Elections, catching up and back-offs, after everybody has noticed what there was to notice.
const RECOVERY: Span = Span::secs(5);

/// How long a rebalance among living members takes at most: each answers its next heartbeat.
const REBALANCE_MAX: Span = Span::secs(10);

/// Whether somebody may wait for an answer that does not come: a process that dies is told by its kernel, these are not.
fn is_silent(action: &Action) -> bool {
    matches!(
        action,
        Action::PowerOff { .. }
            | Action::Pause(_)
            | Action::Cut { .. }
            | Action::HoldReplies { .. }
            | Action::DelayMetadata { .. }
    )
}

/// Whether a machine may die with a request that it has taken. Unlike after a cut, nothing is left that the network would
/// send again, and so nothing that a restarted peer would answer with a reset.
fn loses_answers(action: &Action) -> bool {
    matches!(action, Action::PowerOff { .. })
}

/// A run may be judged once nothing has been disturbed for a broker's session timeout (the controller fences a dead
/// broker), a voter's fetch timeout (the quorum replaces a dead leader), a request's timeout if there was silence, a follower's
/// if an answer may be lost for good, and what the rest takes.
pub(super) fn quiescence(scenario: &Scenario, table: &NodeTable) -> Quiescence {
    let server = ServerConfig::from_map(&scenario.cluster.config).unwrap_or_default();
    let mut notice =
        server.broker_session_timeout.max(server.controller_quorum_fetch_timeout.times(2));
    if scenario.nemesis.is_some()
        || scenario.steps.iter().flat_map(|step| &step.actions).any(is_silent)
    {
        // As in Kafka, a broker's request to a controller that fell silent holds up the next ones until it times out.
        notice = notice.max(server.request_timeout);
    }
    if scenario.nemesis.is_some()
        || scenario.steps.iter().flat_map(|step| &step.actions).any(loses_answers)
    {
        // A follower whose leader took its fetch and died without a word waits this long before it asks again.
        notice = notice.max(server.replica_socket_timeout);
    }
    let producers = scenario.clients.iter().filter_map(|client| match client {
        Client::Producer(producer) => Some(producer),
        Client::Consumer(_) | Client::Application(_) => None,
    });
    let delivery = producers.filter_map(|producer| {
        let config = ProducerConfig::from_map(&producer.config).unwrap_or_default();
        Some((table.named(&producer.name)?, config.delivery_timeout))
    });
    // A dead member is noticed after its session, and a rebalance waits for the living at most as long as they may take
    // between two polls.
    let members = scenario.clients.iter().filter_map(|client| match client {
        Client::Consumer(consumer) if consumer.membership.is_some() => {
            let config = ConsumerConfig::from_map(&consumer.config).unwrap_or_default();
            Some(config.session_timeout + config.max_poll_interval.min(REBALANCE_MAX))
        }
        Client::Application(application) if application.group.is_some() => {
            // librdkafka's defaults are those of the Java client; its keys are the same.
            let defaults = ConsumerConfig::default();
            let millis = |key: &str| application.config.get(key)?.parse().ok().map(Span::millis);
            let session = millis("session.timeout.ms").unwrap_or(defaults.session_timeout);
            let poll = millis("max.poll.interval.ms").unwrap_or(defaults.max_poll_interval);
            Some(session + poll.min(REBALANCE_MAX))
        }
        Client::Consumer(_) | Client::Producer(_) | Client::Application(_) => None,
    });
    let groups = members.max().unwrap_or_default();
    Quiescence { settle: notice + RECOVERY, groups, delivery: delivery.collect() }
}
