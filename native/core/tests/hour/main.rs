//! An hour of many nodes in virtual time, on a network that loses packets and falls apart, on hosts
//! whose interfaces come and go and forget who is a member of what, in BEAMs that restart.
//!
//! `SIMULATION_SEED` makes it another hour, `SIMULATION_SEEDS=1..100` many of them,
//! `SIMULATION_HOURS` each longer, `SIMULATION_NODES` larger or smaller.

#![allow(clippy::indexing_slicing)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

mod alerts;
mod cluster;
mod connections;
mod disturbances;
mod ear;
mod faults;
mod grid;
mod healing;
mod hindrances;
mod meetings;
mod rules;
mod seeds;
mod sending;
#[path = "../simulation/mod.rs"]
mod simulation;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    env,
    net::IpAddr,
    num::ParseIntError,
    ops,
    panic::{AssertUnwindSafe, catch_unwind},
    str::FromStr,
    time::{Duration, Instant},
};

use alerts::Alerts;
use cluster::{Ailing, plans, segments};
use connections::Attempt;
use faults::Fault;
use grid::Grid;
use healing::Healing;
use meetings::{Pair, Reach};
use native_gossip_core::{Config, Refusal, Time, budget::CLUSTER_HEARTBEATS_PER_SECOND};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rules::{MEETING_TIMEOUT, Rules};
use seeds::Seeds;
use sending::Sending;
use simulation::{
    STRANGER, Simulation,
    mesh::secs,
    port::{Call, Happening, Outcome},
};

/// As many as pass an hour within seconds.
const NODES: usize = 120;

/// What was deaf for two minutes may take as long again to look whether it still is.
const HEALING: Duration = secs(150);

/// The end of every hour is calm for so long that everybody hears and every pair has met, and then
/// goes on.
const SETTLED: Duration = secs(150);
const CALM: Duration = HEALING.saturating_add(MEETING_TIMEOUT).saturating_add(SETTLED);

#[test]
fn every_host_that_can_hear_hears_and_every_pair_is_announced_and_none_too_often() {
    let nodes = from_env("SIMULATION_NODES", NODES);
    let hours = from_env("SIMULATION_HOURS", 1);
    let seed = from_env("SIMULATION_SEED", 1);
    let Range(seeds) = from_env("SIMULATION_SEEDS", Range(seed..seed + 1));
    let pass = |seed: &u64| {
        println!("SIMULATION_SEED={seed} SIMULATION_HOURS={hours} SIMULATION_NODES={nodes}");
        let started = Instant::now();
        let mut hour = Hour::new(nodes, *seed);
        (1..=hours).for_each(|n| hour.pass(secs(3600 * n)));
        println!("{hours} h of {nodes} nodes in {:.1?}", started.elapsed());
        hour.summary();
    };
    // One that fails does not keep the others from being tried.
    let failed: Vec<_> =
        seeds.filter(|seed| catch_unwind(AssertUnwindSafe(|| pass(seed))).is_err()).collect();
    assert!(failed.is_empty(), "seeds that failed: {failed:?}");
}

fn from_env<T: FromStr>(name: &str, default: T) -> T {
    let parsed = env::var(name).map(|value| value.parse().ok());
    parsed.map_or(default, |value| value.expect(name))
}

/// Numbers as `1..100`.
struct Range(ops::Range<u64>);

impl FromStr for Range {
    type Err = Option<ParseIntError>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, to) = text.split_once("..").ok_or(None)?;
        Ok(Self(from.parse()?..to.parse()?))
    }
}

struct Hour {
    net: Simulation,
    ailing: Vec<Ailing>,
    is_alive: Vec<bool>,
    is_calm: bool,
    /// Whether the first takes itself to be connected to the second.
    is_connected: Grid<bool>,
    attempts: Vec<BTreeMap<usize, Attempt>>,
    attempts_begun: u64,
    /// What each node reaches, and is reached by.
    reach: Vec<Reach>,
    pairs: Grid<Pair>,
    rules: Rules,
    healing: Healing,
    seeds: Vec<Seeds>,
    alerts: Vec<Alerts>,
    sending: Vec<Sending>,
    timers: BinaryHeap<Reverse<(Time, Timer)>>,
    rng: StdRng,
    /// What happened, for the summary.
    counts: BTreeMap<&'static str, u64>,
    sent_before_restarts: u64,
    /// How long each pair waited until it met.
    waits: Vec<Duration>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Check,
    Weather,
    Partition,
    Heal,
    Restart,
    Boot { node: usize },
    Strike,
    Mend { host: usize, fault: Fault },
    Flood { host: usize, turns: u32 },
    ConnectEnds { from: usize, to: usize, number: u64 },
    GiveUp { node: usize, peer: usize },
}

impl Hour {
    fn new(size: usize, seed: u64) -> Self {
        let plans = plans(size);
        let ailing = plans.iter().map(Ailing::new).collect();
        let net = Simulation::new(plans, &Config::default(), seed);
        let mut hour = Self {
            ailing,
            rules: Rules::new(&net.names),
            net,
            is_alive: vec![true; size],
            is_calm: false,
            is_connected: Grid::new(size, false),
            attempts: (0..size).map(|_| BTreeMap::new()).collect(),
            attempts_begun: 0,
            reach: vec![Reach::default(); size],
            pairs: Grid::new(size, Pair::default()),
            healing: Healing::new(size),
            seeds: vec![Seeds::default(); size],
            alerts: (0..size).map(|_| Alerts::default()).collect(),
            sending: vec![Sending::new(Time::ZERO); size],
            timers: BinaryHeap::new(),
            rng: StdRng::seed_from_u64(!seed),
            counts: BTreeMap::new(),
            sent_before_restarts: 0,
            waits: Vec::new(),
        };
        (0..size).for_each(|node| hour.set_seeds(node));
        hour.reconsider_all();
        hour.check();
        hour.begin_disturbances();
        hour
    }

