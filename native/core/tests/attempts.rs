//! Whom a node connects to first, when many peers want it and some never answer. In virtual time.

#![allow(clippy::indexing_slicing, clippy::disallowed_macros)]

use std::{cmp::Reverse, collections::BinaryHeap, net::IpAddr, time::Duration};

use native_gossip_core::{
    Config, Engine, NodeName, Report, Time,
    budget::ATTEMPTS_AT_ONCE,
    packet::{self, Keyring},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The gap between two heartbeats of a peer is up to this long.
const INTERVAL: Duration = secs(5);

/// How long a connect takes at most, if it succeeds.
const HANDSHAKE: Duration = millis(300);

/// Erlang's time for setting up a connection.
const SETUP_TIME: Duration = secs(7);

/// The deadline of a connection attempt in Elixir.
const ATTEMPT_TIMEOUT: Duration = secs(15);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What comes of a connection attempt to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It is connected, and stays so.
    Connects,
    /// It is connected, and cut off again after this time.
    Breaks(Duration),
    /// Erlang gives it up.
    Silent,
    /// The `connect` of the topology does not return, and is ended.
    Hangs,
}

struct Peer {
    name: NodeName,
    packet: Vec<u8>,
    source: IpAddr,
    answer: Answer,
    connected_at: Option<Time>,
    downs: usize,
}

/// One node, and all who want it to connect to them and do not do so themselves.
struct Crowd {
    now: Time,
    engine: Engine<StdRng>,
    peers: Vec<Peer>,
    queue: BinaryHeap<Reverse<(Time, Happens)>>,
    /// Within which time a peer that joins speaks first.
    spread: Duration,
    speaks_once: bool,
    most_in_flight: usize,
    in_flight: usize,
    rng: StdRng,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Speaks(usize),
    Reports(usize),
    Breaks(usize),
    Look,
}

impl Crowd {
    fn new(max_peers: usize, seed: u64) -> Self {
        let config = Config { max_peers, ..Config::default() };
        let mut engine = Engine::new(config, StdRng::seed_from_u64(seed));
        engine.set_identity(Time::ZERO, NodeName::parse("me@host").ok());
        Self {
            now: Time::ZERO,
            engine,
            peers: Vec::new(),
            queue: BinaryHeap::new(),
            spread: INTERVAL,
            speaks_once: false,
            most_in_flight: 0,
            in_flight: 0,
            rng: StdRng::seed_from_u64(!seed),
        }
    }

    /// So many more peers, each on a host of its own, begin to speak within an interval.
    fn join(&mut self, count: usize, answer: Answer) {
        let first = self.peers.len();
        let source = |n: usize| IpAddr::from(u32::try_from(n).expect("few").to_be_bytes());
        (first..first + count).for_each(|n| self.join_from(source(n), answer));
    }

    fn join_from(&mut self, source: IpAddr, answer: Answer) {
        let n = self.peers.len();
        let name = NodeName::parse(&format!("n{n}@host")).expect("a node name");
        let packet = packet::encode(&name, &Keyring::default(), [0; 16]);
        self.peers.push(Peer { name, packet, source, answer, connected_at: None, downs: 0 });
        self.later(self.spread, Happens::Speaks(n));
    }

    fn later(&mut self, longest: Duration, what: Happens) {
        let at = self.now + longest.mul_f64(self.rng.random());
        self.queue.push(Reverse((at, what)));
    }

