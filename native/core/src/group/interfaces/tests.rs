use std::net::Ipv4Addr;

use super::*;

const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(233, 252, 1, 32));

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Interfaces with these names and addresses, each name with an index of its own; `!` is down.
fn found(of: &[(&str, &str)]) -> Vec<InterfaceAddress> {
    let plain = |name: &str| name.trim_start_matches('!').to_owned();
    let one = |(given, text): &(&str, &str)| {
        let name = plain(given);
        let index = of.iter().position(|(other, _)| plain(other) == name).expect("itself");
        let index = u32::try_from(index).expect("few") + 1;
        let interface = Interface { name, index, address: address(text) };
        InterfaceAddress { interface, is_up: !given.starts_with('!') }
    };
    of.iter().map(one).collect()
}

fn host() -> Vec<InterfaceAddress> {
    found(&[
        ("lo", "127.0.0.1"),
        ("eth0", "10.0.0.1"),
        ("eth0", "10.0.0.9"),
        ("eth1", "10.1.0.1"),
        ("!eth2", "10.2.0.1"),
        ("eth1", "fd00::1"),
        ("eth1", "fe80::1"),
    ])
}

fn chosen(wanted: &Interfaces, found: &[InterfaceAddress], routed: Option<&str>) -> Vec<String> {
    kept(wanted, found, routed, &[])
}

/// As above, where these are joined by a route already.
fn kept(
    wanted: &Interfaces,
    found: &[InterfaceAddress],
    routed: Option<&str>,
    by_route: &[Interface],
) -> Vec<String> {
    let chosen = choose(wanted, GROUP, found, routed.map(address), by_route);
    chosen.interfaces.iter().map(shown).collect()
}

fn names(of: &[&str]) -> Interfaces {
    let name = |text: &&str| match text.parse() {
        Ok(address) => InterfaceName::Address(address),
        Err(_) => InterfaceName::Name((*text).into()),
    };
    Interfaces::Listed(of.iter().map(name).collect())
}

fn shown(interface: &Interface) -> String {
    format!("{} ({})", interface.name, interface.address)
}

fn missing(wanted: &Interfaces, found: &[InterfaceAddress]) -> Vec<Fault> {
    choose(wanted, GROUP, found, None, &[]).missing
}

#[test]
fn without_a_wish_it_is_the_interface_of_the_route() {
    assert_eq!(chosen(&Interfaces::Routed, &host(), Some("10.1.0.1")), ["eth1 (10.1.0.1)"]);
    assert_eq!(chosen(&Interfaces::Routed, &host(), Some("10.0.0.9")), ["eth0 (10.0.0.9)"]);
}

#[test]
fn without_a_route_it_is_every_interface_that_is_up_except_the_loopback() {
    let up = ["eth0 (10.0.0.1)", "eth1 (10.1.0.1)"];
    assert_eq!(chosen(&Interfaces::Routed, &host(), None), up);
    assert_eq!(chosen(&Interfaces::Routed, &host(), Some("10.2.0.1")), up);
}

#[test]
fn of_all_interfaces_that_of_the_route_is_first() {
    let up = ["eth1 (10.1.0.1)", "eth0 (10.0.0.1)"];
    assert_eq!(chosen(&Interfaces::All, &host(), Some("10.1.0.1")), up);
    let up = ["eth0 (10.0.0.1)", "eth1 (10.1.0.1)"];
    assert_eq!(chosen(&Interfaces::All, &host(), Some("10.0.0.9")), up);
    assert_eq!(chosen(&Interfaces::All, &host(), None), up);
}

#[test]
fn what_was_joined_by_a_route_stays_beside_that_of_the_new_one_while_it_is_up() {
    let joined = |name: &str| {
        let of_name = host().into_iter().find(|f| f.interface.name == name);
        vec![of_name.expect("it is there").interface]
    };
    for wanted in [Interfaces::Routed, names(&["0.0.0.0"])] {
        let both = kept(&wanted, &host(), Some("10.1.0.1"), &joined("eth0"));
        assert_eq!(both, ["eth1 (10.1.0.1)", "eth0 (10.0.0.1)"]);
        let down = kept(&wanted, &host(), Some("10.1.0.1"), &joined("eth2"));
        assert_eq!(down, ["eth1 (10.1.0.1)"]);
        // Another address of the same interface is no other interface.
        let same = kept(&wanted, &host(), Some("10.0.0.9"), &joined("eth0"));
        assert_eq!(same, ["eth0 (10.0.0.1)"]);
        let no_route = kept(&wanted, &host(), None, &joined("eth1"));
        assert_eq!(no_route, ["eth1 (10.1.0.1)", "eth0 (10.0.0.1)"]);
    }
    let moved = Interface { address: address("10.0.0.7"), ..joined("eth0").remove(0) };
    let gone = kept(&Interfaces::Routed, &host(), Some("10.1.0.1"), &[moved]);
    assert_eq!(gone, ["eth1 (10.1.0.1)"]);
    assert_eq!(kept(&Interfaces::All, &host(), None, &joined("eth1")).len(), 2);
}

