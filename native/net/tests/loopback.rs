//! Drivers on the loopback interface, each on a thread of its own.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use native_gossip_core::{
    Config, Counters, Event, Fault, InterfaceSelection, InterfaceSelector, NetworkConfig, NodeName,
    Refusal, Report, Secret,
    event::{MissingReason, SocketStep},
};
use native_gossip_net::{Answer, Asker, Driver, Handle, Listener, Question, Served, Slice};

use socket2::{Domain, Socket, Type};

/// Whether the system tells by which interface a datagram came.
const TELLS_INTERFACES: bool = cfg!(all(target_os = "linux", not(feature = "portable")));

/// How long a test waits for what must happen; none waits so long unless it fails.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq)]
enum Told {
    Peer(String),
    Connected(String),
    Sent,
    Heard(String),
    Refused(Refusal, u64),
    Raised(Fault),
    Cleared(Fault),
    Joined,
}

struct Recorder(Sender<Told>);

/// Whoever asks in these tests.
type Answers = Sender<Answer>;

impl Listener for Recorder {
    fn announce(&mut self, node: &NodeName) {
        let _ = self.0.send(Told::Peer(node.to_string()));
    }

    fn event(&mut self, event: Event) {
        let _ = self.0.send(match event {
            Event::HeartbeatSent => Told::Sent,
            Event::HeartbeatReceived { node, interface, .. } => {
                assert_eq!(interface.as_deref(), TELLS_INTERFACES.then_some("lo"));
                Told::Heard(node.to_string())
            }
            Event::PacketsRefused { cause, packets, source, .. } => {
                assert_eq!(source.ip(), Ipv4Addr::LOCALHOST);
                Told::Refused(cause, packets)
            }
            Event::FaultRaised(fault) => Told::Raised(fault),
            Event::FaultCleared(fault) => Told::Cleared(fault),
            Event::PeerConnected(node) => Told::Connected(node.to_string()),
            Event::GroupJoined(_, interface) => {
                assert!(interface.address.is_loopback());
                Told::Joined
            }
            other => unreachable!("{other:?}"),
        });
    }

    fn answer(&mut self, asker: Asker, answer: Answer) {
        let answers = asker.downcast::<Answers>().expect("a test asks");
        let _ = answers.send(answer);
    }
}

/// A driver that is served until it is dropped.
struct Node {
    handle: Handle,
    told: Receiver<Told>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    fn start(name: &str, net: &NetworkConfig, secret: Option<&str>, debug: bool) -> Self {
        let engine = Config {
            secrets: secret.map(|secret| Secret(secret.into())).into_iter().collect(),
            ..Config::default()
        };
        Self::start_with(engine, name, net, debug)
    }

    fn start_with(engine: Config, name: &str, net: &NetworkConfig, debug: bool) -> Self {
        let (mut driver, handle) = Driver::new(engine, net.clone()).expect("a poller");
        let identity = NodeName::parse(name).expect("a node name");
        let (sender, told) = channel();
        let thread = thread::spawn(move || {
            let slice = Slice { time: Duration::from_millis(100), announcements: 256 };
            let mut listener = Recorder(sender);
            let mut serve = || driver.serve(Some(identity.clone()), debug, slice, &mut listener);
            while serve().expect("the poller works") == Served::Slice {}
        });
        Self { handle, told, thread: Some(thread) }
    }

    /// Waits until this was told, and returns all that was told before.
    fn wait_for(&self, wanted: &Told) -> Vec<Told> {
        let deadline = Instant::now() + DEADLINE;
        let mut before = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(left) {
                Ok(told) if told == *wanted => return before,
                Ok(told) => before.push(told),
                Err(error) => unreachable!("{error}: {wanted:?} was not told, but {before:?}"),
            }
        }
    }

    fn wait_for_fault(&self) -> Fault {
        match self.told.recv_timeout(DEADLINE) {
            Ok(Told::Raised(fault)) => fault,
            other => unreachable!("{other:?} instead of a fault"),
        }
    }

    fn wait_for_refusal(&self, cause: Refusal) {
        self.wait_for_count(cause.name(), |counters| counters.refused(cause));
    }

    fn wait_for_echo(&self) {
        self.wait_for_count("echo", |counters| counters.echoed);
    }

    fn wait_for_count(&self, what: &str, count: impl Fn(&Counters) -> u64) {
        let deadline = Instant::now() + DEADLINE;
        while count(&self.handle.counters()) == 0 {
            assert!(Instant::now() < deadline, "no {what} in {:?}", self.handle.counters());
            thread::yield_now();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handle.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the driver panicked");
    }
}

