//! What keeps a node from being a member of the group, told apart from the nodes: by what ails its
//! host, and by what its options mean.

use native_gossip_core::{InterfaceName, Interfaces};

use crate::{
    Hour,
    simulation::host::{Host, Sends},
};

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
            && self.is_meant(number, slot)
    }

    /// Whether a node of this host gets to know its interfaces.
    pub(crate) fn can_scan(&self, number: usize) -> bool {
        let refuses = &self.net.hosts[number].refuses;
        refuses.open.or(refuses.interfaces).or(refuses.route).is_none()
    }

    /// Whether the options of the nodes of this host mean an interface that is there and up.
    pub(crate) fn is_meant(&self, number: usize, slot: usize) -> bool {
        let host = &self.net.hosts[number];
        if !is_usable(host, slot) {
            return false;
        }
        match &self.ailing[number].wanted {
            Interfaces::All => true,
            Interfaces::Routed => {
                let routed = host.route.filter(|routed| is_usable(host, *routed));
                routed.is_none_or(|routed| routed == slot)
            }
            Interfaces::Listed(names) => names.iter().any(|name| match name {
                InterfaceName::Name(name) => Host::named(name) == slot,
                InterfaceName::Address(address) => *address == host.nics[slot].address,
            }),
        }
    }

    /// Whether an interface that the options name is there and up.
    pub(crate) fn is_found(&self, number: usize, wanted: &InterfaceName) -> bool {
        let host = &self.net.hosts[number];
        self.slots(number).any(|slot| {
            is_usable(host, slot)
                && match wanted {
                    InterfaceName::Name(name) => Host::named(name) == slot,
                    InterfaceName::Address(address) => *address == host.nics[slot].address,
                }
        })
    }

    /// Whether any interface but the loopback is of use.
    pub(crate) fn is_outward(&self, number: usize) -> bool {
        let host = &self.net.hosts[number];
        self.slots(number).any(|slot| is_usable(host, slot))
    }
}

fn is_usable(host: &Host, slot: usize) -> bool {
    host.nics[slot].is_there && host.nics[slot].is_up
}
