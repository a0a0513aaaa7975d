//! `klamm serve`: one process, one node in both roles, on one machine.

pub use placeholder::{Options, Ready, ServeError, serve};

mod placeholder {
    //! x
}
