//! Switches that forget a member, and peers that are missed.

use std::time::Duration;

use native_gossip_core::{Config, Event, Report, Time};

use crate::{
    SCAN, SEEDS, heard_again, settle, settled,
    simulation::{
        GROUP, Plan,
        host::ETH0,
        mesh::{Mesh, address, millis, secs},
    },
};

/// Two and a half of the longest gaps.
const SILENCE: Duration = millis(12_500);

/// A network that lets nothing in; the echo goes on.
fn deafen(mesh: &mut Mesh, is_deaf: bool) {
    mesh.strike(0, |host| host.nics[ETH0].is_deaf = is_deaf);
}

fn last_heard(mesh: &Mesh, by: usize, is_meant: impl Fn(usize) -> bool) -> Time {
    let heard = mesh.heard.iter().filter(|(_, to, from)| *to == by && is_meant(*from));
    heard.map(|(at, ..)| *at).max().expect("it has heard somebody")
}

/// A few nodes, which have heard each other lately.
fn hearing(seed: u64) -> Mesh {
    let mut mesh = settled(3, seed);
    mesh.pass(secs(20));
    mesh
}

fn forget_member(mesh: &mut Mesh) {
    mesh.strike(0, |host| host.nics[ETH0].is_known = false);
}

fn is_known(mesh: &Mesh) -> bool {
    mesh.net.hosts[0].nics[ETH0].is_known
}

#[test]
fn a_switch_that_forgot_a_member_is_told_again_after_two_and_a_half_of_the_longest_gaps() {
    for (interval, silence) in [(5, SILENCE), (1, secs(10)), (20, secs(50))] {
        let config = Config { heartbeat_interval: secs(interval), ..Config::default() };
        for seed in SEEDS {
            let mesh = Mesh::new(3, seed, &config).lossy(0.0, millis(1));
            let mut mesh = settle(mesh, seed);
            mesh.pass(secs(100));
            forget_member(&mut mesh);
            mesh.until(secs(600), is_known).expect("it is told again");
            let waited = mesh.net.now - last_heard(&mesh, 0, |_| true);
            assert!((silence..=silence + SCAN).contains(&waited), "seed {seed}: {waited:?}");

            let interface = mesh.net.hosts[0].interface(ETH0);
            assert_eq!(mesh.said(0), [&Event::PeersSilent(GROUP, interface)]);
            // And asks the others for heartbeats no more than they send anyway.
            assert!(heard_again(&mut mesh, 0).is_some_and(|after| after <= secs(interval)));
        }
    }
}

#[test]
fn a_silence_that_lasts_is_met_five_times_after_doubling_times_and_told_once() {
    for seed in SEEDS {
        let mut mesh = hearing(seed);
        deafen(&mut mesh, true);
        mesh.pass(secs(10_000));
        let mut from = last_heard(&mesh, 0, |_| true);
        let rejoined = mesh.rejoined(0);
        assert_eq!(rejoined.len(), 5, "seed {seed}");
        for (at, times) in rejoined.iter().zip([1, 2, 4, 8, 16]) {
            let waited = *at - from;
            let expected = SILENCE * times;
            assert!((expected..=expected + SCAN).contains(&waited), "seed {seed}: {waited:?}");
            from = *at;
        }
        let interface = mesh.net.hosts[0].interface(ETH0);
        assert_eq!(mesh.said(0), [&Event::PeersSilent(GROUP, interface)]);
    }
}

#[test]
fn a_silence_counts_as_the_first_again_after_eight_times_its_length_without_one() {
    for seed in SEEDS {
        for (heard, times) in [(140, 1), (60, 2)] {
            let mut mesh = hearing(seed);
            deafen(&mut mesh, true);
            mesh.pass(SILENCE + SCAN);
            assert_eq!(mesh.rejoined(0).len(), 1);
            deafen(&mut mesh, false);
            mesh.pass(secs(heard));
            mesh.calls.clear();
            deafen(&mut mesh, true);
            let from = last_heard(&mesh, 0, |_| true);
            mesh.until(secs(100), |mesh| !mesh.rejoined(0).is_empty()).expect("it is met");
            let waited = mesh.net.now - from;
            let expected = SILENCE * times;
            assert!((expected..=expected + SCAN).contains(&waited), "seed {seed}: {waited:?}");
        }
    }
}

