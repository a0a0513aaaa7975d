//! Settings that change while the broker runs (KIP-226).

use std::collections::BTreeSet;

use klamm_node::config::ServerConfig;

use super::{Image, Replicas};

impl Replicas {
    /// This broker's settings are these from now on; its topics' settings follow from them.
    ///
    /// Whatever is read at its use holds at once: sizes, waits, quotas, `min.insync.replicas`.
    pub fn reconfigure(&mut self, image: &Image, config: ServerConfig) {
        if self.config == config {
            return;
        }
        self.config = config;
        let topics: BTreeSet<_> = self.partitions.keys().map(|key| key.topic).collect();
        for topic in topics {
            self.configure(image, topic);
        }
    }
}
