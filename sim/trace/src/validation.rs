//! Validations: what must hold at the end of a run.

use crate::invariant::Violation;
use crate::view::View;

/// Every validation; what it finds.
pub fn validate(view: &View) -> Vec<Violation> {
    let _ = view;
    Vec::new()
}
