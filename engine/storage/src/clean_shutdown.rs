//! The marker of an orderly stop.

use klamm_node::{BrokerEpoch, Disk, DiskResult};

use crate::layout::CLEAN_SHUTDOWN_MARKER;

/// What the file `.kafka_cleanshutdown` says: that every log was synced and closed, and by which broker epoch, which a
/// broker shows at its next registration to prove that it lost nothing (KIP-966).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CleanShutdown {
    /// The epoch of the broker that stopped; -1 if it had none.
    pub broker_epoch: BrokerEpoch,
}

impl CleanShutdown {
    /// Reads the marker and leaves it where it is: as long as no log was opened, the last stop is still the last thing that
    /// happened to them.
    ///
    /// # Errors
    /// The disk fails.
    pub fn read(disk: &mut dyn Disk) -> DiskResult<Option<Self>> {
        let Some(bytes) = disk.read_whole(CLEAN_SHUTDOWN_MARKER)? else { return Ok(None) };
        // An empty marker is one of an older Kafka: a clean stop, without an epoch.
        let broker_epoch = std::str::from_utf8(&bytes).ok().and_then(broker_epoch).unwrap_or(-1);
        Ok(Some(Self { broker_epoch: BrokerEpoch(broker_epoch) }))
    }

    /// Reads the marker and deletes it, durably, before any log is opened: a crash from now on is a crash (KAFKA-10471).
    ///
    /// # Errors
    /// The disk fails.
    pub fn take(disk: &mut dyn Disk) -> DiskResult<Option<Self>> {
        let marker = Self::read(disk)?;
        if marker.is_some() {
            disk.remove(CLEAN_SHUTDOWN_MARKER)?;
            disk.sync_dir("")?;
        }
        Ok(marker)
    }

    /// Writes the marker, as the last thing of an orderly stop.
    ///
    /// # Errors
    /// The disk fails.
    pub fn write(self, disk: &mut dyn Disk) -> DiskResult<()> {
        let text = format!("{{\"version\":0,\"brokerEpoch\":{}}}", self.broker_epoch);
        disk.replace(CLEAN_SHUTDOWN_MARKER, text.as_bytes())
    }
}

fn broker_epoch(json: &str) -> Option<i64> {
    let (_, rest) = json.split_once("\"brokerEpoch\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let end = rest.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use klamm_node::disk::MemoryDisk;
    use klamm_node::disk::memory::Loss;
    use klamm_node::{Purpose, Stream};

    use super::*;

    #[test]
    fn a_marker_is_good_for_one_start_even_if_power_fails_right_after() {
        let mut disk = MemoryDisk::new();
        assert_eq!(CleanShutdown::take(&mut disk), Ok(None));
        let marker = CleanShutdown { broker_epoch: BrokerEpoch(17) };
        marker.write(&mut disk).expect("written");
        assert_eq!(CleanShutdown::read(&mut disk), Ok(Some(marker)));
        assert_eq!(CleanShutdown::take(&mut disk), Ok(Some(marker)));
        disk.lose_power(Loss::Whole, &mut Stream::new(1, Purpose::PowerLoss, 0, 0));
        assert_eq!(CleanShutdown::take(&mut disk), Ok(None));
    }
}
