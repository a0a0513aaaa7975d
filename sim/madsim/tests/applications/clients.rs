//! The client behaves as librdkafka's does.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use klamm_madsim::app::{AppContext, AppResult, Programs};
use klamm_madsim::rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use klamm_madsim::rdkafka::client::{ClientContext, DefaultClientContext};
use klamm_madsim::rdkafka::config::ClientConfig;
use klamm_madsim::rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer,
};
use klamm_madsim::rdkafka::error::{KafkaError, RDKafkaErrorCode};
use klamm_madsim::rdkafka::message::{Header, Headers, Message, OwnedHeaders, Timestamp};
use klamm_madsim::rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use klamm_madsim::rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use klamm_madsim::tokio;
use klamm_node::EventKind;

use super::{ORDERS, at, play, processed, programs, scenario, times, told};

/// Fails with a sentence.
fn check(holds: bool, what: &str) -> AppResult {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// Runs one program alone to its good end.
fn alone<F, Fut>(program: F) -> klamm_world::World
where
    F: Fn(AppContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = AppResult> + 'static,
{
    let clients = format!(
        r#"{ORDERS} Application(name: "app", program: "app", group: "g", start: "3s", config: {{ "auto.offset.reset": "earliest" }}),"#
    );
    let world = play(&scenario(&clients, ""), &Programs::new().with("app", program));
    assert!(world.outcome().passed(), "{}", told(&world));
    let app = world.node_named("app").expect("a node");
    let ends: Vec<_> = world
        .recorder()
        .events()
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::NodeStopped { reason, orderly } if event.node == app => {
                Some((reason.clone(), *orderly))
            }
            _ => None,
        })
        .collect();
    assert_eq!(ends, [("the program ended".to_owned(), true)]);
    world
}

#[test]
fn what_is_sent_is_what_is_read() {
    alone(|cx| async move {
        let admin: AdminClient<DefaultClientContext> = cx.client_config().create()?;
        let new =
            NewTopic::new("mine", 2, TopicReplication::Fixed(3)).set("cleanup.policy", "compact");
        let made = admin.create_topics([&new], &AdminOptions::new()).await?;
        check(made == [Ok("mine".to_owned())], "the topic was not made")?;
        let again = admin.create_topics([&new], &AdminOptions::new()).await?;
        let exists = Err(("mine".to_owned(), RDKafkaErrorCode::TopicAlreadyExists));
        check(again == [exists], "the topic was made twice")?;
        let producer: FutureProducer = cx.client_config().create()?;
        let headers = OwnedHeaders::new().insert(Header { key: "h", value: Some("v") });
        let record = FutureRecord::to("mine").key("k").payload("p").timestamp(77).headers(headers);
        let sent = producer.send(record.partition(1), Duration::ZERO).await.map_err(|(e, _)| e)?;
        check((sent.partition, sent.offset) == (1, 0), "it was put elsewhere")?;
        // The commit of a close would go on asking for a topic that is gone.
        let consumer: StreamConsumer =
            cx.client_config().set("enable.auto.commit", "false").create()?;
        consumer.subscribe(&["^min"])?;
        let read = consumer.recv().await?;
        check((read.key(), read.payload()) == (Some(&b"k"[..]), Some(&b"p"[..])), "other bytes")?;
        check((read.topic(), read.partition(), read.offset()) == ("mine", 1, 0), "another place")?;
        check(read.timestamp() == Timestamp::CreateTime(77), "another time")?;
        let first = read.headers().and_then(|headers| headers.try_get(0));
        check(first.map(|header| header.value) == Some(Some(&b"v"[..])), "no header")?;
        let gone = admin.delete_topics(&["mine", "nothing"], &AdminOptions::new()).await?;
        check(gone[0].is_ok() && gone[1].is_err(), "one of two topics can be deleted")
    });
}

