use super::*;
use crate::{group::joining::NAMED, network::fake::limit};

fn tun0() -> InterfaceAddress {
    interface("tun0", 9, [10, 8, 0, 6])
}

/// A host that is routed by eth0 and has joined there.
fn routed_by_eth0() -> Host {
    let mut host = Host::with(InterfaceSelection::Routed, GROUP, &[eth0(), eth1()]);
    host.network.routed = Some(eth0().address);
    host.reconcile(secs(0));
    assert_eq!(host.network.take_calls(), ["join on eth0"]);
    host
}

/// What a scan at this time does, where the host has these interfaces and this route.
fn scan(
    host: &mut Host,
    s: u64,
    interfaces: &[InterfaceAddress],
    routed: Option<&InterfaceAddress>,
) -> Vec<String> {
    host.network.has(interfaces);
    host.network.routed = routed.map(|interface| interface.address);
    host.reconcile(secs(s));
    host.network.take_calls()
}

fn bridges() -> Vec<InterfaceAddress> {
    let bridge = |n: u8| interface(&format!("br{n}"), u32::from(n) + 20, [172, 17, n, 1]);
    (0..6).map(bridge).collect()
}

fn limit_fault(missing: &[InterfaceAddress], of: usize) -> Fault {
    let some = missing.iter().take(NAMED).cloned().collect();
    Fault::JoinLimit { group: GROUP, missing: missing.len(), of, some, error: limit() }
}

#[test]
fn a_vpn_that_takes_the_default_route_takes_no_node_off_its_network() {
    let mut host = routed_by_eth0();
    assert_eq!(scan(&mut host, 2, &[eth0(), eth1(), tun0()], Some(&tun0())), ["join on tun0"]);
    host.send(secs(3));
    assert_eq!(host.network.take_calls(), ["send by eth0", "send by tun0"]);
    // It ends, with its interface.
    assert_eq!(scan(&mut host, 4, &[eth0(), eth1()], Some(&eth0())), ["leave on tun0"]);
    assert_eq!(scan(&mut host, 6, &[eth0(), eth1()], Some(&eth0())), [""; 0]);
}

#[test]
fn what_was_joined_by_the_route_is_left_when_it_goes_and_joined_whenever_it_is_there() {
    let mut host = routed_by_eth0();
    let pulled = [tun0()];
    scan(&mut host, 2, &[eth0(), tun0()], Some(&tun0()));
    assert_eq!(scan(&mut host, 4, &pulled, Some(&tun0())), ["leave on eth0"]);
    assert_eq!(scan(&mut host, 6, &pulled, Some(&tun0())), [""; 0]);
    // Plugged in again, it may have another address, or be another device.
    let changed =
        [eth0(), interface("eth0", 2, [10, 0, 0, 9]), interface("eth0", 7, [10, 0, 0, 1])];
    for (s, eth0) in (8..).step_by(8).zip(changed) {
        let plugged = [eth0, tun0()];
        assert_eq!(scan(&mut host, s, &plugged, Some(&tun0())), ["join on eth0"]);
        assert_eq!(scan(&mut host, s + 2, &plugged, Some(&tun0())), [""; 0]);
        assert_eq!(scan(&mut host, s + 4, &pulled, Some(&tun0())), ["leave on eth0"]);
    }
}

#[test]
fn what_was_joined_by_an_earlier_route_is_rejoined_where_its_address_changes() {
    let mut host = routed_by_eth0();
    scan(&mut host, 2, &[eth0(), tun0()], Some(&tun0()));
    let renumbered = [interface("eth0", 2, [10, 0, 0, 9]), tun0()];
    let rejoined = ["leave on eth0", "join on eth0"];
    assert_eq!(scan(&mut host, 4, &renumbered, Some(&tun0())), rejoined);
    let both = [renumbered.as_slice(), &[eth0()]].concat();
    assert_eq!(scan(&mut host, 6, &both, Some(&tun0())), [""; 0], "it keeps its address");
}

