//! The connection attempts in flight: an index of the peers that are announced.

use super::state::{Attempt, Kind, State};
use crate::{
    NodeName, Time,
    budget::{ATTEMPTS_AT_ONCE, ATTEMPTS_OF_ONE_SOURCE, ATTEMPTS_OF_RETRIES},
};

/// Attempts of which nothing was reported yet and that have not expired.
#[derive(Debug, Default)]
pub(super) struct InFlight(Vec<(NodeName, Attempt)>);

impl InFlight {
    /// Forgets those that brought no report in time.
    pub(super) fn expire(&mut self, now: Time) {
        self.0.retain(|(_, attempt)| attempt.expires > now);
    }

    /// Whether one more attempt may start, or another one to a peer that has one.
    pub(super) fn has_room(&self, node: &NodeName, wanted: &Attempt) -> bool {
        let others = || self.0.iter().filter(|(other, _)| other != node).map(|(_, other)| other);
        let of_source = others().filter(|other| other.source == wanted.source).count();
        let retries = others().filter(|other| other.is_retry()).count();
        others().count() < ATTEMPTS_AT_ONCE
            && of_source < ATTEMPTS_OF_ONE_SOURCE
            && (!wanted.is_retry() || retries < ATTEMPTS_OF_RETRIES)
    }

    /// How many are to peers that are not connected.
    pub(super) fn to_unconnected(&self) -> usize {
        self.0.iter().filter(|(_, attempt)| attempt.kind != Kind::Refresh).count()
    }

    /// The peer is in this state now.
    pub(super) fn follow(&mut self, node: &NodeName, state: &State) {
        self.0.retain(|(other, _)| other != node);
        if let State::Announced(attempt) = state {
            self.0.push((node.clone(), *attempt));
        }
    }
}

impl Attempt {
    fn is_retry(&self) -> bool {
        matches!(self.kind, Kind::Retry { .. })
    }
}