#[test]
fn wrong_use_is_an_error_that_says_what_is_wrong() {
    assert!(matches!(
        ClientConfig::new().set("bootstrap.servers", "broker-1:9092").create::<BaseConsumer>(),
        Err(KafkaError::ClientCreation(_))
    ));
    alone(|cx| async move {
        let nobody: BaseConsumer = cx.client_config().remove("group.id").create()?;
        check(nobody.subscribe(&["orders"]).is_err(), "a subscription without a group")?;
        drop(nobody);
        let consumer: StreamConsumer = cx.client_config().create()?;
        consumer.subscribe(&["orders"])?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("orders", 7, Offset::Offset(3))?;
        check(consumer.assign(&list).is_err(), "an assignment by hand besides a subscription")?;
        let seek = consumer.seek("orders", 7, Offset::Beginning, Duration::ZERO);
        check(seek.is_err(), "a seek in somebody else's partition")?;
        let state = Err(KafkaError::StoreOffset(RDKafkaErrorCode::State));
        check(consumer.store_offset("orders", 7, 3) == state, "a stored offset of nobody's")?;
        check(consumer.pause(&list).is_err(), "a pause of nobody's")?;
        let none = consumer.commit_consumer_state(CommitMode::Sync);
        let no_offset = Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset));
        check(none == no_offset, "a commit of nothing")?;
        check(cx.client_config().set("acks", "some").create::<FutureProducer>().is_err(), "acks")
    });
}

/// The next message of a stream.
async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

#[test]
fn partitions_are_read_by_hand_from_where_one_likes() {
    let world = alone(|cx| async move {
        let second = Duration::from_secs(1);
        let admin: AdminClient<DefaultClientContext> = cx.client_config().create()?;
        let new = NewTopic::new("mine", 2, TopicReplication::Fixed(3));
        admin.create_topics([&new], &AdminOptions::new()).await?[0].clone().map_err(|(_, e)| e)?;
        let producer: FutureProducer = cx.client_config().create()?;
        for (at, value) in (0..).zip(["a", "b", "c", "d"]) {
            let record = FutureRecord::<str, str>::to("mine").payload(value).partition(1);
            producer.send(record.timestamp(100 * at), second).await.map_err(|(e, _)| e)?;
        }
        // Without a group it reads, looks up, and commits nothing.
        let alone: StreamConsumer = cx.client_config().remove("group.id").create()?;
        check(alone.fetch_watermarks("mine", 1, second) == Ok((0, 4)), "other ends")?;
        check(alone.fetch_watermarks("mine", 0, second) == Ok((0, 0)), "other ends of nothing")?;
        let timed_out = Err(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut));
        check(alone.fetch_watermarks("mine", 7, second) == timed_out, "a partition too many")?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("mine", 1, Offset::Offset(150))?;
        let found = alone.offsets_for_times(list.clone(), second)?;
        check(found.elements()[0].offset() == Offset::Offset(2), "another record of that time")?;
        list.set_all_offsets(Offset::Offset(9_999))?;
        let found = alone.offsets_for_times(list.clone(), second)?;
        check(found.elements()[0].offset() == Offset::End, "a record of no time")?;
        list.set_all_offsets(Offset::Offset(1))?;
        alone.assign(&list)?;
        let mut messages = alone.stream();
        for offset in 1..4 {
            let message = next(&mut messages).await.ok_or("the stream ended")??;
            check((message.partition(), message.offset()) == (1, offset), "another message")?;
        }
        check(alone.position()?.elements()[0].offset() == Offset::Offset(4), "another position")?;
        let nobody = Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownGroup));
        check(alone.commit_consumer_state(CommitMode::Sync) == nobody, "a commit of nobody's")?;
        check(alone.committed(second).is_err(), "an offset of nobody's")?;
        list.set_all_offsets(Offset::Beginning)?;
        check(alone.incremental_assign(&list).is_err(), "a partition twice")?;
        alone.incremental_unassign(&list)?;
        check(alone.assignment()?.count() == 0, "a partition was kept")?;
        check(tokio::time::timeout(second, alone.recv()).await.is_err(), "a record of nobody's")?;
        // With a group it goes on where the group has committed, and is no member.
        let first: StreamConsumer =
            cx.client_config().set("enable.auto.commit", "false").create()?;
        list.set_all_offsets(Offset::Stored)?;
        first.assign(&list)?;
        let message = first.recv().await?;
        check(message.offset() == 0, "it has a policy for what is not committed")?;
        check(first.committed(second)?.elements()[0].offset() == Offset::Invalid, "committed")?;
        first.commit_message(&message, CommitMode::Sync)?;
        check(first.committed(second)?.elements()[0].offset() == Offset::Offset(1), "not kept")?;
        drop(message);
        drop(first);
        let second_time: StreamConsumer = cx.client_config().create()?;
        second_time.assign(&list)?;
        check(second_time.recv().await?.offset() == 1, "it began somewhere else")?;
        // What is assigned by hand gives way to a subscription.
        second_time.subscribe(&["mine"])?;
        check(second_time.recv().await?.offset() == 1, "what nobody committed comes again")
    });
    let joins = times(&world, "app", |kind| matches!(kind, EventKind::PartitionsAssigned { .. }));
    assert_eq!(joins.len(), 1, "only a subscription makes a member");
}

