//! DescribeLogDirs: how much room each replica takes on this broker's disk (KIP-113), versions 1 to 4.
//!
//! *Flows in*: a request of a console. *Flows out*: the one log directory with the replicas that were asked for, always at
//! once. *Must never*: tell of a partition that has no replica here; Kafka leaves it out.
//!
//! Simplified: a process has one log directory, and nothing moves from one to another. How large the volume is and how much
//! of it is free (version 4) no disk tells; both are answered -1, as brokers before Kafka 3.3 do.

use std::collections::{BTreeMap, BTreeSet};

use klamm_protocol::convert;
use klamm_protocol::kafka::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use klamm_protocol::kafka::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName};

use super::Replicas;

impl Replicas {
    /// Answers a DescribeLogDirs request; `log_dir` is where this broker's logs are.
    pub fn describe_log_dirs(
        &self,
        request: &DescribeLogDirsRequest,
        log_dir: &str,
    ) -> DescribeLogDirsResponse {
        let asked: Option<BTreeSet<(&str, i32)>> = request.topics.as_ref().map(|topics| {
            let pairs = topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|index| (topic.topic.as_str(), *index))
            });
            pairs.collect()
        });
        let mut topics: BTreeMap<&str, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for partition in self.partitions.values() {
            let (topic, index) = (&*partition.name.topic, partition.name.partition);
            if asked.as_ref().is_some_and(|asked| !asked.contains(&(topic, index))) {
                continue;
            }
            let behind = partition.high_watermark.0 - partition.log.log_end().0;
            topics.entry(topic).or_default().push(
                DescribeLogDirsPartition::default()
                    .with_partition_index(index)
                    .with_partition_size(i64::try_from(partition.log.size()).unwrap_or(i64::MAX))
                    .with_offset_lag(behind.max(0)),
            );
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            DescribeLogDirsTopic::default()
                .with_name(TopicName(convert::text(name)))
                .with_partitions(partitions)
        });
        let result = DescribeLogDirsResult::default()
            .with_log_dir(convert::text(log_dir))
            .with_topics(topics.collect());
        DescribeLogDirsResponse::default().with_results(vec![result])
    }
}
