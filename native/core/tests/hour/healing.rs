//! The rules of healing, told apart from the nodes and in the plainest way: who can hear is a
//! member again, and known to its switch, within a bound; and nobody rejoins without need.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use native_gossip_core::{Interface, Time};

use crate::{
    Hour,
    grid::Grid,
    secs,
    simulation::{
        host::{Host, SLOTS},
        port::{Call, Outcome},
    },
};

/// The longest gap between two heartbeats, in a cluster of at most 500 nodes.
const LONGEST_GAP: Duration = secs(5);
/// What is not back after this time is missed.
const ECHO: Duration = Duration::from_millis(500);

/// A socket that could not be opened is tried again after this time at the latest.
const REOPEN: Duration = secs(4);
/// What a scan sees is seen by then.
const SCAN: Duration = secs(2);
/// A heartbeat after the longest gap; each of three is missed for half a second, and the two that are
/// sent because of the first come at most a second after each other.
const THREE_ECHOES: Duration =
    LONGEST_GAP.saturating_add(Duration::from_millis(3 * 500 + 2 * 1000));
/// Where the echo has been missing for long, it takes as many heartbeats more, and not more than
/// these.
const MOST_ECHOES: u32 = 96;

/// Nobody was heard for two and a half of the longest gaps.
const SILENCE: Duration = Duration::from_millis(12_500);
const MOST_DOUBLINGS: u32 = 5;
/// What has been heard for so long without a silence begins with the first again.
const UNBROKEN: Duration = SILENCE.saturating_mul(8);
/// The node finds it at its next turn, and a scan is one.
const TURN: Duration = SCAN;

/// The last eight peers are missed, whatever the order in which they were heard again: all are among
/// the last sixteen.
const PEERS: usize = 16;

/// More than rounding.
const SLACK: Duration = Duration::from_millis(10);

pub(crate) struct Healing {
    ears: Vec<[Ear; SLOTS]>,
    /// Whom a node was told that it is connected to.
    connected: Grid<bool>,
    /// How long it took, for the summary.
    pub(crate) waits: BTreeMap<&'static str, Vec<Duration>>,
}

/// What a node hears by one interface.
#[derive(Clone, Default)]
pub(crate) struct Ear {
    /// The interface by which the node takes itself to be a member.
    joined: Option<Interface>,
    /// What it left last, and when.
    left: Option<(Interface, Time)>,
    /// Since when it is no member, or not known to its switch, although nothing hinders it.
    pub(crate) deaf: Option<Deaf>,
    pub(crate) unknown: Option<Deaf>,
    /// Since when nothing hinders it, and how long that may take to be over.
    pub(crate) unhindered: Option<Deaf>,
    /// Heartbeats of which no echo came, as far as they lie apart, and when the last was sent.
    pub(crate) missed: u32,
    missed_at: Time,
    /// Rejoins since the last echo.
    rejoins: u32,
    /// More came since then than was looked at, and the node does not know what.
    is_blurred: bool,
    heard_at: Time,
    unbroken_since: Time,
    silent_since: Time,
    silences: u32,
    /// Nodes of other hosts that were heard while they were connected, the last one first.
    peers: Vec<usize>,
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
            connected: Grid::new(size, false),
            waits: BTreeMap::new(),
        }
    }

    pub(crate) fn restarted(&mut self, node: usize) {
        self.ears[node] = Default::default();
        (0..self.ears.len()).for_each(|peer| self.connected[(node, peer)] = false);
    }

    /// Whatever has been waited for is waited for again.
    pub(crate) fn struck(&mut self, nodes: Range<usize>) {
        for ear in self.ears[nodes].iter_mut().flatten() {
            (ear.deaf, ear.unknown, ear.unhindered) = (None, None, None);
        }
    }

    /// More came than was looked at: an echo, or a peer, may have been among it.
    pub(crate) fn overrun(&mut self, now: Time, node: usize) {
        for ear in self.ears[node].iter_mut() {
            (ear.missed, ear.rejoins, ear.is_blurred) = (0, 0, true);
            ear.heard_at = now;
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
    /// What a node does about its memberships, and whether it has need to.
    pub(crate) fn note_membership(&mut self, node: usize, call: &Call) {
        let now = self.net.now;
        let ears = &mut self.healing.ears[node];
        match call {
            Call::Open { .. } | Call::Close => {
                ears.iter_mut().for_each(Ear::is_new);
            }
            Call::Leave { interface } => {
                let ear = &mut ears[Host::named(&interface.name)];
                (ear.joined, ear.left) = (None, Some((interface.clone(), now)));
            }
            Call::Join { interface, works } => {
                let ear = &mut ears[Host::named(&interface.name)];
                let left = ear.left.take();
                if left == Some((interface.clone(), now)) {
                    let what = ear.rejoined(now);
                    self.count(what);
                } else {
                    ear.is_new();
                    self.count("joins");
                }
                let ear = &mut self.healing.ears[node][Host::named(&interface.name)];
                ear.joined = works.then(|| interface.clone());
            }
            Call::SendBy { slot, works: true } => ears[*slot].sent(now),
            _ => {}
        }
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
            Outcome::Echo => (ear.missed, ear.rejoins, ear.is_blurred) = (0, 0, false),
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
        let is_unknown = can_hear
            && is_member
            && !nic.is_known
            && !nic.is_deaf
            && self.healing.misses_peers(node, slot);

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
        let within = SILENCE * (1 << ear.silences) + TURN;
        let unknown = Deaf { since: now, within, what: "a switch was told again" };
        // Some faults end with the next heartbeat, and a scan may have to see that they are over.
        let unhindered = Deaf { within: REOPEN + SCAN + ear.echoes_within() + LONGEST_GAP, ..deaf };

        let since = |was: Option<Deaf>, is: bool, new| is.then(|| was.unwrap_or(new));
        let ear = &mut self.healing.ears[node][slot];
        let was = (ear.deaf, ear.unknown);
        ear.deaf = since(ear.deaf, can_hear && !is_member, deaf);
        ear.unknown = since(ear.unknown, is_unknown, unknown);
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
            if !self.net.hosts[host].nics[slot].is_known {
                self.reconsider_ear(node, slot);
            }
        }
    }

    /// What is to be over by now is.
    pub(crate) fn check_ears(&self, node: usize) {
        for (slot, ear) in self.healing.ears[node].iter().enumerate() {
            for deaf in [ear.deaf, ear.unknown].into_iter().flatten() {
                deaf.check(self.net.now, node, slot);
            }
        }
    }

    pub(crate) fn check_everybody_hears(&self) {
        for node in 0..self.size() {
            let host = self.net.host_of[node];
            for slot in self.slots(host).filter(|slot| self.is_meant(host, *slot)) {
                assert!(
                    self.net.hosts[host].listens(self.net.socket_of[node], slot),
                    "deaf: n{node} does not hear by interface {slot} after a calm"
                );
            }
        }
    }
}

