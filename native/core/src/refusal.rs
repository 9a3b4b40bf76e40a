//! Why a datagram is refused.

use std::fmt;

/// The cause for which a datagram was not taken as a peer's heartbeat.
///
/// Each has one name, the same in Rust, in counters, in telemetry and in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Not a heartbeat: another prelude, another term, bytes left over, noise.
    Malformed,
    /// A heartbeat whose `node` is an atom under which no node can start.
    Name,
    /// None of our secrets opens it.
    Undecryptable,
    /// A plain heartbeat, where we have a secret.
    Unsealed,
    /// Beyond a [budget](crate::budget): too long, one name too many, or one connect too many.
    OverLimit,
}

impl Refusal {
    /// Every cause, in the order of its counter.
    pub const ALL: [Self; 5] =
        [Self::Malformed, Self::Name, Self::Undecryptable, Self::Unsealed, Self::OverLimit];

    /// The name of the cause.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Name => "name",
            Self::Undecryptable => "undecryptable",
            Self::Unsealed => "unsealed",
            Self::OverLimit => "over_limit",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Refusal {}
