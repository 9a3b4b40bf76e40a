//! The nodes that were heard, and when each is announced.

mod in_flight;
mod state;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::IpAddr};

use rand_core::Rng;

use self::{
    in_flight::InFlight,
    state::{Attempt, State},
};
use crate::{NodeName, Refusal, Time, budget::NewNames};

/// What became of a peer that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It is connected.
    Connected,
    /// The connection attempt failed.
    Unreachable,
    /// It was connected, and is no more.
    Down,
}

/// What a report changed, as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerChange {
    /// It was not connected, and is now.
    Connected,
    /// The attempt before did not fail, and this one did.
    Unreachable,
}

#[derive(Debug)]
struct Peer {
    heard_at: Time,
    state: State,
}

/// A bounded table of peers. Its order is that of the names, so that no hash can be forced to
/// collide and a run can be repeated.
#[derive(Debug)]
pub(crate) struct Peers {
    table: BTreeMap<NodeName, Peer>,
    capacity: usize,
    new_names: NewNames,
    in_flight: InFlight,
    connected: usize,
}

/// What a heartbeat changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// The name was not in the table.
    pub(crate) is_new: bool,
    /// The peer is to be announced.
    pub(crate) announce: bool,
}

impl Peers {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            table: BTreeMap::new(),
            capacity,
            new_names: NewNames::new(capacity),
            in_flight: InFlight::default(),
            connected: 0,
        }
    }

    /// How many peers are connected.
    pub(crate) fn connected(&self) -> usize {
        self.connected
    }

    /// Whether this peer is connected.
    pub(crate) fn is_connected(&self, node: &NodeName) -> bool {
        self.table.get(node).is_some_and(|peer| peer.state.is_connected())
    }

    /// Takes note of a heartbeat.
    ///
    /// # Errors
    /// [`Refusal::OverLimit`] where the peer is to be announced and there is no room for another
    /// connection attempt, or where the name is new and there is no token or no place for it.
    pub(crate) fn see(
        &mut self,
        now: Time,
        source: IpAddr,
        node: &NodeName,
    ) -> Result<Sighting, Refusal> {
        let known = self.table.get_mut(node);
        let is_new = known.is_none();
        let kind = match known {
            Some(peer) => {
                peer.heard_at = now;
                peer.state.asks_for(now)
            }
            None => State::Down.asks_for(now),
        };
        let Some(kind) = kind else { return Ok(Sighting { is_new, announce: false }) };

        let attempt = Attempt::new(now, source, kind);
        self.in_flight.expire(now);
        if !self.in_flight.has_room(node, &attempt)
            || is_new && !(self.has_room() && self.new_names.take(now, source))
        {
            return Err(Refusal::OverLimit);
        }
        if is_new {
            self.make_room(now);
            self.table.insert(node.clone(), Peer { heard_at: now, state: State::Down });
        }
        self.change(node, |_| State::Announced(attempt));
        Ok(Sighting { is_new, announce: true })
    }

    /// Takes note of what became of a peer, and says whether that is news. A name that is not in
    /// the table is passed over.
    pub(crate) fn report(
        &mut self,
        now: Time,
        node: &NodeName,
        report: Report,
        rng: &mut impl Rng,
    ) -> Option<PeerChange> {
        let before = &self.table.get(node)?.state;
        let change = match report {
            Report::Connected => (!before.is_connected()).then_some(PeerChange::Connected),
            Report::Unreachable => (before.failures() == 0).then_some(PeerChange::Unreachable),
            Report::Down => None,
        };
        self.change(node, |state| state.reported(now, report, rng));
        change
    }

    /// The only place where the state of a peer changes: what is counted follows it.
    fn change(&mut self, node: &NodeName, next: impl FnOnce(&State) -> State) {
        let Some(peer) = self.table.get_mut(node) else { return };
        self.connected -= usize::from(peer.state.is_connected());
        peer.state = next(&peer.state);
        self.connected += usize::from(peer.state.is_connected());
        self.in_flight.follow(node, &peer.state);
    }

    /// Whether a new name finds a place, or there is a peer that can be forgotten for it.
    fn has_room(&self) -> bool {
        let kept = self.connected + self.in_flight.to_unconnected();
        self.table.len() < self.capacity || kept < self.table.len()
    }

    /// Forgets the longest-silent peer that is neither connected nor being connected to, if the
    /// table is full.
    fn make_room(&mut self, now: Time) {
        if self.table.len() < self.capacity {
            return;
        }
        let idle = self.table.iter().filter(|(_, peer)| peer.state.is_idle(now));
        if let Some((node, _)) = idle.min_by_key(|(_, peer)| peer.heard_at) {
            let node = node.clone();
            self.table.remove(&node);
        }
    }
}
