//! Lists for people, as the words of records write them: `[1,2]`. Takes anything that can be shown; decides nothing.

use std::fmt::{self, Display, Formatter};

struct List<'a, T>(&'a [T]);

/// These elements, in brackets.
pub(crate) fn in_brackets<T: Display>(elements: &[T]) -> impl Display + '_ {
    List(elements)
}

impl<T: Display> Display for List<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, element) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{element}")?;
        }
        f.write_str("]")
    }
}
