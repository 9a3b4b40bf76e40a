//! The nodes that were heard, and when each is announced.

mod in_flight;
mod order;
mod queue;
mod state;
mod status;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use rand_core::Rng;

pub(crate) use self::status::{Manner, Path};
use self::{
    in_flight::InFlight,
    order::{Patience, Progress},
    queue::Queue,
    state::{State, Wanted},
};
use crate::{
    NodeName, Refusal, Time,
    alerts::Repeats,
    budget::NewNames,
    name::{self, NameText},
    pace::Asks,
};

/// A peer that went down is missed for this time: until then it has restarted, or will not soon.
const MISSING: Duration = Duration::from_secs(60);

/// A peer that was silent for this many of its longest gaps may have restarted, and is answered. After
/// two gaps, a network that loses a tenth of the packets made a settled cluster of 150 send a fifth
/// more, and a larger one a larger part.
const SILENT_GAPS: u32 = 4;

/// What became of a peer that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It is connected, whoever connected.
    Connected,
    /// The connection attempt failed.
    Unreachable,
    /// It was connected, and is no more.
    Down,
}

/// What a report changed, as people see it, where that is to be told: who is connected and cut off all
/// day is told of in pauses.
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
    /// How it sent then.
    manner: Manner,
    /// By which way it was heard last, where that is known.
    path: Option<Path>,
    state: State,
    /// It was told that it cannot be reached, and not that it is connected since.
    is_unreachable: bool,
    /// How often each was told.
    connects: Repeats,
    failures: Repeats,
    /// Since when attempts fail, since it was connected last.
    failing_since: Option<Time>,
    /// When it went down, if it is not connected again.
    missing_since: Option<Time>,
    /// It went down, and was not heard since.
    is_gone: bool,
    /// It said that it is about to stop.
    is_leaving: bool,
    /// Whose token it has, until it turns out to be a node.
    named_by: Option<IpAddr>,
}

/// A bounded table of peers. It is a tree, so that a run can be repeated, and names that are made up to have
/// one digest cost no more than to compare their texts.
#[derive(Debug)]
pub(crate) struct Peers {
    table: BTreeMap<NodeName, Peer>,
    capacity: usize,
    /// From when on a connected peer is announced again. Where it is not, the other side may dial
    /// first, because it is reported who is connected, and who no more.
    refresh_interval: Option<Duration>,
    new_names: NewNames,
    queue: Queue,
    in_flight: InFlight,
    connected: usize,
    progress: Progress,
    /// When the queue is to be looked at, if ever.
    next_turn: Option<Time>,
}

/// A heartbeat, as the peers see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard<'a> {
    pub(crate) node: &'a NodeName,
    /// Where it came from.
    pub(crate) source: IpAddr,
    /// Who heard it.
    pub(crate) by: &'a NodeName,
    /// The longest that a node lets pass between two heartbeats.
    pub(crate) longest_gap: Duration,
    /// It said that it is about to stop: nobody is to connect to it, and nobody misses it.
    pub(crate) is_leaving: bool,
    /// How it was sent.
    pub(crate) manner: Manner,
}

impl Peer {
    /// Whether it went down lately, and is not back.
    fn is_missing(&self, now: Time) -> bool {
        self.missing_since.is_some_and(|since| now < since + MISSING)
    }
}

impl Peers {
    pub(crate) fn new(capacity: usize, refresh_interval: Option<Duration>) -> Self {
        Self {
            table: BTreeMap::new(),
            capacity,
            refresh_interval,
            new_names: NewNames::new(capacity),
            queue: Queue::default(),
            in_flight: InFlight::default(),
            connected: 0,
            progress: Progress::default(),
            next_turn: None,
        }
    }

    /// How many peers are connected.
    pub(crate) fn connected(&self) -> usize {
        self.connected
    }

    /// This name, where it has a place.
    pub(crate) fn known_name(&self, text: &NameText<'_>) -> Option<&NodeName> {
        self.table.get_key_value(text as &dyn name::Key).map(|(node, _)| node)
    }

    /// Whether this name has a place.
    pub(crate) fn knows(&self, node: &NodeName) -> bool {
        self.table.contains_key(node)
    }

