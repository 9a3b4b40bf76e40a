//! The rules of healing, told apart from the nodes and in the plainest way: who can hear is a
//! member again, and known to its switch, within a bound; and nobody rejoins without need.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use native_gossip_core::{InterfaceAddress, Time};

use crate::{
    HEALING, Hour,
    ear::{Ear, LONGEST_GAP, Rejoin},
    grid::Grid,
    hindrances::Routes,
    secs,
    simulation::{
        host::{Host, SLOTS},
        port::{Call, Outcome},
    },
};

/// A socket that could not be opened is tried again after this time at the latest.
const REOPEN: Duration = secs(4);
/// What a scan sees is seen by then.
const SCAN: Duration = secs(2);
/// The node wakes for the end of a silence; it may have to see first that a fault is over.
const TURN: Duration = SCAN;

/// The last eight peers are missed, whatever the order in which they were heard again: all are among
/// the last sixteen.
const PEERS: usize = 16;

/// More than rounding.
const SLACK: Duration = Duration::from_millis(10);

pub(crate) struct Healing {
    pub(crate) ears: Vec<[Ear; SLOTS]>,
    pub(crate) routes: Routes,
    /// What each node left last, and when, if it has joined nothing since.
    left: Vec<Option<(InterfaceAddress, Time)>>,
    /// Whom a node was told that it is connected to.
    connected: Grid<bool>,
    /// How long it took, for the summary.
    pub(crate) waits: BTreeMap<&'static str, Vec<Duration>>,
}

/// Something that is to be over soon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deaf {
    pub(crate) since: Time,
    pub(crate) within: Duration,
    what: &'static str,
}

impl Healing {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            ears: vec![Default::default(); size],
            routes: Routes::new(size),
            left: vec![None; size],
            connected: Grid::new(size, false),
            waits: BTreeMap::new(),
        }
    }

    pub(crate) fn restarted(&mut self, node: usize) {
        self.ears[node] = Default::default();
        self.routes.restarted(node);
        (0..self.ears.len()).for_each(|peer| self.connected[(node, peer)] = false);
    }

    /// An interface was removed, and the system tells so.
    pub(crate) fn removed(&mut self, nodes: Range<usize>, slot: usize) {
        self.ears[nodes].iter_mut().for_each(|ears| ears[slot].is_removed = true);
    }

    /// Whatever has been waited for is waited for again.
    pub(crate) fn struck(&mut self, nodes: Range<usize>) {
        for ear in self.ears[nodes].iter_mut().flatten() {
            (ear.deaf, ear.unknown, ear.silent, ear.unhindered) = (None, None, None, None);
        }
    }

    /// More came than was looked at: an echo, or a peer, may have been among it.
    pub(crate) fn overrun(&mut self, now: Time, node: usize) {
        for ear in self.ears[node].iter_mut() {
            ear.overrun(now);
        }
    }

    pub(crate) fn ear(&self, node: usize, slot: usize) -> &Ear {
        &self.ears[node][slot]
    }

    /// Whether a node would miss its peers on an interface.
    pub(crate) fn misses_peers(&self, node: usize, slot: usize) -> bool {
        let peers = &self.ears[node][slot].peers;
        !peers.is_empty() && peers.iter().all(|peer| self.connected[(node, *peer)])
    }

    pub(crate) fn reported(&mut self, node: usize, peer: usize, is_connected: bool) {
        self.connected[(node, peer)] = is_connected;
    }

    fn healed(&mut self, now: Time, node: usize, slot: usize, deaf: Option<Deaf>) {
        if let Some(deaf) = deaf {
            deaf.check(now, node, slot);
            self.waits.entry(deaf.what).or_default().push(now - deaf.since);
        }
    }
}

impl Hour {
    /// What a node does about its memberships, and whether it has need to. Returns why it has rejoined, if it has.
    pub(crate) fn note_membership(&mut self, node: usize, call: &Call) -> Option<Rejoin> {
        let now = self.net.now;
        let ears = &mut self.healing.ears[node];
        match call {
            Call::Open { .. } | Call::Close => {
                ears.iter_mut().for_each(Ear::is_new);
            }
            Call::Leave { interface } => {
                ears[Host::named(&interface.name)].joined = None;
                self.healing.left[node] = Some((interface.clone(), now));
            }
            Call::Join { interface, works } => {
                let slot = Host::named(&interface.name);
                // What is left to make room for another is not rejoined.
                let left = std::mem::take(&mut self.healing.left[node]);
                let ear = &mut self.healing.ears[node][slot];
                ear.joined = works.then(|| interface.clone());
                let is_removed = ear.removal_scanned_at.take() == Some(now);
                if !is_removed && left == Some((interface.clone(), now)) {
                    let rejoin = ear.rejoined(now);
                    if rejoin == Rejoin::Silence {
                        let silent = ear.silent.take();
                        self.healing.healed(now, node, slot, silent);
                    }
                    self.count(rejoin.name());
                    return Some(rejoin);
                }
                ear.is_new();
                ear.joined = works.then(|| interface.clone());
                self.note_joined(node, slot);
                self.count("joins");
            }
            Call::SendBy { slot, works: true } => ears[*slot].sent(now),
            Call::Scan { works: true } => {
                ears.iter_mut().for_each(|ear| ear.scanned(now));
                self.note_scan(node);
            }
            _ => {}
        }
        None
    }

