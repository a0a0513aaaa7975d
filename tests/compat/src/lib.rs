//! klamm-compat
