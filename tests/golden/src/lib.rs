//! klamm-golden
