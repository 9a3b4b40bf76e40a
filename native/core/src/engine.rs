//! The protocol of one node: what it sends, whom it has heard, whom it announces.

use std::{net::IpAddr, time::Duration};

use rand_core::CryptoRng;

use crate::{
    Config, Counters, NodeName, PeerChange, Refusal, Report, Time,
    budget::MAX_DATAGRAM,
    packet::{self, Heartbeat, Keyring},
    peers::Peers,
    schedule::Schedule,
};

/// The state machine. Every call takes the time of the moment, which must not run backwards.
pub struct Engine<R> {
    identity: Option<NodeName>,
    keyring: Keyring,
    peers: Peers,
    schedule: Schedule,
    counters: Counters,
    rng: R,
}

/// What a datagram turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The heartbeat of another node.
    Peer {
        /// What it says.
        heartbeat: Heartbeat,
        /// Whether somebody should connect to the node, and [report](Engine::report) what became
        /// of it.
        announce: bool,
    },
    /// Our own heartbeat came back: the echo, by which a node knows that it hears.
    Echo,
    /// Not a heartbeat for us, for this cause.
    Refused(Refusal),
}

impl<R: CryptoRng> Engine<R> {
    /// An engine that is not alive: it sends nothing until it has an identity.
    ///
    /// `rng` must be unpredictable to strangers, because initialisation vectors come from it.
    pub fn new(config: Config, rng: R) -> Self {
        Self {
            identity: None,
            keyring: Keyring::new(&config.secrets),
            peers: Peers::new(config.max_peers),
            schedule: Schedule::new(config.heartbeat_interval),
            counters: Counters::default(),
            rng,
        }
    }

    /// The name under which this node is known from now on; `None` while it is not alive.
    pub fn set_identity(&mut self, now: Time, identity: Option<NodeName>) {
        if self.identity == identity {
            return;
        }
        match identity {
            Some(_) => self.schedule.burst(now),
            None => self.schedule.stop(),
        }
        self.identity = identity;
    }

    /// Who just joined the group, or has reason to think that it is not heard, sends a burst of
    /// heartbeats.
    pub fn burst(&mut self, now: Time) {
        if self.identity.is_some() {
            self.schedule.burst(now);
        }
    }

    /// Takes in one datagram that came from `source`, and counts what it is.
    pub fn receive(&mut self, now: Time, source: IpAddr, datagram: &[u8]) -> Received {
        let received = self.judge(now, source, datagram).unwrap_or_else(Received::Refused);
        self.counters.count(&received);
        received
    }

    /// Takes note of what became of a peer that was announced, and says whether that is news.
    pub fn report(&mut self, now: Time, node: &NodeName, report: Report) -> Option<PeerChange> {
        self.peers.report(now, node, report, &mut self.rng)
    }

    /// The heartbeat to be sent now, if one is due.
    pub fn heartbeat(&mut self, now: Time) -> Option<Vec<u8>> {
        let identity = self.identity.as_ref()?;
        if self.schedule.due()? > now {
            return None;
        }
        let mut iv = [0; 16];
        self.rng.fill_bytes(&mut iv);
        self.schedule.sent(now, self.peers.connected() + 1, &mut self.rng);
        self.counters.sent += 1;
        Some(packet::encode(identity, &self.keyring, iv))
    }

    /// When the next heartbeat is due, if ever.
    pub fn deadline(&self) -> Option<Time> {
        self.schedule.due()
    }

    /// Whether this peer is connected.
    pub fn is_connected(&self, node: &NodeName) -> bool {
        self.peers.is_connected(node)
    }

    /// The longest that a node of this cluster lets pass between two heartbeats.
    pub fn longest_gap(&self) -> Duration {
        self.schedule.longest_gap(self.peers.connected() + 1)
    }

    /// What has been counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The list by which a packet is judged: its size, what it says, whose it is, the peers' budgets.
    fn judge(&mut self, now: Time, source: IpAddr, datagram: &[u8]) -> Result<Received, Refusal> {
        if datagram.len() > MAX_DATAGRAM {
            return Err(Refusal::OverLimit);
        }
        let heartbeat = packet::decode(datagram, &self.keyring)?;
        if self.identity.as_ref() == Some(&heartbeat.node) {
            return Ok(Received::Echo);
        }
        // Who is not alive cannot connect, and would spend names that it needs later.
        if self.identity.is_none() {
            return Ok(Received::Peer { heartbeat, announce: false });
        }
        let sighting = self.peers.see(now, source, &heartbeat.node)?;
        if sighting.is_new {
            self.schedule.answer(now, &mut self.rng);
        }
        Ok(Received::Peer { heartbeat, announce: sighting.announce })
    }
}
