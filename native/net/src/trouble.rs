//! What keeps a node from sending or hearing, told to the person who can mend it.

use std::{fmt, io};

/// A step that the system refused. It is tried again.
#[derive(Debug)]
pub struct Trouble {
    /// What was tried, with the option that asked for it.
    pub step: String,
    /// What the system said.
    pub error: io::Error,
}

impl Trouble {
    /// Whether it is the same step that fails with the same error, so that it need not be said
    /// again.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.step == other.step
            && self.error.kind() == other.error.kind()
            && self.error.raw_os_error() == other.error.raw_os_error()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.step, self.error)
    }
}

impl std::error::Error for Trouble {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
