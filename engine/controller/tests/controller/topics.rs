//! Topics that go and grow.

use super::situations::{on_three_brokers, situation};

situation!(
    topics_are_deleted_by_name_and_by_id,
    on_three_brokers(
        &[],
        "create orders 0:1,2 min.insync.replicas:2
         create prices 0:1
         create clicks 0:1
         create views 0:1
         delete orders nothing
         delete id=prices id=nothing neither both=clicks
         delete clicks clicks
         delete clicks id=clicks
         delete id=views id=views
         delete clicks views
         create orders 0:2"
    )
);

situation!(
    topics_are_not_deleted_where_that_is_forbidden,
    on_three_brokers(
        &[("delete.topic.enable", "false")],
        "create orders 0:1
         delete orders id=orders
         delete nothing"
    )
);

situation!(
    topics_grow_and_never_shrink,
    on_three_brokers(
        &[],
        "create orders 0:1,2
         grow orders 3
         grow orders 3
         grow orders 2
         grow orders 0
         grow nothing 3
         grow orders 5 3:1,2 4:2,3
         grow orders 6 validate-only
         grow orders 7 5:1,2
         grow orders 6 5:1
         grow orders 6 5:1,9
         grow orders 6 5:1,1
         heartbeat 3 want-fence
         heartbeat 2 want-fence
         grow orders 6 5:3,2
         grow orders 6
         grow orders 20000"
    )
);