fn peer(name: &str) -> Told {
    Told::Peer(name.into())
}

/// A port that nobody else uses.
fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    socket.local_addr().expect("an address").port()
}

fn multicast() -> NetworkConfig {
    NetworkConfig {
        port: free_port(),
        if_addr: Ipv4Addr::UNSPECIFIED.into(),
        multicast_if: by_address(Ipv4Addr::LOCALHOST),
        multicast_addr: Ipv4Addr::new(233, 252, 1, 32).into(),
        multicast_ttl: 1,
        broadcast_only: false,
        receive_limit: 20_000,
    }
}

fn by_address(address: Ipv4Addr) -> InterfaceSelection {
    InterfaceSelection::Listed(vec![InterfaceSelector::Address(address.into())])
}

fn broadcast() -> NetworkConfig {
    NetworkConfig {
        multicast_if: InterfaceSelection::Routed,
        multicast_addr: Ipv4Addr::new(127, 255, 255, 255).into(),
        broadcast_only: true,
        ..multicast()
    }
}

#[test]
fn nodes_on_one_port_meet_by_multicast_and_by_broadcast_plain_and_sealed() {
    for net in [multicast(), broadcast()] {
        for secret in [None, Some("secret")] {
            let a = Node::start("a@127.0.0.1", &net, secret, false);
            let b = Node::start("b@127.0.0.1", &net, secret, false);
            let c = Node::start("c@127.0.0.1", &net, secret, false);
            for (node, other, third) in [(&a, "b", "c"), (&b, "c", "a"), (&c, "a", "b")] {
                let (other, third) = (format!("{other}@127.0.0.1"), format!("{third}@127.0.0.1"));
                let before = node.wait_for(&peer(&other));
                if !before.contains(&peer(&third)) {
                    node.wait_for(&peer(&third));
                }
                node.wait_for_echo();
            }
        }
    }
}

#[test]
fn nodes_with_different_secrets_hear_each_other_and_stay_apart() {
    let net = multicast();
    let a = Node::start("a@127.0.0.1", &net, Some("one"), false);
    let b = Node::start("b@127.0.0.1", &net, Some("two"), false);
    for node in [&a, &b] {
        node.wait_for_echo();
        let before = node.wait_for(&Told::Refused(Refusal::Undecryptable, 1));
        let told: Vec<_> = before.into_iter().chain(node.told.try_iter()).collect();
        assert!(!told.iter().any(|told| matches!(told, Told::Peer(_))), "{told:?}");
        assert_eq!(node.handle.counters().accepted, 0);
    }
}

#[test]
fn a_peer_that_went_down_is_announced_again() {
    let net = multicast();
    let a = Node::start("a@127.0.0.1", &net, None, false);
    let _b = Node::start("b@127.0.0.1", &net, None, false);
    let b = NodeName::parse("b@127.0.0.1").expect("a node name");
    a.wait_for(&peer("b@127.0.0.1"));
    a.handle.report(b.clone(), Report::Connected);
    a.handle.report(b, Report::Down);
    a.wait_for(&peer("b@127.0.0.1"));
}

