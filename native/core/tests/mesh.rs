//! Many engines on a simulated network in virtual time.

#![allow(clippy::indexing_slicing)]

mod simulation;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use native_gossip_core::{Config, Engine, NodeName, Received, Refusal, Report, Secret, Time};
use rand::{SeedableRng, rngs::StdRng};
use simulation::{Network, Outcome, Place};

/// Where all packets come from, as on one host.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Nodes of which every connect succeeds at once.
struct Mesh {
    network: Network,
    /// Who was announced to whom, and when.
    announced: Vec<(Time, usize, usize)>,
}

impl Mesh {
    fn new(size: usize, loss: f64, longest_delay: Duration, seed: u64, config: &Config) -> Self {
        let places = (0..size).map(|segment| Place { source: SOURCE, segment });
        let mut network = Network::new(places.collect(), config, seed);
        (network.loss, network.longest_delay) = (loss, longest_delay);
        Self { network, announced: Vec::new() }
    }

    fn run(&mut self, until: Duration) {
        let until = Time::after(until);
        while let Some(delivery) = self.network.next(until) {
            if let Outcome::Peer { announce: true } = delivery.outcome {
                let (now, to, peer) = (self.network.now, delivery.to, delivery.from);
                let node = &self.network.names[peer];
                self.network.engines[to].report(now, node, Report::Connected);
                self.announced.push((now, to, peer));
            }
        }
    }

    fn pairs(&self) -> BTreeSet<(usize, usize)> {
        self.announced.iter().map(|(_, to, peer)| (*to, *peer)).collect()
    }

    fn sent(&self) -> u64 {
        self.network.engines.iter().map(|engine| engine.counters().sent).sum()
    }

    fn is_full_mesh(&self) -> bool {
        let size = self.network.names.len();
        self.pairs().len() == size * (size - 1)
    }
}

fn sealed() -> Config {
    Config { secrets: vec![Secret(b"s".to_vec())], ..Config::default() }
}

#[test]
fn a_quiet_network_is_a_full_mesh_after_its_first_packets() {
    for config in [Config::default(), sealed()] {
        let mut mesh = Mesh::new(50, 0.0, Duration::from_millis(1), 1, &config);
        mesh.run(Duration::from_secs(1));
        assert!(mesh.is_full_mesh());
    }
}

#[test]
fn loss_and_delay_put_a_full_mesh_off_and_do_not_prevent_it() {
    for seed in 0..20 {
        let mut mesh = Mesh::new(30, 0.3, Duration::from_millis(300), seed, &sealed());
        mesh.run(Duration::from_secs(60));
        assert!(mesh.is_full_mesh(), "seed {seed}");
    }
}

#[test]
fn a_connected_peer_is_announced_once_a_minute_and_no_more() {
    let mut mesh = Mesh::new(10, 0.1, Duration::from_millis(50), 3, &Config::default());
    mesh.run(Duration::from_secs(600));
    let announced = mesh.announced.clone();
    for (at, to, peer) in &announced {
        let again = announced.iter().filter(|(other, to_, peer_)| {
            (to_, peer_) == (to, peer) && other > at && *other < *at + Duration::from_secs(60)
        });
        assert_eq!(again.count(), 0, "{peer} at {at:?}");
    }
}

#[test]
fn two_hundred_nodes_send_two_hundred_packets_a_second_however_short_their_interval() {
    for interval in [100, 1000, 2000].map(Duration::from_millis) {
        let config = Config { heartbeat_interval: interval, ..Config::default() };
        let mut mesh = Mesh::new(200, 0.1, Duration::from_millis(50), 8, &config);
        mesh.run(Duration::from_secs(20));
        let sent = mesh.sent();
        mesh.run(Duration::from_secs(50));
        let rate = (mesh.sent() - sent) as f64 / 30.0;
        assert!((180.0..220.0).contains(&rate), "{rate} with {interval:?}");
    }
}

#[test]
fn nodes_with_different_secrets_do_not_meet() {
    let other = Config { secrets: vec![Secret(b"other".to_vec())], ..Config::default() };
    let mut mesh = Mesh::new(6, 0.0, Duration::from_millis(1), 4, &sealed());
    for n in 0..3 {
        mesh.network.replace(n, &other);
        mesh.network.start(n);
    }
    mesh.run(Duration::from_secs(60));
    assert_eq!(mesh.pairs().len(), 2 * 3 * 2);
    assert!(mesh.pairs().iter().all(|(to, peer)| (*to < 3) == (*peer < 3)));
}

#[test]
fn a_node_that_is_not_alive_sends_nothing_and_announces_nobody_until_it_is() {
    let mut mesh = Mesh::new(3, 0.0, Duration::from_millis(1), 5, &Config::default());
    mesh.network.replace(0, &Config::default());
    mesh.run(Duration::from_secs(20));
    assert_eq!(mesh.network.engines[0].counters().sent, 0);
    assert!(mesh.network.engines[0].counters().accepted > 0);
    assert!(mesh.pairs().iter().all(|(to, peer)| *to != 0 && *peer != 0));

    mesh.network.start(0);
    mesh.run(Duration::from_secs(21));
    assert!((1..3).all(|n| mesh.pairs().contains(&(n, 0))));
    mesh.run(Duration::from_secs(30));
    assert!(mesh.is_full_mesh());
}

#[test]
fn an_own_heartbeat_is_an_echo_and_counted_as_one() {
    let mut mesh = Mesh::new(1, 0.0, Duration::ZERO, 6, &Config::default());
    mesh.run(Duration::from_secs(20));
    let counters = mesh.network.engines[0].counters();
    assert!(counters.sent > 3);
    assert_eq!(counters.echoed, counters.sent);
}

#[test]
fn a_plain_heartbeat_is_unsealed_to_a_node_with_a_secret() {
    let mut mesh = Mesh::new(1, 0.0, Duration::ZERO, 7, &sealed());
    let mut plain = Engine::new(Config::default(), StdRng::seed_from_u64(0));
    // Names of every length: some packets are whole blocks, whose padding may come out even.
    for n in 0..20_000 {
        let name = format!("{}-{n}@10.0.0.1", "n".repeat(n % 16));
        plain.set_identity(Time::ZERO, NodeName::parse(&name).ok());
        let heartbeat = plain.heartbeat(Time::ZERO).expect("due at once");
        let verdict = mesh.network.engines[0].receive(Time::ZERO, SOURCE, &heartbeat);
        assert_eq!(verdict, Received::Refused(Refusal::Unsealed), "{name}");
    }
}

#[test]
fn a_datagram_over_1500_bytes_is_refused_unread() {
    let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(0));
    let mut verdict = |datagram: &[u8]| engine.receive(Time::ZERO, SOURCE, datagram);
    assert_eq!(verdict(&[0; 1501]), Received::Refused(Refusal::OverLimit));
    assert_eq!(verdict(&[0; 1500]), Received::Refused(Refusal::Malformed));
}
