mod limit;
mod signing;
mod status;

use std::net::IpAddr;

use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    InterfaceAddress, InterfaceSelection, Refusal, WallTime,
    network::fake::{FakeNetwork, GROUP, PORT, error, interface, meta},
    packet::{self, Keyring},
};

/// A node, and the network that it acts on.
struct Host {
    node: Node<StdRng>,
    network: FakeNetwork,
}

impl Host {
    fn network_config() -> NetworkConfig {
        NetworkConfig {
            port: PORT,
            if_addr: [0, 0, 0, 0].into(),
            multicast_if: InterfaceSelection::All,
            multicast_addr: GROUP,
            multicast_ttl: 1,
            broadcast_only: false,
            receive_limit: 100_000,
        }
    }

    fn with(config: Config, change: impl FnOnce(&mut NetworkConfig)) -> Self {
        let mut network = Self::network_config();
        change(&mut network);
        let node = Node::new(config, &network, true, StdRng::seed_from_u64(1));
        Self { node, network: FakeNetwork::of(&[eth0()]) }
    }

    /// A node that is not alive, has joined the group on eth0 at 0 s, and told so.
    fn joined() -> Self {
        Self::with(Config::default(), |_| {}).after_joining()
    }

    fn after_joining(mut self) -> Self {
        self.advance(secs(0));
        self.node.take_events();
        self
    }

    fn advance(&mut self, now: Now) -> Vec<String> {
        self.node.advance(now, &mut self.network);
        self.network.take_calls()
    }

    fn live(&mut self, now: Now) {
        self.node.set_identity(now, Some(name("me@host")));
    }

    fn receive(&mut self, now: Now, meta: &RecvMeta, node: &str) -> Received {
        let datagram = packet::encode(&name(node), &Keyring::default(), [0; 16]);
        self.node.receive(now, meta, &datagram).expect("it is for this node")
    }

    /// Hears a peer of another host, to which a connection attempt succeeds.
    fn meet(&mut self, now: Now, node: &str) {
        self.receive(now, &from(9), node);
        self.node.report(now, &name(node), Report::Connected);
    }

    fn announced(&mut self, now: Now) -> Vec<NodeName> {
        std::iter::from_fn(|| self.node.next_announcement(now)).collect()
    }

    fn check(&mut self, now: Now) -> Vec<String> {
        self.node.check_liveness(now, &mut self.network);
        self.network.take_calls()
    }

    /// Does what is due, whenever it is, while each heartbeat has its echo. What is called, and when.
    fn run(&mut self, until: Time) -> Vec<(Time, String)> {
        let mut calls = Vec::new();
        while let Some(at) = self.node.deadline().filter(|at| *at < until) {
            let advanced = self.advance(moment(at));
            if advanced.iter().any(|call| call == "send by eth0") {
                self.receive(moment(at), &from(1), "me@host");
            }
            let checked = self.check(moment(at));
            calls.extend(advanced.into_iter().chain(checked).map(|call| (at, call)));
            self.announced(moment(at));
            assert!(self.node.deadline().is_none_or(|next| next > at), "what is due is not done");
        }
        calls
    }
}

fn moment(time: Time) -> Now {
    Now { time, wall: WallTime::default() }
}

fn millis(millis: u64) -> Now {
    moment(Time::after(Duration::from_millis(millis)))
}

fn secs(s: u64) -> Now {
    millis(1000 * s)
}

fn eth0() -> InterfaceAddress {
    interface("eth0", 2, [10, 0, 0, 1])
}

/// How a packet of another host came.
fn from(last: u8) -> RecvMeta {
    meta([10, 0, 0, last], Some(2))
}

fn name(text: &str) -> NodeName {
    NodeName::parse(text).expect("a node name")
}

fn socket_fault(step: SocketStep) -> Fault {
    let address = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), PORT);
    Fault::Socket { step, address, error: error() }
}

#[test]
fn a_node_opens_its_socket_and_joins_and_while_it_is_not_alive_it_sends_nothing() {
    let mut host = Host::with(Config::default(), |_| {});
    assert!(!host.node.is_open());
    assert_eq!(host.node.deadline(), Some(Time::ZERO));
    assert_eq!(host.advance(secs(0)), ["open", "join on eth0"]);
    assert!(host.node.is_open());
    assert_eq!(host.run(secs(100).time), []);
    assert_eq!(host.node.counters().sent, 0);
}

#[test]
fn a_node_sends_when_it_becomes_alive_and_whenever_it_is_due() {
    let mut host = Host::joined();
    host.live(secs(1));
    let sent = host.run(secs(101).time);
    assert_eq!(sent.first(), Some(&(secs(1).time, "send by eth0".into())));
    assert!((20..80).contains(&sent.len()), "{}", sent.len());
    assert_eq!(host.node.counters().sent, sent.len() as u64);
    host.node.set_identity(secs(101), None);
    assert_eq!(host.run(secs(200).time), []);
}

