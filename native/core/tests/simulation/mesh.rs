//! Nodes of which every connection attempt succeeds at once, and what became of them.

use std::{collections::BTreeSet, net::Ipv4Addr, time::Duration};

use native_gossip_core::{Config, Counters, Event, Report, Time};

use super::{
    Plan, Simulation,
    host::{ETH0, Host},
    port::{Call, Happening, Outcome},
};

pub(crate) struct Mesh {
    pub(crate) net: Simulation,
    /// Who was announced to whom, and when: the moment, to this node, this peer.
    pub(crate) announced: Vec<(Time, usize, usize)>,
    /// Who was heard by whom, and when, in the same order.
    pub(crate) heard: Vec<(Time, usize, usize)>,
    pub(crate) calls: Vec<(Time, usize, Call)>,
    pub(crate) events: Vec<(Time, usize, Event)>,
}

/// The address of a host by its number.
pub(crate) fn address(host: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0001 + u32::try_from(host).expect("few"))
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Whether the systems of a mesh with this seed tell of interfaces that change.
pub(crate) fn tells_changes(seed: u64) -> bool {
    !seed.is_multiple_of(2)
}

impl Mesh {
    /// So many nodes, each on a host of its own.
    pub(crate) fn new(size: usize, seed: u64, config: &Config) -> Self {
        let plans = (0..size).map(|host| Plan::new(address(host), host));
        Self::of(plans.collect(), seed, config)
    }

    /// With an odd seed each system tells of interfaces that change, with an even one none does.
    pub(crate) fn of(mut plans: Vec<Plan>, seed: u64, config: &Config) -> Self {
        plans.iter_mut().for_each(|plan| plan.tells_changes = tells_changes(seed));
        let net = Simulation::new(plans, config, seed);
        Self { net, announced: vec![], heard: vec![], calls: vec![], events: vec![] }
    }

    pub(crate) fn lossy(mut self, loss: f64, longest_delay: Duration) -> Self {
        (self.net.lans.loss, self.net.lans.longest_delay) = (loss, longest_delay);
        self
    }

    /// Lets this much time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.net.now + time;
        while self.net.step(until) {
            self.take_note();
        }
    }

    /// Lets time pass until something holds, and says how much; `None` where it does not within
    /// this time.
    pub(crate) fn until(
        &mut self,
        within: Duration,
        holds: impl Fn(&Self) -> bool,
    ) -> Option<Duration> {
        let (since, end) = (self.net.now, self.net.now + within);
        loop {
            if holds(self) {
                return Some(self.net.now - since);
            }
            if !self.net.step(end) {
                return holds(self).then_some(within);
            }
            self.take_note();
        }
    }

    /// Something happens to a host.
    pub(crate) fn strike(&mut self, host: usize, strike: impl FnOnce(&mut Host)) {
        strike(&mut self.net.hosts[host]);
        self.net.tell_changes(host);
    }

    /// What is noted from here on is of interest.
    pub(crate) fn forget(&mut self) {
        self.heard.clear();
        self.announced.clear();
        self.calls.clear();
        self.events.clear();
    }

    /// Whether this node has heard that one since it was [forgotten](Self::forget).
    pub(crate) fn has_heard(&self, to: usize, from: usize) -> bool {
        self.heard.iter().any(|(_, by, peer)| (*by, *peer) == (to, from))
    }

    /// What a node said.
    pub(crate) fn said(&self, n: usize) -> Vec<&Event> {
        self.events.iter().filter(|(_, by, _)| *by == n).map(|(_, _, event)| event).collect()
    }

    /// When a node made calls of a kind.
    pub(crate) fn called(&self, n: usize, is_meant: impl Fn(&Call) -> bool) -> Vec<Time> {
        let by = self.calls.iter().filter(|(_, by, call)| *by == n && is_meant(call));
        by.map(|(at, ..)| *at).collect()
    }

    /// When a node joined the group that it had left at the same moment.
    pub(crate) fn rejoined(&self, n: usize) -> Vec<Time> {
        let left = self.called(n, |call| matches!(call, Call::Leave { .. }));
        let joined = self.called(n, |call| matches!(call, Call::Join { .. }));
        joined.into_iter().filter(|at| left.contains(at)).collect()
    }

    /// Who are connected, each with the other.
    pub(crate) fn pairs(&self) -> BTreeSet<(usize, usize)> {
        self.announced.iter().flat_map(|(_, to, peer)| [(*to, *peer), (*peer, *to)]).collect()
    }

    pub(crate) fn counters(&self, n: usize) -> Counters {
        self.net.nodes[n].counters()
    }

    pub(crate) fn sent(&self) -> u64 {
        (0..self.net.nodes.len()).map(|n| self.counters(n).sent).sum()
    }

    pub(crate) fn is_full_mesh(&self) -> bool {
        let size = self.net.names.len();
        self.pairs().len() == size * (size - 1)
    }

    /// Whether a node is a member of the group by its first interface.
    pub(crate) fn is_member(&self, n: usize) -> bool {
        self.net.hosts[self.net.host_of[n]].is_member(self.net.socket_of[n], ETH0)
    }

    fn take_note(&mut self) {
        let now = self.net.now;
        for (n, happening) in std::mem::take(&mut self.net.log) {
            match happening {
                Happening::Received { from, outcome: Outcome::Peer, .. } => {
                    self.heard.push((now, n, from));
                }
                Happening::Announced { peer } => {
                    self.announced.push((now, n, peer));
                    // Each learns of the connection, whoever dialled.
                    self.net.report(n, peer, Report::Connected);
                    self.net.report(peer, n, Report::Connected);
                }
                Happening::Received { .. } | Happening::Overrun => {}
                Happening::Called(call) => self.calls.push((now, n, call)),
                Happening::Said(event) => self.events.push((now, n, event)),
            }
        }
    }
}
