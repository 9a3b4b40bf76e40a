//! An hour of 200 engines in virtual time, on a network that loses packets and falls apart, on hosts
//! whose interfaces come and go, in BEAMs that restart.
//!
//! `SIMULATION_SEED` makes it another hour, `SIMULATION_HOURS` more than one.

#![allow(clippy::indexing_slicing)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

mod connections;
mod disturbances;
mod grid;
mod meetings;
mod rules;
#[path = "../simulation/mod.rs"]
mod simulation;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    env,
    net::IpAddr,
    time::{Duration, Instant},
};

use connections::Connect;
use disturbances::Interface;
use grid::Grid;
use meetings::Pair;
use native_gossip_core::{Config, Refusal, Time, budget::CLUSTER_HEARTBEATS_PER_SECOND};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rules::{MEETING_TIMEOUT, Rules};
use simulation::{Delivery, Network, Outcome, Place};

const NODES: usize = 200;
const SEGMENTS: usize = 10;

/// How many BEAMs there are on each of the first hosts; on each of the others there is one. A dozen
/// are more than may be connected to at once by the packets of one address.
const CROWDED_HOSTS: [usize; 21] = [12, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2];

/// The end of every hour is calm for so long that every pair has met, and then goes on.
const CALM: Duration = MEETING_TIMEOUT.saturating_add(secs(150));

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn every_pair_that_hears_each_other_is_announced_and_none_more_often_than_the_design_allows() {
    let from_env = |name, default| match env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")),
        Err(_) => default,
    };
    let (seed, hours) = (from_env("SIMULATION_SEED", 1), from_env("SIMULATION_HOURS", 1));
    println!("SIMULATION_SEED={seed} SIMULATION_HOURS={hours}");
    let started = Instant::now();
    let mut hour = Hour::new(seed);
    for n in 1..=hours {
        hour.pass(secs(3600 * n));
    }
    println!("{hours} h of {NODES} engines in {:.1?}", started.elapsed());
    hour.summary();
}

struct Hour {
    network: Network,
    hosts: Vec<Host>,
    /// The host of each node.
    host_of: Vec<usize>,
    /// The partition of each segment.
    partitions: [usize; SEGMENTS],
    is_alive: Vec<bool>,
    is_calm: bool,
    /// Whether the first takes itself to be connected to the second.
    is_connected: Grid<bool>,
    connects: Vec<BTreeMap<usize, Connect>>,
    connects_begun: u64,
    pairs: Grid<Pair>,
    rules: Rules,
    timers: BinaryHeap<Reverse<(Time, Timer)>>,
    rng: StdRng,
    /// What happened, for the summary.
    counts: BTreeMap<&'static str, u64>,
    sent_before_restarts: u64,
    /// How long each pair waited until it met.
    waits: Vec<Duration>,
}

struct Host {
    /// Where its packets come from.
    source: IpAddr,
    nodes: Vec<usize>,
    segment: usize,
    interface: Interface,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Check,
    Weather,
    Partition,
    Heal,
    Restart,
    Boot { node: usize },
    Interface,
    Mend { host: usize },
    ConnectEnds { from: usize, to: usize, number: u64 },
    GiveUp { node: usize, peer: usize },
}

impl Hour {
    fn new(seed: u64) -> Self {
        let mut hosts: Vec<Host> = Vec::new();
        let mut host_of = Vec::new();
        while host_of.len() < NODES {
            let nodes = CROWDED_HOSTS.get(hosts.len()).copied().unwrap_or(1);
            let nodes: Vec<_> = (host_of.len()..host_of.len() + nodes).collect();
            host_of.resize(host_of.len() + nodes.len(), hosts.len());
            let segment = hosts.len() % SEGMENTS;
            let source = [10, 0, 0, u8::try_from(hosts.len()).expect("one network")].into();
            hosts.push(Host { source, nodes, segment, interface: Interface::Up });
        }
        let place = |host: &Host| Place { source: host.source, segment: host.segment };
        let places = host_of.iter().map(|host| place(&hosts[*host])).collect();
        let mut hour = Self {
            network: Network::new(places, &Config::default(), seed),
            hosts,
            host_of,
            partitions: [0; SEGMENTS],
            is_alive: vec![true; NODES],
            is_calm: false,
            is_connected: Grid::new(NODES, false),
            connects: (0..NODES).map(|_| BTreeMap::new()).collect(),
            connects_begun: 0,
            pairs: Grid::new(NODES, Pair::default()),
            rules: Rules::new(NODES),
            timers: BinaryHeap::new(),
            rng: StdRng::seed_from_u64(!seed),
            counts: BTreeMap::new(),
            sent_before_restarts: 0,
            waits: Vec::new(),
        };
        hour.reconsider();
        hour.check();
        hour.begin_disturbances();
        hour
    }

