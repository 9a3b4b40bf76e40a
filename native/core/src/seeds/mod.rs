//! The addresses that heartbeats go to beside the group or the broadcast address.
//!
//! They have a socket of their own, so that what waits in its buffer for a host that is not there
//! holds up no heartbeat to the group; and a rate and queues of their own, so that it holds up none
//! to another seed for long.

mod rate;
mod seed;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use self::{
    rate::rate,
    seed::{Seed, SeedStatus},
};
use crate::{
    Network, Time,
    alerts::Alerts,
    context::Context,
    event::{Component, Fault, SystemError},
    token_bucket::TokenBucket,
};

/// A seed that is not reached for this time is worth a line of the log, and not before: a node that
/// is started again is back by then. All that fail alike are known then, and one line is enough.
const TOLD_AFTER: Duration = Duration::from_secs(15);

/// Seeds that a line of the log names.
const NAMED: usize = 3;

/// Whose turn comes first. The best go first, but of eight turns one is for each of the others, so
/// that none waits for ever.
const TURNS: [SeedStatus; 8] = {
    use SeedStatus::{Failing, Heard, Unknown};
    [Heard, Heard, Heard, Unknown, Heard, Heard, Heard, Failing]
};

/// Errors that the network reports of packets to seeds, taken in one go: two for each seed.
const ERRORS_AT_ONCE: usize = 512;

/// What the option `seeds` stands for at the moment.
pub(crate) struct Seeds {
    /// In the order of the option.
    seeds: Vec<Seed>,
    /// Which of them have this address. Each heartbeat of a peer asks.
    by_ip: BTreeMap<IpAddr, Vec<usize>>,
    /// Those that a heartbeat waits for, by what is known of them, in the order of their turns.
    queues: [VecDeque<SocketAddr>; SeedStatus::ALL],
    turns: usize,
    /// The last heartbeat: whoever waited for an earlier one gets this one.
    packet: Vec<u8>,
    rate: TokenBucket,
    /// When to see which failures last, as long as there are some.
    tell_at: Option<Time>,
}

impl Seeds {
    /// No seeds.
    pub(crate) fn new() -> Self {
        Self {
            seeds: Vec::new(),
            by_ip: BTreeMap::new(),
            queues: Default::default(),
            turns: 0,
            packet: Vec::new(),
            rate: rate(),
            tell_at: None,
        }
    }

    /// Takes these addresses instead. Says whether they are others.
    pub(crate) fn replace(
        &mut self,
        now: Time,
        addresses: Vec<SocketAddr>,
        alerts: &mut Alerts,
    ) -> bool {
        if self.seeds.iter().map(|seed| seed.address).eq(addresses.iter().copied()) {
            return false;
        }
        let mut known = std::mem::take(&mut self.seeds);
        let seed = |address| match known.iter().position(|seed| seed.address == address) {
            Some(index) => known.swap_remove(index),
            None => Seed::new(address),
        };
        self.seeds = addresses.into_iter().map(seed).collect();
        self.by_ip.clear();
        for (index, seed) in self.seeds.iter().enumerate() {
            self.by_ip.entry(seed.address.ip()).or_default().push(index);
        }
        let is_kept = |address: &SocketAddr| !known.iter().any(|gone| gone.address == *address);
        self.queues.iter_mut().for_each(|queue| queue.retain(is_kept));
        for gone in known.iter().filter_map(Seed::failure) {
            if !self.is_failing(gone) {
                self.seeds.iter_mut().for_each(|seed| seed.forget(gone));
                let component = Component::Seeds(gone.clone());
                alerts.forget(now, |other| *other == component);
            }
        }
        true
    }

    /// Another heartbeat is to go to each seed, when it is its turn.
    pub(crate) fn enqueue(&mut self, now: Time, packet: Vec<u8>) {
        self.packet = packet;
        for seed in self.seeds.iter_mut().filter(|seed| !seed.is_waiting && seed.is_due(now)) {
            seed.is_waiting = true;
            if let Some(queue) = self.queues.get_mut(seed.status() as usize) {
                queue.push_back(seed.address);
            }
        }
    }

    /// Nothing is to be sent any more.
    pub(crate) fn stop(&mut self) {
        self.queues.iter_mut().for_each(VecDeque::clear);
        self.seeds.iter_mut().for_each(|seed| seed.is_waiting = false);
    }

    /// Sends to those that wait, as far as the rate allows.
    pub(crate) fn send<N: Network>(&mut self, context: &mut Context<'_, N>) {
        let now = context.now;
        if self.next().is_some_and(|next| now >= next) {
            self.take_errors(context);
        }
        while self.next().is_some_and(|next| now >= next) {
            let Some(address) = self.turn() else { break };
            let position = self.position(address);
            let Some(seed) = position.and_then(|n| self.seeds.get_mut(n)) else { continue };
            seed.is_waiting = false;
            // It may be known only since it waits that it is not there.
            if seed.is_due(now) && self.rate.take(now) {
                self.change(context, address, Seed::send);
            }
        }
        self.raise_lasting(context);
    }

