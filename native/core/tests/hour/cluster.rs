//! The hosts of the hour.

use std::net::Ipv4Addr;

use native_gossip_core::{InterfaceSelection, InterfaceSelector, Time};

use crate::{
    Hour,
    faults::Fault,
    seeds::Seeds,
    simulation::{
        Plan,
        host::{ETH0, Place},
        mesh::address,
    },
};

const SEGMENTS: usize = 10;

/// The second network is a small one.
const SECOND_SEGMENTS: usize = 2;

/// Of this many hosts that follow each other, each kind has one.
const KINDS: usize = 8;

/// The kind that has seeds, and the first host of it.
const WITH_SEEDS: usize = 6;

/// What ails a host, beside what the simulation knows of it.
pub(crate) struct Ailing {
    pub(crate) faults: Vec<Fault>,
    pub(crate) is_flooded: bool,
    /// A firewall lets heartbeats pass and no connections.
    pub(crate) is_firewalled: bool,
    /// When something befell it last, or ended.
    pub(crate) struck_at: Time,
    pub(crate) wanted: InterfaceSelection,
    /// The addresses of its interfaces, as long as they have no others.
    pub(crate) addresses: Vec<Ipv4Addr>,
}

impl Ailing {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            faults: Vec::new(),
            is_flooded: false,
            is_firewalled: false,
            struck_at: Time::ZERO,
            wanted: plan.network.multicast_if.clone(),
            addresses: plan.interfaces.iter().map(|(address, _)| *address).collect(),
        }
    }
}

/// How many BEAMs there are on each of the first hosts; on each of the others there is one. A dozen
/// are more than may be connected to at once by the packets of one address.
fn crowds(nodes: usize) -> Vec<usize> {
    let (crowd, pairs) = (12.min(nodes / 6), nodes / 10);
    [crowd].into_iter().chain(std::iter::repeat_n(2, pairs)).collect()
}

/// Hosts with these numbers of nodes. Each is on the first network, by its first interface; some are on the
/// second one too, and use both, or the one that they are told to, or that of the route.
pub(crate) fn plans(nodes: usize) -> Vec<Plan> {
    let crowds = crowds(nodes);
    let mut plans: Vec<Plan> = Vec::new();
    let mut left = nodes;
    while left > 0 {
        let host = plans.len();
        let mut plan = Plan::new(address(host), host % SEGMENTS);
        // Of every kind there are some of which the system tells when interfaces change.
        plan.tells_changes = (host / KINDS).is_multiple_of(2);
        plan.nodes = crowds.get(host).copied().unwrap_or(1).min(left);
        left -= plan.nodes;
        let name = |name: &str| InterfaceSelector::Name(name.to_owned());
        let wanted = match host % KINDS {
            1 => Some(InterfaceSelection::All),
            3 => Some(InterfaceSelection::Listed(vec![
                name("eth1"),
                InterfaceSelector::Address(eth0(host)),
            ])),
            5 => Some(InterfaceSelection::Listed(vec![name("eth0")])),
            WITH_SEEDS => Some(InterfaceSelection::Routed),
            _ => None,
        };
        if let Some(wanted) = wanted {
            let place = Place { lan: 1, segment: host % SECOND_SEGMENTS };
            plan.interfaces.push((second_address(host), place));
            plan.network.multicast_if = wanted;
        }
        plans.push(plan);
    }
    plans
}

/// By LAN.
pub(crate) fn segments() -> [usize; 2] {
    [SEGMENTS, SECOND_SEGMENTS]
}

fn eth0(host: usize) -> std::net::IpAddr {
    address(host).into()
}

fn second_address(host: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(address(host).to_bits() + (1 << 16))
}

impl Hour {
    /// Some nodes have the hosts of others as seeds: those of one host all, and others two.
    pub(crate) fn set_seeds(&mut self, node: usize) {
        let host = self.net.host_of[node];
        let hosts = self.net.hosts.len();
        let most = match host {
            WITH_SEEDS => hosts - 1,
            host if host % KINDS == WITH_SEEDS => 2.min(hosts - 1),
            _ => return,
        };
        let seeds: Vec<_> = (1..=most).map(|n| address((host + n) % hosts)).collect();
        self.net.set_seeds(node, &seeds);
        self.seeds[node] = Seeds::new(&seeds);
        self.sending[node].told_seeds();
    }

    /// The slots of the interfaces of a host, without the loopback.
    pub(crate) fn slots(&self, host: usize) -> std::ops::Range<usize> {
        ETH0..self.net.hosts[host].nics.len()
    }
}
