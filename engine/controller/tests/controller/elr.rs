//! Eligible leader replicas (KIP-966): who may lead once the ISR is too small, and who may not any more.

use super::situations::{WITHOUT_ELR, on_three_brokers, situation};

const MIN_ISR_2: &[(&str, &str)] = &[("min.insync.replicas", "2")];

// Every change of a partition keeps the ELR: it fills as the ISR falls below its minimum, and empties as it is reached.
situation!(
    who_leaves_an_isr_below_its_minimum_stays_eligible,
    on_three_brokers(
        MIN_ISR_2,
        "create orders 0:1,2,3
         alter orders-0 isr=1,2
         alter orders-0 isr=1
         alter orders-0 isr=1,3
         alter orders-0 isr=1
         alter orders-0 isr=1,2,3"
    )
);

// The last replica standing dies. Without ELR everybody waits for it; with ELR one that is known to have everything leads.
situation!(
    an_eligible_replica_leads_when_the_isr_is_gone,
    on_three_brokers(
        MIN_ISR_2,
        "create orders 0:1,2,3
         heartbeat 3 want-fence
         heartbeat 2 want-fence
         heartbeat 1 want-fence
         heartbeat 3
         heartbeat 2"
    )
);
situation!(
    without_elr_everybody_waits_for_the_last_of_the_isr,
    on_three_brokers(
        &[WITHOUT_ELR, MIN_ISR_2].concat(),
        "create orders 0:1,2,3
         heartbeat 3 want-fence
         heartbeat 2 want-fence
         heartbeat 1 want-fence
         heartbeat 3
         heartbeat 2
         heartbeat 1"
    )
);

// A process that was killed may have lost what it had not synced, and does not know its last epoch (KIP-966).
situation!(
    an_unclean_shutdown_ends_eligibility_and_a_clean_one_does_not,
    on_three_brokers(
        MIN_ISR_2,
        "create orders 0:1,2,3
         heartbeat 2 want-fence
         heartbeat 3 want-fence
         heartbeat 1 want-fence
         pass 10200
         register 2 process=2 clean
         register 3 process=2
         register 1 process=2
         heartbeat 3
         heartbeat 1
         heartbeat 2"
    )
);

// Killed and back within its session: the registration waits, and the leader's death is noticed by it.
situation!(
    a_leader_that_was_killed_and_is_back_before_its_session_ends,
    on_three_brokers(
        MIN_ISR_2,
        "create orders 0:1,2,3
         heartbeat 2 want-fence
         heartbeat 3 want-fence
         register 1 process=2
         pass 9001
         register 1 process=2
         heartbeat 1"
    )
);

// Balanced recovery: nobody certainly has everything, and the last leader is the best guess. It must live (KAFKA-19522).
situation!(
    the_last_known_leader_leads_when_isr_and_elr_are_gone,
    on_three_brokers(
        MIN_ISR_2,
        "create orders 0:1,2,3
         heartbeat 3 want-fence
         heartbeat 2 want-fence
         heartbeat 1 want-fence
         pass 10200
         register 2 process=2
         register 1 process=2
         heartbeat 2
         heartbeat 1
         alter orders-0 isr=1 recovering=1
         alter orders-0 isr=1,2 recovering=0"
    )
);

// The feature's level is the switch; with it off, nothing above happens, whatever the shutdown was.
situation!(
    without_elr_a_broker_that_was_killed_still_leads_as_the_last_of_its_isr,
    on_three_brokers(
        &[WITHOUT_ELR, MIN_ISR_2].concat(),
        "create orders 0:1,2,3
         heartbeat 3 want-fence
         heartbeat 2 want-fence
         heartbeat 1 want-fence
         pass 10200
         register 1 process=2
         heartbeat 1"
    )
);

// A topic with fewer replicas than min.insync.replicas asks for: the minimum is what there can be.
situation!(
    the_minimum_is_no_more_than_there_are_replicas,
    on_three_brokers(
        MIN_ISR_2,
        "create orders 0:1
         heartbeat 1 want-fence
         heartbeat 1"
    )
);
