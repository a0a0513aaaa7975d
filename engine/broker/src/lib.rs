//! klamm-broker

pub mod replica;
