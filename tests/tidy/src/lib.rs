//! The repository's rules as tests. Nothing here is used by anybody: see `tests/tidy/`.
//!
//! Flows in: the files that git knows. Flows out: a failed test with the file and line at fault, or, with
//! `KLAMM_UPDATE=1` in the environment, fresh generated pages in `book/`. Must never need more than the checkout.
