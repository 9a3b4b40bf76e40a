//! The interfaces of this host, and which of them a configuration means.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
};

use crate::{
    config::{InterfaceName, Interfaces},
    trouble::Trouble,
};

/// An interface with all that a membership in a group depends on: where one of these has changed,
/// the group is joined anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What people call it.
    pub name: String,
    /// What the system calls it; an interface that is made again has another one.
    pub index: u32,
    /// Where what it sends comes from.
    pub address: IpAddr,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.address)
    }
}

/// One address of an interface.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) interface: Interface,
    pub(crate) is_up: bool,
}

/// What a configuration means at the moment.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) interfaces: Vec<Interface>,
    /// Why there are not more of them, a line for each that is missing.
    pub(crate) missing: Vec<Trouble>,
}

/// Every address of every interface of this host.
///
/// # Errors
/// The system does not list them; it may have no descriptors left.
pub(crate) fn look() -> Result<Vec<Found>, Trouble> {
    let found = if_addrs::get_if_addrs()
        .map_err(|error| Trouble::new("list the interfaces of this host", error))?;
    let found = found.into_iter().filter_map(|found| {
        let interface =
            Interface { index: found.index?, address: found.addr.ip(), name: found.name };
        // Where the system does not tell, a send will.
        let is_up = found.oper_status == if_addrs::IfOperStatus::Up;
        Some(Found { interface, is_up })
    });
    Ok(found.collect())
}

/// The address from which the system would send to a group, by its routes. Every interface has a
/// route for the groups of IPv6, so of these it says nothing.
///
/// # Errors
/// It cannot be asked; it may have no descriptors left.
pub(crate) fn routed(group: SocketAddr) -> Result<Option<IpAddr>, Trouble> {
    if group.is_ipv6() {
        return Ok(None);
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .map_err(|error| Trouble::new("look up the route to the group", error))?;
    // Connecting a UDP socket looks up the route, and sends nothing.
    let source = socket.connect(group).and_then(|()| socket.local_addr());
    Ok(source.ok().map(|source| source.ip()))
}

/// Which of the interfaces found are to send to `group` and hear it.
pub(crate) fn choose(
    wanted: &Interfaces,
    group: IpAddr,
    found: &[Found],
    routed: Option<IpAddr>,
) -> Chosen {
    let found: Vec<_> =
        found.iter().filter(|f| f.interface.address.is_ipv4() == group.is_ipv4()).collect();
    let by_route = || {
        // The host may have the address on its loopback as well, or there alone.
        let is_routed = |f: &&Found| {
            f.is_up && Some(f.interface.address) == routed && !loops(&f.interface, &found)
        };
        match found.iter().copied().find(is_routed) {
            Some(f) => Chosen { interfaces: vec![f.interface.clone()], missing: vec![] },
            None => all(group, &found),
        }
    };
    match wanted {
        Interfaces::Routed => by_route(),
        Interfaces::All => all(group, &found),
        Interfaces::Listed(names) => {
            let mut chosen = Chosen::default();
            for name in names {
                chosen.add(match name {
                    // As the stock strategy has it, the system's choice.
                    InterfaceName::Address(address) if address.is_unspecified() => by_route(),
                    name => named(name, group, &found),
                });
            }
            chosen
        }
    }
}

impl Chosen {
    fn add(&mut self, more: Self) {
        more.interfaces.into_iter().for_each(|interface| add(&mut self.interfaces, interface));
        self.missing.extend(more.missing);
    }
}

fn named(name: &InterfaceName, group: IpAddr, found: &[&Found]) -> Chosen {
    match find(name, found) {
        Ok(interface) => Chosen { interfaces: vec![interface], missing: vec![] },
        Err(cause) => {
            let step = format!("join {group} on {name} (option multicast_if)");
            Chosen { interfaces: vec![], missing: vec![Trouble::new(step, cause)] }
        }
    }
}

fn find(name: &InterfaceName, found: &[&Found]) -> Result<Interface, &'static str> {
    let named: Vec<_> = match name {
        // The whole network 127.0.0.0/8 is the loopback's, and it lists one address of it.
        InterfaceName::Address(address) if address.is_loopback() => {
            let loopback = found.iter().filter(|f| f.interface.address.is_loopback());
            loopback.map(|f| (f.is_up, at(&f.interface, *address))).collect()
        }
        InterfaceName::Address(address) => {
            let having = found.iter().filter(|f| f.interface.address == *address);
            having.map(|f| (f.is_up, f.interface.clone())).collect()
        }
        InterfaceName::Name(name) => {
            let called = found.iter().filter(|f| is_called(&f.interface.name, name));
            called.map(|f| (f.is_up, f.interface.clone())).collect()
        }
    };
    match first(named.iter().filter(|(is_up, _)| *is_up).map(|(_, interface)| interface)) {
        Some(interface) => Ok(interface.clone()),
        None if !named.is_empty() => Err("the interface is down"),
        None if matches!(name, InterfaceName::Address(_)) => Err("no interface has this address"),
        None => Err("there is no such interface, or it has no address of the group's family"),
    }
}

/// An address with a label of its own is listed under this label, `eth0:1`.
fn is_called(listed: &str, name: &str) -> bool {
    listed == name || listed.split(':').next() == Some(name)
}

fn at(interface: &Interface, address: IpAddr) -> Interface {
    Interface { address, ..interface.clone() }
}

