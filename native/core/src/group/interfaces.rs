//! Which interfaces of this host a configuration means.

use std::net::IpAddr;

use crate::{
    InterfaceAddress, InterfaceSelection, InterfaceSelector, ScannedAddress,
    event::{Fault, MissingReason},
};

/// Interfaces that are remembered: a laptop has an Ethernet, a Wi-Fi, a dock and a few VPNs.
const REMEMBERED: usize = 8;

/// Names of the interfaces that were joined because of a route, the latest first. Only newer ones
/// end the memory of one.
#[derive(Debug, Default)]
pub(super) struct ByRoute(Vec<String>);

impl ByRoute {
    /// An interface is joined, and the route leads there.
    pub(super) fn joined(&mut self, interface: &InterfaceAddress) {
        let name = device(&interface.name);
        if self.0.first().is_some_and(|latest| latest == name) {
            return;
        }
        self.0.retain(|known| known != name);
        self.0.truncate(REMEMBERED - 1);
        self.0.insert(0, name.to_owned());
    }
}

/// What a configuration means at the moment.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// The most important ones first: the system bounds the memberships of a socket.
    pub(super) interfaces: Vec<InterfaceAddress>,
    /// The one of them that is meant because the route leads there now.
    pub(super) of_route: Option<InterfaceAddress>,
    /// Why there are not more of them, a fault for each that is missing.
    pub(super) missing: Vec<Fault>,
}