#[test]
fn a_peer_of_which_a_report_was_lost_is_announced_again() {
    let net = multicast();
    let hasty = Config { heartbeat_interval: Duration::from_millis(100), ..Config::default() };
    let _b = Node::start_with(hasty, "b@127.0.0.1", &net, false);
    let name = |name| NodeName::parse(name).expect("a node name");
    let (mut driver, handle) = Driver::new(Config::default(), net).expect("a poller");
    let (sender, told) = channel();
    let mut listener = Recorder(sender);
    let slice = Slice { time: Duration::from_millis(10), announcements: 256 };
    let mut serve_until_announced = || {
        let deadline = Instant::now() + DEADLINE;
        while !told.try_iter().any(|told| told == peer("b@127.0.0.1")) {
            assert!(Instant::now() < deadline, "it is not announced");
            driver.serve(Some(name("a@127.0.0.1")), false, slice, &mut listener).expect("it works");
        }
    };
    serve_until_announced();
    handle.report(name("b@127.0.0.1"), Report::Connected);
    // More than wait for a driver that is not served, and then the one that matters.
    (0..10_000).for_each(|_| handle.report(name("stranger@127.0.0.1"), Report::Down));
    handle.report(name("b@127.0.0.1"), Report::Down);
    serve_until_announced();
}

#[test]
fn each_heartbeat_is_an_event_with_debug() {
    let net = multicast();
    let a = Node::start("a@127.0.0.1", &net, None, true);
    let _b = Node::start("b@127.0.0.1", &net, None, false);
    a.wait_for(&Told::Sent);
    a.wait_for(&Told::Heard("b@127.0.0.1".into()));
}

#[test]
fn an_interface_that_is_not_there_is_a_fault() {
    // An address for documentation, which no interface has.
    let absent = Ipv4Addr::new(192, 0, 2, 1);
    let net = NetworkConfig { multicast_if: by_address(absent), ..multicast() };
    let a = Node::start("a@127.0.0.1", &net, None, false);
    let wanted = InterfaceSelector::Address(absent.into());
    let (group, reason) = (net.multicast_addr, MissingReason::NoSuchAddress);
    assert_eq!(a.wait_for_fault(), Fault::InterfaceMissing { group, wanted, reason });
}

#[test]
fn a_step_that_goes_on_failing_is_tried_again_and_told_once_until_it_works() {
    let net = multicast();
    // Who holds the port and shares it with nobody.
    let holder = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, net.port)).expect("the port is free");
    let a = Node::start("a@127.0.0.1", &net, None, false);
    let fault = a.wait_for_fault();
    let Fault::Socket { step, address, error } = &fault else { unreachable!("{fault:?}") };
    assert_eq!((*step, *address), (SocketStep::Bind, net.bind_address()));
    assert!(error.code.is_some() && error.text.contains("os error"), "{error:?}");
    // Two more tries fail in this time; that nothing is told of them can only be waited for.
    assert!(a.told.recv_timeout(Duration::from_millis(900)).is_err());
    drop(holder);
    assert_eq!(a.wait_for(&Told::Cleared(fault)), []);
    assert_eq!(a.wait_for(&Told::Joined), []);
}

#[cfg(unix)]
#[test]
fn the_port_is_shared_with_sockets_of_the_stock_strategy_whoever_comes_first() {
    let stock = |port| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("set");
        socket.set_reuse_port(true).expect("set");
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into()).map(|()| socket)
    };
    let net = multicast();
    let first = stock(net.port).expect("the port is free");
    let a = Node::start("a@127.0.0.1", &net, None, false);
    a.wait_for(&Told::Joined);
    drop(first);
    stock(net.port).expect("the port is shared");
}

#[test]
fn a_stop_ends_a_long_slice_and_every_later_one() {
    let (mut driver, handle) = Driver::new(Config::default(), multicast()).expect("a poller");
    let slice = Slice { time: DEADLINE * 10, announcements: 256 };
    let (sender, _told) = channel();
    let thread = thread::spawn(move || {
        let mut listener = Recorder(sender);
        let mut serve = || driver.serve(None, false, slice, &mut listener).expect("it works");
        // What happens before the stop, as a group that is joined, ends a slice too.
        while serve() == Served::Slice {}
        (serve(), serve())
    });
    handle.stop();
    // Longer than any test waits: that it ends at all is what is tested.
    assert_eq!(thread.join().expect("no panic"), (Served::Stopped, Served::Stopped));
}

