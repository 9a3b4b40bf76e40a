//! Seeds and the broadcast address.

use std::net::{Ipv4Addr, SocketAddr};

use native_gossip_core::{Config, Event, Fault, Time};

use crate::{
    SEEDS, cleared, raised, settle,
    simulation::{
        PORT, Plan,
        errors::{ENETUNREACH, error},
        host::ETH0,
        mesh::{Mesh, address, secs},
        port::Call,
    },
};

/// Two hosts whose nodes send when there is a reason, and else hardly ever.
fn rare(seed: u64) -> Mesh {
    let config = Config { heartbeat_interval: secs(100_000), ..Config::default() };
    settle(Mesh::new(2, seed, &config), seed)
}

fn sent_to(mesh: &Mesh, host: usize) -> Vec<Time> {
    let to = SocketAddr::from((address(host), PORT));
    mesh.called(0, |call| matches!(call, Call::SendTo { target, .. } if *target == to))
}

#[test]
fn seeds_are_sent_to_and_hear_what_the_group_does_not_bring_them() {
    for seed in SEEDS {
        let mut mesh = Mesh::new(2, seed, &Config::default());
        mesh.strike(1, |host| host.nics[ETH0].is_known = false);
        mesh.strike(1, |host| host.refuses.join = Some(ENETUNREACH));
        mesh.pass(secs(10));
        assert!(!mesh.has_heard(1, 0));
        mesh.net.set_seeds(0, &[address(1)]);
        mesh.pass(secs(1));
        assert!(mesh.has_heard(1, 0), "seed {seed}");
    }
}

#[test]
fn seeds_with_other_addresses_are_told_at_once_and_the_same_ones_are_not() {
    for seed in SEEDS {
        let mut mesh = rare(seed);
        mesh.net.set_seeds(0, &[address(7), address(8)]);
        mesh.pass(secs(2));
        assert_eq!((sent_to(&mesh, 7).len(), sent_to(&mesh, 8).len()), (4, 4));
        mesh.net.set_seeds(0, &[address(7), address(8)]);
        mesh.pass(secs(2));
        assert_eq!(sent_to(&mesh, 7).len(), 4);
        mesh.net.set_seeds(0, &[address(8), address(9)]);
        mesh.pass(secs(2));
        let sent = [7, 8, 9].map(|host| sent_to(&mesh, host).len());
        assert_eq!(sent, [4, 8, 4], "seed {seed}");
    }
}

/// What is told of `failing` seeds, of `of` that there are, the first of which are these.
fn unreachable(failing: usize, of: usize, some: &[usize]) -> Fault {
    let some = some.iter().map(|host| SocketAddr::from((address(*host), PORT))).collect();
    Fault::Seeds { failing, of, some, error: error(ENETUNREACH) }
}

#[test]
fn seeds_that_cannot_be_sent_to_are_told_in_one_line_after_15_s_and_its_end_and_a_burst_follows() {
    for seed in SEEDS {
        let mut mesh = rare(seed);
        mesh.strike(0, |host| host.refuses.send_to = Some(ENETUNREACH));
        mesh.net.set_seeds(0, &[address(7), address(8)]);
        mesh.pass(secs(14));
        assert_eq!(raised(&mesh, 0), Vec::<&Fault>::new());
        mesh.pass(secs(600));
        let fault = unreachable(2, 2, &[7, 8]);
        assert_eq!(raised(&mesh, 0), [&fault]);

        mesh.strike(0, |host| host.refuses.send_to = None);
        mesh.calls.clear();
        mesh.net.set_seeds(0, &[address(7), address(8), address(9)]);
        mesh.pass(secs(4));
        assert_eq!(cleared(&mesh, 0), Vec::<&Fault>::new(), "nobody knows yet");
        mesh.pass(secs(16));
        assert_eq!(cleared(&mesh, 0), [&fault]);
        // A burst because there is another one, and one because the first were out of reach for so
        // long.
        assert_eq!(sent_to(&mesh, 7).len(), 8, "seed {seed}");
    }
}

#[test]
fn a_seed_that_is_reached_again_within_15_s_is_not_told() {
    for seed in SEEDS {
        let mut mesh = settle(Mesh::new(2, seed, &Config::default()), seed);
        mesh.net.set_seeds(0, &[address(7)]);
        mesh.strike(0, |host| host.refuses.send_to = Some(ENETUNREACH));
        mesh.pass(secs(9));
        mesh.strike(0, |host| host.refuses.send_to = None);
        mesh.pass(secs(60));
        assert_eq!(mesh.events, [], "seed {seed}");
    }
}

#[test]
fn the_fault_of_seeds_that_are_no_more_is_not_told_to_be_over() {
    let mut mesh = rare(0);
    mesh.strike(0, |host| host.refuses.send_to = Some(ENETUNREACH));
    mesh.net.set_seeds(0, &[address(7), address(8)]);
    mesh.pass(secs(31));
    assert_eq!(raised(&mesh, 0), [&unreachable(2, 2, &[7, 8])]);
    mesh.net.set_seeds(0, &[]);
    mesh.strike(0, |host| host.refuses.send_to = None);
    mesh.net.set_seeds(0, &[address(8), address(7)]);
    mesh.pass(secs(60));
    assert_eq!(cleared(&mesh, 0), Vec::<&Fault>::new());
}

fn broadcasting(host: usize) -> Plan {
    let mut plan = Plan::new(address(host), 0);
    plan.network.broadcast_only = true;
    plan.network.multicast_addr = Ipv4Addr::BROADCAST.into();
    plan
}

#[test]
fn who_broadcasts_joins_nothing_and_is_heard_by_all() {
    for seed in SEEDS {
        let plans = (0..3).map(broadcasting).collect();
        let mut mesh = Mesh::of(plans, seed, &Config::default());
        mesh.pass(secs(60));
        assert!(mesh.is_full_mesh());
        let is_of_groups = |call: &Call| {
            matches!(call, Call::Scan { .. } | Call::Join { .. } | Call::Leave { .. })
        };
        assert!(mesh.called(0, is_of_groups).is_empty());
        assert!(mesh.events.iter().all(|(_, _, event)| matches!(event, Event::PeerConnected(_))));
    }
}

#[test]
fn who_broadcasts_tells_everybody_at_once_that_its_socket_is_open_again() {
    for seed in SEEDS {
        let config = Config { heartbeat_interval: secs(100_000), ..Config::default() };
        let plans = (0..2).map(broadcasting).collect();
        let mut mesh = settle(Mesh::of(plans, seed, &config), seed);
        mesh.net.break_socket(0, ENETUNREACH);
        mesh.pass(secs(2));
        let told = mesh.heard.iter().filter(|(_, to, from)| (*to, *from) == (1, 0)).count();
        assert_eq!(told, 4, "seed {seed}");
    }
}

#[test]
fn a_broadcast_that_fails_is_told_once_and_its_end() {
    for seed in SEEDS {
        let plans = (0..2).map(broadcasting).collect();
        let mut mesh = settle(Mesh::of(plans, seed, &Config::default()), seed);
        mesh.strike(0, |host| host.refuses.send_to = Some(ENETUNREACH));
        mesh.pass(secs(30));
        let target = SocketAddr::from((Ipv4Addr::BROADCAST, PORT));
        let fault = Fault::SendTo { target, error: error(ENETUNREACH) };
        assert_eq!(raised(&mesh, 0), [&fault]);
        mesh.strike(0, |host| host.refuses.send_to = None);
        mesh.pass(secs(5));
        assert_eq!(cleared(&mesh, 0), [&fault]);
    }
}
