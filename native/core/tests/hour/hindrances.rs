//! What keeps a node from being a member of the group, told apart from the nodes: by what ails its
//! host, and by what its options mean.

use native_gossip_core::{InterfaceSelection, InterfaceSelector};

use crate::{
    Hour,
    simulation::host::{Host, LO, MEMBERSHIPS, SLOTS, Sends},
};

/// Where each node was a member while the route led there, by slot: one of this name is meant for
/// as long as the node lives.
pub(crate) struct Routes {
    led: Vec<[bool; SLOTS]>,
}

impl Routes {
    pub(crate) fn new(size: usize) -> Self {
        Self { led: vec![Default::default(); size] }
    }

    pub(crate) fn restarted(&mut self, node: usize) {
        self.led[node] = Default::default();
    }
}

impl Hour {
    /// Whether a node that behaves is a member of the group on an interface by now, or soon.
    pub(crate) fn can_hear(&self, node: usize, slot: usize) -> bool {
        let number = self.net.host_of[node];
        let host = &self.net.hosts[number];
        let nic = &host.nics[slot];
        let works = !nic.is_filtered && nic.sends == Sends::Work;
        self.is_alive[node]
            && self.can_scan(number)
            && host.refuses.join.is_none()
            && !self.ailing[number].is_flooded
            && works
            && self.is_meant(node, slot)
            && self.has_room(node, slot)
    }

    /// Whether a node of this host gets to know its interfaces.
    pub(crate) fn can_scan(&self, number: usize) -> bool {
        let refuses = &self.net.hosts[number].refuses;
        refuses.open.or(refuses.interfaces).or(refuses.route).is_none()
    }

    /// Whether the options of a node mean an interface that is there and up.
    pub(crate) fn is_meant(&self, node: usize, slot: usize) -> bool {
        let number = self.net.host_of[node];
        let host = &self.net.hosts[number];
        if !is_usable(host, slot) {
            return false;
        }
        match &self.ailing[number].wanted {
            InterfaceSelection::All => true,
            InterfaceSelection::Routed => {
                self.healing.routes.led[node][slot]
                    || routed(host).is_none_or(|routed| routed == slot)
            }
            InterfaceSelection::Listed(names) => {
                names.iter().any(|name| is_named(host, name, slot))
            }
        }
    }

    /// Whether a node may join on an interface that is meant. Where it may join on one only, that is
    /// the one of the route, unless the options name them all; else whichever was first.
    fn has_room(&self, node: usize, slot: usize) -> bool {
        let number = self.net.host_of[node];
        let host = &self.net.hosts[number];
        let is_listed = matches!(self.ailing[number].wanted, InterfaceSelection::Listed(_));
        let is_of_route = !is_listed && routed(host) == Some(slot);
        !is_limited(host) || is_of_route || self.meant(node) == [slot]
    }

    /// Whether the nodes of a host may join wherever they are to.
    pub(crate) fn can_join(&self, number: usize) -> bool {
        let host = &self.net.hosts[number];
        host.refuses.join.is_none() && !is_limited(host)
    }

    /// All interfaces that a node is to join by now: the loopback, where it has no other choice.
    pub(crate) fn meant(&self, node: usize) -> Vec<usize> {
        let number = self.net.host_of[node];
        let is_choice = !matches!(self.ailing[number].wanted, InterfaceSelection::Listed(_));
        if is_choice && !self.is_outward(number) {
            return vec![LO];
        }
        self.slots(number).filter(|slot| self.is_meant(node, *slot)).collect()
    }

    /// Where a node is a member already, the route may have come later.
    pub(crate) fn note_scan(&mut self, node: usize) {
        let number = self.net.host_of[node];
        for slot in self.slots(number) {
            let interface = self.net.hosts[number].interface(slot);
            if self.healing.ear(node, slot).joined == Some(interface) {
                self.note_joined(node, slot);
            }
        }
    }

    /// A node is a member on an interface: it may be because of the route.
    pub(crate) fn note_joined(&mut self, node: usize, slot: usize) {
        let host = &self.net.hosts[self.net.host_of[node]];
        let is_joined = self.healing.ear(node, slot).joined.is_some();
        self.healing.routes.led[node][slot] |= is_joined && routed(host) == Some(slot);
    }

    /// Whether an interface that the options name is there and up.
    pub(crate) fn is_found(&self, number: usize, wanted: &InterfaceSelector) -> bool {
        let host = &self.net.hosts[number];
        self.slots(number).any(|slot| is_usable(host, slot) && is_named(host, wanted, slot))
    }

    /// Whether any interface but the loopback is of use.
    pub(crate) fn is_outward(&self, number: usize) -> bool {
        let host = &self.net.hosts[number];
        self.slots(number).any(|slot| is_usable(host, slot))
    }
}

/// The interface to which the group is routed.
fn routed(host: &Host) -> Option<usize> {
    host.route.filter(|routed| is_usable(host, *routed))
}

fn is_named(host: &Host, name: &InterfaceSelector, slot: usize) -> bool {
    match name {
        InterfaceSelector::Name(name) => Host::named(name) == slot,
        InterfaceSelector::Address(address) => *address == host.nics[slot].address,
    }
}

fn is_limited(host: &Host) -> bool {
    host.memberships < MEMBERSHIPS
}

fn is_usable(host: &Host, slot: usize) -> bool {
    host.nics[slot].is_there && host.nics[slot].is_up
}
