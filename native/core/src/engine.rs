//! The protocol of one node: what it sends, whom it has heard, whom it announces.

use std::{net::IpAddr, time::Duration};

use rand_core::CryptoRng;

use crate::{
    Config, Counters, NodeName, PeerChange, Refusal, Report, Time,
    budget::MAX_DATAGRAM,
    pace::{Mark, Pace},
    packet::{self, Heartbeat, Keyring},
    peers::{Heard, Peers},
};

/// The state machine. Every call takes the time of the moment, which must not run backwards.
pub struct Engine<R> {
    identity: Option<NodeName>,
    keyring: Keyring,
    peers: Peers,
    pace: Pace,
    counters: Counters,
    rng: R,
}

/// What a datagram turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The heartbeat of another node.
    Peer(Heartbeat),
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
            peers: Peers::new(config.max_peers, config.refresh_interval),
            pace: Pace::new(config.heartbeat_interval),
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
            Some(_) => self.pace.start(now),
            None => self.pace.stop(),
        }
        self.identity = identity;
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
    pub fn receive(&mut self, now: Time, source: IpAddr, datagram: &[u8]) -> Received {
        let received = self.judge(now, source, datagram).unwrap_or_else(Received::Refused);
        self.counters.count(&received);
        received
    }

    /// The next peer that somebody should connect to now, and [report](Self::report) what became of
    /// it. To be asked until there is none, whenever something was received or reported, and when
    /// its [deadline](Self::announcement_deadline) has come.
    pub fn next_announcement(&mut self, now: Time) -> Option<NodeName> {
        // Who is not alive cannot connect.
        self.identity.as_ref()?;
        let node = self.peers.next_announcement(now)?;
        self.counters.announced += 1;
        Some(node)
    }

    /// When there may be another announcement, if nothing happens.
    pub fn announcement_deadline(&self) -> Option<Time> {
        self.identity.as_ref()?;
        self.peers.next_turn()
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
    pub fn heartbeat(&mut self, now: Time) -> Option<Vec<u8>> {
        let identity = self.identity.as_ref()?;
        if self.pace.due()? > now {
            return None;
        }
        let mut iv = [0; 16];
        self.rng.fill_bytes(&mut iv);
        let packet = packet::encode(identity, &self.keyring, iv);
        self.look_for_missing(now);
        self.pace.sent(now, &mut self.rng);
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

    /// While somebody is missing, heartbeats are sent more often.
    fn look_for_missing(&mut self, now: Time) {
        let is_missing_somebody = self.peers.is_missing_somebody(now);
        self.pace.missing(now, is_missing_somebody, &mut self.rng);
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
        if let Some(identity) = &self.identity {
            self.pace.heard(now, Mark::from(&heartbeat.node));
            let longest_gap = self.pace.longest_gap();
            let heard = Heard { node: &heartbeat.node, source, by: identity, longest_gap };
            if let Some(asks) = self.peers.see(now, heard)?.asks {
                self.pace.answer(now, asks, &mut self.rng);
            }
        }
        Ok(Received::Peer(heartbeat))
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn secs(secs: u64) -> Time {
        Time::after(Duration::from_secs(secs))
    }

    fn name(text: &str) -> NodeName {
        NodeName::parse(text).expect("a node name")
    }

    /// An engine whose gaps are those of its cluster.
    fn hasty() -> Engine<StdRng> {
        let heartbeat_interval = Duration::from_nanos(1);
        let config = Config { heartbeat_interval, ..Config::default() };
        let mut engine = Engine::new(config, StdRng::seed_from_u64(1));
        engine.set_identity(Time::ZERO, Some(name("me@host")));
        engine
    }

    /// Connects to this many peers.
    fn connect(engine: &mut Engine<StdRng>, peers: usize) {
        for n in 0..peers {
            let peer = name(&format!("peer{n}@host"));
            let datagram = packet::encode(&peer, &Keyring::default(), [0; 16]);
            engine.receive(Time::ZERO, [10, 0, 0, 1].into(), &datagram);
            // The other side connected.
            engine.report(Time::ZERO, &peer, Report::Connected);
            assert!(engine.is_connected(&peer));
        }
    }

    #[test]
    fn a_node_is_one_of_the_cluster_with_all_that_it_is_connected_to() {
        for peers in [0, 1, 9] {
            let mut engine = hasty();
            connect(&mut engine, peers);
            let nodes = u32::try_from(peers).expect("few") + 1;
            assert_eq!(engine.longest_gap(), Duration::from_millis(10) * nodes);
            let mut now = Time::ZERO;
            while now < secs(100) {
                assert!(engine.heartbeat(now).is_some());
                let next = engine.deadline().expect("a running engine");
                assert!(next > now);
                now = next;
            }
            let rate = engine.counters().sent as f64 / 100.0;
            let share = 200.0 / f64::from(nodes);
            assert!((share * 0.9..share * 1.1).contains(&rate), "{rate} of {share}");
        }
    }

    #[test]
    fn a_name_that_a_node_has_already_is_no_reason_for_a_burst() {
        let mut engine = hasty();
        engine.heartbeat(Time::ZERO);
        let deadline = engine.deadline();
        engine.set_identity(secs(1), Some(name("me@host")));
        assert_eq!(engine.deadline(), deadline);
        engine.set_identity(secs(1), Some(name("other@host")));
        assert_eq!(engine.deadline(), Some(secs(1)));
    }

    #[test]
    fn a_node_that_is_not_alive_has_no_reason_for_a_burst() {
        let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(1));
        engine.burst(secs(1));
        assert_eq!(engine.deadline(), None);
    }

    #[test]
    fn a_heartbeat_is_sent_no_earlier_than_it_is_due() {
        let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(1));
        engine.set_identity(secs(1), Some(name("me@host")));
        assert_eq!(engine.heartbeat(Time::ZERO), None);
        assert!(engine.heartbeat(secs(1)).is_some());
        assert_eq!(engine.heartbeat(secs(1)), None);
    }

    #[test]
    fn who_is_not_alive_announces_nobody_and_whom_it_has_heard_before_when_it_is_again() {
        let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(1));
        let datagram = packet::encode(&name("peer@host"), &Keyring::default(), [0; 16]);
        engine.receive(Time::ZERO, [10, 0, 0, 1].into(), &datagram);
        assert_eq!(engine.announcement_deadline(), None);
        engine.set_identity(Time::ZERO, Some(name("me@host")));
        engine.receive(Time::ZERO, [10, 0, 0, 1].into(), &datagram);
        assert!(engine.announcement_deadline().is_some());
        engine.set_identity(Time::ZERO, None);
        assert_eq!(engine.announcement_deadline(), None);
        assert_eq!(engine.next_announcement(secs(1)), None);
        engine.set_identity(secs(1), Some(name("me@host")));
        assert_eq!(engine.next_announcement(secs(1)), Some(name("peer@host")));
        assert_eq!(engine.next_announcement(secs(1)), None);
        assert_eq!(engine.counters().announced, 1);
    }

    #[test]
    fn a_new_peer_is_answered_and_one_that_is_connected_is_not() {
        let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(1));
        let mut now = Time::ZERO;
        engine.set_identity(now, Some(name("me@host")));
        for _ in 0..4 {
            engine.heartbeat(now);
            now = engine.deadline().expect("a running engine");
        }
        let due = now;
        let datagram = packet::encode(&name("peer@host"), &Keyring::default(), [0; 16]);
        let heard_at = secs(1);
        assert!(due > heard_at + Duration::from_millis(200), "{due:?}");
        engine.receive(heard_at, [10, 0, 0, 1].into(), &datagram);
        let answer = engine.deadline().expect("an answer");
        assert!(answer < heard_at + Duration::from_millis(200));
        engine.heartbeat(answer);
        engine.report(answer, &name("peer@host"), Report::Connected);
        let due = engine.deadline();
        engine.receive(heard_at + Duration::from_secs(1), [10, 0, 0, 1].into(), &datagram);
        assert_eq!(engine.deadline(), due);
    }
    #[test]
    fn a_datagram_of_1500_bytes_is_read_and_a_longer_one_is_refused_unread() {
        let mut engine = hasty();
        let mut receive = |len| engine.receive(secs(1), [10, 0, 0, 1].into(), &vec![0; len]);
        assert_eq!(receive(1500), Received::Refused(Refusal::Malformed));
        assert_eq!(receive(1501), Received::Refused(Refusal::OverLimit));
    }
}
