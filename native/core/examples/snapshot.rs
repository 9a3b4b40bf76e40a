//! What it takes a node to say how it is, and what its peers are: for so long nothing else is done.
//!
//! ```text
//! cargo run -q --release -p native_gossip_core --example snapshot [PEERS]
//! ```
//!
//! All peers sign and are connected. Prints microseconds, the median and the longest of 200 times.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

use std::{
    env,
    error::Error,
    hint::black_box,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use native_gossip_core::{
    Config, InterfaceAddress, InterfaceSelection, JoinError, Network, NetworkConfig, Node,
    NodeName, Now, RecvMeta, Report, ScannedAddress, Secret, Time, WallTime,
    event::{SocketStep, SystemError},
    packet::{self, Form, Keyring, Label, Signed, Trailer},
    status::PeerStatus,
};
use rand::{SeedableRng, rngs::StdRng};

const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(233, 252, 1, 32));
const PORT: u16 = 45_892;
const TIMES: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let peers = env::args().nth(1).map_or(Ok(4096), |n| n.parse())?;
    let now = Now { time: Time::ZERO, wall: WallTime::from_millis(1_790_000_000_000) };
    let node = node_with(peers, now)?;
    assert_eq!(node.peers(now).len(), usize::try_from(peers)?);
    println!("{peers} peers of {} bytes, beside their names", size_of::<PeerStatus>());
    report("peers", || drop(black_box(node.peers(now))));
    report("status", || drop(black_box(node.status(now))));
    Ok(())
}

fn report(what: &str, ask: impl Fn()) {
    let mut times: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let began = Instant::now();
            ask();
            began.elapsed()
        })
        .collect();
    times.sort();
    let micros = |place| times.get(place).map_or(0, Duration::as_micros);
    println!("{what}: {} us, {} at most", micros(TIMES / 2), micros(TIMES - 1));
}

fn node_with(peers: u32, now: Now) -> Result<Node<StdRng>, Box<dyn Error>> {
    let secrets = vec![Secret(b"correct horse battery staple".to_vec())];
    let ring = Keyring::new(&secrets, None);
    let network = NetworkConfig {
        port: PORT,
        if_addr: [0, 0, 0, 0].into(),
        multicast_if: InterfaceSelection::All,
        multicast_addr: GROUP,
        multicast_ttl: 1,
        broadcast_only: false,
        receive_limit: 1_000_000,
    };
    let max_peers = usize::try_from(peers)?;
    let config = Config { secrets, max_peers, ..Config::default() };
    let mut node = Node::new(config, &network, true, StdRng::seed_from_u64(1));
    node.set_identity(now, NodeName::parse("me@host").ok());
    node.advance(now, &mut OneInterface);
    for n in 0..peers {
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + n);
        let name = NodeName::parse(&format!("app{n}@{address}"))?;
        let signed = Some(Signed { incarnation: n.into(), seq: 1, echoes: Default::default() });
        let trailer =
            Trailer { is_leaving: false, stamp: now.wall, label: Label::default(), signed };
        let packet = packet::encode_with(&name, &trailer, &ring, Form::Sealed([0; 16]));
        let source = SocketAddr::new(address.into(), PORT);
        let meta = RecvMeta { source, destination: Some(GROUP), interface: Some(2) };
        node.receive(now, &meta, &packet);
        node.report(now, &name, Report::Connected);
    }
    Ok(node)
}

/// A host on which everything works.
struct OneInterface;

impl Network for OneInterface {
    fn open(&mut self) -> Result<(), (SocketStep, SystemError)> {
        Ok(())
    }

    fn close(&mut self) {}

    fn interfaces(&mut self) -> Result<Vec<ScannedAddress>, SystemError> {
        let address = [10, 1, 0, 1].into();
        let interface = InterfaceAddress { name: "eth0".into(), index: 2, address };
        Ok(vec![ScannedAddress { interface, is_up: true }])
    }

    fn route(&mut self, _: SocketAddr) -> Result<Option<IpAddr>, SystemError> {
        Ok(None)
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
        Ok(())
    }

    fn send_to(&mut self, _: &[u8], _: SocketAddr) -> Result<(), SystemError> {
        Ok(())
    }
}
