//! Configs, features, quotas and producer ids: what people may set, and what they are told.

use super::situations::{WITHOUT_ELR, on_three_brokers, situation};

situation!(
    a_topics_configs_are_set_deleted_appended_to_and_subtracted_from,
    on_three_brokers(
        &[],
        "create orders 0:1,2
         configure topic:orders retention.ms=1000 cleanup.policy+=compact flush.ms=7
         configure topic:orders retention.ms=1000 cleanup.policy+=compact
         configure topic:orders cleanup.policy-=delete -flush.ms -preallocate
         configure topic:orders cleanup.policy-=compact validate-only
         replace topic:orders max.message.bytes=5000
         replace topic:orders"
    )
);

situation!(
    configs_are_refused_for_these_reasons_and_each_resource_by_itself,
    on_three_brokers(
        &[],
        "create orders 0:1,2
         configure topic:orders retention.sm=1 / topic:orders2 retention.ms=1
         configure topic:orders min.insync.replicas=0
         configure topic:orders flush.ms=9 retention.ms=never / broker:1 log.retention.ms=5
         configure topic:orders retention.ms+=5
         configure topic:orders retention.ms?=5
         configure topic:orders min.compaction.lag.ms=9 max.compaction.lag.ms=8
         configure topic:orders remote.storage.enable=true
         configure topic: retention.ms=5 / topic:a/b retention.ms=5 / topic:.. retention.ms=5
         configure topic:orders retention.ms=5 / topic:orders retention.ms=6 / broker: log.retention.ms=7
         configure broker:nine a=b / broker:-1 a=b / broker:9 a=b / 32:group a=b
         configure broker: log.retention.ms+=5"
    )
);

situation!(
    the_min_isr_is_the_clusters_with_eligible_leaders_and_a_change_forgets_them,
    on_three_brokers(
        &[("min.insync.replicas", "2")],
        "create orders 0:1,2,3
         heartbeat 3 want-fence
         heartbeat 2 want-fence
         configure broker:1 min.insync.replicas=1
         configure broker: -min.insync.replicas
         replace broker: log.retention.ms=5
         configure topic:orders min.insync.replicas=3
         configure broker: min.insync.replicas=1"
    )
);

// Without eligible leaders a broker may have a min ISR of its own, as before KIP-966.
situation!(
    the_min_isr_is_each_brokers_without_eligible_leaders,
    on_three_brokers(
        WITHOUT_ELR,
        "configure broker:1 min.insync.replicas=1
         configure broker:1 min.insync.replicas=1
         configure broker: -min.insync.replicas"
    )
);

situation!(
    features_go_up_and_safely_down_and_all_or_none,
    on_three_brokers(
        WITHOUT_ELR,
        "feature metadata.version=26:up
         feature metadata.version=26:safe validate-only
         feature metadata.version=26:safe
         feature metadata.version=27:safe
         feature metadata.version=22:safe
         feature metadata.version=22:unsafe
         feature metadata.version=28:up
         feature metadata.version=0:safe
         feature metadata.version=-1:safe
         feature metadata.version=27:odd
         feature share.version=1:up
         feature metadata.version=27:up share.version=1:up
         feature group.version=2:up
         feature group.version=1:up
         feature group.version=0:up
         feature group.version=0:safe
         feature metadata.version=27:up"
    )
);

situation!(
    eligible_leaders_are_turned_on_with_their_min_isr_and_off_again,
    on_three_brokers(
        &[("eligible.leader.replicas.version", "0"), ("min.insync.replicas", "2")],
        "configure broker:2 min.insync.replicas=1
         feature eligible.leader.replicas.version=1:up
         feature eligible.leader.replicas.version=2:up
         create orders 0:1,2,3
         heartbeat 2 want-fence
         heartbeat 3 want-fence
         feature eligible.leader.replicas.version=0:up
         feature eligible.leader.replicas.version=0:safe"
    )
);

situation!(
    a_broker_that_is_too_old_for_a_level_is_refused_and_holds_the_level_back,
    on_three_brokers(
        WITHOUT_ELR,
        "feature metadata.version=26:safe
         register 4 level=26
         feature metadata.version=27:up
         feature metadata.version=25:safe
         register 5 level=24"
    )
);

situation!(
    quotas_are_set_and_taken_away_by_entity,
    on_three_brokers(
        &[],
        "quota user=alice client-id=<default> : producer_byte_rate=1024 request_percentage=12.5
         quota client-id=<default> user=alice : producer_byte_rate=1024 -request_percentage -consumer_byte_rate
         quota ip=10.0.0.7 : connection_creation_rate=5 validate-only
         quota ip=10.0.0.7 : connection_creation_rate=5
         quota user=alice client-id=<default> : -producer_byte_rate"
    )
);

situation!(
    quotas_are_refused_for_these_reasons_and_each_entity_by_itself,
    on_three_brokers(
        &[],
        "quota : producer_byte_rate=1
         quota user=a user=b : producer_byte_rate=1
         quota group=a : producer_byte_rate=1
         quota user=a ip=10.0.0.7 : producer_byte_rate=1
         quota ip=nowhere : connection_creation_rate=1
         quota ip=10.0.0.7 : producer_byte_rate=1 / user=a : producer_byte_rate=1
         quota user=a : connection_creation_rate=1
         quota user=a : producer_byte_rate=0
         quota user=a : producer_byte_rate=NaN
         quota user=a : producer_byte_rate=1.5
         quota ip=10.0.0.7 : connection_creation_rate=3000000000
         quota user=a : producer_byte_rate=2 producer_byte_rate=3
         quota user=b : producer_byte_rate=2 / user=b : producer_byte_rate=3"
    )
);

situation!(
    producer_ids_come_in_blocks_and_never_twice,
    on_three_brokers(
        &[],
        "allocate 1
         allocate 2
         allocate 2 epoch=77
         allocate 9
         fail-over
         allocate 1"
    )
);
