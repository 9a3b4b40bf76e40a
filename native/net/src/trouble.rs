//! What keeps a node from sending or hearing, told to the person who can mend it.

use std::fmt;

/// A step that failed, and is tried again. `cannot {step}: {cause}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What was tried, with the option that asked for it.
    pub step: String,
    /// What stood in the way, in the system's words where it was the system.
    pub cause: String,
}

impl Trouble {
    pub(crate) fn new(step: impl Into<String>, cause: impl ToString) -> Self {
        Self { step: step.into(), cause: cause.to_string() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.step, self.cause)
    }
}

impl std::error::Error for Trouble {}
