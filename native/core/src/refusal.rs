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
        /// No heartbeat, but a packet by which a doctor looks at the network.
        Doctor = "doctor",
        /// A heartbeat whose `node` is an atom under which no node can start.
        Name = "name",
        /// None of our secrets opens it.
        Undecryptable = "undecryptable",
        /// A plain heartbeat that is not signed, where we seal.
        Unsealed = "unsealed",
        /// Its MAC is of none of our secrets.
        Signature = "signature",
        /// It is not signed, where it must be, or where its name signed a moment ago.
        Unsigned = "unsigned",
        /// Its stamp differs from our clock, and nothing else shows that it is new.
        Stale = "stale",
        /// It was received before, or is too old to tell.
        Replayed = "replayed",
        /// Another heartbeat of its number was received: two machines run from one snapshot.
        Twin = "twin",
        /// Its label is that of another cluster.
        Cluster = "cluster",
        /// Its name is none of those that are allowed.
        Filtered = "filtered",
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
