//! A day of one node, in virtual time, on which everything goes wrong at once: what its log says of it
//! can be read in a few minutes.

#![allow(clippy::indexing_slicing, clippy::disallowed_macros)]

mod simulation;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use native_gossip_core::{Config, Engine, Event, NodeName, Refusal, Report, Secret, Time};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use simulation::{
    Plan, Simulation,
    host::{ETH0, ETH1, Place},
    mesh::{address, millis, secs},
    port::Happening,
};

const DAY: Duration = secs(86_400);

/// Lines that a person reads of one day. Events that only `debug` asks for are none.
const MOST: usize = 200;

/// Lines of each event: of what comes and goes three at once, and then after pauses that grow to four
/// hours, 12 a day; where only what lasts is told, fewer.
const BOUNDS: [(&str, usize); 7] = [
    // Four causes, after pauses that double to a day.
    ("packets_refused", 4 * 11),
    // Sending and hearing by both interfaces, and having the loopback alone.
    ("fault_raised", 5 * 12),
    ("fault_cleared", 15),
    ("group_joined", 15),
    ("group_left", 15),
    // Three peers whose connections end again and again. Where one lasts four hours, the next three are
    // told at once.
    ("peer_connected", 3 * 16),
    // One for whom no attempt succeeds, and those whose cable went at that moment.
    ("peer_unreachable", 5),
];

/// Of the peer that cannot be reached, why not: where the cause is another one at each probe.
/// Elixir tells it, and test/prober_test.exs counts it.
const CONNECT_FAILED: usize = 12;

/// Whose log it is: it has the loose cable and the VPN.
const NODE: usize = 0;
/// It is heard by all, and nobody can connect to it.
const UNREACHABLE: usize = 3;
/// It has another secret.
const STRANGE: usize = 4;
/// It is behind the VPN. Who is not named here is on the LAN.
const REMOTE: usize = 5;
const NODES: usize = 6;

/// A connection without a way ends: `net_ticktime`.
const TICK_TIME: Duration = secs(60);

/// One cut of the cable in this many lasts for longer than a connection does.
const LONG_CUTS: u32 = 500;
const LONG_CUT: Duration = secs(90);

/// A flood comes in bursts of twice as many packets, all of one kind.
const FLOOD_INTERVAL: Duration = secs(120);
const FLOOD_PACKETS: usize = 250;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Cable,
    Vpn,
    Flood,
    Ticks,
}

