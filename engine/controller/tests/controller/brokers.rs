//! A broker's life: registration, epochs, the way out.

use klamm_controller::life::{self, BrokerMove, BrokerState};

use super::bench::Bench;
use super::situations::{on_three_brokers, situation};

// What one process said before it died must not count for its successor (KIP-380, KIP-903).
situation!(
    a_stale_broker_epoch_is_refused_everywhere,
    on_three_brokers(
        &[],
        "create orders 0:1,2,3
         register 1 process=2 clean
         pass 10200
         register 1 process=2 clean
         heartbeat 1 epoch=3
         heartbeat 1 epoch=3 want-shutdown
         alter orders-0 isr=1,2 by=1 sender-epoch=3
         register 2 process=2
         alter orders-0 isr=1,2 by=2 sender-epoch=4
         heartbeat 7 epoch=3
         alter orders-0 isr=1,2 by=7 sender-epoch=3"
    )
);

// A request whose answer was lost comes again: same process, same epoch, and nothing is taken from it.
situation!(
    the_same_process_may_register_again_and_keeps_its_place,
    on_three_brokers(
        &[],
        "create orders 0:1,2
         register 1 process=1
         heartbeat 1
         alter orders-0 isr=1"
    )
);

situation!(
    a_registration_is_refused_for_these_reasons,
    on_three_brokers(
        &[],
        "register 4 cluster=elsewhere
         register 1 process=2
         register 4 level=26
         register 4 directory=5
         register 4 directory=1001
         register 4"
    )
);

situation!(
    a_broker_is_unregistered_for_good,
    on_three_brokers(
        &[("min.insync.replicas", "2")],
        "create orders 0:1,2,3
         heartbeat 3 want-fence
         heartbeat 2 want-fence
         unregister 2
         unregister 2
         heartbeat 2
         unregister 1
         heartbeat 1
         register 2 process=2
         heartbeat 2
         heartbeat 3"
    )
);

// It may go once it leads nothing and every active broker knows; until then it serves, but joins and leads nothing new.
situation!(
    a_leaving_broker_leads_and_joins_nothing_new,
    on_three_brokers(
        &[],
        "create orders 0:1,2
         heartbeat 1 want-shutdown
         create later 0:1,2
         create only 0:1
         create placed partitions=3 replicas=2
         alter orders-0 isr=2,1
         elect preferred orders-0
         heartbeat 1
         heartbeat 2
         heartbeat 3
         heartbeat 1
         register 1 process=2 clean
         heartbeat 1
         elect preferred orders-0
         alter orders-0 isr=2,1
         elect preferred orders-0"
    )
);

// The last leader of a partition may not move anything: it waits until its patience, not the controller's, is at an end.
situation!(
    a_leaving_broker_that_leads_alone_gives_up_its_lead,
    on_three_brokers(
        &[],
        "create orders 0:1
         heartbeat 1 want-shutdown
         heartbeat 2
         heartbeat 3
         heartbeat 1 want-shutdown"
    )
);

situation!(
    a_leaving_broker_falls_silent,
    on_three_brokers(
        &[],
        "create orders 0:1,2
         heartbeat 1 want-shutdown
         pass 5000
         heartbeat 2
         heartbeat 3
         pass 5200
         heartbeat 1
         heartbeat 1 want-shutdown"
    )
);

#[test]
fn a_new_controller_knows_who_was_leaving() {
    let mut bench = Bench::new(&[]);
    bench.run(
        "register 1
         register 2
         heartbeat 1
         heartbeat 2
         create orders 0:1,2
         heartbeat 1 want-shutdown",
    );
    bench.transcript.clear();
    let transcript = bench.run(
        "fail-over
         heartbeat 1 want-shutdown
         heartbeat 2
         heartbeat 1 want-shutdown",
    );
    insta::assert_snapshot!("a_new_controller_knows_who_was_leaving", transcript);
}

/// The whole matrix: what each move means in each state.
#[test]
fn the_life_of_a_broker_as_a_table() {
    let mut table = String::new();
    for state in BrokerState::ALL {
        for event in BrokerMove::ALL {
            let to = state.on(*event).map_or("-", BrokerState::name);
            table.push_str(&format!("{:<20} {:<40} {to}\n", state.name(), event.name()));
        }
    }
    insta::assert_snapshot!("the_life_of_a_broker_as_a_table", table);
    insta::assert_snapshot!("the_life_of_a_broker_as_a_figure", life::dot());
}
