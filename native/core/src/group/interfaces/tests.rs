use std::net::Ipv4Addr;

use super::*;

const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(233, 252, 1, 32));

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Interfaces with these names and addresses, each name with an index of its own; `!` is down.
fn found(of: &[(&str, &str)]) -> Vec<ScannedAddress> {
    let plain = |name: &str| name.trim_start_matches('!').to_owned();
    let one = |(given, text): &(&str, &str)| {
        let name = plain(given);
        let index = of.iter().position(|(other, _)| plain(other) == name).expect("itself");
        let index = u32::try_from(index).expect("few") + 1;
        let interface = InterfaceAddress { name, index, address: address(text) };
        ScannedAddress { interface, is_up: !given.starts_with('!') }
    };
    of.iter().map(one).collect()
}

fn host() -> Vec<ScannedAddress> {
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

fn chosen(
    wanted: &InterfaceSelection,
    found: &[ScannedAddress],
    routed: Option<&str>,
) -> Vec<String> {
    kept(wanted, found, routed, &[], &[])
}

/// As above, where the names are remembered, and these are members.
fn kept(
    wanted: &InterfaceSelection,
    found: &[ScannedAddress],
    routed: Option<&str>,
    names: &[&str],
    joined: &[InterfaceAddress],
) -> Vec<String> {
    let joined: Vec<_> = joined.iter().collect();
    let by_route = ByRoute(names.iter().map(|name| (*name).to_owned()).collect());
    let chosen = choose(wanted, GROUP, found, routed.map(address), &joined, &by_route);
    chosen.interfaces.iter().map(shown).collect()
}

fn names(of: &[&str]) -> InterfaceSelection {
    let name = |text: &&str| match text.parse() {
        Ok(address) => InterfaceSelector::Address(address),
        Err(_) => InterfaceSelector::Name((*text).into()),
    };
    InterfaceSelection::Listed(of.iter().map(name).collect())
}

fn shown(interface: &InterfaceAddress) -> String {
    format!("{} ({})", interface.name, interface.address)
}

fn missing(wanted: &InterfaceSelection, found: &[ScannedAddress]) -> Vec<Fault> {
    choose(wanted, GROUP, found, None, &[], &ByRoute::default()).missing
}

#[test]
fn without_a_wish_it_is_the_interface_of_the_route() {
    assert_eq!(chosen(&InterfaceSelection::Routed, &host(), Some("10.1.0.1")), ["eth1 (10.1.0.1)"]);
    assert_eq!(chosen(&InterfaceSelection::Routed, &host(), Some("10.0.0.9")), ["eth0 (10.0.0.9)"]);
}

#[test]
fn without_a_route_it_is_every_interface_that_is_up_except_the_loopback() {
    let up = ["eth0 (10.0.0.1)", "eth1 (10.1.0.1)"];
    assert_eq!(chosen(&InterfaceSelection::Routed, &host(), None), up);
    assert_eq!(chosen(&InterfaceSelection::Routed, &host(), Some("10.2.0.1")), up);
}

#[test]
fn of_all_interfaces_that_of_the_route_is_first() {
    let up = ["eth1 (10.1.0.1)", "eth0 (10.0.0.1)"];
    assert_eq!(chosen(&InterfaceSelection::All, &host(), Some("10.1.0.1")), up);
    let up = ["eth0 (10.0.0.1)", "eth1 (10.1.0.1)"];
    assert_eq!(chosen(&InterfaceSelection::All, &host(), Some("10.0.0.9")), up);
    assert_eq!(chosen(&InterfaceSelection::All, &host(), None), up);
}

#[test]
fn what_was_joined_by_a_route_is_meant_beside_that_of_the_new_one_while_it_is_up() {
    for wanted in [InterfaceSelection::Routed, names(&["0.0.0.0"])] {
        let meant = |routed, by_route: &[&str]| kept(&wanted, &host(), routed, by_route, &[]);
        let both = ["eth1 (10.1.0.1)", "eth0 (10.0.0.1)"];
        assert_eq!(meant(Some("10.1.0.1"), &["eth0"]), both);
        assert_eq!(meant(Some("10.1.0.1"), &["eth2"]), both[..1]);
        assert_eq!(meant(Some("10.1.0.1"), &["eth7", "eth0", "eth1"]), both);
        assert_eq!(meant(None, &["eth1"]), both);
    }
    assert_eq!(kept(&InterfaceSelection::All, &host(), None, &["eth1"], &[]).len(), 2);
}

#[test]
fn what_is_remembered_is_the_name_whatever_has_become_of_the_interface() {
    let again = found(&[("lo", "127.0.0.1"), ("tun0", "10.8.0.1"), ("eth0", "10.0.0.7")]);
    let labelled = found(&[("eth0:1", "10.0.0.7"), ("tun0", "10.8.0.1")]);
    for (found, meant) in [(again, "eth0 (10.0.0.7)"), (labelled, "eth0:1 (10.0.0.7)")] {
        let both = kept(&InterfaceSelection::Routed, &found, Some("10.8.0.1"), &["eth0"], &[]);
        assert_eq!(both, ["tun0 (10.8.0.1)", meant]);
    }
}

#[test]
fn a_membership_keeps_its_address_as_long_as_the_interface_has_it() {
    let member =
        |address: &str| found(&[("lo", "127.0.0.1"), ("eth0", address)]).remove(1).interface;
    let meant = |routed, joined: &str| {
        kept(&InterfaceSelection::Routed, &host(), Some(routed), &["eth0"], &[member(joined)])
    };
    assert_eq!(meant("10.0.0.9", "10.0.0.1"), ["eth0 (10.0.0.1)"]);
    assert_eq!(meant("10.0.0.9", "10.0.0.7"), ["eth0 (10.0.0.9)"]);
    assert_eq!(meant("10.1.0.1", "10.0.0.9"), ["eth1 (10.1.0.1)", "eth0 (10.0.0.9)"]);
    assert_eq!(meant("10.1.0.1", "10.0.0.7"), ["eth1 (10.1.0.1)", "eth0 (10.0.0.1)"]);
}

#[test]
fn eight_names_are_remembered_and_the_latest_stay() {
    let mut by_route = ByRoute::default();
    let joined = |n: usize| found(&[(&format!("tun{n}"), "10.8.0.1")]).remove(0).interface;
    for n in [0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 8] {
        by_route.joined(&joined(n));
    }
    assert_eq!(by_route.0, ["tun8", "tun0", "tun7", "tun6", "tun5", "tun4", "tun3", "tun2"]);
}

#[test]
fn what_is_joined_for_want_of_a_route_is_not_joined_by_one() {
    let of_route = |wanted: &InterfaceSelection, routed: Option<&str>| {
        let routed = routed.map(address);
        choose(wanted, GROUP, &host(), routed, &[], &ByRoute::default()).of_route
    };
    for wanted in [InterfaceSelection::Routed, InterfaceSelection::All, names(&["eth0", "0.0.0.0"])]
    {
        assert_eq!(of_route(&wanted, None), None);
        let of = of_route(&wanted, Some("10.1.0.1"));
        assert_eq!(of.as_ref().map(shown).as_deref(), Some("eth1 (10.1.0.1)"));
    }
    assert_eq!(of_route(&names(&["eth1"]), Some("10.1.0.1")), None);
}

#[test]
fn the_loopback_is_used_where_it_is_all_there_is_and_that_is_a_fault() {
    let lonely = found(&[("lo", "127.0.0.1"), ("!eth0", "10.0.0.1"), ("eth1", "fd00::1")]);
    assert_eq!(chosen(&InterfaceSelection::All, &lonely, None), ["lo (127.0.0.1)"]);
    assert_eq!(
        missing(&InterfaceSelection::Routed, &lonely),
        [Fault::LoopbackOnly { group: GROUP }]
    );
}

#[test]
fn the_loopback_is_known_by_one_of_its_addresses_whatever_the_others_are() {
    let routed_by_loopback =
        found(&[("lo", "10.99.0.2"), ("lo", "127.0.0.1"), ("eth0", "10.0.0.1")]);
    for wanted in [InterfaceSelection::Routed, InterfaceSelection::All] {
        let chosen = chosen(&wanted, &routed_by_loopback, Some("10.99.0.2"));
        assert_eq!(chosen, ["eth0 (10.0.0.1)"]);
    }
    let routed_by_eth1 = [("lo", "10.99.0.2"), ("lo", "127.0.0.1"), ("eth0", "10.0.0.1")]
        .into_iter()
        .chain([("eth1", "10.99.0.2")]);
    let routed_by_eth1 = found(&routed_by_eth1.collect::<Vec<_>>());
    let routed = chosen(&InterfaceSelection::Routed, &routed_by_eth1, Some("10.99.0.2"));
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
    assert_eq!(missing(&InterfaceSelection::All, &found(&[("eth1", "fd00::1")])), [fault]);
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
    let by_name = |name: &str| InterfaceSelector::Name(name.into());
    let expected = [
        (by_name("eth2"), MissingReason::Down),
        (by_name("eth7"), MissingReason::NoSuchName),
        (InterfaceSelector::Address(address("10.7.0.1")), MissingReason::NoSuchAddress),
    ];
    let expected =
        expected.map(|(wanted, reason)| Fault::InterfaceMissing { group: GROUP, wanted, reason });
    assert_eq!(missing(&names(&["eth2", "eth7", "10.7.0.1", "eth0"]), &host()), expected);
}

#[test]
fn an_ipv4_address_that_a_host_gave_to_itself_is_used_where_there_is_no_other() {
    let own = ("eth0", "169.254.7.7");
    let both = found(&[own, ("eth0", "10.0.0.1"), ("eth0", "10.0.0.9")]);
    assert_eq!(chosen(&InterfaceSelection::All, &both, None), ["eth0 (10.0.0.1)"]);
    assert_eq!(chosen(&InterfaceSelection::All, &found(&[own]), None), ["eth0 (169.254.7.7)"]);
}

#[test]
fn an_interface_with_several_ipv6_addresses_is_known_by_the_link_local_one() {
    let group = address("ff02::1:32");
    let chosen = choose(&InterfaceSelection::All, group, &host(), None, &[], &ByRoute::default());
    assert_eq!(chosen.interfaces.len(), 1);
    assert_eq!(shown(&chosen.interfaces[0]), "eth1 (fe80::1)");
}

#[test]
fn an_ipv6_group_is_not_joined_on_the_loopback() {
    let group = address("ff02::1:32");
    let chosen = choose(
        &InterfaceSelection::All,
        group,
        &found(&[("lo", "::1")]),
        None,
        &[],
        &ByRoute::default(),
    );
    assert_eq!((chosen.interfaces, chosen.missing), (vec![], vec![Fault::NoInterface { group }]));
}
