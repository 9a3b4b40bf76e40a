//! The protocol of one node: what it sends, whom it has heard, whom it announces.

use std::{net::IpAddr, time::Duration};

use rand_core::CryptoRng;

use crate::{
    Config, Counters, Event, Glob, NodeName, Now, PeerChange, Refusal, Report, Time,
    budget::MAX_DATAGRAM,
    pace::{Asks, Pace},
    packet::{self, Form, Heartbeat, Keyring, Label, Trailer},
    peers::Peers,
    trust::{Loss, Readiness, Trust},
};

/// The state machine. Every call takes the time of the moment, which must not run backwards.
pub struct Engine<R> {
    identity: Option<NodeName>,
    keyring: Keyring,
    /// Whether we seal what we send, where we have a secret.
    seals: bool,
    /// Of our cluster, where it has a name.
    label: Option<Label>,
    allow: Vec<Glob>,
    trust: Trust,
    peers: Peers,
    pace: Pace,
    counters: Counters,
    /// Room for what was sealed in a datagram.
    plaintext: Vec<u8>,
    rng: R,
}

/// What a datagram turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The heartbeat of another node.
    Peer(Heartbeat),
    /// One that was received already, and came by another way: it says that this way is open.
    Copy(Heartbeat),
    /// Our own heartbeat came back: the echo, by which a node knows that it hears.
    Echo,
    /// Not a heartbeat for us, for this cause.
    Refused(Refusal),
}

impl<R: CryptoRng> Engine<R> {
    /// An engine that is not alive: it sends nothing until it has an identity.
    ///
    /// `rng` must be unpredictable to strangers, because initialisation vectors and incarnations come
    /// from it.
    pub fn new(config: Config, rng: R) -> Self {
        let mut engine = Self {
            identity: None,
            keyring: Keyring::new(&config.secrets, config.cluster.as_deref()),
            seals: config.seal,
            label: config.cluster.as_deref().map(|cluster| Label::of(Some(cluster))),
            allow: config.allow,
            trust: Trust::new(config.authentication, config.max_peers),
            peers: Peers::new(config.max_peers, config.refresh_interval),
            pace: Pace::new(config.heartbeat_interval),
            counters: Counters::default(),
            plaintext: vec![0; MAX_DATAGRAM],
            rng,
        };
        engine.begin_incarnation();
        engine
    }

    /// The name under which this node is known from now on; `None` while it is not alive.
    pub fn set_identity(&mut self, now: Time, identity: Option<NodeName>) {
        if self.identity == identity {
            return;
        }
        match identity {
            Some(_) => {
                self.begin_incarnation();
                self.pace.start(now);
            }
            None => self.pace.stop(),
        }
        self.identity = identity;
    }

    /// We are about to stop: a last burst says so where we sign, and then we are silent and connect to
    /// nobody, whatever happens.
    pub fn drain(&mut self, now: Time) {
        self.pace.drain(now, self.signs());
    }

    /// Who just joined the group, or has reason to think that it is not heard, sends a burst of
    /// heartbeats.
    pub fn burst(&mut self, now: Time) {
        self.pace.burst(now, &mut self.rng);
    }

    /// Most of what arrives is not looked at, and so it may go to the others. Heartbeats are sent
    /// more often, as far as they fit into the `receive_limit`, in datagrams a second.
    pub fn flooded(&mut self, now: Time, receive_limit: u32) {
        self.pace.flooded(now, receive_limit, &mut self.rng);
    }

    /// Takes in one datagram that came from `source`, and counts what it is.
    pub fn receive(&mut self, now: Now, source: IpAddr, datagram: &[u8]) -> Received {
        self.receive_within(now, source, datagram, MAX_DATAGRAM)
    }

    /// The same for a packet of a capture, which may be longer than what a node reads: what would be
    /// refused unread gets the verdict of the other rules.
    pub fn inspect(&mut self, now: Now, source: IpAddr, datagram: &[u8]) -> Received {
        self.receive_within(now, source, datagram, usize::MAX)
    }

    fn receive_within(
        &mut self,
        now: Now,
        source: IpAddr,
        datagram: &[u8],
        longest: usize,
    ) -> Received {
        let mut room = std::mem::take(&mut self.plaintext);
        let judged = self.judge(now, source, datagram, longest, &mut room);
        self.plaintext = room;
        let received = judged.unwrap_or_else(Received::Refused);
        if self.trust.take_urgency() {
            self.pace.answer(now.time, Asks::Echo, &mut self.rng);
        }
        self.counters.count(&received);
        received
    }

