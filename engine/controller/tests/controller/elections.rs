//! Elections that somebody asks for, and those that the controller holds by itself.

use super::situations::{on_three_brokers, situation};

situation!(
    preferred_leaders_are_elected_on_request,
    on_three_brokers(
        &[],
        "create orders 0:1,2 1:2,1 2:3,1
         heartbeat 1 want-fence
         heartbeat 1
         elect preferred orders-0 orders-1 orders-7 nothing-0
         alter orders-0 isr=2,1
         alter orders-1 isr=2,1
         elect preferred orders-0 orders-0
         elect preferred all
         elect odd orders-0"
    )
);

situation!(
    an_unclean_election_is_held_on_request_although_the_topic_forbids_it,
    on_three_brokers(
        &[("eligible.leader.replicas.version", "0")],
        "create orders 0:1,2 1:3,2
         elect unclean orders-0
         alter orders-0 isr=1
         heartbeat 3 want-fence
         heartbeat 1 want-fence
         elect preferred orders-0
         elect unclean orders-0 orders-1
         elect unclean all"
    )
);

// Nothing happens to the partition when its topic comes to allow an unclean election; the next look finds it.
situation!(
    the_controller_looks_for_leaderless_partitions_from_time_to_time,
    on_three_brokers(
        &[
            ("unclean.leader.election.interval.ms", "5000"),
            ("broker.session.timeout.ms", "600000"),
            ("metadata.max.idle.interval.ms", "0"),
        ],
        "create orders 0:1,2
         heartbeat 2 want-fence
         heartbeat 1 want-fence
         heartbeat 2
         pass 5000
         fail-over orders unclean.leader.election.enable=true
         pass 4000
         pass 1000"
    )
);

situation!(
    preferred_leaders_come_back_every_five_minutes,
    on_three_brokers(
        &[("broker.session.timeout.ms", "6000000"), ("metadata.max.idle.interval.ms", "0")],
        "create orders 0:1,2 1:1,3 2:2,1
         heartbeat 1 want-fence
         heartbeat 1
         alter orders-0 isr=2,1
         pass 299000
         pass 1000
         alter orders-1 isr=3,1
         pass 300000
         pass 300000"
    )
);

situation!(
    leaders_stay_where_they_are_without_automatic_rebalancing,
    on_three_brokers(
        &[
            ("auto.leader.rebalance.enable", "false"),
            ("broker.session.timeout.ms", "600000"),
            ("metadata.max.idle.interval.ms", "0"),
        ],
        "create orders 0:1,2
         heartbeat 1 want-fence
         heartbeat 1
         alter orders-0 isr=2,1
         pass 300000"
    )
);
