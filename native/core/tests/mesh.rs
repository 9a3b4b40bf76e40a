//! Many engines on a simulated network in virtual time.

#![allow(clippy::indexing_slicing)]

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    net::{IpAddr, Ipv4Addr},
};

use native_gossip_core::{Config, Engine, NodeName, Report, Secret, Time};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// Where all packets come from, as on one host.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Network {
    engines: Vec<Engine<StdRng>>,
    names: Vec<NodeName>,
    /// Packets on their way: when they arrive, at whom, and what they hold.
    in_flight: BinaryHeap<Reverse<(Time, usize, Vec<u8>)>>,
    rng: StdRng,
    loss: f64,
    longest_delay: Time,
    now: Time,
    /// Who was announced to whom, and when.
    announced: Vec<(Time, usize, NodeName)>,
}

impl Network {
    fn new(size: usize, loss: f64, longest_delay: Time, seed: u64, config: &Config) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let names: Vec<_> = (0..size)
            .map(|n| NodeName::parse(&format!("n{n}@10.0.0.{n}")).expect("a node name"))
            .collect();
        let engines = names.iter().map(|name| {
            let mut engine = Engine::new(config.clone(), StdRng::seed_from_u64(rng.next_u64()));
            engine.set_identity(Time::ZERO, Some(name.clone()));
            engine
        });
        let engines = engines.collect();
        let in_flight = BinaryHeap::new();
        Self {
            engines,
            names,
            in_flight,
            rng,
            loss,
            longest_delay,
            now: Time::ZERO,
            announced: vec![],
        }
    }

    /// Lets time pass until `until`; every announced peer is reported as connected at once.
    fn run(&mut self, until: Time) {
        loop {
            let heartbeat = self.engines.iter().filter_map(Engine::deadline).min();
            let arrival = self.in_flight.peek().map(|Reverse((at, ..))| *at);
            let Some(next) = heartbeat.into_iter().chain(arrival).min() else { return };
            if next > until {
                self.now = until;
                return;
            }
            self.now = next;
            self.send();
            self.deliver();
        }
    }

    fn send(&mut self) {
        for engine in &mut self.engines {
            let Some(packet) = engine.heartbeat(self.now) else { continue };
            for to in 0..self.names.len() {
                if !self.rng.random_bool(self.loss) {
                    let delay = self.longest_delay.mul_f64(self.rng.random());
                    self.in_flight.push(Reverse((self.now + delay, to, packet.clone())));
                }
            }
        }
    }

    fn deliver(&mut self) {
        while self.in_flight.peek().is_some_and(|Reverse((at, ..))| *at <= self.now) {
            let Some(Reverse((_, to, packet))) = self.in_flight.pop() else { return };
            let engine = &mut self.engines[to];
            if let Ok(heard) = engine.hear(self.now, SOURCE, &packet)
                && heard.announce
            {
                engine.report(self.now, &heard.node, Report::Connected);
                self.announced.push((self.now, to, heard.node));
            }
        }
    }

    fn pairs(&self) -> BTreeSet<(usize, NodeName)> {
        self.announced.iter().map(|(_, to, node)| (*to, node.clone())).collect()
    }

    fn is_full_mesh(&self) -> bool {
        let size = self.names.len();
        self.pairs().len() == size * (size - 1)
    }
}

fn sealed() -> Config {
    Config { secrets: vec![Secret(b"s".to_vec())], ..Config::default() }
}

#[test]
fn a_quiet_network_is_a_full_mesh_after_its_first_packets() {
    for config in [Config::default(), sealed()] {
        let mut network = Network::new(50, 0.0, Time::from_millis(1), 1, &config);
        network.run(Time::from_secs(1));
        assert!(network.is_full_mesh());
    }
}

#[test]
fn loss_and_delay_put_a_full_mesh_off_and_do_not_prevent_it() {
    for seed in 0..20 {
        let mut network = Network::new(30, 0.3, Time::from_millis(300), seed, &sealed());
        network.run(Time::from_secs(60));
        assert!(network.is_full_mesh(), "seed {seed}");
    }
}

