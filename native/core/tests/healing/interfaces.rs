//! What a scan of the interfaces sees.

use native_gossip_core::{
    Event, Fault, InterfaceSelection, InterfaceSelector,
    event::{MissingReason, ScanStep},
};

use crate::{
    GAP, SCAN, SEEDS, cleared, heard_again, member_again, raised, replace, settle, settled,
    simulation::{
        GROUP, Plan,
        errors::{EMFILE, error},
        host::{ETH0, ETH1, Place},
        mesh::{Mesh, address, millis, secs, tells_changes},
        port::Call,
    },
};

const SCANNED: Call = Call::Scan { works: true };

/// Host 0 is on two networks; 1 and 2 on one of them each.
fn two_networks(wanted: InterfaceSelection, seed: u64) -> Mesh {
    let mut both = Plan::new(address(0), 0);
    both.interfaces.push((address(100), Place { lan: 1, segment: 0 }));
    both.network.multicast_if = wanted;
    let near = Plan::new(address(1), 1);
    let far =
        Plan { interfaces: vec![(address(101), Place { lan: 1, segment: 0 })], ..near.clone() };
    let mesh = Mesh::of(vec![both, near, far], seed, &Default::default());
    mesh.lossy(0.0, millis(1))
}

/// Whether the node of host 0 is a member by each of its interfaces.
fn joined(mesh: &Mesh) -> [bool; 2] {
    [ETH0, ETH1].map(|slot| mesh.net.hosts[0].is_member(0, slot))
}

#[test]
fn interfaces_are_scanned_every_two_seconds() {
    let mut mesh = settled(2, 0);
    mesh.pass(secs(60));
    let scans = mesh.called(0, |call| *call == SCANNED);
    assert_eq!(scans.len(), 30);
    assert!(scans.windows(2).all(|pair| pair[1] - pair[0] == SCAN));
}

#[test]
fn an_interface_that_is_made_again_is_joined_at_the_next_scan_if_it_is_another_or_the_system_tells()
{
    for seed in SEEDS {
        let as_it_was = tells_changes(seed).then_some((true, true));
        let others = [(true, false), (false, true), (false, false)];
        for (is_same_address, is_same_index) in others.into_iter().chain(as_it_was) {
            for away in [0, 5] {
                let mut mesh = settled(3, seed);
                mesh.strike(0, |host| host.remove(ETH0));
                mesh.pass(secs(away));
                mesh.strike(0, |host| replace(host, is_same_address, is_same_index));
                let was_joined = mesh.is_member(0);
                assert!(!was_joined);
                mesh.heard.clear();
                let joined = |mesh: &Mesh| mesh.net.hosts[0].sends(0, ETH0);
                let after = mesh.until(secs(60), joined);
                assert!(after.is_some_and(|after| after <= SCAN), "seed {seed}: {after:?}");

                // It tells everybody at once that it is here.
                mesh.pass(millis(1100));
                let told = mesh.heard.iter().filter(|(_, _, from)| *from == 0).count();
                assert!(told >= 2 * 3, "seed {seed}: {told}");
                assert!(heard_again(&mut mesh, 0).is_some_and(|after| after <= GAP));
                let new = mesh.net.hosts[0].interface(ETH0);
                let mut said = mesh.said(0).into_iter();
                let last = said.rfind(|event| matches!(event, Event::GroupJoined(..)));
                assert_eq!(last, Some(&Event::GroupJoined(GROUP, new)), "seed {seed}");
            }
        }
    }
}

#[test]
fn an_interface_that_goes_away_is_left_and_that_is_said() {
    for seed in [0, 1] {
        let mut mesh = settled(2, seed);
        let interface = mesh.net.hosts[0].interface(ETH0);
        mesh.strike(0, |host| host.remove(ETH0));
        mesh.pass(SCAN);
        assert!(mesh.said(0).contains(&&Event::GroupLeft(GROUP, interface)));
        assert_eq!(raised(&mesh, 0).last(), Some(&&Fault::LoopbackOnly { group: GROUP }));
        mesh.strike(0, |host| replace(host, true, true));
        mesh.pass(SCAN);
        assert_eq!(cleared(&mesh, 0).last(), Some(&&Fault::LoopbackOnly { group: GROUP }));
    }
}

#[test]
fn an_interface_that_goes_down_is_joined_within_a_scan_of_its_coming_up() {
    for seed in SEEDS {
        let mut mesh = settled(3, seed);
        mesh.strike(0, |host| host.set_up(ETH0, false));
        mesh.pass(secs(10));
        assert!(!mesh.is_member(0));
        mesh.strike(0, |host| host.set_up(ETH0, true));
        assert!(member_again(&mut mesh, 0).is_some_and(|after| after <= SCAN), "seed {seed}");
        assert!(heard_again(&mut mesh, 0).is_some_and(|after| after <= GAP), "seed {seed}");
    }
}