impl Ear {
    /// Another membership, of which nothing is known yet.
    fn is_new(&mut self) {
        let (deaf, unknown, unhindered) = (self.deaf, self.unknown, self.unhindered);
        *self = Self { deaf, unknown, unhindered, ..Self::default() };
    }

    fn sent(&mut self, now: Time) {
        if self.missed == 0 || now >= self.missed_at + ECHO {
            self.missed += 1;
            self.missed_at = now;
        }
    }

    fn heard(&mut self, now: Time) {
        if now - self.heard_at > SILENCE {
            self.unbroken_since = now;
        } else if now - self.unbroken_since > UNBROKEN {
            self.silences = 0;
        }
        (self.heard_at, self.silent_since) = (now, now);
    }

    /// The group was left and joined. Says why; there is no third reason.
    fn rejoined(&mut self, now: Time) -> &'static str {
        let silence = SILENCE * (1 << self.silences);
        let is_silent = now >= self.silent_since + silence;
        let is_missed = now >= self.missed_at + ECHO && self.rejoins < rejoins_after(self.missed);
        // A flood has many moments at which more comes, and the node counts from one of them.
        let is_about = self.is_blurred && self.rejoins < rejoins_after(self.missed + 1);
        if is_missed || is_about && !is_silent {
            self.rejoins += 1;
            return "rejoins for want of an echo";
        }
        assert!(
            is_silent,
            "rejoined without need at {now:?}: {} heartbeats without an echo, {} rejoins because of \
             them, heard at {:?}, a silence from {:?} on is met after {silence:?}",
            self.missed, self.rejoins, self.heard_at, self.silent_since
        );
        self.silent_since = now;
        self.silences = (self.silences + 1).min(MOST_DOUBLINGS);
        "rejoins for want of peers"
    }

    fn echoes_within(&self) -> Duration {
        THREE_ECHOES + (LONGEST_GAP + ECHO) * self.missed.min(MOST_ECHOES)
    }
}

/// How often the group is rejoined while no echo comes: after 1, 2, 4 … 32 rounds of three heartbeats,
/// and then every 32.
fn rejoins_after(missed: u32) -> u32 {
    match missed / 3 {
        0 => 0,
        rounds => 1 + rounds.min(32).ilog2() + rounds.saturating_sub(32) / 32,
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