    /// Somebody was heard from this address.
    pub(crate) fn heard(&mut self, now: Time, source: IpAddr) {
        for index in self.by_ip.get(&source).into_iter().flatten() {
            if let Some(seed) = self.seeds.get_mut(*index) {
                seed.heard(now);
            }
        }
    }

    fn position(&self, address: SocketAddr) -> Option<usize> {
        let is_it = |index: &&usize| self.seeds.get(**index).is_some_and(|s| s.address == address);
        self.by_ip.get(&address.ip())?.iter().find(is_it).copied()
    }

    /// When there is something to do, if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.next().into_iter().chain(self.tell_at).min()
    }

    /// When the next one may be sent.
    fn next(&self) -> Option<Time> {
        self.queues.iter().any(|queue| !queue.is_empty()).then(|| self.rate.next())
    }

    /// Whose turn it is.
    fn turn(&mut self) -> Option<SocketAddr> {
        self.turns = (self.turns + 1) % TURNS.len();
        let first = TURNS.get(self.turns).map_or(0, |status| *status as usize);
        let turn = self.queues.get_mut(first).and_then(VecDeque::pop_front);
        turn.or_else(|| self.queues.iter_mut().find_map(VecDeque::pop_front))
    }

    /// Takes note of what the network says of earlier heartbeats.
    fn take_errors<N: Network>(&mut self, context: &mut Context<'_, N>) {
        for _ in 0..ERRORS_AT_ONCE {
            let Some((address, error)) = context.network.seed_error() else { break };
            self.change(context, address, |seed, context, _| seed.lost(context.now, error));
        }
    }

    /// Does what may change whether a seed is reached, or why not.
    fn change<N: Network>(
        &mut self,
        context: &mut Context<'_, N>,
        address: SocketAddr,
        change: impl FnOnce(&mut Seed, &mut Context<'_, N>, &[u8]),
    ) {
        let now = context.now;
        let position = self.position(address);
        let Some(seed) = position.and_then(|n| self.seeds.get_mut(n)) else { return };
        let error = |seed: &Seed| seed.failure().cloned();
        let before = error(seed);
        change(seed, context, &self.packet);
        let after = error(seed);
        if before == after {
            return;
        }
        if after.is_some() {
            // Where it fails in another way, its fault may be over, and the new one is told at once.
            let tell_at = if before.is_some() { now } else { now + TOLD_AFTER };
            self.tell_at = Some(self.tell_at.map_or(tell_at, |at| at.min(tell_at)));
        }
        if let Some(before) = before.filter(|before| !self.is_failing(before)) {
            self.end(now, &before, context.alerts);
        }
    }

    /// No seed fails any more as this fault tells. Where one that was told of fails in another way,
    /// it is not said that all are reached.
    fn end(&mut self, now: Time, error: &SystemError, alerts: &mut Alerts) {
        let component = Component::Seeds(error.clone());
        let mut told = self.seeds.iter().filter(|seed| seed.is_told(error));
        if told.any(|seed| seed.failure().is_some()) {
            alerts.forget(now, |other| *other == component);
        } else {
            alerts.clear(&component);
        }
        self.seeds.iter_mut().for_each(|seed| seed.forget(error));
    }

    fn is_failing(&self, error: &SystemError) -> bool {
        self.seeds.iter().any(|seed| seed.fails_as(error))
    }

    /// Raises faults of failures that last, one for all that fail alike.
    fn raise_lasting<N: Network>(&mut self, context: &mut Context<'_, N>) {
        let now = context.now;
        if self.tell_at.is_none_or(|tell_at| now < tell_at) {
            return;
        }
        self.take_errors(context);
        for address in self.seeds.iter().map(|seed| seed.address).collect::<Vec<_>>() {
            self.change(context, address, |seed, _, _| seed.end_if_reached(now));
        }
        // What has just begun is looked at when it is old enough.
        let is_any = self.seeds.iter().any(|seed| seed.failure().is_some());
        self.tell_at = is_any.then(|| now + TOLD_AFTER);
        let lasting = self.seeds.iter().filter_map(|seed| seed.lasting_failure(now, TOLD_AFTER));
        for error in lasting.cloned().collect::<BTreeSet<_>>() {
            let of = self.seeds.len();
            let alike = self.seeds.iter_mut().filter(|seed| seed.fails_as(&error));
            let mut targets = Vec::new();
            for seed in alike {
                seed.note_told(&error);
                targets.push(seed.address);
            }
            let failing = targets.len();
            let some = targets.into_iter().take(NAMED).collect();
            context.alerts.raise(now, Fault::Seeds { failing, of, some, error });
        }
    }
}

#[cfg(test)]
mod tests;
