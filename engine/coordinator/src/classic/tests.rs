//! Classic groups by situations (text in, transcript out) and by chance.

pub(crate) mod clients;
pub(crate) mod lab;
mod random;
mod situations;
