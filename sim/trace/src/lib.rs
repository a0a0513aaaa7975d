//! klamm-trace
