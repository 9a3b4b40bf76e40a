//! Drivers on the loopback interface, each on a thread of its own.

mod support;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use native_gossip_core::{
    Config, Fault, InterfaceSelector, NetworkConfig, NodeName, Refusal, Report,
    event::{MissingReason, SocketStep},
};
use native_gossip_net::{Answer, Driver, Handle, Question, Served, Slice};
use socket2::{Domain, Socket, Type};

use support::{Answers, DEADLINE, Node, Recorder, Told, broadcast, by_address, multicast, peer};

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
#[cfg(target_os = "linux")]
fn packets_that_come_close_together_are_read_together() {
    const BURSTS: u32 = 50;
    const PACKETS: u64 = 64;
    let net = broadcast();
    let node = NodeName::parse("a@127.0.0.1").expect("a node name");
    let (mut driver, handle) = Driver::new(Config::default(), net.clone()).expect("a poller");
    let (sender, _told) = channel();
    let mut listener = Recorder(sender);
    let slice = Slice { time: Duration::from_millis(100), announcements: 256 };
    let mut serve = || driver.serve(Some(node.clone()), false, slice, &mut listener);
    // The socket is open from then on.
    serve().expect("it works");

    let noise = thread::spawn(move || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let mut sending = Duration::ZERO;
        for _ in 0..BURSTS {
            let began = Instant::now();
            for n in 0..PACKETS {
                while began.elapsed() < Duration::from_micros(20 * n) {}
                socket.send_to(b"noise", (Ipv4Addr::LOCALHOST, net.port)).expect("it is sent");
            }
            sending += began.elapsed();
            thread::sleep(Duration::from_millis(4));
        }
        sending
    });
    let (before, deadline) = (times_slept(), Instant::now() + DEADLINE);
    while !noise.is_finished() {
        assert!(Instant::now() < deadline, "{:?}", handle.counters());
        serve().expect("it works");
    }
    let (slept, sending) = (times_slept() - before, noise.join().expect("no panic"));
    assert!(
        handle.counters().received > PACKETS * u64::from(BURSTS) / 2,
        "{:?}",
        handle.counters()
    );
    // Twice in a quarter of a millisecond: until a packet comes, and while others gather. Each packet would
    // wake it alone.
    let most = sending + Duration::from_micros(500) * BURSTS;
    assert!(Duration::from_micros(125) * slept <= most, "slept {slept} times in {sending:?}");
}

/// How often this thread has gone to sleep.
#[cfg(target_os = "linux")]
fn times_slept() -> u32 {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("Linux tells");
    let times = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    times.and_then(|times| times.trim().parse().ok()).expect("a number")
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

/// A driver that is served in long slices until it is stopped, and then twice more; and the ends of its
/// slices. That the group was joined, which ends a slice too, has been told.
fn long_slices() -> (thread::JoinHandle<[Served; 2]>, Handle, Receiver<()>) {
    let (mut driver, handle) = Driver::new(Config::default(), multicast()).expect("a poller");
    let slice = Slice { time: DEADLINE * 10, announcements: 256 };
    let ((sender, _told), (served, slices)) = (channel(), channel());
    let thread = thread::spawn(move || {
        let mut listener = Recorder(sender);
        let mut serve = || driver.serve(None, false, slice, &mut listener).expect("it works");
        while serve() == Served::Slice {
            served.send(()).expect("somebody counts");
        }
        [serve(), serve()]
    });
    while slices.recv_timeout(Duration::from_secs(1)).is_ok() {}
    (thread, handle, slices)
}

#[test]
fn a_stop_ends_a_long_slice_and_every_later_one() {
    let (thread, handle, slices) = long_slices();
    handle.stop();
    // The thread ends, and with it the channel.
    assert_eq!(slices.recv_timeout(DEADLINE), Err(RecvTimeoutError::Disconnected));
    assert_eq!(thread.join().expect("no panic"), [Served::Stopped; 2]);
}

#[test]
fn a_peer_that_goes_down_ends_a_long_slice() {
    let (thread, handle, slices) = long_slices();
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