struct Day {
    net: Simulation,
    timers: BinaryHeap<Reverse<(Time, Timer)>>,
    flood: Vec<Vec<u8>>,
    vpn_is_up: bool,
    /// Since when there is no way from the node to this one.
    cut_since: [Option<Time>; NODES],
    is_connected: [bool; NODES],
    /// How many lines there are, by the event and what it tells of.
    lines: BTreeMap<(&'static str, String), usize>,
    cable_changes: u32,
    vpn_changes: u32,
    ended: u32,
    failed: u32,
    rng: StdRng,
}

fn config(secret: &str) -> Config {
    Config { secrets: vec![Secret(secret.into())], ..Config::default() }
}

/// What nobody takes who has the secret, each for another cause.
fn refused() -> Vec<Vec<u8>> {
    let heartbeat = |config: Config| {
        let mut engine = Engine::new(config, StdRng::seed_from_u64(1));
        engine.set_identity(Time::ZERO, NodeName::parse("forged@10.0.0.99").ok());
        engine.heartbeat(Time::ZERO.into()).expect("due at once")
    };
    let mut changed = heartbeat(config("s"));
    changed[0] ^= 1;
    let plain = heartbeat(Config::default());
    vec![b"noise".to_vec(), vec![0; 1501], heartbeat(config("other")), plain, changed]
}

impl Day {
    fn new(seed: u64) -> Self {
        let mut plans: Vec<_> = (0..NODES).map(|host| Plan::new(address(host), host)).collect();
        let behind = |segment| Place { lan: 1, segment };
        plans[NODE].interfaces.push((address(100), behind(0)));
        plans[REMOTE].interfaces = vec![(address(101), behind(1))];
        let mut net = Simulation::new(plans, &config("s"), seed);
        net.lans.longest_delay = millis(1);
        net.replace(STRANGE, &config("other"));
        net.start(STRANGE);
        net.hosts[NODE].remove(ETH1);
        let timers = [Timer::Cable, Timer::Vpn, Timer::Flood, Timer::Ticks];
        Self {
            net,
            timers: timers.map(|timer| Reverse((Time::ZERO, timer))).into(),
            flood: refused(),
            vpn_is_up: false,
            cut_since: [None; NODES],
            is_connected: [false; NODES],
            lines: BTreeMap::new(),
            cable_changes: 0,
            vpn_changes: 0,
            ended: 0,
            failed: 0,
            rng: StdRng::seed_from_u64(!seed),
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.net.now + time;
        while let Some(Reverse((at, timer))) = self.timers.pop() {
            if at > end {
                return;
            }
            while self.net.step(at) {
                self.take_note();
            }
            let pause = match timer {
                Timer::Cable => self.cable(),
                Timer::Vpn => self.vpn(),
                Timer::Flood => self.burst(),
                Timer::Ticks => self.ticks(),
            };
            self.take_note();
            self.timers.push(Reverse((at + pause, timer)));
        }
    }

    /// The cable is loose: the interface goes down, or is gone as that of a USB adapter.
    fn cable(&mut self) -> Duration {
        self.cable_changes += 1;
        let is_long = self.rng.random_ratio(1, LONG_CUTS);
        let (is_removed, is_same_index) = (self.rng.random(), self.rng.random());
        let host = &mut self.net.hosts[NODE];
        let nic = &host.nics[ETH0];
        match (nic.is_there, nic.is_up) {
            (false, _) => host.make(ETH0, address(NODE), is_same_index),
            (true, false) => host.set_up(ETH0, true),
            (true, true) if is_removed => host.remove(ETH0),
            (true, true) => host.set_up(ETH0, false),
        }
        if is_long && !self.has_way(1) {
            return LONG_CUT;
        }
        millis(self.rng.random_range(500..8000))
    }

    /// The VPN comes with the default route, under another index and perhaps with another address.
    fn vpn(&mut self) -> Duration {
        self.vpn_changes += 1;
        let host = &mut self.net.hosts[NODE];
        self.vpn_is_up = !self.vpn_is_up;
        if self.vpn_is_up {
            host.make(ETH1, address(self.rng.random_range(110..=200)), false);
            host.route = Some(ETH1);
        } else {
            host.remove(ETH1);
            host.route = Some(ETH0);
        }
        secs(self.rng.random_range(120..1200))
    }

    fn burst(&mut self) -> Duration {
        self.flood.rotate_left(1);
        self.net.flood_with(NODE, FLOOD_PACKETS, &self.flood[0]);
        FLOOD_INTERVAL
    }

    /// A connection whose way is cut ends after a while, at both ends.
    fn ticks(&mut self) -> Duration {
        for peer in 1..NODES {
            let since = self.cut_since[peer].unwrap_or(self.net.now);
            self.cut_since[peer] = (!self.has_way(peer)).then_some(since);
            if self.net.now >= since + TICK_TIME && std::mem::take(&mut self.is_connected[peer]) {
                self.ended += 1;
                self.net.report(NODE, peer, Report::Down);
                self.net.report(peer, NODE, Report::Down);
            }
        }
        secs(1)
    }

    fn has_way(&self, peer: usize) -> bool {
        let slot = if peer == REMOTE { ETH1 } else { ETH0 };
        let nic = &self.net.hosts[NODE].nics[slot];
        nic.is_there && nic.is_up
    }

    /// What Elixir would make of it: attempts end with a report, and events are logged.
    fn take_note(&mut self) {
        for (n, happening) in std::mem::take(&mut self.net.log) {
            match happening {
                Happening::Announced { peer } => self.connect(n, peer),
                Happening::Said(event) if n == NODE => {
                    *self.lines.entry((event.name(), subject(&event))).or_default() += 1;
                }
                _ => {}
            }
        }
    }

    fn connect(&mut self, n: usize, peer: usize) {
        let is_cut = [(n, peer), (peer, n)].iter().any(|(a, b)| *a == NODE && !self.has_way(*b));
        if is_cut || [n, peer].contains(&UNREACHABLE) {
            self.failed += u32::from(n == NODE);
            return self.net.report(n, peer, Report::Unreachable);
        }
        self.net.report(n, peer, Report::Connected);
        self.net.report(peer, n, Report::Connected);
        if n == NODE || peer == NODE {
            self.is_connected[n.max(peer)] = true;
        }
    }
}

/// The name of what an event tells of, where there are more of its name.
fn subject(event: &Event) -> String {
    match event {
        Event::PacketsRefused { cause, .. } => cause.to_string(),
        Event::FaultRaised(fault) | Event::FaultCleared(fault) => fault.name().to_owned(),
        Event::GroupJoined(_, interface)
        | Event::GroupLeft(_, interface)
        | Event::PeersSilent(_, interface) => interface.name.clone(),
        Event::PeerConnected(node) | Event::PeerUnreachable(node) => node.to_string(),
        _ => String::new(),
    }
}

/// Lines of each event, with those about each subject.
fn table(lines: &BTreeMap<(&'static str, String), usize>) -> BTreeMap<&'static str, usize> {
    let mut table = BTreeMap::new();
    for ((name, _), lines) in lines {
        *table.entry(*name).or_default() += lines;
    }
    for (name, all) in &table {
        let of_name = lines.iter().filter(|((of, _), _)| of == name);
        let parts: Vec<_> = of_name.map(|((_, what), n)| format!("{what} {n}")).collect();
        println!("{name}: {all} ({})", parts.join(", "));
    }
    table
}

#[test]
fn a_day_of_everything_that_goes_wrong_is_two_hundred_lines_of_the_log() {
    for seed in 0..3 {
        let mut day = Day::new(seed);
        day.pass(DAY);
        let counters = day.net.nodes[NODE].counters();
        let refused: u64 = Refusal::ALL.iter().map(|cause| counters.refused(*cause)).sum();
        println!(
            "a day, seed {seed}: {} changes of the cable, {} of the VPN, {} connections that ended, \
             {} attempts that failed, {refused} packets refused",
            day.cable_changes, day.vpn_changes, day.ended, day.failed
        );
        assert!(day.cable_changes > 10_000 && day.vpn_changes > 100 && refused > 100_000);
        assert!(day.ended > 50 && day.failed > 1000);
        let table = table(&day.lines);
        println!("connect_failed: {CONNECT_FAILED} at most");
        let all = table.values().sum::<usize>() + CONNECT_FAILED;
        println!("all: {all}, at most {MOST}");
        let known: Vec<_> = BOUNDS.iter().map(|(name, _)| *name).collect();
        assert!(table.keys().all(|name| known.contains(name)), "{table:?}");
        for (name, most) in BOUNDS {
            let lines = table.get(name).copied().unwrap_or_default();
            assert!((1..=most).contains(&lines), "{name}: {lines} lines, seed {seed}");
        }
        assert!(all <= MOST, "{all} lines, seed {seed}");
    }
}