    /// Lets time pass until all peers that can be connected are; returns for each part of them how
    /// long it took.
    fn form(&mut self, within: Duration) -> [Option<Duration>; 3] {
        let until = self.now + within;
        let is_open = |peer: &Peer| peer.answer == Answer::Connects && peer.connected_at.is_none();
        while self.peers.iter().any(is_open) && self.step(until) {}
        let connects = |peer: &&Peer| peer.answer == Answer::Connects;
        let mut times: Vec<_> =
            self.peers.iter().filter(connects).map(|p| p.connected_at).collect();
        times.sort_by_key(|at| at.unwrap_or(Time::after(Duration::MAX)));
        [50, 90, 100].map(|part| times[times.len() * part / 100 - 1].map(Time::since_zero))
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    fn step(&mut self, until: Time) -> bool {
        let Some(Reverse((at, what))) = self.queue.pop() else { return false };
        if at > until {
            self.queue.push(Reverse((at, what)));
            self.now = until;
            return false;
        }
        self.now = at;
        match what {
            Happens::Speaks(n) => {
                let peer = &self.peers[n];
                self.engine.receive(at.into(), peer.source, &peer.packet);
                if !self.speaks_once {
                    self.later(INTERVAL, Happens::Speaks(n));
                }
            }
            Happens::Reports(n) => self.report(n),
            Happens::Breaks(n) => {
                self.peers[n].downs += 1;
                self.engine.report(at, &self.peers[n].name, Report::Down);
            }
            Happens::Look => {}
        }
        while let Some(node) = self.engine.next_announcement(at) {
            self.connect(&node);
        }
        if let Some(at) = self.engine.announcement_deadline() {
            assert!(at > self.now, "whoever has a turn has it now");
            self.queue.push(Reverse((at, Happens::Look)));
        }
        true
    }

    fn connect(&mut self, node: &NodeName) {
        let n = self.peers.iter().position(|peer| peer.name == *node).expect("a peer");
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        let (after, jitter) = match self.peers[n].answer {
            Answer::Connects | Answer::Breaks(_) => (Duration::ZERO, HANDSHAKE),
            Answer::Silent => (SETUP_TIME, Duration::ZERO),
            Answer::Hangs => (ATTEMPT_TIMEOUT, Duration::ZERO),
        };
        let at = self.now + after + jitter.mul_f64(self.rng.random());
        self.queue.push(Reverse((at, Happens::Reports(n))));
    }

    fn report(&mut self, n: usize) {
        self.in_flight -= 1;
        let report = match self.peers[n].answer {
            Answer::Silent | Answer::Hangs => Report::Unreachable,
            Answer::Connects | Answer::Breaks(_) => Report::Connected,
        };
        if report == Report::Connected {
            self.peers[n].connected_at.get_or_insert(self.now);
        }
        if let Answer::Breaks(after) = self.peers[n].answer {
            self.queue.push(Reverse((self.now + after, Happens::Breaks(n))));
        }
        self.engine.report(self.now, &self.peers[n].name, report);
    }
}

#[test]
fn silent_hosts_put_500_healthy_ones_off_by_three_times_at_most() {
    let mut slowest = Duration::ZERO;
    for seed in 1..=3 {
        for silent in [0, 50, 200, 500] {
            let mut crowd = Crowd::new(4096, seed);
            // They are mixed as chance has it: each begins to speak when it likes.
            crowd.join(500, Answer::Connects);
            crowd.join(silent, Answer::Silent);
            let [half, most, all] = crowd.form(secs(1000)).map(|time| time.expect("connected"));
            println!(
                "500 healthy peers and {silent} silent ones: half of the healthy ones connected \
                 after {half:.1?}, 90 % after {most:.1?}, all after {all:.1?}; at most {} attempts \
                 in flight",
                crowd.most_in_flight
            );
            if silent == 0 {
                slowest = all * 3;
            }
            assert!(all <= slowest, "{all:?} with {silent} silent ones, seed {seed}");
        }
    }
}

/// A `connect` of the user's own may never return. It is ended, and meanwhile it is one of many.
#[test]
fn connects_that_never_return_do_not_keep_healthy_peers_out() {
    for (hanging, within) in [(16, secs(6)), (200, secs(6)), (500, secs(40))] {
        let mut crowd = Crowd::new(4096, 1);
        crowd.join(hanging, Answer::Hangs);
        crowd.pass(secs(10));
        crowd.join(20, Answer::Connects);
        let [.., all] = crowd.form(secs(400));
        let all = all.map(|all| all - secs(10));
        println!("{hanging} connects hang: 20 healthy peers connected after {all:.1?}");
        assert!(all.is_some_and(|all| all <= within), "{hanging}");
        assert!(crowd.most_in_flight <= ATTEMPTS_AT_ONCE);
    }
}

#[test]
fn fifty_nodes_behind_one_address_are_taken_in_as_soon_as_they_are_heard() {
    let mut crowd = Crowd::new(100, 1);
    (0..50).for_each(|_| crowd.join_from([10, 0, 0, 1].into(), Answer::Connects));
    let [half, most, all] = crowd.form(secs(1000));
    println!(
        "50 nodes behind one address: half after {half:.1?}, 90 % after {most:.1?}, all after {all:.1?}"
    );
    assert!(all.is_some_and(|all| all < secs(15)));
}

#[test]
fn a_connection_that_is_always_cut_off_is_made_more_and_more_rarely() {
    let mut crowd = Crowd::new(4096, 1);
    crowd.join(1, Answer::Breaks(secs(2)));
    crowd.pass(secs(90));
    let in_90_s = crowd.peers[0].downs;
    crowd.pass(secs(510));
    let in_600_s = crowd.peers[0].downs;
    println!("a connection that is cut off after 2 s: {in_90_s} ends in 90 s, {in_600_s} in 600 s");
    assert!(in_90_s <= 8 && in_600_s <= 26);
}

#[test]
fn the_next_one_has_its_turn_when_an_attempt_ends_and_not_when_it_speaks_again() {
    let mut crowd = Crowd::new(4096, 1);
    (crowd.spread, crowd.speaks_once) = (millis(100), true);
    crowd.join(200, Answer::Connects);
    let [.., all] = crowd.form(secs(100));
    println!("200 peers that speak once, within 100 ms: connected after {all:.1?}");
    assert!(all.is_some_and(|all| all < secs(3)));
}
