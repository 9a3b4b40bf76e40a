//! What receiving allocates: nothing, whatever a packet turns out to be, once its name is known. A name that is
//! not known is built for what looks at it after the form, the MAC and the filter.

use std::net::{IpAddr, SocketAddr};

use native_gossip_core::{
    Authentication, Config, Glob, InterfaceAddress, InterfaceSelection, JoinError, Network,
    NetworkConfig, Node, NodeName, Received, RecvMeta, Refusal, Report, ScannedAddress,
    budget::MAX_DATAGRAM,
    event::{SocketStep, SystemError},
    packet::{self, Form, Keyring, Label, Signed, Trailer},
};
use rand::{SeedableRng, rngs::StdRng};

mod receiver;

use receiver::{after, keyring, secrets};

const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(233, 252, 1, 32));

/// Peers that take turns: more than a membership keeps in mind.
const PEERS: u32 = 20;

/// Heartbeats of each peer before it is counted, and counted.
const ROUNDS: (u32, u32) = (3, 10);

/// A host with one interface that sends into the air.
#[derive(Default)]
struct Air {
    sent: Vec<Vec<u8>>,
}

fn interface() -> InterfaceAddress {
    InterfaceAddress { name: "eth0".into(), index: 2, address: [10, 0, 0, 9].into() }
}

impl Network for Air {
    fn open(&mut self) -> Result<(), (SocketStep, SystemError)> {
        Ok(())
    }

    fn close(&mut self) {}

    fn interfaces(&mut self) -> Result<Vec<ScannedAddress>, SystemError> {
        Ok(vec![ScannedAddress { interface: interface(), is_up: true }])
    }

    fn route(&mut self, _group: SocketAddr) -> Result<Option<IpAddr>, SystemError> {
        Ok(Some(interface().address))
    }

    fn join(&mut self, _group: IpAddr, _interface: &InterfaceAddress) -> Result<(), JoinError> {
        Ok(())
    }

    fn leave(&mut self, _group: IpAddr, _interface: &InterfaceAddress) {}

    fn send_by(
        &mut self,
        _interface: &InterfaceAddress,
        packet: &[u8],
        _target: SocketAddr,
    ) -> Result<(), SystemError> {
        self.sent.push(packet.to_vec());
        Ok(())
    }

    fn send_to(&mut self, _packet: &[u8], _target: SocketAddr) -> Result<(), SystemError> {
        Ok(())
    }
}

struct Host {
    node: Node<StdRng>,
    air: Air,
    millis: u64,
}

impl Host {
    fn new(config: Config) -> Self {
        let network = NetworkConfig {
            port: 45_892,
            if_addr: [0, 0, 0, 0].into(),
            multicast_if: InterfaceSelection::Routed,
            multicast_addr: GROUP,
            multicast_ttl: 1,
            broadcast_only: false,
            receive_limit: 1_000_000,
        };
        let node = Node::new(config, &network, true, StdRng::seed_from_u64(1));
        let mut host = Self { node, air: Air::default(), millis: 0 };
        host.node.set_identity(after(0), NodeName::parse("us@10.0.0.9").ok());
        host.node.advance(after(0), &mut host.air);
        host
    }

    fn receive(&mut self, packet: &[u8]) -> Received {
        self.millis += 1;
        let meta = RecvMeta {
            source: ([10, 0, 0, 1], 45_892).into(),
            destination: Some(GROUP),
            interface: Some(2),
        };
        self.node.receive(after(self.millis), &meta, packet).expect("it was sent to the group")
    }

    /// Whoever was heard is connected within a second.
    fn connect(&mut self) {
        self.millis += 1000;
        let now = after(self.millis);
        while let Some(node) = self.node.next_announcement(now) {
            self.node.report(now, &node, Report::Connected);
        }
        self.node.take_events();
    }
}

/// The heartbeat of a peer, by its number.
type Maker<'a> = &'a dyn Fn(u32, u32) -> Vec<u8>;