    /// Whether this peer is connected.
    pub(crate) fn is_connected(&self, node: &NodeName) -> bool {
        self.table.get(node).is_some_and(|peer| peer.state.is_connected())
    }

    /// Whether a peer went down lately, and is not back.
    pub(crate) fn is_missing_somebody(&self, now: Time) -> bool {
        self.table.values().any(|peer| peer.is_missing(now))
    }

    /// Takes note of a heartbeat, and says why its node should hear us soon, if it should.
    ///
    /// # Errors
    /// [`Refusal::OverLimit`] where the name is new and there is no token or no place for it.
    pub(crate) fn see(&mut self, now: Time, heard: Heard<'_>) -> Result<Option<Asks>, Refusal> {
        self.end_delays(now);
        if heard.is_leaving {
            self.leaves(now, heard);
            return Ok(None);
        }
        let (peer, is_new) = match self.table.get_mut(heard.node) {
            Some(peer) => (peer, false),
            None => {
                self.take_in(now, heard)?;
                (self.table.get_mut(heard.node).ok_or(Refusal::OverLimit)?, true)
            }
        };
        let is_back = peer.heard_at + heard.longest_gap * SILENT_GAPS <= now;
        (peer.heard_at, peer.manner) = (now, heard.manner);
        peer.is_leaving = false;
        let is_newcomer = is_new || is_back || std::mem::take(&mut peer.is_gone);
        let asks = if is_newcomer {
            Some(Asks::Newcomer)
        } else {
            (peer.state.is_hopeful() || peer.is_missing(now)).then_some(Asks::Again)
        };
        let is_sooner = |before, is_retry| self.queue.is_sooner_by(heard.source, before, is_retry);
        if let State::Waiting(wanted) = peer.state
            && is_sooner(wanted.source, wanted.kind.is_retry())
        {
            let is_delayed = self.queue.is_delayed(heard.node, &wanted);
            let wanted = Wanted { source: heard.source, is_delayed, ..wanted };
            self.change(now, heard.node, |_| State::Waiting(wanted));
        } else if let Some(kind) = peer.state.asks_for(now) {
            // A peer that failed is tried after a random pause, which no other side keeps to.
            let may_wait = self.refresh_interval.is_none() && kind.is_first();
            let is_delayed = may_wait && !order::dials_first(heard.by, heard.node);
            let wanted = Wanted { since: now, source: heard.source, kind, is_delayed };
            self.change(now, heard.node, |_| State::Waiting(wanted));
        } else if let Some(state) =
            peer.state.heard_in_pause(heard.source, |before| is_sooner(before, true))
        {
            self.change(now, heard.node, |_| state);
        }
        Ok(asks)
    }

    /// A peer is about to stop. Where it waits for a connection attempt it does so no more; a name that
    /// is new takes no place.
    fn leaves(&mut self, now: Time, Heard { node, manner, .. }: Heard<'_>) {
        let Some(peer) = self.table.get_mut(node) else { return };
        (peer.heard_at, peer.manner) = (now, manner);
        peer.is_leaving = true;
        peer.missing_since = None;
        self.change(now, node, |state| state.left(now));
    }

    /// The next peer that is to be announced now, if there is one.
    pub(crate) fn next_announcement(&mut self, now: Time) -> Option<NodeName> {
        if self.next_turn.is_none_or(|at| at > now) {
            return None;
        }
        self.end_delays(now);
        self.in_flight.expire(now);
        let Some(node) = self.queue.next(now, &self.in_flight) else {
            self.next_turn = self.queue.deadline(now, self.patience(), &self.in_flight);
            return None;
        };
        self.change(now, &node, |state| state.announced(now));
        Some(node)
    }

