//! Consumer groups by situations (text in, transcript out), by chance, and against tables.

mod members;
mod random;
mod situations;