fn name(peer: u32) -> NodeName {
    NodeName::parse(&format!("app{peer}@10.0.0.1")).expect("a node name")
}

fn iv(peer: u32, seq: u32) -> [u8; 16] {
    (u128::from(peer) << 32 | u128::from(seq)).to_be_bytes()
}

fn trailer(peer: u32, seq: u32, echoes: u64) -> Trailer {
    let signed =
        Some(Signed { incarnation: peer.into(), seq, echoes: (1000..1000 + echoes).collect() });
    Trailer { is_leaving: false, stamp: after(0).wall, label: Label::default(), signed }
}

fn signed(of: &str, peer: u32, seq: u32) -> Vec<u8> {
    let form = Form::Sealed(iv(peer, seq));
    packet::encode_with(&name(peer), &trailer(peer, seq, 0), &keyring(&[of]), form)
}

fn sealed(of: &str, peer: u32, seq: u32) -> Vec<u8> {
    packet::encode(&name(peer), &keyring(&[of]), iv(peer, seq))
}

fn config(of: &[&str]) -> Config {
    Config { secrets: secrets(of), ..Config::default() }
}

/// Allocations for the heartbeats of all peers that are counted, and what became of each.
fn counted(host: &mut Host, make: Maker<'_>) -> (u64, Vec<Received>) {
    let packets = |from, rounds| {
        let each = move |seq| (0..PEERS).map(move |peer| make(peer, seq));
        (from..from + rounds).flat_map(each).collect::<Vec<_>>()
    };
    let (before, after) = ROUNDS;
    for packet in packets(1, before) {
        host.receive(&packet);
    }
    host.connect();
    let packets = packets(1 + before, after);
    let mut received = Vec::with_capacity(packets.len());
    let count = allocation_counter::measure(|| {
        received.extend(packets.iter().map(|packet| host.receive(packet)));
    });
    (count.count_total, received)
}

