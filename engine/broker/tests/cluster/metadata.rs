//! What brokers make of the metadata log: when they act on it, and on how much of it at once.

#![expect(clippy::wildcard_enum_match_arm, reason = "a few of all events are looked at")]

use klamm_node::{EventKind, LeaderEpoch, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use klamm_protocol::kafka::messages::elect_leaders_request::TopicPartitions;
use klamm_protocol::kafka::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, ElectLeadersRequest, ResponseKind,
};

use super::driver::Lab;
use super::{create, leader_of, metadata, running, started};

/// Puts these replicas in this order, and lets the first of them lead.
fn lead(lab: &mut Lab, host: &str, replicas: &[i32]) {
    let ids = replicas.iter().map(|id| BrokerId(*id)).collect();
    let partition =
        ReassignablePartition::default().with_partition_index(0).with_replicas(Some(ids));
    let topic = ReassignableTopic::default()
        .with_name(convert::topic("orders"))
        .with_partitions(vec![partition]);
    let request = AlterPartitionReassignmentsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(5_000);
    assert!(lab.ask(host, request).is_ok());
    let partitions =
        TopicPartitions::default().with_topic(convert::topic("orders")).with_partitions(vec![0]);
    let request = ElectLeadersRequest::default()
        .with_election_type(0)
        .with_topic_partitions(Some(vec![partitions]))
        .with_timeout_ms(5_000);
    let Ok(ResponseKind::ElectLeaders(response)) = lab.ask(host, request) else {
        panic!("an answer")
    };
    assert_eq!(response.error_code, 0);
    assert_eq!(leader_of(lab, "orders"), format!("broker-{}", replicas[0]));
}

#[test]
fn a_broker_acts_on_the_sum_of_what_it_has_missed() {
    let mut lab = started(21);
    assert_eq!(create(&mut lab, "broker-1", "orders", 1, 3), [ErrorCode::NONE]);
    lab.run(Span::secs(1));
    lead(&mut lab, "broker-1", &[1, 2, 3]);
    let epoch = metadata(&mut lab, "broker-1", "orders").topics[0].partitions[0].leader_epoch;
    let before = lab.events().len();
    lab.cut_off("broker-2");
    lead(&mut lab, "broker-1", &[2, 3, 1]);
    lead(&mut lab, "broker-1", &[3, 1, 2]);
    lab.heal("broker-2");
    lab.run(Span::secs(5));
    let roles = lab.events()[before..].iter().filter(|(_, node, _)| node == "broker-2");
    let roles: Vec<_> = roles
        .filter_map(|(_, _, event)| match event {
            EventKind::LeadershipTaken { leader_epoch, .. } => Some(("leads", *leader_epoch)),
            EventKind::FollowingStarted { leader_epoch, .. } => Some(("follows", *leader_epoch)),
            EventKind::EpochStarted { epoch, .. } => Some(("has", *epoch)),
            _ => None,
        })
        .collect();
    // It never learns that it led: not even an entry of its epoch checkpoint tells of it.
    assert_eq!(roles, [("follows", LeaderEpoch(epoch + 2))]);
}

#[test]
fn logs_are_opened_after_the_registration_and_the_clean_stop_is_proven_before() {
    let mut lab = started(22);
    assert_eq!(create(&mut lab, "broker-1", "orders", 1, 3), [ErrorCode::NONE]);
    lab.run(Span::secs(1));
    lab.shut_down("broker-3");
    lab.until("an orderly halt", |lab| !lab.halts().is_empty());
    // Stopped again before it could register, it has opened nothing, and its last stop is still the clean one.
    let voters = ["controller-1", "controller-2", "controller-3"];
    voters.iter().for_each(|name| lab.crash(name));
    lab.start("broker-3");
    lab.run(Span::secs(5));
    lab.shut_down("broker-3");
    lab.run(Span::secs(1));
    assert_eq!(lab.halts().len(), 2);
    voters.iter().for_each(|name| lab.start(name));
    let before = lab.events().len();
    lab.start("broker-3");
    lab.until("back again", |lab| running(lab, "broker-3"));
    let events = lab.events()[before..].iter().filter_map(|(_, node, event)| match event {
        EventKind::RegistrationDecided { clean, .. } => Some(format!("clean {:?}", clean.0)),
        EventKind::BrokerStateChanged { to, .. } if node == "broker-3" => Some(to.to_string()),
        EventKind::LogRecovered { .. } if node == "broker-3" => Some("opens a log".to_owned()),
        _ => None,
    });
    let events: Vec<_> = events.collect();
    assert_eq!(events, ["starting", "clean Some(true)", "recovery", "opens a log", "running"]);
}
