//! The connection attempts in flight: an index of the peers that are announced.

use std::{net::IpAddr, time::Duration};

use super::state::{Attempt, State};
use crate::{
    NodeName, Time,
    budget::{
        ATTEMPTS_AT_ONCE, ATTEMPTS_OF_ONE_SOURCE, ATTEMPTS_OF_RETRIES, FRESH_ATTEMPTS,
        FRESH_ATTEMPTS_OF_RETRIES,
    },
};

/// A connection on a LAN is made in milliseconds. What takes longer is a host that is busy, or one
/// that does not answer, and the longer it takes the likelier that one.
const FRESH: Duration = Duration::from_millis(200);

/// A first attempt that is younger keeps us waiting for those who dial first: where many nodes start together on
/// a few cores, a node's first connection takes that long. An older one may be to a host that does not answer.
const PROMISING: Duration = Duration::from_secs(2);

/// Attempts of which nothing was reported yet and that have not expired.
#[derive(Debug, Default)]
pub(super) struct InFlight(Vec<(NodeName, Attempt)>);

/// Places that are taken.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: usize,
    fresh: usize,
    retries: usize,
    fresh_retries: usize,
}

impl InFlight {
    /// Forgets those that brought no report in time.
    pub(super) fn expire(&mut self, now: Time) {
        self.0.retain(|(_, attempt)| attempt.expires() > now);
    }

    /// The places that are taken.
    pub(super) fn places(&self, now: Time) -> Places {
        let mut places = Places::default();
        for (_, attempt) in &self.0 {
            let (fresh, retry) = (attempt.is_fresh(now), attempt.kind.is_retry());
            places.all += 1;
            places.fresh += usize::from(fresh);
            places.retries += usize::from(retry);
            places.fresh_retries += usize::from(fresh && retry);
        }
        places
    }

    /// Whether one more attempt may be made to a peer that this source named.
    pub(super) fn has_room_for(&self, source: IpAddr) -> bool {
        let of_source = self.0.iter().filter(|(_, attempt)| attempt.source == source).count();
        of_source < ATTEMPTS_OF_ONE_SOURCE
    }

    /// Until when an attempt may well succeed to a peer that is new, or whose connection ended.
    pub(super) fn promising_until(&self) -> Time {
        let first = self.0.iter().filter(|(_, attempt)| attempt.kind.is_first());
        first.map(|(_, attempt)| attempt.began + PROMISING).max().unwrap_or(Time::ZERO)
    }

    /// When a place gets free, if nothing is reported.
    pub(super) fn deadline(&self, now: Time) -> Option<Time> {
        let changes =
            self.0.iter().flat_map(|(_, attempt)| [attempt.stale_at(), attempt.expires()]);
        changes.filter(|at| *at > now).min()
    }

    /// How many are to peers that are not connected.
    pub(super) fn to_unconnected(&self) -> usize {
        self.0.iter().filter(|(_, attempt)| !attempt.kind.is_refresh()).count()
    }

    /// The peer is in this state now.
    pub(super) fn follow(&mut self, node: &NodeName, state: &State) {
        self.0.retain(|(other, _)| other != node);
        if let State::Announced(attempt) = state {
            self.0.push((node.clone(), *attempt));
        }
    }
}

impl Places {
    /// Whether there is one for an attempt after one that failed, or for another one.
    pub(super) fn are_left(&self, is_retry: bool) -> bool {
        let is_left = self.all < ATTEMPTS_AT_ONCE && self.fresh < FRESH_ATTEMPTS;
        let is_left_for_retry =
            self.retries < ATTEMPTS_OF_RETRIES && self.fresh_retries < FRESH_ATTEMPTS_OF_RETRIES;
        is_left && (!is_retry || is_left_for_retry)
    }
}

impl Attempt {
    fn is_fresh(&self, now: Time) -> bool {
        now < self.stale_at()
    }

    fn stale_at(&self) -> Time {
        self.began + FRESH
    }
}