#[test]
fn a_connected_peer_is_announced_once_a_minute_and_no_more() {
    let mut network = Network::new(10, 0.1, Time::from_millis(50), 3, &Config::default());
    network.run(Time::from_secs(600));
    let announced = network.announced.clone();
    for (at, to, node) in &announced {
        let again = announced.iter().filter(|(other, to_, node_)| {
            (to_, node_) == (to, node) && other > at && *other < *at + Time::from_secs(60)
        });
        assert_eq!(again.count(), 0, "{node} at {at:?}");
    }
}

#[test]
fn nodes_with_different_secrets_do_not_meet() {
    let other = Config { secrets: vec![Secret(b"other".to_vec())], ..Config::default() };
    let mut network = Network::new(6, 0.0, Time::from_millis(1), 4, &sealed());
    for n in 0..3 {
        let mut engine = Engine::new(other.clone(), StdRng::seed_from_u64(n as u64));
        engine.set_identity(Time::ZERO, Some(network.names[n].clone()));
        network.engines[n] = engine;
    }
    network.run(Time::from_secs(60));
    let group = |name: &NodeName| network.names.iter().position(|n| n == name).map(|n| n < 3);
    assert_eq!(network.pairs().len(), 2 * 3 * 2);
    assert!(network.pairs().iter().all(|(to, node)| group(node) == Some(*to < 3)));
}

#[test]
fn a_node_that_is_not_alive_sends_nothing_and_announces_nobody_until_it_is() {
    let mut network = Network::new(3, 0.0, Time::from_millis(1), 5, &Config::default());
    network.engines[0].set_identity(Time::ZERO, None);
    network.run(Time::from_secs(20));
    assert_eq!(network.engines[0].counters().sent, 0);
    assert!(network.engines[0].counters().accepted > 0);
    assert!(network.pairs().iter().all(|(to, node)| *to != 0 && *node != network.names[0]));

    network.engines[0].set_identity(network.now, Some(network.names[0].clone()));
    network.run(Time::from_secs(21));
    let (names, pairs) = (network.names.clone(), network.pairs());
    assert!((1..3).all(|n| pairs.contains(&(n, names[0].clone()))));
    network.run(Time::from_secs(30));
    assert!(network.is_full_mesh());
}

#[test]
fn an_own_heartbeat_is_counted_as_own() {
    let mut network = Network::new(1, 0.0, Time::ZERO, 6, &Config::default());
    network.run(Time::from_secs(20));
    let counters = network.engines[0].counters();
    assert!(counters.sent > 3);
    assert_eq!(counters.refused(native_gossip_core::Refusal::Own), counters.sent);
}

#[test]
fn a_plain_heartbeat_is_unsealed_to_a_node_with_a_secret() {
    let mut network = Network::new(1, 0.0, Time::ZERO, 7, &sealed());
    let mut plain = Engine::new(Config::default(), StdRng::seed_from_u64(0));
    // Names of every length: some packets are whole blocks, whose padding may come out even.
    for n in 0..20_000 {
        let name = format!("{}-{n}@10.0.0.1", "n".repeat(n % 16));
        plain.set_identity(Time::ZERO, NodeName::parse(&name).ok());
        let heartbeat = plain.heartbeat(Time::ZERO).expect("due at once");
        let verdict = network.engines[0].hear(Time::ZERO, SOURCE, &heartbeat);
        assert_eq!(verdict, Err(native_gossip_core::Refusal::Unsealed), "{name}");
    }
}

#[test]
fn a_datagram_over_1500_bytes_is_refused_unread() {
    let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(0));
    assert_eq!(
        engine.hear(Time::ZERO, SOURCE, &[0; 1501]),
        Err(native_gossip_core::Refusal::OverLimit)
    );
    assert_eq!(
        engine.hear(Time::ZERO, SOURCE, &[0; 1500]),
        Err(native_gossip_core::Refusal::Malformed)
    );
}
