//! Many nodes on a simulated network in virtual time.

#![allow(clippy::indexing_slicing)]

mod simulation;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use native_gossip_core::{Config, Engine, NodeName, Received, Refusal, Report, Secret, Time};
use rand::{SeedableRng, rngs::StdRng};
use simulation::{
    Plan,
    mesh::{Mesh, address, millis, secs},
};

/// Where all packets come from, as on one host.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn sealed() -> Config {
    Config { secrets: vec![Secret(b"s".to_vec())], ..Config::default() }
}

#[test]
fn a_quiet_network_is_a_full_mesh_after_its_first_packets() {
    for config in [Config::default(), sealed()] {
        let mut mesh = Mesh::new(50, 1, &config).lossy(0.0, millis(1));
        mesh.pass(secs(1));
        assert!(mesh.is_full_mesh());
    }
}

#[test]
fn the_nodes_of_one_host_are_a_full_mesh_after_their_first_packets() {
    for config in [Config::default(), sealed()] {
        let host = Plan { nodes: 50, ..Plan::new(address(0), 0) };
        let mut mesh = Mesh::of(vec![host], 1, &config);
        mesh.pass(secs(1));
        assert!(mesh.is_full_mesh());
    }
}

#[test]
fn loss_and_delay_put_a_full_mesh_off_and_do_not_prevent_it() {
    for seed in 0..20 {
        let mut mesh = Mesh::new(30, seed, &sealed()).lossy(0.3, millis(300));
        mesh.pass(secs(60));
        assert!(mesh.is_full_mesh(), "seed {seed}");
    }
}

#[test]
fn a_node_that_starts_again_under_its_name_hears_all_others_at_once() {
    for (size, within) in [(5, 20), (100, 150)] {
        for seed in 0..10 {
            let mut mesh = Mesh::new(size, seed, &Config::default()).lossy(0.0, millis(1));
            // A connection that ends within 30 s has failed, which is no reason to be silent.
            mesh.pass(secs(if seed.is_multiple_of(2) { 40 } else { 5 }));
            (1..size).for_each(|n| mesh.net.report(n, 0, Report::Down));
            mesh.net.replace(0, &Config::default());
            mesh.pass(secs(2));
            mesh.forget();
            mesh.net.start(0);
            let heard_all = |mesh: &Mesh| (1..size).all(|n| mesh.has_heard(0, n));
            let after = mesh.until(secs(60), heard_all).expect("all are heard");
            assert!(after <= millis(within), "seed {seed}: {after:?}");
        }
    }
}

#[test]
fn two_halves_that_hear_each_other_again_have_all_met_soon_after() {
    let mut took: Vec<_> = (0..40).map(parted_and_healed).collect();
    took.sort();
    assert!(took[20] < millis(500), "{took:?}");
    assert!(took[39] < millis(1500), "{took:?}");
}

/// How long it takes until everybody in two halves of six has heard everybody in the other one.
fn parted_and_healed(seed: u64) -> Duration {
    let mut mesh = Mesh::new(6, seed, &Config::default()).lossy(0.0, millis(1));
    let others = |n| if n < 3 { 3..6 } else { 0..3 };
    mesh.pass(secs(if seed.is_multiple_of(2) { 40 } else { 5 }));
    mesh.net.lans.set_partitions(0, vec![0, 0, 0, 1, 1, 1]);
    for n in 0..6 {
        others(n).for_each(|other| mesh.net.report(n, other, Report::Down));
    }
    mesh.pass(secs(30));
    mesh.forget();
    mesh.net.lans.set_partitions(0, vec![0; 6]);
    let have_met = |mesh: &Mesh| (0..6).all(|n| others(n).all(|other| mesh.has_heard(n, other)));
    mesh.until(secs(60), have_met).expect("all have met")
}