#[test]
fn a_flood_that_drowns_the_peers_is_no_silence() {
    for seed in SEEDS {
        let mut mesh = hearing(seed);
        deafen(&mut mesh, true);
        mesh.pass(SILENCE + SCAN);
        assert_eq!(mesh.rejoined(0).len(), 1);
        deafen(&mut mesh, false);
        mesh.pass(secs(60));
        // None of theirs comes through.
        deafen(&mut mesh, true);
        crate::sockets::flood(&mut mesh, 3000);
        deafen(&mut mesh, false);
        assert_eq!(mesh.rejoined(0).len(), 1, "seed {seed}");
        mesh.pass(secs(60));
        deafen(&mut mesh, true);
        let from = last_heard(&mesh, 0, |_| true);
        mesh.calls.clear();
        mesh.until(secs(100), |mesh| !mesh.rejoined(0).is_empty()).expect("it is met");
        let waited = mesh.net.now - from;
        assert!((SILENCE..=SILENCE + SCAN).contains(&waited), "seed {seed}: {waited:?}");
    }
}

#[test]
fn nobody_is_missed_who_is_not_connected() {
    for seed in SEEDS {
        let mut mesh = hearing(seed);
        deafen(&mut mesh, true);
        (1..3).for_each(|peer| mesh.net.report(0, peer, Report::Down));
        mesh.pass(secs(300));
        assert!(mesh.rejoined(0).is_empty(), "seed {seed}");
        mesh.net.report(0, 2, Report::Connected);
        mesh.pass(SCAN);
        assert_eq!(mesh.rejoined(0).len(), 1, "seed {seed}");
    }
}

#[test]
fn a_node_that_was_never_alone_misses_nobody_who_was_not_there() {
    for seed in SEEDS {
        let mut mesh = settled(1, seed);
        mesh.pass(secs(600));
        assert!(mesh.rejoined(0).is_empty());
        assert_eq!(mesh.said(0), Vec::<&Event>::new());
    }
}

#[test]
fn nodes_of_the_same_host_are_heard_whatever_the_network_does_and_do_not_count() {
    for seed in SEEDS {
        let crowd = Plan { nodes: 2, ..Plan::new(address(0), 0) };
        let mesh = Mesh::of(vec![crowd, Plan::new(address(1), 1)], seed, &Config::default());
        let mut mesh = settle(mesh.lossy(0.0, millis(1)), seed);
        mesh.pass(secs(20));
        deafen(&mut mesh, true);
        mesh.pass(SILENCE + SCAN);
        for node in 0..2 {
            let waited = mesh.rejoined(node)[0] - last_heard(&mesh, node, |from| from == 2);
            assert!((SILENCE..=SILENCE + SCAN).contains(&waited), "seed {seed}: {waited:?}");
        }
    }
}

#[test]
fn what_comes_to_the_address_of_the_host_says_nothing_of_the_group() {
    for seed in SEEDS {
        let mut mesh = hearing(seed);
        mesh.net.set_seeds(1, &[address(0)]);
        mesh.pass(secs(20));
        mesh.heard.clear();
        let forgotten_at = mesh.net.now;
        forget_member(&mut mesh);
        let after = mesh.until(secs(600), is_known);
        assert!(after.is_some_and(|after| after <= SILENCE + SCAN), "seed {seed}: {after:?}");
        assert!(mesh.heard.iter().any(|(at, to, _)| *to == 0 && *at > forgotten_at));
    }
}

#[test]
fn one_of_two_members_of_a_host_cannot_tell_the_switch_and_says_so_once() {
    let crowd = Plan { nodes: 2, ..Plan::new(address(0), 0) };
    let mesh = Mesh::of(vec![crowd, Plan::new(address(1), 1)], 1, &Config::default());
    let mut mesh = settle(mesh.lossy(0.0, millis(1)), 1);
    forget_member(&mut mesh);
    mesh.pass(secs(10_000));
    assert!(!is_known(&mesh), "only a querier helps");
    assert_eq!(mesh.rejoined(0).len(), 5);
}