#[test]
fn a_heartbeat_of_a_known_peer_is_taken_without_an_allocation() {
    let compatible = || config(&["s"]);
    let unsealed = || Config { seal: false, ..compatible() };
    let cases: &[(&str, Config, Maker<'_>)] = &[
        ("plain", config(&[]), &|peer, seq| {
            packet::encode(&name(peer), &Keyring::default(), iv(peer, seq))
        }),
        ("of an old node, with atoms in Latin-1", config(&[]), &|peer, _| {
            let node = name(peer).to_string();
            let mut packet = b"heartbeat::\x83t\0\0\0\x01d\0\x04noded\0".to_vec();
            packet.push(u8::try_from(node.len()).expect("short"));
            packet.extend(node.as_bytes());
            packet
        }),
        ("sealed", compatible(), &|peer, seq| sealed("s", peer, seq)),
        ("signed", unsealed(), &|peer, seq| {
            packet::encode_with(&name(peer), &trailer(peer, seq, 0), &keyring(&["s"]), Form::Plain)
        }),
        ("sealed and signed", compatible(), &|peer, seq| signed("s", peer, seq)),
        ("of the second secret", config(&["t", "s"]), &|peer, seq| signed("s", peer, seq)),
        ("with echoes", compatible(), &|peer, seq| {
            let form = Form::Sealed(iv(peer, seq));
            packet::encode_with(&name(peer), &trailer(peer, seq, 8), &keyring(&["s"]), form)
        }),
    ];
    for (what, config, make) in cases {
        let mut host = Host::new(config.clone());
        let (allocations, received) = counted(&mut host, make);
        let is_peer = |received: &Received| matches!(received, Received::Peer(_));
        assert!(received.iter().all(is_peer), "{what}: {received:?}");
        assert_eq!(allocations, 0, "{what}");
    }
}

/// Its peers take no place in the table of those to connect to, and are known by their signatures alone.
#[test]
fn a_node_that_is_not_alive_hears_without_an_allocation() {
    let mut host = Host::new(config(&["s"]));
    host.node.set_identity(after(0), None);
    host.receive(&signed("s", 0, 1));
    assert_eq!(host.node.next_announcement(after(host.millis)), None, "it is not alive");
    let (allocations, received) = counted(&mut host, &|peer, seq| signed("s", peer, seq));
    let is_peer = |received: &Received| matches!(received, Received::Peer(_));
    assert!(received.iter().all(is_peer), "{received:?}");
    assert_eq!(allocations, 0);
}

#[test]
fn a_copy_and_an_echo_are_taken_without_an_allocation() {
    let mut host = Host::new(config(&["s"]));
    (0..PEERS)
        .for_each(|peer| assert!(matches!(host.receive(&signed("s", peer, 1)), Received::Peer(_))));
    let (allocations, received) = counted(&mut host, &|peer, _| signed("s", peer, 1));
    let is_copy = |received: &Received| matches!(received, Received::Copy(_));
    assert!(received.iter().all(is_copy), "{received:?}");
    assert_eq!(allocations, 0);

    let echo = host.air.sent.last().cloned().expect("a heartbeat");
    let (allocations, received) = counted(&mut host, &|_, _| echo.clone());
    assert!(received.iter().all(|received| *received == Received::Echo), "{received:?}");
    assert_eq!(allocations, 0);
}

#[test]
fn what_is_refused_costs_no_allocation() {
    let compatible = || config(&["s"]);
    let required = || Config { authentication: Authentication::Required, ..compatible() };
    let noise = |peer: u32, seq: u32| iv(peer, seq).repeat(4);
    let other_cluster = |peer, seq| {
        let label = Label::of(Some("another"));
        let trailer = Trailer { label, ..trailer(peer, seq, 0) };
        packet::encode_with(&name(peer), &trailer, &keyring(&["s"]), Form::Sealed(iv(peer, seq)))
    };
    // Of a life before the one that was heard first.
    let stale = |peer, seq| {
        if seq < ROUNDS.0 {
            return signed("s", peer, seq);
        }
        let trailer = Trailer { stamp: Default::default(), ..trailer(1000 + peer, seq, 0) };
        packet::encode_with(&name(peer), &trailer, &keyring(&["s"]), Form::Sealed(iv(peer, seq)))
    };
    let forged = |peer, seq| {
        let form = Form::Plain;
        packet::encode_with(&name(peer), &trailer(peer, seq, 0), &keyring(&["t"]), form)
    };
    let cases: &[(Refusal, Config, Maker<'_>)] = &[
        (Refusal::Malformed, config(&[]), &noise),
        (Refusal::Undecryptable, compatible(), &noise),
        (Refusal::Undecryptable, compatible(), &|peer, seq| signed("t", peer, seq)),
        (Refusal::Unsealed, compatible(), &|peer, _| {
            packet::encode(&name(peer), &Keyring::default(), [0; 16])
        }),
        (Refusal::Signature, compatible(), &forged),
        (Refusal::Unsigned, required(), &|peer, seq| sealed("s", peer, seq)),
        (Refusal::Stale, required(), &stale),
        (Refusal::Cluster, compatible(), &other_cluster),
        (Refusal::Filtered, Config { allow: vec![Glob::new("web*")], ..compatible() }, &|p, s| {
            signed("s", p, s)
        }),
        (Refusal::OverLimit, compatible(), &|_, _| vec![7; MAX_DATAGRAM + 1]),
    ];
    for (cause, config, make) in cases {
        let mut host = Host::new(config.clone());
        // One packet in 256 has a padding that comes out even. Of each cause the first is told.
        host.receive(b"heartbeat::");
        let (allocations, received) = counted(&mut host, make);
        let is_it = |received: &&Received| **received == Received::Refused(*cause);
        let others: Vec<_> = received.iter().filter(|r| !is_it(r)).collect();
        assert!(others.len() < received.len() / 20, "{cause:?}: {others:?}");
        assert_eq!(allocations, 0, "{cause:?}");
    }
}