#[test]
fn a_route_that_goes_and_comes_leaves_what_it_had_joined_untouched() {
    let mut host = routed_by_eth0();
    let both = [eth0(), eth1()];
    assert_eq!(scan(&mut host, 2, &both, None), ["join on eth1"]);
    assert_eq!(scan(&mut host, 4, &both, Some(&eth0())), ["leave on eth1"]);
}

#[test]
fn what_cannot_be_joined_by_a_route_is_not_remembered() {
    let mut host = routed_by_eth0();
    host.network.refuse(&["join on tun0"]);
    let with_vpn = [eth0(), tun0()];
    assert_eq!(scan(&mut host, 2, &with_vpn, Some(&tun0())), ["join on tun0"]);
    assert_eq!(scan(&mut host, 4, &with_vpn, Some(&eth0())), [""; 0]);
}

#[test]
fn what_was_joined_by_an_earlier_route_is_not_forgotten_when_it_cannot_be_joined_for_a_moment() {
    let mut host = routed_by_eth0();
    let with_vpn = [eth0(), tun0()];
    scan(&mut host, 2, &with_vpn, Some(&tun0()));
    host.group.restart(secs(3));
    host.network.refuse(&["join on eth0"]);
    let tried = ["join on tun0", "join on eth0"];
    assert_eq!(scan(&mut host, 3, &with_vpn, Some(&tun0())), tried);
    assert_eq!(scan(&mut host, 5, &with_vpn, Some(&tun0())), ["join on eth0"]);
    host.network.refuse(&[]);
    assert_eq!(scan(&mut host, 7, &with_vpn, Some(&tun0())), ["join on eth0"]);
    assert_eq!(scan(&mut host, 9, &with_vpn, Some(&tun0())), [""; 0]);
}

#[test]
fn another_socket_joins_where_the_one_before_was_joined_by_a_route() {
    let mut host = routed_by_eth0();
    scan(&mut host, 2, &[eth0(), tun0()], Some(&tun0()));
    host.group.restart(secs(3));
    let joined = scan(&mut host, 3, &[eth0(), tun0()], Some(&tun0()));
    assert_eq!(joined, ["join on tun0", "join on eth0"]);
}

#[test]
fn where_the_system_allows_few_memberships_the_interface_of_the_route_has_one_and_one_fault_tells()
{
    let all = [bridges(), vec![eth0()]].concat();
    let mut host = Host::with(InterfaceSelection::All, GROUP, &all);
    host.network.most_memberships = Some(3);
    let calls = scan(&mut host, 0, &all, Some(&eth0()));
    assert_eq!(calls, ["join on eth0", "join on br0", "join on br1", "join on br2"]);
    let fault = limit_fault(&bridges()[2..], 7);
    assert!(host.told().contains(&Event::FaultRaised(fault.clone())));
    for s in (2..200).step_by(2) {
        assert_eq!(scan(&mut host, s, &all, Some(&eth0())), ["join on br2"]);
    }
    assert_eq!(host.told(), []);
    host.network.most_memberships = None;
    assert_eq!(scan(&mut host, 200, &all, Some(&eth0())).len(), 4);
    assert_eq!(host.told().last(), Some(&Event::FaultCleared(fault)));
}

#[test]
fn an_interface_that_gets_the_route_late_takes_the_place_of_the_last_one() {
    let all = [bridges(), vec![eth0()]].concat();
    let mut host = Host::with(InterfaceSelection::All, GROUP, &all);
    host.network.most_memberships = Some(3);
    scan(&mut host, 0, &bridges(), None);
    let calls = scan(&mut host, 2, &all, Some(&eth0()));
    assert_eq!(calls[..3], ["join on eth0", "leave on br2", "join on eth0"]);
    host.send(secs(3));
    assert_eq!(host.network.take_calls(), ["send by br0", "send by br1", "send by eth0"]);
    assert_eq!(scan(&mut host, 4, &all, Some(&eth0())), ["join on br2"]);
}

#[test]
fn where_there_is_no_room_for_the_interface_of_the_route_no_other_loses_its_place() {
    let both = [eth1(), eth0()];
    let mut host = Host::with(InterfaceSelection::All, GROUP, &both);
    scan(&mut host, 0, &[eth1()], None);
    host.told();
    host.bursts();
    host.network.is_full_for = Some("eth0".into());
    let calls = scan(&mut host, 2, &both, Some(&eth0()));
    assert_eq!(calls, ["join on eth0", "leave on eth1", "join on eth0", "join on eth1"]);
    assert_eq!(host.told(), [Event::FaultRaised(limit_fault(&[eth0()], 2))]);
    assert!(!host.bursts());
}

