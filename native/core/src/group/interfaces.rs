//! Which interfaces of this host a configuration means.

use std::net::IpAddr;

use crate::{
    Interface, InterfaceAddress, InterfaceName, Interfaces,
    event::{Fault, MissingReason},
};

/// What a configuration means at the moment.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// The most important ones first: the system bounds the memberships of a socket.
    pub(super) interfaces: Vec<Interface>,
    /// Those of them that are meant because of a route, of now or of before.
    pub(super) by_route: Vec<Interface>,
    /// Why there are not more of them, a fault for each that is missing.
    pub(super) missing: Vec<Fault>,
}

/// Which of the interfaces found are to send to `group` and hear it. The system routes the group to
/// the address `routed`; these are joined `by_route` already.
///
/// A route says where the group may be, and not where it is no more: a VPN that takes the default
/// route takes nobody away from the network on which the others are. So an interface that was joined
/// by a route stays while it is up and has its address. The interface of the new route is joined
/// beside it: which of two networks comes up first must not decide to whom a node belongs.
pub(super) fn choose(
    wanted: &Interfaces,
    group: IpAddr,
    found: &[InterfaceAddress],
    routed: Option<IpAddr>,
    by_route: &[Interface],
) -> Chosen {
    let found: Vec<_> =
        found.iter().filter(|f| f.interface.address.is_ipv4() == group.is_ipv4()).collect();
    // The host may have the address on its loopback as well, or there alone.
    let is_routed = |f: &&InterfaceAddress| {
        f.is_up && Some(f.interface.address) == routed && !loops(&f.interface, &found)
    };
    let routed = found.iter().copied().find(is_routed).map(|f| &f.interface);
    let by_route = || {
        let is_kept = |known: &&Interface| found.iter().any(|f| f.is_up && f.interface == **known);
        let kept = || by_route.iter().filter(is_kept);
        // An interface that is joined already keeps the address of its membership.
        let of_route = routed.map(|new| kept().find(|kept| kept.index == new.index).unwrap_or(new));
        let mut chosen = Chosen::default();
        of_route.into_iter().chain(kept()).for_each(|i| add(&mut chosen.interfaces, i.clone()));
        chosen.by_route = chosen.interfaces.clone();
        if routed.is_none() {
            chosen.add(all(group, &found, None));
        }
        chosen
    };
    match wanted {
        Interfaces::Routed => by_route(),
        Interfaces::All => all(group, &found, routed),
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
        self.by_route.extend(more.by_route);
        self.missing.extend(more.missing);
    }
}

fn named(name: &InterfaceName, group: IpAddr, found: &[&InterfaceAddress]) -> Chosen {
    match find(name, found) {
        Ok(interface) => Chosen { interfaces: vec![interface], ..Chosen::default() },
        Err(reason) => {
            let fault = Fault::InterfaceMissing { group, wanted: name.clone(), reason };
            Chosen { missing: vec![fault], ..Chosen::default() }
        }
    }
}

fn find(name: &InterfaceName, found: &[&InterfaceAddress]) -> Result<Interface, MissingReason> {
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
        None if !named.is_empty() => Err(MissingReason::Down),
        None if matches!(name, InterfaceName::Address(_)) => Err(MissingReason::NoSuchAddress),
        None => Err(MissingReason::NoSuchName),
    }
}

/// An address with a label of its own is listed under this label, `eth0:1`.
fn is_called(listed: &str, name: &str) -> bool {
    listed == name || listed.split(':').next() == Some(name)
}

fn at(interface: &Interface, address: IpAddr) -> Interface {
    Interface { address, ..interface.clone() }
}

/// Every one that is up, that of the route first.
fn all(group: IpAddr, found: &[&InterfaceAddress], routed: Option<&Interface>) -> Chosen {
    let (mut outward, mut loopback) = (Vec::new(), Vec::new());
    for f in found.iter().filter(|f| f.is_up) {
        let same = found.iter().map(|f| &f.interface).filter(|i| i.index == f.interface.index);
        let Some(interface) = first(same) else { continue };
        let list = if loops(interface, found) { &mut loopback } else { &mut outward };
        add(list, interface.clone());
    }
    if !outward.is_empty() {
        outward.sort_by_key(|interface| routed.is_none_or(|of| of.index != interface.index));
        return Chosen { interfaces: outward, ..Chosen::default() };
    }
    // On Linux the loopback has no route for IPv6 groups.
    if loopback.is_empty() || group.is_ipv6() {
        return Chosen { missing: vec![Fault::NoInterface { group }], ..Chosen::default() };
    }
    let missing = vec![Fault::LoopbackOnly { group }];
    Chosen { interfaces: loopback, missing, ..Chosen::default() }
}

/// Whether it is the loopback, which may have other addresses too.
fn loops(interface: &Interface, found: &[&InterfaceAddress]) -> bool {
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
mod tests;
