//! klamm-raft
