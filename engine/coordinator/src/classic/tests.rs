//! Classic groups by situations (text in, transcript out) and by chance.

mod clients;
mod lab;
mod random;
mod situations;