#[test]
fn what_is_joined_for_want_of_a_route_is_not_joined_by_one() {
    let chosen = choose(&Interfaces::Routed, GROUP, &host(), None, &[]);
    assert_eq!((chosen.interfaces.len(), chosen.by_route), (2, vec![]));
    let chosen = choose(&Interfaces::Routed, GROUP, &host(), Some(address("10.1.0.1")), &[]);
    assert_eq!(chosen.by_route, chosen.interfaces);
}

#[test]
fn the_loopback_is_used_where_it_is_all_there_is_and_that_is_a_fault() {
    let lonely = found(&[("lo", "127.0.0.1"), ("!eth0", "10.0.0.1"), ("eth1", "fd00::1")]);
    assert_eq!(chosen(&Interfaces::All, &lonely, None), ["lo (127.0.0.1)"]);
    assert_eq!(missing(&Interfaces::Routed, &lonely), [Fault::LoopbackOnly { group: GROUP }]);
}

#[test]
fn the_loopback_is_known_by_one_of_its_addresses_whatever_the_others_are() {
    let routed_by_loopback =
        found(&[("lo", "10.99.0.2"), ("lo", "127.0.0.1"), ("eth0", "10.0.0.1")]);
    for wanted in [Interfaces::Routed, Interfaces::All] {
        let chosen = chosen(&wanted, &routed_by_loopback, Some("10.99.0.2"));
        assert_eq!(chosen, ["eth0 (10.0.0.1)"]);
    }
    let routed_by_eth1 = [("lo", "10.99.0.2"), ("lo", "127.0.0.1"), ("eth0", "10.0.0.1")]
        .into_iter()
        .chain([("eth1", "10.99.0.2")]);
    let routed_by_eth1 = found(&routed_by_eth1.collect::<Vec<_>>());
    let routed = chosen(&Interfaces::Routed, &routed_by_eth1, Some("10.99.0.2"));
    assert_eq!(routed, ["eth1 (10.99.0.2)"]);
}

#[test]
fn an_interface_is_called_by_its_name_where_its_address_has_a_label() {
    let labelled = found(&[("eth0:1", "10.0.0.1")]);
    assert_eq!(chosen(&names(&["eth0"]), &labelled, None), ["eth0:1 (10.0.0.1)"]);
    assert_eq!(chosen(&names(&["eth0:1"]), &labelled, None), ["eth0:1 (10.0.0.1)"]);
    assert!(chosen(&names(&["eth"]), &labelled, None).is_empty());
}

#[test]
fn a_host_without_any_address_of_the_family_has_no_interface() {
    let fault = Fault::NoInterface { group: GROUP };
    assert_eq!(missing(&Interfaces::All, &found(&[("eth1", "fd00::1")])), [fault]);
}

#[test]
fn listed_interfaces_are_found_by_name_and_by_any_of_their_addresses_each_once() {
    let wanted = names(&["eth1", "10.0.0.9", "eth0", "127.0.0.53"]);
    let expected = ["eth1 (10.1.0.1)", "eth0 (10.0.0.9)", "lo (127.0.0.53)"];
    assert_eq!(chosen(&wanted, &host(), Some("10.0.0.1")), expected);
    assert!(missing(&wanted, &host()).is_empty());
    let system = names(&["0.0.0.0"]);
    assert_eq!(chosen(&system, &host(), Some("10.1.0.1")), ["eth1 (10.1.0.1)"]);
}

#[test]
fn listed_interfaces_that_are_not_there_are_told_apart() {
    let by_name = |name: &str| InterfaceName::Name(name.into());
    let expected = [
        (by_name("eth2"), MissingReason::Down),
        (by_name("eth7"), MissingReason::NoSuchName),
        (InterfaceName::Address(address("10.7.0.1")), MissingReason::NoSuchAddress),
    ];
    let expected =
        expected.map(|(wanted, reason)| Fault::InterfaceMissing { group: GROUP, wanted, reason });
    assert_eq!(missing(&names(&["eth2", "eth7", "10.7.0.1", "eth0"]), &host()), expected);
}

#[test]
fn an_ipv4_address_that_a_host_gave_to_itself_is_used_where_there_is_no_other() {
    let own = ("eth0", "169.254.7.7");
    let both = found(&[own, ("eth0", "10.0.0.1"), ("eth0", "10.0.0.9")]);
    assert_eq!(chosen(&Interfaces::All, &both, None), ["eth0 (10.0.0.1)"]);
    assert_eq!(chosen(&Interfaces::All, &found(&[own]), None), ["eth0 (169.254.7.7)"]);
}

#[test]
fn an_interface_with_several_ipv6_addresses_is_known_by_the_link_local_one() {
    let group = address("ff02::1:32");
    let chosen = choose(&Interfaces::All, group, &host(), None, &[]);
    assert_eq!(chosen.interfaces.len(), 1);
    assert_eq!(shown(&chosen.interfaces[0]), "eth1 (fe80::1)");
}

#[test]
fn an_ipv6_group_is_not_joined_on_the_loopback() {
    let group = address("ff02::1:32");
    let chosen = choose(&Interfaces::All, group, &found(&[("lo", "::1")]), None, &[]);
    assert_eq!((chosen.interfaces, chosen.missing), (vec![], vec![Fault::NoInterface { group }]));
}
