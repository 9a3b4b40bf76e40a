//! Heartbeats that cannot be sent.

use native_gossip_core::{Config, Fault, Time};

use crate::{
    GAP, SEEDS, attempts, cleared, raised, settle, settled,
    simulation::{
        GROUP, PORT,
        errors::{EADDRNOTAVAIL, ENETUNREACH, EPERM, OF_SENDS, error},
        host::{ETH0, Sends},
        mesh::{Mesh, address, millis, secs, tells_changes},
        port::Call,
    },
};

fn set(mesh: &mut Mesh, sends: Sends) {
    mesh.strike(0, |host| host.nics[ETH0].sends = sends);
}

fn tried(mesh: &Mesh) -> Vec<Time> {
    mesh.called(0, |call| matches!(call, Call::SendBy { .. }))
}

/// Two hosts whose nodes send when there is a reason, and else hardly ever.
fn rare(seed: u64) -> Mesh {
    let config = Config { heartbeat_interval: secs(100_000), ..Config::default() };
    settle(Mesh::new(2, seed, &config), seed)
}

#[test]
fn whatever_a_send_fails_with_is_told_once_and_its_end_and_others_hear_again() {
    for code in OF_SENDS {
        for seed in SEEDS {
            let mut mesh = settled(2, seed);
            set(&mut mesh, Sends::Fail(code));
            mesh.pass(secs(100));
            let (target, interface) = ((GROUP, PORT).into(), mesh.net.hosts[0].interface(ETH0));
            let fault = Fault::SendBy { target, interface, error: error(code) };
            assert_eq!(raised(&mesh, 0), [&fault]);
            assert!(cleared(&mesh, 0).is_empty());
            mesh.heard.clear();
            set(&mut mesh, Sends::Work);
            let after = mesh.until(secs(60), |mesh| mesh.has_heard(1, 0));
            assert!(after.is_some_and(|after| after <= GAP), "seed {seed}: {after:?}");
            assert_eq!(cleared(&mesh, 0), [&fault]);
        }
    }
}

#[test]
fn after_a_long_outage_the_others_are_told_twice_and_once_after_a_short_one() {
    for (outage, told) in [(millis(1500), 1..=6), (secs(20), 5..=8)] {
        for seed in SEEDS {
            let mut mesh = rare(seed);
            set(&mut mesh, Sends::Fail(EPERM));
            mesh.net.set_seeds(0, &[address(9)]);
            mesh.pass(outage);
            set(&mut mesh, Sends::Work);
            mesh.calls.clear();
            // The first that works is one that is tried again, somewhere in a burst. Another burst follows
            // where nobody may know any more that the node is here.
            mesh.pass(secs(60));
            let sent = tried(&mesh).len();
            assert!(told.contains(&sent), "seed {seed}, {outage:?}: {sent}");
        }
    }
}

#[test]
fn what_cannot_be_sent_is_tried_again_at_scans_whose_distance_doubles() {
    for seed in SEEDS {
        let mut mesh = rare(seed);
        set(&mut mesh, Sends::Fail(ENETUNREACH));
        mesh.net.set_seeds(0, &[address(9)]);
        mesh.pass(secs(1900));
        // A burst of four at first, and at 1, 2, 4 … 256 of the scans.
        let tried = tried(&mesh);
        assert_eq!(tried.len() % 4, 0);
        assert!((10..=13).contains(&(tried.len() / 4)), "seed {seed}: {}", tried.len());
        let gaps: Vec<_> = tried.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let long = gaps.iter().filter(|gap| **gap > secs(30)).count();
        assert_eq!(long, 4, "seed {seed}: {gaps:?}");
    }
}

#[test]
fn a_new_address_that_cannot_be_sent_from_yet_is_heard_soon_after_it_can() {
    for seed in SEEDS {
        let mut mesh = rare(seed);
        mesh.strike(0, |host| crate::replace(host, false, false));
        set(&mut mesh, Sends::Fail(EADDRNOTAVAIL));
        mesh.pass(secs(3));
        set(&mut mesh, Sends::Work);
        mesh.heard.clear();
        let after = mesh.until(secs(600), |mesh| mesh.has_heard(1, 0));
        assert!(after.is_some_and(|after| after <= secs(6)), "seed {seed}: {after:?}");
    }
}

#[test]
fn a_scan_follows_a_quarter_of_a_second_after_a_send_that_failed() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        set(&mut mesh, Sends::Fail(ENETUNREACH));
        mesh.pass(secs(60));
        let scans = mesh.called(0, |call| matches!(call, Call::Scan { .. }));
        let last = mesh.net.now;
        for failed in tried(&mesh).into_iter().filter(|at| *at + secs(1) < last) {
            let next = scans.iter().find(|at| **at > failed).expect("scans go on");
            assert!(*next - failed <= millis(250), "seed {seed}");
        }
        // And one that works calls for none.
        set(&mut mesh, Sends::Work);
        mesh.pass(secs(10));
        mesh.calls.clear();
        mesh.pass(secs(60));
        let usual = if tells_changes(seed) { 2 } else { 30 };
        assert_eq!(mesh.called(0, |call| matches!(call, Call::Scan { .. })).len(), usual);
    }
}

#[test]
fn where_every_other_send_fails_not_many_more_are_sent() {
    for seed in SEEDS {
        let mut mesh = settled(2, seed);
        set(&mut mesh, Sends::FailEveryOther(EPERM, false));
        mesh.pass(secs(3600));
        // 1440 by the schedule, and a few bursts; each failure has a scan, and no scan a burst.
        let attempts = attempts(&mesh, 0);
        assert!((1300..1700).contains(&attempts), "seed {seed}: {attempts}");
        // One fault a minute and its end, and after the third no end, as it does not last.
        let said = mesh.said(0).len();
        assert_eq!(said, 5, "seed {seed}");
    }
}

#[test]
fn an_outage_of_one_interface_keeps_no_other_from_sending() {
    for seed in SEEDS {
        let mut mesh = settled(3, seed);
        set(&mut mesh, Sends::Fail(EPERM));
        mesh.pass(secs(60));
        assert!(mesh.has_heard(0, 1) && mesh.has_heard(1, 2) && !mesh.has_heard(1, 0));
    }
}