    /// A node has heard itself, or a peer, on an interface.
    pub(crate) fn note_hearing(
        &mut self,
        node: usize,
        from: usize,
        slot: Option<usize>,
        outcome: Outcome,
    ) {
        let Some(slot) = slot else { return };
        let is_near = |from: usize| self.net.host_of[from] == self.net.host_of[node];
        let ear = &mut self.healing.ears[node][slot];
        match outcome {
            Outcome::Echo => ear.echoed(),
            Outcome::Peer if !is_near(from) => {
                ear.heard(self.net.now);
                if self.healing.connected[(node, from)] {
                    ear.peers.retain(|peer| *peer != from);
                    ear.peers.insert(0, from);
                    ear.peers.truncate(PEERS);
                }
            }
            _ => {}
        }
    }

    /// What the nodes of a host hear may have changed.
    pub(crate) fn reconsider_ears(&mut self, host: usize) {
        for node in self.net.nodes_of(host) {
            self.slots(host).for_each(|slot| self.reconsider_ear(node, slot));
        }
    }

    pub(crate) fn reconsider_ear(&mut self, node: usize, slot: usize) {
        let now = self.net.now;
        let (host, socket) = (&self.net.hosts[self.net.host_of[node]], self.net.socket_of[node]);
        let can_hear = self.can_hear(node, slot);
        let is_member = host.is_member(socket, slot);
        let nic = &host.nics[slot];
        let is_missed = can_hear
            && is_member
            && self.healing.misses_peers(node, slot)
            && !self.healing.ears[node][slot].has_given_up();
        let is_silent = is_missed && (nic.is_deaf || !nic.is_known);
        let is_unknown = is_silent && !nic.is_deaf;

        let ear = &self.healing.ears[node][slot];
        let is_joined = ear.joined.as_ref() == Some(&host.interface(slot));
        let (within, what) = if !host.sockets[socket].is_open {
            (REOPEN, "a socket was opened again")
        } else if !is_joined {
            (SCAN, "a group was joined")
        } else {
            (ear.echoes_within(), "a lost membership was made again")
        };
        let deaf = Deaf { since: now, within, what };
        let within = ear.silence() + TURN;
        let unknown = Deaf { since: now, within, what: "a switch was told again" };
        let silent = Deaf { what: "a silence was met", ..unknown };
        // Some faults end with the next heartbeat, and a scan may have to see that they are over.
        let unhindered = Deaf { within: REOPEN + SCAN + ear.echoes_within() + LONGEST_GAP, ..deaf };

        let since = |was: Option<Deaf>, is: bool, new| is.then(|| was.unwrap_or(new));
        let ear = &mut self.healing.ears[node][slot];
        let was = (ear.deaf, ear.unknown);
        ear.deaf = since(ear.deaf, can_hear && !is_member, deaf);
        ear.unknown = since(ear.unknown, is_unknown, unknown);
        ear.silent = since(ear.silent, is_silent, silent);
        ear.unhindered = since(ear.unhindered, can_hear, unhindered);
        if is_member {
            self.healing.healed(now, node, slot, was.0);
        }
        if self.net.hosts[self.net.host_of[node]].nics[slot].is_known {
            self.healing.healed(now, node, slot, was.1);
        }
    }

    /// A connection was made, or lost, as far as a node was told.
    pub(crate) fn note_connection(&mut self, node: usize, peer: usize, is_connected: bool) {
        self.healing.reported(node, peer, is_connected);
        let host = self.net.host_of[node];
        for slot in self.slots(host) {
            let nic = &self.net.hosts[host].nics[slot];
            if nic.is_deaf || !nic.is_known {
                self.reconsider_ear(node, slot);
            }
        }
    }

    /// What is to be over by now is.
    pub(crate) fn check_ears(&self, node: usize) {
        for (slot, ear) in self.healing.ears[node].iter().enumerate() {
            for deaf in [ear.deaf, ear.unknown, ear.silent].into_iter().flatten() {
                deaf.check(self.net.now, node, slot);
            }
        }
    }

    /// A querier asks who is a member where the nodes rejoin no more, or not within the time to
    /// heal.
    pub(crate) fn query(&mut self, host: usize) {
        for slot in self.slots(host) {
            let mut ears = self.net.nodes_of(host).map(|node| &self.healing.ears[node][slot]);
            if ears.any(|ear| ear.has_given_up() || ear.silence() + TURN > HEALING) {
                let nic = &self.net.hosts[host].nics[slot];
                let is_up = nic.is_up;
                self.net.hosts[host].set_up(slot, is_up);
            }
        }
    }

    pub(crate) fn check_everybody_hears(&self) {
        for node in 0..self.size() {
            let host = self.net.host_of[node];
            for slot in self.slots(host).filter(|slot| self.is_meant(node, *slot)) {
                assert!(
                    self.net.hosts[host].listens(self.net.socket_of[node], slot),
                    "deaf: n{node} does not hear by interface {slot} after a calm"
                );
            }
        }
    }
}

impl Deaf {
    pub(crate) fn check(&self, now: Time, node: usize, slot: usize) {
        assert!(
            now <= self.since + self.within + SLACK,
            "deaf: n{node} by interface {slot} from {:?} to {now:?}, and not for {:?}, until {}",
            self.since,
            self.within,
            self.what
        );
    }
}