#[test]
fn what_did_not_help_is_not_tried_again_until_the_interfaces_or_the_route_change() {
    let (one, all) = ([eth1(), eth0()], [eth1(), eth0(), tun0()]);
    let mut host = Host::with(InterfaceSelection::All, GROUP, &one);
    scan(&mut host, 0, &[eth1()], None);
    host.network.is_full_for = Some("eth0".into());
    let leaves = |calls: &[String]| calls.iter().any(|call| call.starts_with("leave"));
    assert!(leaves(&scan(&mut host, 2, &one, Some(&eth0()))));
    for s in (4..200).step_by(2) {
        assert_eq!(scan(&mut host, s, &one, Some(&eth0())), ["join on eth0"]);
    }
    assert!(leaves(&scan(&mut host, 200, &all, Some(&eth0()))), "another interface");
    assert!(!leaves(&scan(&mut host, 202, &all, Some(&eth0()))));
    assert!(!leaves(&scan(&mut host, 204, &all, Some(&eth1()))), "it is a member");
    assert!(leaves(&scan(&mut host, 206, &all, Some(&eth0()))), "another route");
    assert!(!leaves(&scan(&mut host, 208, &all, Some(&eth0()))));
}

#[test]
fn what_did_not_help_is_tried_again_where_all_were_joined_since() {
    let both = [eth1(), eth0()];
    let mut host = Host::with(InterfaceSelection::All, GROUP, &both);
    scan(&mut host, 0, &[eth1()], None);
    host.network.is_full_for = Some("eth0".into());
    let calls = scan(&mut host, 2, &both, Some(&eth0()));
    assert_eq!(calls, ["join on eth0", "leave on eth1", "join on eth0", "join on eth1"]);
    host.network.is_full_for = None;
    assert_eq!(scan(&mut host, 4, &both, Some(&eth0())), ["join on eth0"]);
    // A rejoin that failed: there is room for one only.
    host.group.memberships.retain(|membership| membership.interface != eth0());
    host.network.leave(GROUP, &eth0());
    host.network.most_memberships = Some(1);
    host.network.take_calls();
    let calls = scan(&mut host, 6, &both, Some(&eth0()));
    assert_eq!(calls[..3], ["join on eth0", "leave on eth1", "join on eth0"]);
}

#[test]
fn the_first_of_a_list_takes_nobodys_place() {
    let wanted = ["eth0", "eth1"].map(|name| crate::InterfaceSelector::Name(name.into()));
    let mut host = Host::with(InterfaceSelection::Listed(wanted.to_vec()), GROUP, &[]);
    host.network.most_memberships = Some(1);
    assert_eq!(scan(&mut host, 0, &[eth1()], Some(&eth1())), ["join on eth1"]);
    let both = [eth0(), eth1()];
    assert_eq!(scan(&mut host, 2, &both, Some(&eth0())), ["join on eth0"]);
    let without_route = Host::with(InterfaceSelection::Routed, GROUP, &[]);
    for mut host in [without_route, Host::with(InterfaceSelection::All, GROUP, &[])] {
        host.network.most_memberships = Some(1);
        assert_eq!(scan(&mut host, 0, &[eth1()], None), ["join on eth1"]);
        assert_eq!(scan(&mut host, 2, &both, None), ["join on eth0"]);
    }
}

#[test]
fn one_interface_that_cannot_be_joined_at_all_makes_no_other_leave() {
    let mut host = Host::with(InterfaceSelection::All, GROUP, &[eth0(), eth1()]);
    host.network.most_memberships = Some(0);
    assert_eq!(scan(&mut host, 0, &[eth0(), eth1()], Some(&eth0())), ["join on eth0"]);
    assert_eq!(host.told(), [Event::FaultRaised(limit_fault(&[eth0(), eth1()], 2))]);
}
