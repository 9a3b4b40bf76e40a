//! Whole nodes, with all that they know of each other.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
    rc::Rc,
};

use native_gossip_core::{
    Config, InterfaceAddress, InterfaceSelection, JoinError, Network, NetworkConfig, Node,
    NodeName, Now, RecvMeta, Report, ScannedAddress, Time, WallTime,
    event::{SocketStep, SystemError},
    packet::{self, Keyring},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::air::{Host, Sender};

const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(233, 252, 1, 32));
const PORT: u16 = 45_892;

/// The names of all nodes, and a heartbeat of each.
pub(crate) struct Cast {
    names: Vec<NodeName>,
    heartbeats: Vec<Vec<u8>>,
}

impl Cast {
    pub(crate) fn new(size: usize) -> Self {
        let name = |n| NodeName::parse(&format!("n{n}@{}", address(n))).expect("a node name");
        let names: Vec<_> = (0..size).map(name).collect();
        let heartbeat = |name| packet::encode(name, &Keyring::default(), [0; 16]);
        Self { heartbeats: names.iter().map(heartbeat).collect(), names }
    }
}

/// A node to which every connection succeeds at once.
pub(crate) struct Whole {
    node: Node<StdRng>,
    wire: Wire,
    number: usize,
    cast: Rc<Cast>,
}

/// A network with one interface, on which everything works.
struct Wire {
    interface: InterfaceAddress,
    has_sent: bool,
}

impl Whole {
    pub(crate) fn all(size: usize, receive_limit: u32) -> Vec<Self> {
        let cast = Rc::new(Cast::new(size));
        (0..size).map(|n| Self::new(n, receive_limit, Rc::clone(&cast))).collect()
    }

    fn new(number: usize, receive_limit: u32, cast: Rc<Cast>) -> Self {
        let network = NetworkConfig {
            port: PORT,
            if_addr: [0, 0, 0, 0].into(),
            multicast_if: InterfaceSelection::All,
            multicast_addr: GROUP,
            multicast_ttl: 1,
            broadcast_only: false,
            receive_limit,
        };
        let config = Config { max_peers: 16_384, ..Config::default() };
        let rng = StdRng::seed_from_u64(number as u64);
        let interface =
            InterfaceAddress { name: "eth0".into(), index: 2, address: address(number) };
        let wire = Wire { interface, has_sent: false };
        Self { node: Node::new(config, &network, true, rng), wire, number, cast }
    }

    fn connect(&mut self, now: Time) {
        while let Some(node) = self.node.next_announcement(moment(now)) {
            self.node.report(moment(now), &node, Report::Connected);
        }
    }
}

impl Host for Whole {
    fn advance(&mut self, now: Time) -> bool {
        self.node.advance(moment(now), &mut self.wire);
        self.connect(now);
        std::mem::take(&mut self.wire.has_sent)
    }

    fn begin_receive(&mut self, now: Time) -> bool {
        self.node.begin_receive(moment(now))
    }

    fn receive(&mut self, now: Time, from: Sender) {
        let (source, datagram) = match from {
            Sender::Host(n) => (address(n.into()), &self.cast.heartbeats[usize::from(n)][..]),
            Sender::Stranger => ([10, 255, 0, 1].into(), &b"noise"[..]),
        };
        let source = SocketAddr::new(source, PORT);
        let meta = RecvMeta { source, destination: Some(GROUP), interface: Some(2) };
        self.node.receive(moment(now), &meta, datagram);
        self.connect(now);
        self.node.take_events();
    }

    fn is_news(&self, _: Sender) -> bool {
        true
    }

    fn note_empty_queue(&mut self, now: Time) {
        self.node.check_liveness(moment(now), &mut self.wire);
    }

    fn deadline(&self) -> Option<Time> {
        self.node.deadline()
    }

    fn start(&mut self, now: Time) {
        self.node.set_identity(moment(now), self.cast.names.get(self.number).cloned());
    }

    fn lose(&mut self, now: Time, hosts: &Range<usize>) {
        for name in &self.cast.names[hosts.clone()] {
            self.node.report(moment(now), name, Report::Down);
        }
    }
}

impl Network for Wire {
    fn open(&mut self) -> Result<(), (SocketStep, SystemError)> {
        Ok(())
    }

    fn close(&mut self) {}

    fn interfaces(&mut self) -> Result<Vec<ScannedAddress>, SystemError> {
        Ok(vec![ScannedAddress { interface: self.interface.clone(), is_up: true }])
    }

    fn route(&mut self, _: SocketAddr) -> Result<Option<IpAddr>, SystemError> {
        Ok(Some(self.interface.address))
    }

    fn join(&mut self, _: IpAddr, _: &InterfaceAddress) -> Result<(), JoinError> {
        Ok(())
    }

    fn leave(&mut self, _: IpAddr, _: &InterfaceAddress) {}

    fn send_by(
        &mut self,
        _: &InterfaceAddress,
        _: &[u8],
        _: SocketAddr,
    ) -> Result<(), SystemError> {
        self.has_sent = true;
        Ok(())
    }

    fn send_to(&mut self, _: &[u8], _: SocketAddr) -> Result<(), SystemError> {
        Ok(())
    }
}

fn address(n: usize) -> IpAddr {
    let [high, low] = u16::try_from(n).expect("few nodes").to_be_bytes();
    [10, 1, high, low].into()
}

fn moment(time: Time) -> Now {
    Now { time, wall: WallTime::default() }
}
