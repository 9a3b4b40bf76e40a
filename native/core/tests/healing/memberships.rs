//! Memberships that are lost without a sign, and the echo that is missed.

use native_gossip_core::{Config, Event, Fault};

use crate::{
    SEEDS, THREE_ECHOES, cleared, heard_again, member_again, raised, replace, settle, settled,
    simulation::{
        GROUP, Plan,
        host::ETH0,
        mesh::{Mesh, address, millis, secs},
        port::Call,
    },
};

#[test]
fn a_membership_that_hears_is_never_rejoined_and_nothing_is_said() {
    for seed in SEEDS {
        let mut mesh = settled(3, seed);
        let sent = mesh.sent();
        mesh.pass(secs(1000));
        assert!(mesh.called(0, |call| matches!(call, Call::Leave { .. })).is_empty());
        assert_eq!(mesh.events, [], "seed {seed}");
        // 3 nodes, each at a mean gap of half the interval.
        let rate = (mesh.sent() - sent) as f64 / 1200.0;
        assert!((0.9..1.1).contains(&rate), "seed {seed}: {rate}");
    }
}

#[test]
fn a_membership_that_somebody_else_ended_is_missed_by_the_echo_and_made_again() {
    for seed in SEEDS {
        let mut mesh = settled(3, seed);
        mesh.strike(0, |host| host.lose_membership(0, ETH0));
        let after = member_again(&mut mesh, 0);
        assert!(after.is_some_and(|after| after <= THREE_ECHOES), "seed {seed}: {after:?}");
        mesh.pass(secs(60));
        assert_eq!(mesh.rejoined(0).len(), 1);
        let interface = mesh.net.hosts[0].interface(ETH0);
        let fault = Fault::NoEcho { group: GROUP, interface };
        assert_eq!(mesh.said(0), [&Event::FaultRaised(fault.clone()), &Event::FaultCleared(fault)]);
    }
}

#[test]
fn an_interface_that_is_made_again_as_it_was_is_missed_by_the_echo_and_joined() {
    for seed in SEEDS {
        let mut mesh = settled(3, seed);
        mesh.strike(0, |host| replace(host, true, true));
        let after = member_again(&mut mesh, 0);
        assert!(after.is_some_and(|after| after <= THREE_ECHOES), "seed {seed}: {after:?}");
        assert!(heard_again(&mut mesh, 0).is_some_and(|after| after <= secs(5)));
    }
}

#[test]
fn all_nodes_of_a_host_whose_interface_is_made_again_hear_again_and_go_on_when_one_stops() {
    for seed in SEEDS {
        let crowd = Plan { nodes: 3, ..Plan::new(address(0), 0) };
        let mesh = Mesh::of(vec![crowd, Plan::new(address(1), 1)], seed, &Config::default());
        let mut mesh = settle(mesh, seed);
        mesh.strike(0, |host| replace(host, true, true));
        mesh.pass(THREE_ECHOES);
        assert!((0..3).all(|n| mesh.is_member(n)), "seed {seed}");
        // The system has counted those who left what they had lost, and counts them again.
        mesh.net.stop(2);
        mesh.pass(THREE_ECHOES);
        assert!((0..2).all(|n| mesh.is_member(n)), "seed {seed}");
    }
}

#[test]
fn the_echoes_of_three_heartbeats_are_missed_before_the_group_is_rejoined() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        mesh.strike(0, |host| host.lose_membership(0, ETH0));
        let is_sent = |call: &Call| matches!(call, Call::SendBy { .. });
        member_again(&mut mesh, 0);
        let (sent, rejoined) = (mesh.called(0, is_sent), mesh.rejoined(0));
        let before: Vec<_> = sent.into_iter().filter(|at| *at < rejoined[0]).collect();
        assert!(before.len() >= 3, "seed {seed}");
        let took = rejoined[0] - before[0];
        assert!((millis(1500)..=millis(3500)).contains(&took), "seed {seed}: {took:?}");
    }
}

#[test]
fn what_a_firewall_blocks_is_rejoined_ever_more_rarely_and_told_once() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        mesh.net.report(0, 1, native_gossip_core::Report::Down);
        mesh.strike(0, |host| host.nics[ETH0].is_filtered = true);
        mesh.pass(secs(3600));
        // After 3, 6, 12, 24, 48, 96 missed echoes, and every 96; one in 2.5 to 3 s.
        let rejoined = mesh.rejoined(0);
        assert!((16..=22).contains(&rejoined.len()), "seed {seed}: {}", rejoined.len());
        let gaps: Vec<_> = rejoined.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps[6..].iter().all(|gap| *gap > secs(150)), "seed {seed}: {gaps:?}");
        assert_eq!(raised(&mesh, 0).len(), 1, "seed {seed}");

        mesh.strike(0, |host| host.nics[ETH0].is_filtered = false);
        mesh.pass(secs(6));
        assert_eq!(cleared(&mesh, 0).len(), 1, "seed {seed}");
        // What has been heard again is missed as soon as ever.
        mesh.strike(0, |host| host.lose_membership(0, ETH0));
        assert!(member_again(&mut mesh, 0).is_some_and(|after| after <= THREE_ECHOES));
    }
}

#[test]
fn what_was_lost_behind_a_firewall_is_back_after_as_many_heartbeats_as_it_was_deaf_for() {
    for seed in SEEDS {
        for deaf in [3, 10, 30, 100, 300, 1000] {
            let mut mesh = settled(2, seed);
            mesh.strike(0, |host| host.nics[ETH0].is_filtered = true);
            mesh.pass(secs(deaf));
            mesh.strike(0, |host| {
                host.nics[ETH0].is_filtered = false;
                host.lose_membership(0, ETH0);
            });
            let sent = mesh.counters(0).sent;
            mesh.calls.clear();
            let after = member_again(&mut mesh, 0).expect("it is made again");
            let missed = usize::try_from(sent).expect("few").clamp(3, 96);
            // Of those that are sent while an echo is waited for none is counted: a tenth, by chance.
            let most = missed + missed / 5 + 3;
            assert!(crate::attempts(&mesh, 0) <= most, "seed {seed}: {after:?}");
        }
    }
}

#[test]
fn where_the_system_gives_a_socket_no_groups_no_echo_is_missed() {
    for seed in SEEDS {
        let deaf = Plan { hears_groups: false, ..Plan::new(address(0), 0) };
        let plans = vec![deaf, Plan::new(address(1), 1)];
        let mut mesh = Mesh::of(plans, seed, &Config::default());
        mesh.strike(0, |host| host.nics[ETH0].is_filtered = true);
        mesh.pass(secs(300));
        assert!(mesh.called(0, |call| matches!(call, Call::Leave { .. })).is_empty());
        assert!(raised(&mesh, 0).is_empty());
        assert!(mesh.has_heard(1, 0));
    }
}
