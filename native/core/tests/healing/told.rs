//! What a node says of what it receives.

use native_gossip_core::{Event, Refusal};

use crate::{
    GAP, SEEDS, settled,
    simulation::{
        errors::EPERM,
        host::{ETH0, Sends},
        mesh::{address, secs},
    },
};

#[test]
fn each_heartbeat_is_an_event_with_its_interface_where_debug_asks_for_it() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        let before = mesh.counters(0);
        mesh.net.nodes[0].set_debug(true);
        mesh.pass(secs(60));
        let after = mesh.counters(0);
        let said = mesh.said(0);
        let sent = said.iter().filter(|event| ***event == Event::HeartbeatSent).count() as u64;
        assert_eq!(sent, after.sent - before.sent);
        let (node, source) =
            (mesh.net.names[1].clone(), (address(1), crate::simulation::PORT).into());
        let interface = Some("eth0".to_owned());
        let received = Event::HeartbeatReceived { node, source, interface, loss: None };
        let received = said.iter().filter(|event| ***event == received).count() as u64;
        assert_eq!(received, after.accepted - before.accepted);
        assert_eq!(said.len() as u64, sent + received);
    }
}

#[test]
fn what_is_refused_is_told_with_its_source_and_after_a_minute_with_its_number() {
    let mut mesh = settled(2, 0);
    mesh.net.flood(0, 4);
    mesh.pass(secs(61));
    mesh.net.flood(0, 1);
    mesh.pass(secs(1));
    let refused = |packets| Event::PacketsRefused {
        cause: Refusal::Malformed,
        packets,
        source: ([10, 9, 9, 9], crate::simulation::PORT).into(),
        interface: None,
    };
    assert_eq!(mesh.said(0), [&refused(1), &refused(8)]);
}

#[test]
fn of_faults_that_come_and_go_three_are_told_and_then_that_they_are_over_when_that_lasts() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        for _ in 0..100 {
            mesh.strike(0, |host| host.nics[ETH0].sends = Sends::Fail(EPERM));
            mesh.pass(secs(3));
            mesh.strike(0, |host| host.nics[ETH0].sends = Sends::Work);
            mesh.pass(secs(3));
        }
        let told = |mesh: &_| (crate::raised(mesh, 0).len(), crate::cleared(mesh, 0).len());
        assert_eq!(told(&mesh), (3, 2), "seed {seed}");
        mesh.pass(secs(70));
        assert_eq!(told(&mesh), (3, 3), "seed {seed}");
        // And the next one is told at once.
        mesh.strike(0, |host| host.nics[ETH0].sends = Sends::Fail(EPERM));
        mesh.pass(GAP);
        assert_eq!(told(&mesh), (4, 3), "seed {seed}");
    }
}
