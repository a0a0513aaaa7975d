//! Arithmetic of a follower: where it cuts its log, and which batches it takes.

use bytes::{Bytes, BytesMut};
use klamm_node::{LeaderEpoch, MemoryDisk, Offset, Timestamp};
use klamm_protocol::batch::BatchBuilder;
use klamm_protocol::compression::Compression;
use klamm_storage::{Log, LogConfig};

use super::follower::{truncation_offset, without_newer_epochs};

fn batch(base: i64, epoch: i32, records: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None).at(Offset(base), LeaderEpoch(epoch));
    for _ in 0..records {
        builder.append(Timestamp(1_000), None, Some(b"value"), &[]);
    }
    builder.build()
}

/// A log with batches of these epochs, two records each.
fn log(disk: &mut MemoryDisk, epochs: &[i32]) -> Log {
    let (mut log, _) = Log::open(disk, "orders-0", LogConfig::default(), false).expect("opened");
    for epoch in epochs {
        let bytes = batch(log.log_end().0, *epoch, 2);
        log.append_as_follower(disk, &bytes).expect("in order");
    }
    log
}

/// KIP-101 and KIP-279, case by case: our epochs, what the leader answers, where we cut.
#[test]
fn a_log_is_cut_where_both_agree_and_not_a_record_more() {
    for (ours, (epoch, end), cut, why) in [
        (&[1, 1][..], (1, 4), 4, "the leader has more of our epoch: nothing is cut"),
        (&[1, 1], (1, 2), 2, "the leader has less of our epoch: its end"),
        (&[1, 3], (1, 2), 2, "the leader never had epoch 3: where our epoch 1 ends"),
        (
            &[1, 3],
            (1, 6),
            2,
            "and not where the leader's epoch 1 ends: we have other records there",
        ),
        (
            &[1, 2, 4],
            (3, 6),
            4,
            "we never had epoch 3: back to the end of our epoch 2, and ask again (KIP-279)",
        ),
        (&[1, 2, 4], (2, 3), 3, "epoch 2 is shorter there"),
        (
            &[2, 2],
            (1, 3),
            0,
            "all of ours is newer than what the leader names: our epoch 1 would end where our log starts",
        ),
        (&[1, 1], (1, 9), 4, "never above our own end"),
    ] {
        let mut disk = MemoryDisk::new();
        let log = log(&mut disk, ours);
        let found = truncation_offset(&log, LeaderEpoch(epoch), Offset(end));
        assert_eq!(found, Offset(cut), "{ours:?} against epoch {epoch} that ends at {end}: {why}");
    }
}

#[test]
fn a_batch_of_a_newer_epoch_than_the_followers_is_not_taken() {
    let mut answer = BytesMut::new();
    for (base, epoch) in [(0, 1), (2, 1), (4, 2), (6, 1)] {
        answer.extend_from_slice(&batch(base, epoch, 2));
    }
    let answer = answer.freeze();
    let one = batch(0, 1, 2).len();
    // KAFKA-18723: nor is anything behind it.
    assert_eq!(without_newer_epochs(&answer, LeaderEpoch(1)).len(), 2 * one);
    assert_eq!(without_newer_epochs(&answer, LeaderEpoch(2)), answer);
    assert_eq!(without_newer_epochs(&answer, LeaderEpoch(0)).len(), 0);
}
