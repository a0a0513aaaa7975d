//! Planted faults: deliberate mistakes in the engine, by which the checkers are checked.
//!
//! A hook in the engine asks [`planted`] by name whether to make its mistake. Without the feature `planted-faults` the
//! answer is a constant `false` and the hook is compiled to nothing; with it, a fault is made only by the processes for
//! which a driver planted it: the driver holds a [`PlantedFaults`] for each process, part of that process's blueprint,
//! and makes every call of the node [`during`](PlantedFaults::during) it. What is planted is ambient for the length of
//! one call, on the thread of that call, so deep functions need no further argument, and a run depends on its blueprint
//! alone, whichever thread goes on with it.
//!
//! *Flows in*: names. *Flows out*: yes or no. *Must never*: be a default feature, or let anything depend on it besides
//! tests. The names stand in the catalogue of `tests/mutations`, which the book's page of planted faults is made from.

#[cfg(feature = "planted-faults")]
use std::{cell::RefCell, sync::Arc};

/// The faults of one process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlantedFaults {
    #[cfg(feature = "planted-faults")]
    names: Option<Arc<[String]>>,
}

impl PlantedFaults {
    /// Whether this build can make faults at all.
    pub const POSSIBLE: bool = cfg!(feature = "planted-faults");
}

#[cfg(not(feature = "planted-faults"))]
impl PlantedFaults {
    /// Nothing: this build can make no fault.
    pub fn new(_names: impl IntoIterator<Item = String>) -> Self {
        Self {}
    }

    /// Makes a call of a node.
    #[inline(always)]
    pub fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        call()
    }
}

/// Whether the process that is being called makes this fault. Never, in this build.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub const fn planted(_fault: &'static str) -> bool {
    false
}

#[cfg(feature = "planted-faults")]
thread_local! {
    /// What is planted in the process that is being called on this thread.
    static NOW: RefCell<Option<Arc<[String]>>> = const { RefCell::new(None) };
}

/// Gives the thread back what it had, also when the call panics.
#[cfg(feature = "planted-faults")]
struct Restore(Option<Arc<[String]>>);

#[cfg(feature = "planted-faults")]
impl Drop for Restore {
    fn drop(&mut self) {
        NOW.set(self.0.take());
    }
}

#[cfg(feature = "planted-faults")]
impl PlantedFaults {
    /// These faults.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let names: Arc<[String]> = names.into_iter().collect();
        Self { names: Some(names).filter(|names| !names.is_empty()) }
    }

    /// Makes a call of a node with the faults.
    pub fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        if self.names.is_none() {
            return call();
        }
        let _restore = Restore(NOW.replace(self.names.clone()));
        call()
    }
}

/// Whether the process that is being called makes this fault.
#[cfg(feature = "planted-faults")]
pub fn planted(fault: &'static str) -> bool {
    NOW.with_borrow(|names| {
        names.as_ref().is_some_and(|names| names.iter().any(|name| name == fault))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_made_by_its_process_during_its_calls_only() {
        let faults = PlantedFaults::new(["unlucky".to_owned()]);
        let (inside, other) = faults.during(|| {
            let innocent = PlantedFaults::default();
            assert_eq!(planted("unlucky"), PlantedFaults::POSSIBLE);
            (planted("unlucky"), innocent.during(|| planted("lucky")))
        });
        assert_eq!((inside, other), (PlantedFaults::POSSIBLE, false));
        assert!(!planted("unlucky"), "not outside of a call");
    }

    #[test]
    fn a_panic_takes_the_faults_with_it() {
        let faults = PlantedFaults::new(["unlucky".to_owned()]);
        let call = std::panic::AssertUnwindSafe(|| faults.during(|| panic!("a finding")));
        assert!(std::panic::catch_unwind(call).is_err());
        assert!(!planted("unlucky"));
    }
}