#[test]
fn a_socket_that_cannot_be_opened_is_a_fault_and_tried_again_until_it_can() {
    let mut host = Host::with(Config::default(), |_| {});
    host.live(secs(0));
    host.network.refuse(&["open"]);
    assert_eq!(host.advance(secs(0)), ["open"]);
    let fault = socket_fault(SocketStep::Bind);
    assert_eq!(host.node.take_events(), [Event::FaultRaised(fault.clone())]);
    assert_eq!(host.node.deadline(), Some(millis(250).time));
    assert_eq!(host.advance(millis(249)), [""; 0]);
    host.network.refuse(&[]);
    assert_eq!(host.advance(millis(250)), ["open", "join on eth0", "send by eth0"]);
    let events = host.node.take_events();
    assert_eq!(events.first(), Some(&Event::FaultCleared(fault)));
}

#[test]
fn a_socket_that_cannot_receive_is_closed_and_another_one_opened_after_a_pause() {
    let mut host = Host::joined();
    host.live(secs(1));
    host.node.receive_failed(secs(1), &mut host.network, error());
    assert_eq!(host.network.take_calls(), ["close"]);
    assert!(!host.node.is_open());
    let fault = socket_fault(SocketStep::Receive);
    assert_eq!(host.node.take_events(), [Event::FaultRaised(fault)]);
    assert_eq!(host.node.deadline(), Some(millis(1250).time));
    assert_eq!(host.advance(millis(1250)), ["open", "join on eth0", "send by eth0"]);
}

#[test]
fn a_socket_that_is_closed_hears_no_echo_and_misses_none() {
    let mut host = Host::joined();
    host.live(secs(1));
    host.advance(secs(1));
    host.node.receive_failed(millis(1100), &mut host.network, error());
    host.network.take_calls();
    host.node.take_events();
    for s in 2..10 {
        assert_eq!(host.check(secs(s)), [""; 0]);
    }
    assert!(!host.node.has_events());
}

#[test]
fn with_broadcasts_only_no_group_is_joined_and_heartbeats_go_to_the_broadcast_address() {
    let mut host = Host::with(Config::default(), |network| {
        network.broadcast_only = true;
        network.multicast_addr = [10, 0, 0, 255].into();
    });
    host.live(secs(0));
    assert_eq!(host.advance(secs(0)), ["open", "send to 10.0.0.255:45892"]);
    host.network.refuse(&["send to 10.0.0.255:45892"]);
    host.run(secs(10).time);
    let target = SocketAddr::new([10, 0, 0, 255].into(), PORT);
    let fault = Fault::SendTo { target, error: error() };
    assert_eq!(host.node.take_events(), [Event::FaultRaised(fault)]);
}

#[test]
fn heartbeats_go_to_seeds_too_and_other_seeds_are_worth_a_burst() {
    let seeds = vec![SocketAddr::new([10, 0, 0, 7].into(), PORT)];
    let mut host = Host::joined();
    host.live(secs(1));
    host.run(secs(100).time);
    host.node.set_seeds(secs(100), seeds.clone());
    assert_eq!(host.node.deadline(), Some(secs(100).time), "a burst is sent");
    assert_eq!(host.advance(secs(100)), ["send by eth0", "send to 10.0.0.7:45892"]);
    host.run(secs(200).time);
    let deadline = host.node.deadline();
    host.node.set_seeds(secs(200), seeds);
    assert_eq!(host.node.deadline(), deadline, "the same ones are not");
}

#[test]
fn who_waits_is_announced_when_its_time_has_come_also_while_the_socket_is_closed() {
    let mut host = Host::joined();
    host.live(secs(1));
    host.advance(secs(1));
    let names = ["a@host", "b@host", "c@host", "d@host"].map(name);
    for node in &names {
        host.receive(secs(1), &from(9), node.as_str());
    }
    let at_once = host.announced(secs(1));
    assert_eq!(at_once.len(), 2, "the others dial first");
    at_once.iter().for_each(|node| host.node.report(secs(1), node, Report::Connected));
    assert!(host.announced(secs(1)).is_empty());
    host.node.receive_failed(secs(1), &mut host.network, error());
    host.network.refuse(&["open"]);
    let deadline = host.node.deadline();
    assert_eq!(deadline, Some(millis(1060).time), "before the socket is opened again");
    let later = host.announced(millis(1060));
    let mut all = [at_once, later].concat();
    all.sort();
    assert_eq!(all, names);
    assert_eq!(host.node.deadline(), Some(millis(1250).time));
}

#[test]
fn what_became_of_a_peer_is_told_where_it_is_news() {
    let mut host = Host::joined();
    host.live(secs(1));
    host.receive(secs(1), &from(9), "peer@host");
    let mut told = |report| {
        host.node.report(secs(2), &name("peer@host"), report);
        host.node.take_events()
    };
    assert_eq!(told(Report::Unreachable), [Event::PeerUnreachable(name("peer@host"))]);
    assert_eq!(told(Report::Unreachable), []);
    assert_eq!(told(Report::Connected), [Event::PeerConnected(name("peer@host"))]);
    assert_eq!(told(Report::Down), []);
}

