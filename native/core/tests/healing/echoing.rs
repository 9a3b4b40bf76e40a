//! A node on a host with two interfaces, which echo whatever is sent, and what a test lets it hear.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use native_gossip_core::{
    Config, Engine, InterfaceAddress, InterfaceSelection, JoinError, Network, NetworkConfig, Node,
    NodeName, Now, RecvMeta, Report, ScannedAddress, Time,
    event::{SocketStep, SystemError},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::simulation::{PORT, mesh::millis};

/// The index and the address of each. The first IPv6 address is not the one that is known.
const ADDRESSES: [(u32, &str); 3] = [(2, "fe80::1"), (3, "2001:db8::2"), (3, "fe80::2")];
const GROUP: &str = "ff02::1:32";

#[derive(Default)]
struct Echoes {
    sent: Vec<(InterfaceAddress, Vec<u8>)>,
    joined: Vec<InterfaceAddress>,
    left: Vec<u32>,
}

impl Network for Echoes {
    fn open(&mut self) -> Result<(), (SocketStep, SystemError)> {
        Ok(())
    }

    fn close(&mut self) {}

    fn interfaces(&mut self) -> Result<Vec<ScannedAddress>, SystemError> {
        let address = |(index, text): &(u32, &str)| {
            let (name, address) = (format!("eth{index}"), address(text));
            let interface = InterfaceAddress { name, index: *index, address };
            ScannedAddress { interface, is_up: true }
        };
        Ok(ADDRESSES.iter().map(address).collect())
    }

    fn route(&mut self, group: SocketAddr) -> Result<Option<IpAddr>, SystemError> {
        unreachable!("every interface has a route to {group}")
    }

    fn join(&mut self, _: IpAddr, interface: &InterfaceAddress) -> Result<(), JoinError> {
        self.joined.push(interface.clone());
        Ok(())
    }

    fn leave(&mut self, _: IpAddr, interface: &InterfaceAddress) {
        self.left.push(interface.index);
    }

    fn send_by(
        &mut self,
        interface: &InterfaceAddress,
        packet: &[u8],
        _: SocketAddr,
    ) -> Result<(), SystemError> {
        self.sent.push((interface.clone(), packet.to_vec()));
        Ok(())
    }

    fn send_to(&mut self, _: &[u8], target: SocketAddr) -> Result<(), SystemError> {
        unreachable!("there are no seeds, and {target} is none")
    }
}

pub(crate) struct Echoing {
    pub(crate) node: Node<StdRng>,
    network: Echoes,
    pub(crate) now: Now,
}

impl Echoing {
    pub(crate) fn new() -> Self {
        let config = NetworkConfig {
            port: PORT,
            if_addr: address("::"),
            multicast_if: InterfaceSelection::Routed,
            multicast_addr: address(GROUP),
            multicast_ttl: 1,
            broadcast_only: false,
            receive_limit: 1000,
        };
        let mut node = Node::new(Config::default(), &config, true, StdRng::seed_from_u64(1));
        node.set_identity(Now::default(), Some(name("us")));
        let mut echoing = Self { node, network: Echoes::default(), now: Now::default() };
        echoing.pass(millis(10));
        echoing
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.time + time;
        while self.now.time < end {
            self.node.advance(self.now, &mut self.network);
            for (interface, packet) in std::mem::take(&mut self.network.sent) {
                let meta = meta(interface.address, interface.index);
                self.node.receive(self.now, &meta, &packet);
            }
            self.node.check_liveness(self.now, &mut self.network);
            self.now.time += millis(10);
        }
    }

    /// The heartbeat of another node comes from this address, by this interface.
    pub(crate) fn hear(&mut self, node: &str, source: &str, interface: u32) {
        let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(2));
        engine.set_identity(Time::ZERO, Some(name(node)));
        let heartbeat = engine.heartbeat(Time::ZERO.into()).expect("due at once");
        self.node.receive(self.now, &meta(address(source), interface), &heartbeat);
    }

    pub(crate) fn report(&mut self, node: &str, report: Report) {
        self.node.report(self.now, &name(node), report);
    }

    pub(crate) fn joined(&self) -> Vec<(u32, IpAddr)> {
        self.network.joined.iter().map(|joined| (joined.index, joined.address)).collect()
    }

    /// The interfaces that were left since the last call.
    pub(crate) fn left(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.network.left)
    }
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn name(base: &str) -> NodeName {
    NodeName::parse(&format!("{base}@host")).expect("a node name")
}

fn meta(source: IpAddr, index: u32) -> RecvMeta {
    let source = SocketAddr::new(source, PORT);
    RecvMeta { source, destination: Some(address(GROUP)), interface: Some(index) }
}
