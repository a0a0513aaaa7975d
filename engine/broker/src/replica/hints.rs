//! Leader hints: the endpoints of the leaders that an error names, so that a client need not ask for metadata (KIP-951).

use std::collections::BTreeSet;

use klamm_protocol::convert;
use klamm_protocol::kafka::messages::{fetch_response, produce_response};

use super::image::{self, Image};

/// The endpoints of the brokers named in a Produce response; -1 names nobody.
pub(super) fn for_produce(
    image: &Image,
    named: impl Iterator<Item = i32>,
) -> Vec<produce_response::NodeEndpoint> {
    endpoints(image, named)
        .map(|(id, broker)| {
            produce_response::NodeEndpoint::default()
                .with_node_id(id.into())
                .with_host(convert::text(broker.host))
                .with_port(i32::from(broker.port))
                .with_rack(broker.rack.map(convert::text))
        })
        .collect()
}

/// The endpoints of the brokers named in a Fetch response; -1 names nobody.
pub(super) fn for_fetch(
    image: &Image,
    named: impl Iterator<Item = i32>,
) -> Vec<fetch_response::NodeEndpoint> {
    endpoints(image, named)
        .map(|(id, broker)| {
            fetch_response::NodeEndpoint::default()
                .with_node_id(id.into())
                .with_host(convert::text(broker.host))
                .with_port(i32::from(broker.port))
                .with_rack(broker.rack.map(convert::text))
        })
        .collect()
}

fn endpoints(
    image: &Image,
    named: impl Iterator<Item = i32>,
) -> impl Iterator<Item = (i32, image::Broker<'_>)> {
    let distinct: BTreeSet<i32> = named.filter(|id| *id >= 0).collect();
    distinct.into_iter().filter_map(|id| Some((id, image::broker(image, id.into())?)))
}