#[test]
fn refused_packets_are_told_with_their_cause_their_source_and_their_interface() {
    let mut host = Host::joined();
    host.live(secs(1));
    assert!(!host.node.has_events());
    let received = host.node.receive(secs(1), &from(9), b"noise");
    assert_eq!(received, Some(Received::Refused(Refusal::Malformed)));
    assert!(host.node.has_events());
    let (cause, source) = (Refusal::Malformed, from(9).source);
    let interface = Some("eth0".into());
    let event = Event::PacketsRefused { cause, packets: 1, source, interface };
    assert_eq!(host.node.take_events(), [event]);
    assert_eq!(host.node.counters().refused(cause), 1);
}

#[test]
fn what_was_sent_to_another_group_is_not_for_this_node_and_spends_of_the_receive_limit() {
    let mut host = Host::with(Config::default(), |network| network.receive_limit = 100);
    host.advance(secs(0));
    host.live(secs(1));
    host.node.take_events();
    let datagram = packet::encode(&name("peer@host"), &Keyring::default(), [0; 16]);
    let mut receive = |s, to: Option<&str>| {
        let destination = to.map(|to| to.parse().expect("an address"));
        assert!(host.node.begin_receive(secs(s)));
        let received = host.node.receive(secs(s), &RecvMeta { destination, ..from(9) }, &datagram);
        assert!(!host.node.begin_receive(secs(s)));
        received
    };
    for (s, to) in [(2, "ff02::1:33"), (3, "233.252.1.33"), (4, "224.0.0.1")] {
        assert_eq!(receive(s, Some(to)), None, "{to}");
    }
    for (s, to) in [(5, Some("233.252.1.32")), (6, Some("10.0.0.1")), (7, None)] {
        assert!(matches!(receive(s, to), Some(Received::Peer { .. })), "{to:?}");
    }
    let counters = host.node.counters();
    assert_eq!((counters.received, counters.accepted), (3, 3));
    assert!(!host.node.has_events());
}

#[test]
fn heartbeats_are_events_only_with_debug() {
    let mut host = Host::joined();
    host.live(secs(1));
    host.advance(secs(1));
    host.receive(secs(1), &from(9), "peer@host");
    assert_eq!(host.node.take_events(), []);
    host.node.set_debug(true);
    host.receive(secs(1), &from(9), "peer@host");
    host.run(secs(2).time);
    let (node, source) = (name("peer@host"), from(9).source);
    let interface = Some("eth0".into());
    let received = Event::HeartbeatReceived { node, source, interface, loss: None };
    let sent = vec![Event::HeartbeatSent; 4];
    assert_eq!(host.node.take_events(), [vec![received], sent].concat());
}

#[test]
fn where_no_echo_comes_the_group_is_rejoined_and_where_one_comes_it_is_not() {
    for (has_echo, expected) in [(true, 0), (false, 2)] {
        let mut host = Host::joined();
        host.live(secs(1));
        let mut rejoined = Vec::new();
        for _ in 0..3 {
            let now = moment(host.node.deadline().expect("a heartbeat or a scan"));
            host.advance(now);
            if has_echo {
                assert_eq!(host.receive(now, &from(1), "me@host"), Received::Echo);
            }
            rejoined.extend(host.check(moment(now.time + Duration::from_millis(500))));
        }
        assert_eq!(rejoined.len(), expected, "{rejoined:?}");
    }
}

#[test]
fn peers_are_missed_after_two_and_a_half_of_their_longest_gaps_and_not_before_ten_seconds() {
    for (interval, silence) in [(1, 10_000), (4, 10_000), (8, 20_000)] {
        let heartbeat_interval = Duration::from_secs(interval);
        let config = Config { heartbeat_interval, ..Config::default() };
        let mut host = Host::with(config, |_| {}).after_joining();
        host.live(secs(1));
        host.meet(secs(1), "peer@host");
        assert_eq!(host.check(millis(1000 + silence - 1)), [""; 0], "{interval}");
        let rejoined = ["leave on eth0", "join on eth0"];
        assert_eq!(host.check(millis(1000 + silence)), rejoined, "{interval}");
    }
}

#[test]
fn peers_that_are_not_connected_are_not_missed() {
    let mut host = Host::joined();
    host.live(secs(1));
    host.receive(secs(1), &from(9), "peer@host");
    assert_eq!(host.check(secs(100)), [""; 0]);
}

#[test]
fn that_a_peer_was_connected_may_wait_to_be_told_and_all_else_may_not() {
    let mut host = Host::with(Config::default(), |_| {});
    assert!(!host.node.has_pressing_events());
    host.advance(secs(0));
    assert!(host.node.has_pressing_events(), "it has joined");
    host.node.take_events();
    host.live(secs(1));
    host.meet(secs(1), "peer@host");
    assert!(host.node.has_events() && !host.node.has_pressing_events());
}

#[test]
fn whose_report_may_be_lost_is_announced_again_when_it_is_heard() {
    for is_lost in [false, true] {
        let mut host = Host::joined();
        host.live(secs(1));
        host.meet(secs(1), "peer@host");
        if is_lost {
            host.node.reports_lost(secs(2));
        }
        host.receive(secs(3), &from(9), "peer@host");
        assert_eq!(!host.announced(secs(10)).is_empty(), is_lost);
    }
}