    fn size(&self) -> usize {
        self.net.nodes.len()
    }

    /// Disturbances, and then the calm.
    fn pass(&mut self, end: Duration) {
        self.is_calm = false;
        self.run(end - CALM);
        self.calm_down();
        self.run(end - CALM + HEALING);
        self.check_everybody_hears();
        self.run(end - SETTLED);
        let sent = self.sent();
        self.run(end);
        self.check_everybody_has_met();
        (0..self.size()).for_each(|node| self.check_sending(node));
        self.check_rate((self.sent() - sent) as f64 / SETTLED.as_secs_f64());
    }

    fn run(&mut self, end: Duration) {
        let end = Time::after(end);
        loop {
            let timer = self.timers.peek().map_or(end, |Reverse((at, _))| *at);
            if self.net.step(timer.min(end)) {
                self.take_note();
            } else if timer > end {
                return;
            } else if let Some(Reverse((_, timer))) = self.timers.pop() {
                self.fire(timer);
                self.take_note();
            } else {
                return;
            }
        }
    }

    /// Judges what happened, in its order.
    fn take_note(&mut self) {
        let mut log = std::mem::take(&mut self.net.log);
        let (mut changed, mut heard) = (None, Vec::new());
        for (node, happening) in log.drain(..) {
            match happening {
                Happening::Received { from, source, slot, outcome } => {
                    self.heard(node, from, source, outcome);
                    heard.push(node);
                    self.note_hearing(node, from, slot, outcome);
                }
                Happening::Called(call) => {
                    if !matches!(call, Call::SendBy { .. } | Call::SendTo { .. }) {
                        changed = Some(node);
                    }
                    self.note_call(node, &call);
                }
                Happening::Announced { peer } => {
                    self.rules.announced(self.net.now, node, peer);
                    self.connect(node, peer);
                }
                Happening::Said(event) => self.note_event(node, event),
                Happening::Overrun => {
                    self.healing.overrun(self.net.now, node);
                    self.sending[node].overrun(self.net.now);
                }
            }
        }
        self.net.log = log;
        heard.dedup();
        for node in heard {
            self.rules.nobody_is_passed_over(self.net.now, node);
        }
        // Calls are made by one node at a time, in its turn.
        if let Some(node) = changed {
            self.reconsider(self.net.host_of[node]);
        }
    }

    fn heard(&mut self, to: usize, peer: usize, source: IpAddr, outcome: Outcome) {
        let now = self.net.now;
        match outcome {
            Outcome::Peer if self.is_alive[to] => {
                if self.rules.heard(now, to, peer, source) {
                    self.sending[to].answered(now);
                }
            }
            Outcome::Peer => {}
            Outcome::Echo => assert_eq!(to, peer),
            Outcome::Refused(Refusal::Malformed) if peer == STRANGER => {}
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
            Timer::Strike => self.strike(),
            Timer::Mend { host, fault } => self.mend(host, fault),
            Timer::Flood { host, turns } => self.flood(host, turns),
            Timer::ConnectEnds { from, to, number } => self.connect_ends(from, to, number),
            Timer::GiveUp { node, peer } => self.give_up(node, peer),
        }
    }

    fn after_up_to(&mut self, longest: Duration, timer: Timer) {
        let time = longest.mul_f64(self.rng.random());
        self.after(time, timer);
    }

    fn after(&mut self, time: Duration, timer: Timer) {
        self.timers.push(Reverse((self.net.now + time, timer)));
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn sent(&self) -> u64 {
        let sent = self.net.nodes.iter().map(|node| node.counters().sent);
        self.sent_before_restarts + sent.sum::<u64>()
    }

    /// The mean gap is half of the longest one; up to 500 nodes that is the interval still.
    fn check_rate(&self, per_second: f64) {
        let interval = Config::default().heartbeat_interval;
        let expected = self.size() as f64 / (interval / 2).as_secs_f64();
        // Of a small cluster there are few heartbeats: six times their standard deviation.
        let tolerance = 0.1_f64.max(6.0 * 0.58 / (expected * SETTLED.as_secs_f64()).sqrt());
        assert!(
            per_second <= CLUSTER_HEARTBEATS_PER_SECOND.into()
                && (per_second / expected - 1.0).abs() <= tolerance,
            "the settled cluster sends {per_second:.1} heartbeats a second, not {expected:.1}"
        );
        println!("heartbeats a second of the settled cluster: {per_second:.1}");
    }

    fn summary(&mut self) {
        println!("heartbeats: {}", self.sent());
        for (what, count) in &self.counts {
            println!("{what}: {count}");
        }
        for (why, count) in &self.rules.announcements {
            println!("announcements permitted by {why}: {count}");
        }
        println!("whoever asked was announced within {:.1?}", self.rules.longest_wait);
        let [all, fresh, of_source, retries] = self.rules.most_attempts;
        println!(
            "most attempts in flight: {all}, {fresh} of them fresh, {of_source} of one source, \
             {retries} retries"
        );
        println!("a pair met {}", spread(&mut self.waits));
        for (what, waits) in &mut self.healing.waits {
            println!("{what}: {} times, {}", waits.len(), spread(waits));
        }
    }
}

fn spread(waits: &mut [Duration]) -> String {
    if waits.is_empty() {
        return "never".to_owned();
    }
    waits.sort();
    let wait = |part: usize| waits[(waits.len() - 1) * part / 1000];
    format!(
        "within {:.1?}, 1 in 100 later than {:.1?}, none later than {:.1?}",
        wait(500),
        wait(990),
        wait(1000)
    )
}
