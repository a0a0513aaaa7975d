//! Connections with requests and responses on them: the side that answers and the side that asks.
//!
//! *Flows in*: what the driver says of connections. *Flows out*: typed requests with a token to answer them by, typed
//! outcomes of own requests, and the effects (connect, send, close) that belong to them.
//! *Must never*: know what a request means. Each side is plain data that its owner keeps and calls.

mod call;
mod client;
mod server;
#[cfg(test)]
mod tests;
mod throttle;

pub use call::{Call, ClientSettings, Completed, RpcError, Software};
pub use client::{Client, NegotiatedVersions};
pub use server::{RequestToken, Server, ServerSettings};
