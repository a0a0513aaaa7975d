//! klamm-tidy
