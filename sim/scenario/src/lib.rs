//! klamm-scenario