#[test]
fn a_peer_that_goes_down_ends_a_long_slice() {
    let (mut driver, handle) = Driver::new(Config::default(), multicast()).expect("a poller");
    let slice = Slice { time: DEADLINE * 10, announcements: 256 };
    let (sender, _told) = channel();
    let (served, slices) = channel();
    let thread = thread::spawn(move || {
        let mut listener = Recorder(sender);
        while driver.serve(None, false, slice, &mut listener).expect("it works") == Served::Slice {
            served.send(()).expect("somebody counts");
        }
    });
    // That the group was joined has been told.
    while slices.recv_timeout(Duration::from_secs(1)).is_ok() {}
    handle.report(NodeName::parse("peer@host").expect("a name"), Report::Connected);
    assert!(slices.recv_timeout(Duration::from_millis(300)).is_err());
    handle.report(NodeName::parse("peer@host").expect("a name"), Report::Down);
    slices.recv_timeout(DEADLINE).expect("a slice that ends");
    handle.stop();
    thread.join().expect("no panic");
}

#[test]
fn a_long_datagram_is_over_the_limit_and_does_not_disturb() {
    let net = multicast();
    let a = Node::start("a@127.0.0.1", &net, None, false);
    a.wait_for_echo();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.send_to(&[0; 9000], (Ipv4Addr::LOCALHOST, net.port)).expect("sent");
    a.wait_for_refusal(Refusal::OverLimit);
    let _b = Node::start("b@127.0.0.1", &net, None, false);
    a.wait_for(&peer("b@127.0.0.1"));
}

#[test]
fn a_flooded_node_sends_more_often_because_most_heartbeats_are_lost() {
    let net = NetworkConfig { receive_limit: 100, ..broadcast() };
    let rarely = Config { heartbeat_interval: DEADLINE * 1000, ..Config::default() };
    let a = Node::start_with(rarely, "a@127.0.0.1", &net, false);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let deadline = Instant::now() + DEADLINE;
    // The burst of the start is four; then there are none for hours.
    while a.handle.counters().sent < 10 {
        assert!(Instant::now() < deadline, "{:?}", a.handle.counters());
        socket.send_to(b"noise", (Ipv4Addr::LOCALHOST, net.port)).expect("sent");
    }
}

#[test]
fn what_is_over_the_receive_limit_is_left_to_the_kernel_and_the_node_goes_on() {
    let net = NetworkConfig { receive_limit: 100, ..broadcast() };
    let a = Node::start("a@127.0.0.1", &net, None, false);
    a.wait_for_echo();
    let started = Instant::now();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    for _ in 0..2000 {
        socket.send_to(b"noise", (Ipv4Addr::LOCALHOST, net.port)).expect("sent");
    }
    let sent = a.handle.counters().sent;
    let deadline = Instant::now() + DEADLINE;
    while a.handle.counters().sent < sent + 2 {
        assert!(Instant::now() < deadline, "no heartbeats under noise");
        thread::yield_now();
    }
    let windows = started.elapsed().as_millis() / 10 + 2;
    let received = a.handle.counters().received;
    assert!(u128::from(received) <= windows + 10, "{received} in {windows} windows");
}

#[test]
fn whoever_asks_is_answered_at_once_in_the_order_of_the_questions_and_64_may_wait() {
    let net = multicast();
    let (driver, handle) = Driver::new(Config::default(), net.clone()).expect("a poller");
    let (sender, answers) = channel();
    let ask = |question| handle.ask(question, Box::new(Answers::clone(&sender)));
    assert!(ask(Question::Status));
    assert!((0..63).all(|_| ask(Question::Peers)));
    assert!(!ask(Question::Peers), "nobody serves it");
    drop(driver);

    let node = Node::start("asked@127.0.0.1", &net, None, false);
    node.wait_for_echo();
    for question in [Question::Status, Question::Peers, Question::Status] {
        assert!(node.handle.ask(question, Box::new(Answers::clone(&sender))));
    }
    let next = || answers.recv_timeout(DEADLINE).expect("an answer");
    let Answer::Status(status) = next() else { unreachable!("peers") };
    assert_eq!(status.identity.map(|name| name.to_string()).as_deref(), Some("asked@127.0.0.1"));
    assert!(status.socket.is_open && status.echoed_ago.is_some());
    assert!(matches!(next(), Answer::Peers(peers) if peers.is_empty()));
    assert!(matches!(next(), Answer::Status(_)));
}