    fn host(&self, node: usize) -> &Host {
        &self.hosts[self.host_of[node]]
    }

    fn size(&self) -> usize {
        self.network.engines.len()
    }

    /// Disturbances, and then the calm.
    fn pass(&mut self, end: Duration) {
        self.is_calm = false;
        self.run(end - CALM);
        self.calm_down();
        self.run(end - CALM + MEETING_TIMEOUT);
        let sent = self.sent();
        self.run(end);
        self.check_everybody_has_met();
        let time = CALM - MEETING_TIMEOUT;
        check_rate((self.sent() - sent) as f64 / time.as_secs_f64());
    }

    fn run(&mut self, end: Duration) {
        let end = Time::after(end);
        loop {
            let timer = self.timers.peek().map_or(end, |Reverse((at, _))| *at);
            if let Some(delivery) = self.network.next(timer.min(end)) {
                self.heard(&delivery);
            } else if timer > end {
                return;
            } else if let Some(Reverse((_, timer))) = self.timers.pop() {
                self.fire(timer);
            } else {
                return;
            }
        }
    }

    fn heard(&mut self, delivery: &Delivery) {
        let (to, peer) = (delivery.to, delivery.from);
        let (now, source) = (self.network.now, self.host(peer).source);
        match delivery.outcome {
            Outcome::Peer { announce: true } => {
                self.rules.announced(now, to, peer, source);
                self.connect(to, peer);
            }
            Outcome::Peer { .. } if self.is_alive[to] => self.rules.not_announced(now, to, peer),
            Outcome::Peer { .. } => {}
            Outcome::Refused(Refusal::OverLimit) => self.rules.put_off(now, to, peer, source),
            Outcome::Echo => assert_eq!(to, peer),
            Outcome::Refused(cause) => unreachable!("n{peer} is refused by n{to} as {cause}"),
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Check => self.check(),
            Timer::Weather => self.change_weather(),
            Timer::Partition => self.partition(),
            Timer::Heal => self.heal(),
            Timer::Restart => self.restart(),
            Timer::Boot { node } => self.boot(node),
            Timer::Interface => self.change_interface(),
            Timer::Mend { host } => self.mend(host),
            Timer::ConnectEnds { from, to, number } => self.connect_ends(from, to, number),
            Timer::GiveUp { node, peer } => self.give_up(node, peer),
        }
    }

    fn after_up_to(&mut self, longest: Duration, timer: Timer) {
        let at = self.network.now + longest.mul_f64(self.rng.random());
        self.timers.push(Reverse((at, timer)));
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn sent(&self) -> u64 {
        let sent = self.network.engines.iter().map(|engine| engine.counters().sent);
        self.sent_before_restarts + sent.sum::<u64>()
    }

    fn summary(&mut self) {
        self.waits.sort();
        let wait = |part: usize| self.waits[(self.waits.len() - 1) * part / 1000];
        println!("heartbeats: {}", self.sent());
        for (what, count) in &self.counts {
            println!("{what}: {count}");
        }
        for (why, count) in &self.rules.announcements {
            println!("announcements permitted by {why}: {count}");
        }
        println!("announcements put off by connects under way: {}", self.rules.put_off);
        let [all, of_source, retries] = self.rules.most_connects;
        println!("most connects under way: {all}, {of_source} of one source, {retries} retries");
        println!(
            "a pair met within {:.1?}, 1 in 100 later than {:.1?}, none later than {:.1?}",
            wait(500),
            wait(990),
            wait(1000)
        );
    }
}

/// The mean gap is half of the longest one; with 200 nodes that is the interval still.
fn check_rate(per_second: f64) {
    let interval = Config::default().heartbeat_interval;
    let expected = NODES as f64 / (interval / 2).as_secs_f64();
    assert!(
        per_second <= CLUSTER_HEARTBEATS_PER_SECOND.into()
            && (0.9..1.1).contains(&(per_second / expected)),
        "the settled cluster sends {per_second:.1} heartbeats a second, not {expected:.1}"
    );
    println!("heartbeats a second of the settled cluster: {per_second:.1}");
}