#[test]
fn what_is_down_between_two_scans_stays_joined() {
    for seed in SEEDS.filter(|seed| !tells_changes(*seed)) {
        let mut mesh = settled(3, seed);
        mesh.until(secs(10), |mesh| mesh.calls.iter().any(|(_, n, c)| (*n, c) == (0, &SCANNED)));
        mesh.strike(0, |host| host.set_up(ETH0, false));
        // A send that fails has the interfaces scanned.
        mesh.pass(millis(240));
        mesh.strike(0, |host| host.set_up(ETH0, true));
        mesh.pass(secs(60));
        assert!(mesh.called(0, |call| matches!(call, Call::Leave { .. })).is_empty(), "{seed}");
        assert!(mesh.has_heard(0, 1) && mesh.has_heard(1, 0));
    }
}

#[test]
fn what_is_down_for_less_than_it_takes_to_look_stays_joined() {
    for seed in SEEDS {
        let mut mesh = settled(3, seed);
        for _ in 0..100 {
            mesh.strike(0, |host| host.set_up(ETH0, false));
            mesh.pass(millis(20));
            mesh.strike(0, |host| host.set_up(ETH0, true));
            mesh.pass(secs(3));
        }
        let left = mesh.called(0, |call| matches!(call, Call::Leave { .. })).len();
        // A scan of every two seconds may fall into one of a hundred.
        assert!(left <= if tells_changes(seed) { 0 } else { 5 }, "seed {seed}: {left}");
    }
}

#[test]
fn a_change_that_the_system_tells_of_is_followed_before_the_next_scan() {
    for seed in SEEDS.filter(|seed| tells_changes(*seed)) {
        let mut mesh = settled(3, seed);
        mesh.strike(0, |host| host.set_up(ETH0, false));
        mesh.pass(millis(60));
        assert!(!mesh.is_member(0), "seed {seed}");
        mesh.strike(0, |host| host.set_up(ETH0, true));
        assert!(member_again(&mut mesh, 0).is_some_and(|after| after <= millis(60)), "{seed}");
        // One is all that a change costs.
        mesh.pass(millis(60));
        mesh.calls.clear();
        mesh.pass(secs(29));
        assert!(mesh.called(0, |call| *call == SCANNED).len() <= 1, "seed {seed}");
    }
}

#[test]
fn an_interface_that_comes_and_goes_all_day_is_joined_still() {
    for seed in [0, 1] {
        let mut mesh = settled(2, seed);
        for _ in 0..100 {
            mesh.strike(0, |host| replace(host, true, false));
            let after = member_again(&mut mesh, 0);
            assert!(after.is_some_and(|after| after <= SCAN), "{after:?}");
        }
        // A loose cable does not fill the log.
        assert!(mesh.events.len() <= 10 * 5, "{}", mesh.events.len());
    }
}

#[test]
fn while_interfaces_cannot_be_scanned_what_is_joined_stays_and_is_told_once() {
    for (is_route, step) in [(false, ScanStep::Interfaces), (true, ScanStep::Route)] {
        for seed in SEEDS {
            let mut mesh = settled(2, seed);
            mesh.strike(0, |host| match is_route {
                false => host.refuses.interfaces = Some(EMFILE),
                true => host.refuses.route = Some(EMFILE),
            });
            mesh.pass(secs(300));
            let fault = Fault::Scan { step, error: error(EMFILE) };
            assert_eq!(raised(&mesh, 0), [&fault]);
            assert!(mesh.called(0, |call| matches!(call, Call::Leave { .. })).is_empty());
            assert!(heard_again(&mut mesh, 0).is_some_and(|after| after <= GAP));

            mesh.strike(0, |host| replace(host, false, false));
            mesh.pass(secs(10));
            assert!(!mesh.is_member(0));
            mesh.strike(0, |host| host.refuses = Default::default());
            assert!(member_again(&mut mesh, 0).is_some_and(|after| after <= SCAN));
            assert!(cleared(&mesh, 0).contains(&&fault));
        }
    }
}

#[test]
fn the_group_is_joined_where_the_route_leads_and_stays_joined_where_it_led() {
    for seed in SEEDS {
        let mut mesh = two_networks(InterfaceSelection::Routed, seed);
        mesh.pass(secs(10));
        assert_eq!(joined(&mesh), [true, false]);
        mesh.strike(0, |host| host.route = Some(ETH1));
        mesh.pass(SCAN);
        assert_eq!(joined(&mesh), [true, true]);
        mesh.pass(secs(60));
        assert_eq!(mesh.pairs(), [(0, 1), (0, 2), (1, 0), (2, 0)].into(), "seed {seed}");
        mesh.strike(0, |host| host.set_up(ETH0, false));
        mesh.pass(SCAN);
        assert_eq!(joined(&mesh), [false, true]);
    }
}

