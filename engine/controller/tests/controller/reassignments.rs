//! Reassignment (KIP-455): replicas come, are in sync, and others go.

use super::situations::{on_brokers, situation};

situation!(
    a_partition_moves_to_other_brokers_and_its_leader_with_it,
    on_brokers(
        6,
        &[],
        "create orders 0:1,2,3
         reassign orders-0=4,5,6
         list
         alter orders-0 isr=1,2,3,4,5
         alter orders-0 isr=1,2,3,4,5,6
         list
         alter orders-0 isr=1,2,3,4,5,6 by=1"
    )
);

situation!(
    the_leader_that_stays_keeps_the_lead_in_a_new_epoch,
    on_brokers(
        4,
        &[],
        "create orders 0:1,2,3
         reassign orders-0=1,2,4
         alter orders-0 isr=1,2,3,4"
    )
);

situation!(
    a_mere_change_of_order_is_done_at_once,
    on_brokers(
        3,
        &[],
        "create orders 0:1,2,3
         reassign orders-0=3,2,1
         list
         elect preferred orders-0
         reassign orders-0=3,2,1"
    )
);

situation!(
    replicas_may_become_fewer_and_more,
    on_brokers(
        4,
        &[],
        "create orders 0:1,2,3
         reassign orders-0=1,2
         reassign orders-0=1,2,3,4
         alter orders-0 isr=1,2,3,4
         alter orders-0 isr=1,2,3
         reassign orders-0=1,2,4
         alter orders-0 isr=1,2
         alter orders-0 isr=1,2,4"
    )
);

// KAFKA-19975: who stays and is out of sync does not hold it up. KAFKA-15665: it does if replicas become fewer.
situation!(
    who_stays_and_is_dead_does_not_hold_it_up,
    on_brokers(
        4,
        &[],
        "create orders 0:1,2,3
         heartbeat 2 want-fence
         reassign orders-0=2,3,4
         alter orders-0 isr=1,3,4
         list"
    )
);

situation!(
    a_reassignment_is_taken_back,
    on_brokers(
        6,
        &[],
        "create orders 0:1,2,3
         reassign orders-0=cancel
         reassign orders-0=4,5,6
         alter orders-0 isr=1,2,3,4
         reassign orders-0=cancel
         list
         alter orders-0 isr=1,2,3,4 epochs=3,5,7,9"
    )
);

// All that are in sync are on their way in: to go back is to lose what only they have.
situation!(
    a_reassignment_is_not_taken_back_at_the_price_of_records,
    on_brokers(
        4,
        &[],
        "create orders 0:1,2
         create views 0:1,2 unclean.leader.election.enable:true
         reassign orders-0=3,4 views-0=3,4
         alter orders-0 isr=1,2,3
         alter views-0 isr=1,2,3
         heartbeat 1 want-fence
         heartbeat 2 want-fence
         reassign orders-0=cancel
         heartbeat 2
         reassign views-0=cancel"
    )
);

situation!(
    a_second_reassignment_takes_over_from_the_first,
    on_brokers(
        5,
        &[],
        "create orders 0:1,2
         reassign orders-0=3,4
         alter orders-0 isr=1,2,3
         reassign orders-0=3,5
         list
         alter orders-0 isr=1,2,3,5"
    )
);

situation!(
    a_broker_dies_in_the_middle_of_a_reassignment,
    on_brokers(
        6,
        &[],
        "create orders 0:1,2,3
         reassign orders-0=4,5,6
         alter orders-0 isr=1,2,3,4
         heartbeat 5 want-fence
         alter orders-0 isr=1,2,3,4,6
         alter orders-0 isr=1,2,3,4,5,6
         heartbeat 1 want-fence
         heartbeat 5
         alter orders-0 isr=4,2,3,5,6
         list"
    )
);

situation!(
    a_reassignment_is_refused_for_these_reasons,
    on_brokers(
        4,
        &[],
        "create orders 0:1,2 1:1,2
         reassign nothing-0=1,2 orders-7=1,2
         reassign orders-0=
         reassign orders-0=1,1
         reassign orders-0=1,9
         reassign orders-0=3 keep-factor
         reassign orders-0=3,4 keep-factor
         reassign orders-0=1,2,3 keep-factor
         reassign orders-0=1,2 keep-factor orders-0=3,4
         list orders-0 orders-1 nothing-0"
    )
);
