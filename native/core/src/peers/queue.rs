//! The peers that wait for a connection attempt, in the order in which they have their turns.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
};

use super::{
    in_flight::InFlight,
    order::Patience,
    state::{State, Wanted},
};
use crate::{NodeName, Time};

/// An index of the peers that wait; the table bounds it. Those of which the last attempt did not
/// fail go first. Among them each source has a turn in rotation, and of one source whoever waits
/// longest: a host that names a thousand peers keeps another one waiting for one turn.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Those to which the other side dials first, by the moment from which they wait.
    delayed: BTreeMap<(Time, NodeName), Wanted>,
    untroubled: Lines,
    retries: Lines,
    /// Those that were heard during the pause after an attempt that failed, by its end. They do not
    /// wait yet, and may be forgotten.
    pauses: BTreeSet<(Time, NodeName)>,
    unconnected: usize,
}

/// A line of peers for each source.
#[derive(Debug, Default)]
struct Lines {
    by_source: BTreeMap<IpAddr, VecDeque<NodeName>>,
    /// The sources that have a line, in the order of their turns.
    rotation: VecDeque<IpAddr>,
}

impl Queue {
    /// Whether the other side is still given its moment by anybody.
    pub(super) fn delays_somebody(&self) -> bool {
        !self.delayed.is_empty()
    }

    /// Those that were delayed for long enough wait in line from now on.
    pub(super) fn end_delays(&mut self, now: Time, patience: Patience) {
        while let Some(entry) = self.delayed.first_entry()
            && patience.ends(entry.key().0) <= now
        {
            let ((_, node), wanted) = entry.remove_entry();
            self.lines(&wanted).push(wanted.source, node);
        }
    }

    /// A peer whose pause has ended, and that was heard during it.
    pub(super) fn pause_ended(&self, now: Time) -> Option<NodeName> {
        self.pauses.first().filter(|(until, _)| *until <= now).map(|(_, node)| node.clone())
    }

    /// The peer that has its turn, if there is a place for any that waits in line.
    pub(super) fn next(&mut self, now: Time, in_flight: &InFlight) -> Option<NodeName> {
        let places = in_flight.places(now);
        for (is_retry, lines) in [(false, &mut self.untroubled), (true, &mut self.retries)] {
            if places.are_left(is_retry)
                && let Some(node) = lines.next(|source| in_flight.has_room_for(source))
            {
                return Some(node);
            }
        }
        None
    }

    /// When somebody may have a turn, if nothing happens.
    pub(super) fn deadline(
        &self,
        now: Time,
        patience: Patience,
        in_flight: &InFlight,
    ) -> Option<Time> {
        let is_empty = self.untroubled.is_empty() && self.retries.is_empty();
        let place = if is_empty { None } else { in_flight.deadline(now) };
        let delayed = self.delayed.first_key_value().map(|((since, _), _)| patience.ends(*since));
        let pause = self.pauses.first().map(|(until, _)| *until);
        place.into_iter().chain(delayed).chain(pause).min()
    }

    /// Whether the other side is still given its moment.
    pub(super) fn is_delayed(&self, node: &NodeName, wanted: &Wanted) -> bool {
        self.delayed.contains_key(&(wanted.since, node.clone()))
    }

    /// Whether a peer has its turn sooner by this source than by the one that named it before: a
    /// stranger who names it among thousands does not keep it waiting.
    pub(super) fn is_sooner_by(&self, source: IpAddr, before: IpAddr, is_retry: bool) -> bool {
        let lines = if is_retry { &self.retries } else { &self.untroubled };
        lines.waiting(source) + 1 < lines.waiting(before)
    }

    /// How many wait that are not connected.
    pub(super) fn unconnected(&self) -> usize {
        self.unconnected
    }

    /// The peer was in one state, and is in another one now.
    pub(super) fn follow(&mut self, node: &NodeName, before: &State, after: &State) {
        if let (State::Waiting(before), State::Waiting(after)) = (before, after)
            && before.source == after.source
        {
            // It keeps its place.
            return;
        }
        if let State::BackingOff { until, heard_from: Some(_), .. } = before {
            self.pauses.remove(&(*until, node.clone()));
        }
        if let State::BackingOff { until, heard_from: Some(_), .. } = after {
            self.pauses.insert((*until, node.clone()));
        }
        if let State::Waiting(wanted) = before {
            self.unconnected -= usize::from(!wanted.kind.is_refresh());
            if self.delayed.remove(&(wanted.since, node.clone())).is_none() {
                self.lines(wanted).remove(wanted.source, node);
            }
        }
        if let State::Waiting(wanted) = after {
            self.unconnected += usize::from(!wanted.kind.is_refresh());
            if wanted.is_delayed {
                self.delayed.insert((wanted.since, node.clone()), *wanted);
            } else {
                self.lines(wanted).push(wanted.source, node.clone());
            }
        }
    }

    fn lines(&mut self, wanted: &Wanted) -> &mut Lines {
        if wanted.kind.is_retry() { &mut self.retries } else { &mut self.untroubled }
    }
}

impl Lines {
    fn is_empty(&self) -> bool {
        self.rotation.is_empty()
    }

    fn waiting(&self, source: IpAddr) -> usize {
        self.by_source.get(&source).map_or(0, VecDeque::len)
    }

    fn push(&mut self, source: IpAddr, node: NodeName) {
        let line = self.by_source.entry(source).or_default();
        if line.is_empty() {
            self.rotation.push_back(source);
        }
        line.push_back(node);
    }

    fn remove(&mut self, source: IpAddr, node: &NodeName) {
        let Some(line) = self.by_source.get_mut(&source) else { return };
        line.retain(|other| other != node);
        if line.is_empty() {
            self.by_source.remove(&source);
            self.rotation.retain(|other| *other != source);
        }
    }

    /// The first one of the source whose turn it is; its next turn is after those of the others.
    fn next(&mut self, has_room: impl Fn(IpAddr) -> bool) -> Option<NodeName> {
        let place = self.rotation.iter().position(|source| has_room(*source))?;
        let source = self.rotation.remove(place)?;
        self.rotation.push_back(source);
        self.by_source.get(&source)?.front().cloned()
    }
}