#[test]
fn where_a_route_led_once_an_interface_of_this_name_is_joined_whenever_it_is_up() {
    for seed in SEEDS {
        let mut mesh = two_networks(InterfaceSelection::Routed, seed);
        mesh.pass(secs(10));
        mesh.strike(0, |host| host.route = Some(ETH1));
        mesh.strike(0, |host| host.set_up(ETH0, false));
        mesh.pass(SCAN);
        assert_eq!(joined(&mesh), [false, true]);
        mesh.strike(0, |host| host.set_up(ETH0, true));
        mesh.pass(SCAN);
        assert_eq!(joined(&mesh), [true, true], "seed {seed}");
        // Another lease, a driver that is loaded again.
        for (is_same_address, is_same_index) in [(false, true), (true, false), (false, false)] {
            mesh.strike(0, |host| host.remove(ETH0));
            mesh.pass(secs(10));
            mesh.strike(0, |host| replace(host, is_same_address, is_same_index));
            mesh.pass(SCAN);
            assert_eq!(joined(&mesh), [true, true], "seed {seed}");
        }
        mesh.pass(secs(60));
        assert_eq!(mesh.pairs(), [(0, 1), (0, 2), (1, 0), (2, 0)].into(), "seed {seed}");
    }
}

#[test]
fn every_interface_is_joined_where_no_route_leads_to_the_group() {
    for seed in SEEDS {
        let mut mesh = two_networks(InterfaceSelection::Routed, seed);
        mesh.strike(0, |host| host.route = None);
        mesh.pass(SCAN);
        assert_eq!(joined(&mesh), [true, true], "seed {seed}");
    }
}

#[test]
fn every_interface_is_joined_where_all_are_wanted() {
    for seed in SEEDS {
        let mut mesh = two_networks(InterfaceSelection::All, seed);
        mesh.pass(secs(10));
        assert_eq!(joined(&mesh), [true, true]);
        assert_eq!(mesh.pairs(), [(0, 1), (0, 2), (1, 0), (2, 0)].into());
    }
}

#[test]
fn an_interface_that_is_wanted_by_name_or_address_is_missed_until_it_is_there() {
    let by_name = InterfaceSelector::Name("eth1".into());
    let by_address = InterfaceSelector::Address(address(100).into());
    let wanted = [(by_name, MissingReason::NoSuchName), (by_address, MissingReason::NoSuchAddress)];
    for (wanted, reason) in wanted {
        for seed in SEEDS {
            let listed = vec![InterfaceSelector::Name("eth0".into()), wanted.clone()];
            let mut mesh = two_networks(InterfaceSelection::Listed(listed), seed);
            mesh.strike(0, |host| host.remove(ETH1));
            mesh.pass(secs(100));
            let group = GROUP;
            let fault = Fault::InterfaceMissing { group, wanted: wanted.clone(), reason };
            assert_eq!(raised(&mesh, 0), [&fault]);
            assert_eq!(joined(&mesh), [true, false]);

            let address = address(100);
            mesh.strike(0, |host| host.make(ETH1, address, false));
            mesh.pass(SCAN);
            assert_eq!(joined(&mesh), [true, true]);
            assert_eq!(cleared(&mesh, 0), [&fault]);

            mesh.strike(0, |host| host.set_up(ETH1, false));
            mesh.pass(SCAN);
            let reason = MissingReason::Down;
            let fault = Fault::InterfaceMissing { group, wanted: wanted.clone(), reason };
            assert_eq!(raised(&mesh, 0).last(), Some(&&fault));
            assert_eq!(joined(&mesh), [true, false]);
        }
    }
}

#[test]
fn one_interface_heals_and_the_other_is_left_in_peace() {
    for seed in SEEDS {
        let mesh = two_networks(InterfaceSelection::All, seed);
        let mut mesh = settle_pairs(mesh, seed);
        mesh.strike(0, |host| host.lose_membership(0, ETH1));
        mesh.pass(secs(60));
        assert_eq!(joined(&mesh), [true, true]);
        let eth0 = mesh.net.hosts[0].interface(ETH0);
        let left = mesh.called(0, |call| *call == Call::Leave { interface: eth0.clone() });
        assert!(left.is_empty(), "seed {seed}");
        assert_eq!(mesh.rejoined(0).len(), 1, "seed {seed}");
    }
}

fn settle_pairs(mut mesh: Mesh, seed: u64) -> Mesh {
    mesh.pass(secs(20) + millis(seed * 137));
    mesh.forget();
    mesh
}

#[test]
fn the_nodes_of_one_host_hear_each_other_by_the_loopback_where_there_is_nothing_else() {
    for seed in SEEDS {
        let host = Plan { nodes: 3, ..Plan::new(address(0), 0) };
        let mut mesh = settle(Mesh::of(vec![host], seed, &Default::default()), seed);
        mesh.strike(0, |host| host.remove(ETH0));
        mesh.pass(SCAN);
        mesh.heard.clear();
        mesh.pass(GAP);
        let heard = |to, from| to == from || mesh.has_heard(to, from);
        assert!((0..3).all(|to| (0..3).all(|from| heard(to, from))), "seed {seed}");
    }
}
