//! Situations: requests in, records and replies out. `!` is an event, `+` a record at its offset, `=` a reply.

use super::bench::Bench;

const THREE_BROKERS: &str = "
    register 1
    register 2
    register 3
    heartbeat 1
    heartbeat 2
    heartbeat 3
";

/// As clusters were before KIP-966.
pub(crate) const WITHOUT_ELR: &[(&str, &str)] = &[("eligible.leader.replicas.version", "0")];

/// Runs a script on three unfenced brokers and returns its part of the transcript.
pub(crate) fn on_three_brokers(settings: &[(&str, &str)], script: &str) -> String {
    let mut bench = Bench::new(settings);
    bench.run(THREE_BROKERS);
    bench.transcript.clear();
    bench.run(script)
}

/// Runs a script on as many unfenced brokers.
pub(crate) fn on_brokers(count: i32, settings: &[(&str, &str)], script: &str) -> String {
    let mut bench = Bench::new(settings);
    for id in 1..=count {
        bench.run(&format!("register {id}\nheartbeat {id}"));
    }
    bench.transcript.clear();
    bench.run(script)
}

macro_rules! situation {
    ($name:ident, $transcript:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), $transcript);
        }
    };
}

situation!(
    a_broker_registers_fenced_and_is_unfenced_once_it_has_seen_its_registration,
    Bench::new(&[]).run(
        "register 1
         heartbeat 1 offset=2
         heartbeat 1 offset=3 want-fence
         heartbeat 1 offset=3
         heartbeat 1 offset=3
         heartbeat 1 offset=3 epoch=2
         heartbeat 9 offset=3 epoch=2"
    )
);

situation!(
    a_second_process_with_the_same_id_waits_for_the_session_of_the_first,
    on_three_brokers(
        &[],
        "create orders 0:1,2
         register 1 process=2
         register 1 process=1
         pass 8000
         heartbeat 2
         heartbeat 3
         pass 1000
         register 1 process=2
         pass 1
         register 1 process=2
         heartbeat 1
         register 4 cluster=elsewhere
         register 4 level=26"
    )
);

// The bench's controller is 3001 too: one process in both roles.
situation!(
    a_combined_process_need_not_wait_for_the_session_of_its_dead_predecessor,
    Bench::new(&[]).run(
        "register 3001
         register 1
         heartbeat 3001
         heartbeat 1
         create orders 0:3001,1 1:1,3001
         register 3001 process=2
         fail-over
         register 1 process=2
         register 3001 process=2
         heartbeat 3001"
    )
);

situation!(
    silent_brokers_are_fenced_one_by_one_and_the_last_in_sync_replica_stays,
    on_three_brokers(
        WITHOUT_ELR,
        "create orders 0:1,2,3 1:2,3,1
         pass 4000
         heartbeat 2
         heartbeat 3
         pass 5000
         pass 1125
         pass 4000
         heartbeat 1
         heartbeat 2
         heartbeat 3"
    )
);

situation!(
    an_unclean_election_makes_the_new_leader_the_whole_isr,
    on_three_brokers(
        &[],
        "create orders 0:1,2 unclean.leader.election.enable:true
         alter orders-0 isr=1
         pass 8000
         heartbeat 2
         pass 2125
         alter orders-0 isr=2 recovering=1
         heartbeat 1
         alter orders-0 isr=2,1 recovering=1
         alter orders-0 isr=2
         alter orders-0 isr=2,1"
    )
);

situation!(
    controlled_shutdown_moves_leaders_and_waits_until_everybody_knows,
    on_three_brokers(
        &[],
        "create orders 0:1,2 1:2,1
         heartbeat 1 want-shutdown
         alter orders-1 isr=2,1
         heartbeat 1 want-shutdown
         heartbeat 2
         heartbeat 1 want-shutdown
         heartbeat 3
         heartbeat 1 want-shutdown
         register 1 process=2
         heartbeat 1"
    )
);

situation!(
    alter_partition_is_checked_in_kafkas_order,
    on_three_brokers(
        &[],
        "create orders 0:1,2,3
         alter orders-0 isr=1,2
         alter orders-0 isr=1,2
         alter orders-0 isr=1,3 partition-epoch=0
         alter orders-0 isr=1 partition-epoch=9
         alter orders-0 isr=1 leader-epoch=9
         alter orders-0 isr=1 by=2
         alter orders-0 isr=2
         alter orders-0 isr=
         alter orders-0 isr=1,1
         alter orders-0 isr=1,4
         alter orders-0 isr=1,2,3 epochs=3,4,99
         alter orders-0 isr=1,2,3 epochs=3,4,-1
         alter orders-0 isr=1 sender-epoch=99
         alter orders-7 isr=1 by=1
         alter nothing-0 isr=1 by=1
         heartbeat 3 want-fence
         alter orders-0 isr=1,2,3
         heartbeat 1 want-fence
         alter orders-0 isr=2 leader-epoch=0
         alter orders-0 isr=2"
    )
);

situation!(
    a_delayed_expansion_for_a_reborn_broker_is_refused,
    on_three_brokers(
        &[],
        "create orders 0:1,2
         alter orders-0 isr=1
         heartbeat 2 want-fence
         pass 10200
         heartbeat 1
         register 2 process=2
         heartbeat 2
         alter orders-0 isr=1,2 epochs=3,4"
    )
);

situation!(
    topics_are_placed_in_stripes_and_refused_with_reasons,
    on_three_brokers(
        &[("num.partitions", "2")],
        "create orders partitions=3 replicas=2
         create defaults
         create tested partitions=1 replicas=3 validate-only
         create orders
         create or.ders
         create or_ders
         create ..
         create a/b
         create __cluster_metadata
         create many partitions=10001 replicas=1
         create none partitions=0
         create negative replicas=-2
         create wide replicas=4
         create manual 0:1,2 1:2,3 min.insync.replicas:2
         create gap 0:1 2:2
         create empty 0:
         create unknown 0:9
         create twice 0:1,1
         create uneven 0:1 1:1,2
         create both partitions=1 0:1
         create odd no.such.key:1
         create bad min.insync.replicas:0
         create worse message.timestamp.type:Never"
    )
);

situation!(
    a_fenced_broker_gets_replicas_but_is_not_in_sync,
    on_three_brokers(
        &[],
        "heartbeat 3 want-fence
         create orders partitions=2 replicas=3
         create mine 0:3,1
         create nobodys 0:3"
    )
);

situation!(
    replies_wait_for_their_commit_and_are_withdrawn_with_the_leadership,
    on_three_brokers(
        &[],
        "hold
         create orders 0:1,2
         heartbeat 1
         create orders 0:1,2
         commit
         hold
         create lost 0:1,2
         alter orders-0 isr=1
         register 4
         heartbeat 2
         fail-over
         heartbeat 1
         commit"
    )
);

pub(crate) use situation;
