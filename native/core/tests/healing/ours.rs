//! Who is of this host, where addresses are those of IPv6 and an interface has several.

use std::net::{IpAddr, SocketAddr};

use native_gossip_core::{
    Config, Engine, Interface, InterfaceAddress, Interfaces, Network, NetworkConfig, Node,
    NodeName, Now, RecvMeta, Report, Time,
    event::{SocketStep, SystemError},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::simulation::{
    PORT,
    mesh::{millis, secs},
};

/// Two interfaces, which echo whatever is sent.
#[derive(Default)]
struct Echoing {
    sent: Vec<(u32, Vec<u8>)>,
    left: Vec<u32>,
}

const ADDRESSES: [(u32, &str); 3] = [(2, "fe80::1"), (3, "fe80::2"), (3, "2001:db8::2")];

impl Network for Echoing {
    fn open(&mut self) -> Result<(), (SocketStep, SystemError)> {
        Ok(())
    }

    fn close(&mut self) {}

    fn interfaces(&mut self) -> Result<Vec<InterfaceAddress>, SystemError> {
        let address = |(index, text): &(u32, &str)| {
            let (name, address) = (format!("eth{index}"), text.parse().expect("an address"));
            let interface = Interface { name, index: *index, address };
            InterfaceAddress { interface, is_up: true }
        };
        Ok(ADDRESSES.iter().map(address).collect())
    }

    fn route(&mut self, group: SocketAddr) -> Result<Option<IpAddr>, SystemError> {
        unreachable!("every interface has a route to {group}")
    }

    fn join(&mut self, _: IpAddr, _: &Interface) -> Result<(), SystemError> {
        Ok(())
    }

    fn leave(&mut self, _: IpAddr, interface: &Interface) {
        self.left.push(interface.index);
    }

    fn send_by(
        &mut self,
        interface: &Interface,
        packet: &[u8],
        _: SocketAddr,
    ) -> Result<(), SystemError> {
        self.sent.push((interface.index, packet.to_vec()));
        Ok(())
    }

    fn send_to(&mut self, _: &[u8], target: SocketAddr) -> Result<(), SystemError> {
        unreachable!("there are no seeds, and {target} is none")
    }
}

/// The interfaces that are rejoined in a minute after somebody was heard from this address on this
/// interface, and nobody else.
fn missed_after(source: &str, index: u32) -> Vec<u32> {
    let group: IpAddr = "ff02::1:32".parse().expect("a group");
    let config = NetworkConfig {
        port: PORT,
        if_addr: "::".parse().expect("an address"),
        multicast_if: Interfaces::Routed,
        multicast_addr: group,
        multicast_ttl: 1,
        broadcast_only: false,
        receive_limit: 1000,
    };
    let rng = StdRng::seed_from_u64(1);
    let mut node = Node::new(Config::default(), &config, true, rng);
    let mut network = Echoing::default();
    let meta = |source: IpAddr, index: u32| RecvMeta {
        source: SocketAddr::new(source, PORT),
        destination: Some(group),
        interface: Some(index),
    };
    let [us, other] =
        ["us", "other"].map(|name| NodeName::parse(&format!("{name}@host")).expect("a node name"));
    let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(2));
    engine.set_identity(Time::ZERO, Some(other.clone()));
    let heartbeat = engine.heartbeat(Time::ZERO).expect("due at once");

    let mut now = Now::default();
    node.set_identity(now, Some(us));
    while now.time < Time::after(secs(60)) {
        node.advance(now, &mut network);
        for (index, packet) in std::mem::take(&mut network.sent) {
            node.receive(now, &meta("fe80::1".parse().expect("an address"), index), &packet);
        }
        if now == Now::default() {
            node.receive(now, &meta(source.parse().expect("an address"), index), &heartbeat);
            node.report(now, &other, Report::Connected);
        }
        node.check_liveness(now, &mut network);
        now.time += millis(10);
    }
    network.left
}

#[test]
fn a_host_whose_link_local_address_is_one_of_ours_on_another_interface_is_another_host() {
    assert_eq!(missed_after("fe80::2", 2), [2, 2]);
    assert_eq!(missed_after("fe80::2", 3), []);
}

#[test]
fn what_has_any_other_address_of_ours_is_ours_whatever_it_came_by() {
    assert_eq!(missed_after("2001:db8::2", 2), []);
    assert_eq!(missed_after("2001:db8::2", 3), []);
    assert_eq!(missed_after("2001:db8::3", 3), [3, 3]);
}