    /// When [`next_announcement`](Self::next_announcement) may have one, if nothing happens.
    pub(crate) fn next_turn(&self) -> Option<Time> {
        self.next_turn
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
        self.end_delays(now);
        let peer = self.table.get_mut(node)?;
        let was_connected = peer.state.is_connected();
        if report == Report::Connected && !was_connected {
            self.progress.connected(now, peer.state.attempt_began());
        }
        let change = match report {
            Report::Connected => {
                // What was said last must not stay wrong.
                let was_unreachable = std::mem::take(&mut peer.is_unreachable);
                let is_told = !was_connected && (was_unreachable || peer.connects.take(now));
                (peer.missing_since, peer.is_gone, peer.failing_since) = (None, false, None);
                // Who has proved to be a node keeps no other name of its host out.
                peer.named_by
                    .take()
                    .into_iter()
                    .for_each(|source| self.new_names.give_back(source));
                is_told.then_some(PeerChange::Connected)
            }
            Report::Unreachable => {
                let since = *peer.failing_since.get_or_insert(now);
                let is_told = !peer.is_unreachable && peer.failures.take_lasting(now, since);
                peer.is_unreachable |= is_told;
                is_told.then_some(PeerChange::Unreachable)
            }
            Report::Down => {
                let is_missed = was_connected && !peer.is_leaving;
                peer.missing_since = peer.missing_since.or(is_missed.then_some(now));
                peer.is_gone |= was_connected;
                None
            }
        };
        let refresh_interval = self.refresh_interval;
        self.change(now, node, |state| state.reported(now, report, refresh_interval, rng));
        change
    }

    /// Reports were lost: whoever is connected is announced again when it is heard. Until then it stays what it
    /// is, so nothing that is counted changes.
    pub(crate) fn reports_lost(&mut self, now: Time) {
        self.table.values_mut().for_each(|peer| peer.state = peer.state.unsure(now));
    }

    /// Changes the state of a peer, and what is counted with it. `reports_lost` alone does without.
    fn change(&mut self, now: Time, node: &NodeName, next: impl FnOnce(&State) -> State) {
        let Some(peer) = self.table.get_mut(node) else { return };
        let before = peer.state;
        peer.state = next(&before);
        self.connected -= usize::from(before.is_connected());
        self.connected += usize::from(peer.state.is_connected());
        self.in_flight.follow(node, &peer.state);
        self.queue.follow(node, &before, &peer.state);
        self.next_turn = Some(now);
    }

    fn patience(&self) -> Patience {
        Patience::new(self.table.len(), self.progress, self.in_flight.promising_until())
    }

    fn end_delays(&mut self, now: Time) {
        if self.queue.delays_somebody() {
            self.queue.end_delays(now, self.patience());
        }
        while let Some(node) = self.queue.pause_ended(now) {
            self.change(now, &node, |state| state.pause_ended(now));
        }
    }

    /// Gives a new name a place in the table.
    fn take_in(&mut self, now: Time, heard: Heard<'_>) -> Result<(), Refusal> {
        self.in_flight.expire(now);
        if !self.has_room() || !self.new_names.take(now, heard.source) {
            return Err(Refusal::OverLimit);
        }
        self.make_room(now);
        let peer = Peer {
            heard_at: now,
            manner: heard.manner,
            path: None,
            state: State::Down,
            is_unreachable: false,
            connects: Repeats::default(),
            failures: Repeats::default(),
            failing_since: None,
            missing_since: None,
            is_gone: false,
            is_leaving: false,
            named_by: Some(heard.source),
        };
        self.table.insert(heard.node.clone(), peer);
        Ok(())
    }

    /// Whether a new name finds a place, or there is a peer that can be forgotten for it.
    fn has_room(&self) -> bool {
        let kept = self.connected + self.in_flight.to_unconnected() + self.queue.unconnected();
        self.table.len() < self.capacity || kept < self.table.len()
    }

    /// Forgets the longest-silent peer that is neither connected nor about to be, if the table is
    /// full.
    fn make_room(&mut self, now: Time) {
        if self.table.len() < self.capacity {
            return;
        }
        let idle = self.table.iter().filter(|(_, peer)| peer.state.is_idle(now));
        if let Some((node, _)) = idle.min_by_key(|(_, peer)| peer.heard_at) {
            let node = node.clone();
            if let Some(forgotten) = self.table.remove(&node) {
                self.queue.follow(&node, &forgotten.state, &State::Down);
            }
        }
    }
}
