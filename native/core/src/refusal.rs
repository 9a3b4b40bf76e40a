//! Why a datagram is refused.

use std::fmt;

use crate::named::named;

named! {
    /// The cause for which a datagram was not taken as a peer's heartbeat.
    ///
    /// Each has one name, the same in Rust, in counters, in telemetry and in logs.
    Refusal {
        /// Not a heartbeat: another prelude, another term, bytes left over, noise.
        Malformed = "malformed",
        /// A heartbeat whose `node` is an atom under which no node can start.
        Name = "name",
        /// None of our secrets opens it.
        Undecryptable = "undecryptable",
        /// A plain heartbeat, where we have a secret.
        Unsealed = "unsealed",
        /// Beyond a [budget](crate::budget): too long, or one name too many.
        OverLimit = "over_limit",
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Refusal {}
