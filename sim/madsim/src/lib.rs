//! klamm-madsim