/// Commits what it has done before it gives partitions up.
struct Careful;

impl ClientContext for Careful {}

impl ConsumerContext for Careful {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(_) = rebalance {
            // Nothing may be stored yet.
            consumer.commit_consumer_state(CommitMode::Sync).ok();
        }
    }
}

async fn careful(cx: AppContext) -> AppResult {
    let mut config = cx.client_config();
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    let consumer: StreamConsumer<Careful> = config.create_with_context(Careful)?;
    consumer.subscribe(&["orders"])?;
    loop {
        let message = consumer.recv().await?;
        tokio::time::sleep(Duration::from_millis(3)).await;
        cx.processed(&message);
    }
}

#[test]
fn partitions_are_given_up_when_the_callback_has_returned() {
    let clients = format!(
        r#"{ORDERS}
        Application(name: "one", program: "careful", group: "g", start: "3s"),
        Application(name: "two", program: "careful", group: "g", start: "9s"),"#
    );
    for strategy in ["range", "cooperative-sticky"] {
        let clients = clients.replace(
            "group: \"g\"",
            &format!(
                "group: \"g\", config: {{ \"partition.assignment.strategy\": \"{strategy}\" }}"
            ),
        );
        let programs = programs().with("careful", careful);
        let world = play(&scenario(&clients, ""), &programs);
        assert!(world.outcome().passed(), "{strategy}: {}", told(&world));
        let revoked = |kind: &EventKind| matches!(kind, EventKind::PartitionsRevoked { .. });
        let committed = |kind: &EventKind| matches!(kind, EventKind::CommitAcknowledged { .. });
        let revoked = times(&world, "one", revoked);
        let committed = times(&world, "one", committed);
        assert!(!revoked.is_empty() && !committed.is_empty(), "{strategy}");
        assert!(committed[0] <= revoked[0], "{strategy}: {committed:?} {revoked:?}");
        assert!(!times(&world, "two", processed).is_empty(), "{strategy}");
    }
}

#[test]
fn auto_commit_commits_what_was_stored() {
    let commits = |store: &'static str, by_hand: bool| {
        let world = alone(move |cx| async move {
            let mut config = cx.client_config();
            config.set("enable.auto.offset.store", store).set("auto.commit.interval.ms", "1000");
            let consumer: StreamConsumer = config.create()?;
            consumer.subscribe(&["orders"])?;
            for _ in 0..60 {
                let message = consumer.recv().await?;
                cx.processed(&message);
                if by_hand {
                    consumer.store_offset_from_message(&message)?;
                }
            }
            Ok(())
        });
        times(&world, "app", |kind| matches!(kind, EventKind::CommitAcknowledged { .. })).len()
    };
    assert_eq!(commits("false", false), 0, "nothing was stored");
    assert!(commits("false", true) >= 3, "by timer, and when it closed");
    assert!(commits("true", false) >= 3);
}