/// Which of the interfaces found are to send to `group` and hear it. The system routes the group to
/// the address `routed`. `joined` are the memberships, `by_route` what was joined because of a route.
///
/// A route says where the group may be, and not where it is no more: a VPN that takes the default
/// route takes nobody away from the network on which the others are. So an interface that was joined
/// by a route is meant whenever it is up, beside that of the new route. It is known by its name: a
/// cable that is pulled for a moment, another address or index make no other network of it. A node
/// that starts while the VPN has the route knows of no other, and joins there alone.
pub(super) fn choose(
    wanted: &InterfaceSelection,
    group: IpAddr,
    found: &[ScannedAddress],
    routed: Option<IpAddr>,
    joined: &[&InterfaceAddress],
    by_route: &ByRoute,
) -> Chosen {
    let found: Vec<_> =
        found.iter().filter(|f| f.interface.address.is_ipv4() == group.is_ipv4()).collect();
    // The host may have the address on its loopback as well, or there alone.
    let is_routed = |f: &&ScannedAddress| {
        f.is_up && Some(f.interface.address) == routed && !is_loopback(&f.interface, &found)
    };
    let routed = found.iter().copied().find(is_routed).map(|f| &f.interface);
    let by_route = || {
        let up = || found.iter().filter(|f| f.is_up).map(|f| &f.interface);
        // A membership keeps its address while it can: nothing is rejoined without need.
        let member = |index| up().find(|i| i.index == index && joined.contains(i));
        let of_route = routed.map(|new| member(new.index).unwrap_or(new));
        let remembered = by_route.0.iter().filter_map(|name| {
            let new = preferred(up().filter(|interface| device(&interface.name) == name))?;
            Some(member(new.index).unwrap_or(new))
        });
        let mut chosen = Chosen { of_route: of_route.cloned(), ..Chosen::default() };
        of_route.into_iter().chain(remembered).for_each(|i| add(&mut chosen.interfaces, i.clone()));
        if routed.is_none() {
            chosen.add(all(group, &found, None));
        }
        chosen
    };
    match wanted {
        InterfaceSelection::Routed => by_route(),
        InterfaceSelection::All => all(group, &found, routed),
        InterfaceSelection::Listed(names) => {
            let mut chosen = Chosen::default();
            for name in names {
                chosen.add(match name {
                    // As the stock strategy has it, the system's choice.
                    InterfaceSelector::Address(address) if address.is_unspecified() => by_route(),
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
        self.of_route = self.of_route.take().or(more.of_route);
        self.missing.extend(more.missing);
    }
}

fn named(name: &InterfaceSelector, group: IpAddr, found: &[&ScannedAddress]) -> Chosen {
    match find(name, found) {
        Ok(interface) => Chosen { interfaces: vec![interface], ..Chosen::default() },
        Err(reason) => {
            let fault = Fault::InterfaceMissing { group, wanted: name.clone(), reason };
            Chosen { missing: vec![fault], ..Chosen::default() }
        }
    }
}

fn find(
    name: &InterfaceSelector,
    found: &[&ScannedAddress],
) -> Result<InterfaceAddress, MissingReason> {
    let named: Vec<_> = match name {
        // The whole network 127.0.0.0/8 is the loopback's, and it lists one address of it.
        InterfaceSelector::Address(address) if address.is_loopback() => {
            let loopback = found.iter().filter(|f| f.interface.address.is_loopback());
            loopback.map(|f| (f.is_up, at(&f.interface, *address))).collect()
        }
        InterfaceSelector::Address(address) => {
            let having = found.iter().filter(|f| f.interface.address == *address);
            having.map(|f| (f.is_up, f.interface.clone())).collect()
        }
        InterfaceSelector::Name(name) => {
            let called = found.iter().filter(|f| is_called(&f.interface.name, name));
            called.map(|f| (f.is_up, f.interface.clone())).collect()
        }
    };
    match preferred(named.iter().filter(|(is_up, _)| *is_up).map(|(_, interface)| interface)) {
        Some(interface) => Ok(interface.clone()),
        None if !named.is_empty() => Err(MissingReason::Down),
        None if matches!(name, InterfaceSelector::Address(_)) => Err(MissingReason::NoSuchAddress),
        None => Err(MissingReason::NoSuchName),
    }
}

fn is_called(listed: &str, name: &str) -> bool {
    listed == name || device(listed) == name
}

/// An address with a label of its own is listed under this label, `eth0:1`.
fn device(listed: &str) -> &str {
    listed.split(':').next().unwrap_or(listed)
}

fn at(interface: &InterfaceAddress, address: IpAddr) -> InterfaceAddress {
    InterfaceAddress { address, ..interface.clone() }
}

/// Every one that is up, that of the route first.
fn all(group: IpAddr, found: &[&ScannedAddress], routed: Option<&InterfaceAddress>) -> Chosen {
    let (mut outward, mut loopback) = (Vec::new(), Vec::new());
    for f in found.iter().filter(|f| f.is_up) {
        let same = found.iter().map(|f| &f.interface).filter(|i| i.index == f.interface.index);
        let Some(interface) = preferred(same) else { continue };
        let list = if is_loopback(interface, found) { &mut loopback } else { &mut outward };
        add(list, interface.clone());
    }
    if !outward.is_empty() {
        let is_of_route = |i: &InterfaceAddress| routed.is_some_and(|of| of.index == i.index);
        outward.sort_by_key(|interface| !is_of_route(interface));
        let of_route = outward.first().filter(|first| is_of_route(first)).cloned();
        return Chosen { interfaces: outward, of_route, ..Chosen::default() };
    }
    // On Linux the loopback has no route for IPv6 groups.
    if loopback.is_empty() || group.is_ipv6() {
        return Chosen { missing: vec![Fault::NoInterface { group }], ..Chosen::default() };
    }
    let missing = vec![Fault::LoopbackOnly { group }];
    Chosen { interfaces: loopback, missing, ..Chosen::default() }
}

/// Whether it is the loopback, which may have other addresses too.
fn is_loopback(interface: &InterfaceAddress, found: &[&ScannedAddress]) -> bool {
    let of_it = found.iter().filter(|f| f.interface.index == interface.index);
    of_it.into_iter().any(|f| f.interface.address.is_loopback())
}

/// Of several addresses of one interface: the first IPv4 one, which is the primary one, unless the
/// host gave it to itself; of IPv6 the link-local one, because the others come and go.
fn preferred<'a>(
    mut interfaces: impl Iterator<Item = &'a InterfaceAddress>,
) -> Option<&'a InterfaceAddress> {
    let first = interfaces.next()?;
    let is_lasting = |interface: &&InterfaceAddress| match interface.address {
        IpAddr::V4(address) => !address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    Some(std::iter::once(first).chain(interfaces).find(is_lasting).unwrap_or(first))
}

fn add(interfaces: &mut Vec<InterfaceAddress>, interface: InterfaceAddress) {
    if interfaces.iter().all(|known| known.index != interface.index) {
        interfaces.push(interface);
    }
}

#[cfg(test)]
mod tests;