fn all(group: IpAddr, found: &[&Found]) -> Chosen {
    let (mut outward, mut loopback) = (Vec::new(), Vec::new());
    for f in found.iter().filter(|f| f.is_up) {
        let same = found.iter().map(|f| &f.interface).filter(|i| i.index == f.interface.index);
        let Some(interface) = first(same) else { continue };
        let list = if loops(interface, found) { &mut loopback } else { &mut outward };
        add(list, interface.clone());
    }
    if !outward.is_empty() {
        return Chosen { interfaces: outward, missing: vec![] };
    }
    let family = if group.is_ipv4() { "IPv4" } else { "IPv6" };
    let cause = format!("no interface but the loopback is up and has an {family} address");
    // On Linux the loopback has no route for IPv6 groups.
    if loopback.is_empty() || group.is_ipv6() {
        let step = format!("join {group} (options multicast_addr, multicast_if)");
        return Chosen { interfaces: vec![], missing: vec![Trouble::new(step, cause)] };
    }
    let step = format!("find nodes of other hosts by {group} (option multicast_if)");
    Chosen { interfaces: loopback, missing: vec![Trouble::new(step, cause)] }
}

/// Whether it is the loopback, which may have other addresses too.
fn loops(interface: &Interface, found: &[&Found]) -> bool {
    let of_it = found.iter().filter(|f| f.interface.index == interface.index);
    of_it.into_iter().any(|f| f.interface.address.is_loopback())
}

/// Of several addresses of one interface: the first IPv4 one, which is the primary one, unless the
/// host gave it to itself; of IPv6 the link-local one, because the others come and go.
fn first<'a>(mut interfaces: impl Iterator<Item = &'a Interface>) -> Option<&'a Interface> {
    let first = interfaces.next()?;
    let is_lasting = |interface: &&Interface| match interface.address {
        IpAddr::V4(address) => !address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    Some(std::iter::once(first).chain(interfaces).find(is_lasting).unwrap_or(first))
}

fn add(interfaces: &mut Vec<Interface>, interface: Interface) {
    if interfaces.iter().all(|known| known.index != interface.index) {
        interfaces.push(interface);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(233, 252, 1, 32));

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Interfaces with these names and addresses, each name with an index of its own; `!` is down.
    fn found(of: &[(&str, &str)]) -> Vec<Found> {
        let plain = |name: &str| name.trim_start_matches('!').to_owned();
        let one = |(given, text): &(&str, &str)| {
            let name = plain(given);
            let index = of.iter().position(|(other, _)| plain(other) == name).expect("itself");
            let index = u32::try_from(index).expect("few") + 1;
            let interface = Interface { name, index, address: address(text) };
            Found { interface, is_up: !given.starts_with('!') }
        };
        of.iter().map(one).collect()
    }

    fn host() -> Vec<Found> {
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

    fn chosen(wanted: &Interfaces, found: &[Found], routed: Option<&str>) -> Vec<String> {
        let chosen = choose(wanted, GROUP, found, routed.map(address));
        chosen.interfaces.iter().map(ToString::to_string).collect()
    }

    fn names(of: &[&str]) -> Interfaces {
        let name = |text: &&str| match text.parse() {
            Ok(address) => InterfaceName::Address(address),
            Err(_) => InterfaceName::Name((*text).into()),
        };
        Interfaces::Listed(of.iter().map(name).collect())
    }

    fn missing(wanted: &Interfaces, found: &[Found]) -> Vec<String> {
        let chosen = choose(wanted, GROUP, found, None);
        chosen.missing.iter().map(ToString::to_string).collect()
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
        assert_eq!(chosen(&Interfaces::All, &host(), Some("10.1.0.1")), up);
    }

    #[test]
    fn the_loopback_is_used_where_it_is_all_there_is_and_that_is_said() {
        let lonely = found(&[("lo", "127.0.0.1"), ("!eth0", "10.0.0.1"), ("eth1", "fd00::1")]);
        assert_eq!(chosen(&Interfaces::All, &lonely, None), ["lo (127.0.0.1)"]);
        let said = "cannot find nodes of other hosts by 233.252.1.32 (option multicast_if): \
                    no interface but the loopback is up and has an IPv4 address";
        assert_eq!(missing(&Interfaces::Routed, &lonely), [said]);
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
    fn a_host_without_any_address_of_the_family_says_so() {
        let said = "cannot join 233.252.1.32 (options multicast_addr, multicast_if): \
                    no interface but the loopback is up and has an IPv4 address";
        assert_eq!(missing(&Interfaces::All, &found(&[("eth1", "fd00::1")])), [said]);
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
        let said = missing(&names(&["eth2", "eth7", "10.7.0.1", "eth0"]), &host());
        let [down, name, address] = said.as_slice() else { unreachable!("{said:?}") };
        assert!(down.contains("the interface eth2 (option multicast_if): the interface is down"));
        assert!(name.contains("the interface eth7 (option multicast_if): there is no such"));
        assert!(address.contains("the address 10.7.0.1 (option multicast_if): no interface has"));
    }

    #[test]
    fn an_interface_with_several_ipv6_addresses_is_known_by_the_link_local_one() {
        let group = address("ff02::1:32");
        let chosen = choose(&Interfaces::All, group, &host(), None);
        assert_eq!(chosen.interfaces.len(), 1);
        assert_eq!(chosen.interfaces[0].to_string(), "eth1 (fe80::1)");
    }

    #[test]
    fn this_host_has_a_loopback() {
        let loopback = look().expect("a list").into_iter().find(|f| f.interface.name == "lo");
        assert!(cfg!(not(target_os = "linux")) || loopback.is_some_and(|f| f.is_up));
    }
}