    /// The next peer that somebody should connect to now, and [report](Self::report) what became of
    /// it. To be asked until there is none, whenever something was received or reported, and when
    /// its [deadline](Self::announcement_deadline) has come.
    pub fn next_announcement(&mut self, now: Time) -> Option<NodeName> {
        if !self.may_connect() {
            return None;
        }
        let node = self.peers.next_announcement(now)?;
        self.counters.announced += 1;
        Some(node)
    }

    /// When there may be another announcement, if nothing happens.
    pub fn announcement_deadline(&self) -> Option<Time> {
        self.peers.next_turn().filter(|_| self.may_connect())
    }

    /// Takes note of what became of a peer that was announced, and says whether that is news.
    pub fn report(&mut self, now: Time, node: &NodeName, report: Report) -> Option<PeerChange> {
        let change = self.peers.report(now, node, report, &mut self.rng);
        self.pace.connected(self.peers.connected());
        if report == Report::Down {
            self.look_for_missing(now);
        }
        change
    }

    /// Takes note that reports did not come, so that some peers are not what they are taken for.
    pub fn reports_lost(&mut self, now: Time) {
        self.peers.reports_lost(now);
    }

    /// The heartbeat to be sent now, if one is due.
    pub fn heartbeat(&mut self, now: Now) -> Option<Vec<u8>> {
        let identity = self.identity.as_ref()?;
        if self.pace.due()? > now.time {
            return None;
        }
        let signs = self.signs();
        self.trust.renew_if_spent(now.time, &mut self.rng);
        let packet = if signs || self.label.is_some() {
            let form =
                if signs && self.seals { Form::Sealed(random(&mut self.rng)) } else { Form::Plain };
            let trailer = Trailer {
                is_leaving: self.pace.is_draining(),
                stamp: now.wall,
                label: self.label.unwrap_or_default(),
                signed: signs.then(|| self.trust.beat(now, &mut self.rng)),
            };
            packet::encode_with(identity, &trailer, &self.keyring, form)
        } else {
            packet::encode(identity, &self.keyring, random(&mut self.rng))
        };
        self.look_for_missing(now.time);
        self.pace.sent(now.time, &mut self.rng);
        self.counters.sent += 1;
        Some(packet)
    }

    /// When the next heartbeat is due, if ever.
    pub fn deadline(&self) -> Option<Time> {
        self.pace.due()
    }

    /// Whether this peer is connected.
    pub fn is_connected(&self, node: &NodeName) -> bool {
        self.peers.is_connected(node)
    }

    /// The longest that a node of this cluster lets pass between two heartbeats.
    pub fn longest_gap(&self) -> Duration {
        self.pace.longest_gap()
    }

    /// What has been counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What is worth telling of the last heartbeat.
    pub fn take_pending_events(&mut self) -> Vec<Event> {
        self.trust.take_pending_events()
    }

    /// Who signs, and with which secret.
    pub fn readiness(&self, now: Time) -> Readiness {
        self.trust.readiness(now, self.keyring.len())
    }

    /// What the numbers of a peer's heartbeats tell of those that did not come, where it signs.
    pub fn loss(&self, node: &NodeName) -> Option<Loss> {
        self.trust.loss(node)
    }

    /// To others we are new from now on.
    fn begin_incarnation(&mut self) {
        if self.signs() {
            self.trust.restart(&mut self.rng);
        }
    }

    /// A copy was sent to an address of this host, and not to the group.
    pub(crate) fn note_direct_copy(&mut self, node: &NodeName) {
        self.trust.note_direct_copy(node);
    }

    /// Whether what we send is signed.
    fn signs(&self) -> bool {
        !self.keyring.is_empty()
    }

    /// Who is not alive cannot connect, and who is about to stop should not.
    fn may_connect(&self) -> bool {
        self.identity.is_some() && !self.pace.is_draining()
    }

    /// While somebody is missing, heartbeats are sent more often.
    fn look_for_missing(&mut self, now: Time) {
        let is_missing_somebody = self.peers.is_missing_somebody(now);
        self.pace.missing(now, is_missing_somebody, &mut self.rng);
    }
}

fn random<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

mod judging;
mod status;
#[cfg(test)]
mod tests;