#[test]
fn a_program_that_does_not_poll_is_put_out_and_comes_back() {
    let world = alone(|cx| async move {
        let mut config = cx.client_config();
        config.set("max.poll.interval.ms", "7000").set("session.timeout.ms", "6000");
        let consumer: StreamConsumer = config.create()?;
        consumer.subscribe(&["orders"])?;
        consumer.recv().await?;
        tokio::time::sleep(Duration::from_secs(8)).await;
        let exceeded = loop {
            match consumer.recv().await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        let expected = KafkaError::MessageConsumption(RDKafkaErrorCode::PollExceeded);
        check(exceeded == expected, "another error")?;
        consumer.recv().await?;
        Ok(())
    });
    let exceeded = |kind: &EventKind| matches!(kind, EventKind::PollIntervalExceeded { .. });
    assert_eq!(times(&world, "app", exceeded).len(), 1);
    let lost = |kind: &EventKind| matches!(kind, EventKind::PartitionsLost { .. });
    assert_eq!(times(&world, "app", lost).len(), 1);
}

#[test]
fn what_blocks_blocks_its_process_alone() {
    let world = alone(|cx| async move {
        let consumer: BaseConsumer = cx.client_config().create()?;
        consumer.subscribe(&["orders"])?;
        let ticks = tokio::spawn(async { tokio::time::sleep(Duration::from_millis(10)).await });
        let begun = tokio::time::Instant::now();
        check(consumer.poll(Duration::from_millis(100)).is_none(), "a message without a group")?;
        check(begun.elapsed() >= Duration::from_millis(100), "a poll that does not wait")?;
        check(!ticks.is_finished(), "another task ran meanwhile")?;
        let mut read = 0;
        while read < 40 {
            if let Some(message) = consumer.poll(Duration::from_secs(1)) {
                cx.processed(&message?);
                read += 1;
            }
        }
        ticks.await?;
        // It is closed as it goes: it leaves its group, which blocks too.
        drop(consumer);
        let producer: FutureProducer = cx.client_config().create()?;
        for _ in 0..10 {
            let record = FutureRecord::<str, str>::to("bills").payload("x");
            producer.send_result(record).map_err(|(error, _)| error)?;
        }
        check(producer.in_flight_count() == 10, "ten are on their way")?;
        producer.flush(Duration::from_secs(5))?;
        check(producer.in_flight_count() == 0, "ten have arrived")
    });
    assert!(
        times(&world, "app", |kind| matches!(kind, EventKind::NodeStopped { .. })) < vec![at(20)]
    );
}

#[test]
fn tasks_and_time_are_as_in_tokio() {
    alone(|_| async move {
        let slow = tokio::spawn(async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        });
        let late = tokio::time::timeout(
            Duration::from_millis(50),
            tokio::time::sleep(Duration::from_secs(1)),
        );
        check(late.await.is_err(), "a second within fifty milliseconds")?;
        slow.abort();
        check(slow.await.is_err_and(|error| error.is_cancelled()), "an aborted task's result")?;
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let first = ticks.tick().await;
        let third = {
            ticks.tick().await;
            ticks.tick().await
        };
        check(third - first >= Duration::from_millis(40), "ticks")?;
        let (tell, hear) = tokio::sync::oneshot::channel();
        tokio::spawn(async move { tell.send(7) });
        let chosen = tokio::select! {
            heard = hear => heard?,
            () = tokio::time::sleep(Duration::from_secs(1)) => 0,
        };
        check(chosen == 7, "the other branch")?;
        check(tokio::task::spawn_blocking(|| 5).await? == 5, "a blocking task's result")
    });
}