#[test]
fn a_connected_peer_is_announced_at_the_pace_of_a_list_that_may_forget_it_or_never_again() {
    for interval in [Some(secs(5)), None] {
        let config = Config { refresh_interval: interval, ..Config::default() };
        let mut mesh = Mesh::new(10, 3, &config).lossy(0.1, millis(50));
        mesh.pass(secs(600));
        assert!(mesh.is_full_mesh());
        let mut last = BTreeMap::new();
        for (at, to, peer) in &mesh.announced {
            if let Some(before) = last.insert((to, peer), *at) {
                assert!(
                    interval.is_some_and(|interval| *at - before >= interval),
                    "{peer} at {at:?}"
                );
            }
        }
    }
}

#[test]
fn two_hundred_nodes_send_two_hundred_packets_a_second_however_short_their_interval() {
    for interval in [100, 1000, 2000].map(Duration::from_millis) {
        let config = Config { heartbeat_interval: interval, ..Config::default() };
        let mut mesh = Mesh::new(200, 8, &config).lossy(0.1, millis(50));
        mesh.pass(secs(20));
        let sent = mesh.sent();
        mesh.pass(secs(30));
        let rate = (mesh.sent() - sent) as f64 / 30.0;
        assert!((180.0..220.0).contains(&rate), "{rate} with {interval:?}");
    }
}

#[test]
fn nodes_with_different_secrets_do_not_meet() {
    let other = Config { secrets: vec![Secret(b"other".to_vec())], ..Config::default() };
    let mut mesh = Mesh::new(6, 4, &sealed()).lossy(0.0, millis(1));
    for n in 0..3 {
        mesh.net.replace(n, &other);
        mesh.net.start(n);
    }
    mesh.pass(secs(60));
    assert_eq!(mesh.pairs().len(), 2 * 3 * 2);
    assert!(mesh.pairs().iter().all(|(to, peer)| (*to < 3) == (*peer < 3)));
}

#[test]
fn a_node_that_is_not_alive_sends_nothing_and_announces_nobody_until_it_is() {
    let mut mesh = Mesh::new(3, 5, &Config::default()).lossy(0.0, millis(1));
    mesh.net.replace(0, &Config::default());
    mesh.pass(secs(20));
    assert_eq!(mesh.counters(0).sent, 0);
    assert!(mesh.counters(0).accepted > 0);
    assert!(mesh.pairs().iter().all(|(to, peer)| *to != 0 && *peer != 0));

    mesh.net.start(0);
    mesh.pass(secs(1));
    assert!((1..3).all(|n| mesh.pairs().contains(&(n, 0))));
    mesh.pass(secs(9));
    assert!(mesh.is_full_mesh());
}

#[test]
fn an_own_heartbeat_is_an_echo_and_counted_as_one() {
    let mut mesh = Mesh::new(1, 6, &Config::default());
    mesh.pass(secs(20));
    let counters = mesh.counters(0);
    assert!(counters.sent > 3);
    assert_eq!(counters.echoed, counters.sent);
}

#[test]
fn a_plain_heartbeat_is_unsealed_to_a_node_with_a_secret() {
    let mut node = Engine::new(sealed(), StdRng::seed_from_u64(1));
    let mut plain = Engine::new(Config::default(), StdRng::seed_from_u64(0));
    // Names of every length: some packets are whole blocks, whose padding may come out even.
    for n in 0..20_000 {
        let name = format!("{}-{n}@10.0.0.1", "n".repeat(n % 16));
        plain.set_identity(Time::ZERO, NodeName::parse(&name).ok());
        let heartbeat = plain.heartbeat(Time::ZERO.into()).expect("due at once");
        let verdict = node.receive(Time::ZERO.into(), SOURCE, &heartbeat);
        assert_eq!(verdict, Received::Refused(Refusal::Unsealed), "{name}");
    }
}

#[test]
fn a_datagram_over_1500_bytes_is_refused_unread() {
    let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(0));
    let mut verdict = |datagram: &[u8]| engine.receive(Time::ZERO.into(), SOURCE, datagram);
    assert_eq!(verdict(&[0; 1501]), Received::Refused(Refusal::OverLimit));
    assert_eq!(verdict(&[0; 1500]), Received::Refused(Refusal::Malformed));
}
