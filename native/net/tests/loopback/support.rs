//! A driver on a thread of its own, and what it tells.

use std::{
    net::{Ipv4Addr, UdpSocket},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use native_gossip_core::{
    Config, Counters, Event, Fault, InterfaceSelection, InterfaceSelector, NetworkConfig, NodeName,
    Refusal, Secret,
};
use native_gossip_net::{Answer, Asker, Driver, Handle, Listener, Served, Slice};

/// Whether the system tells by which interface a datagram came.
const TELLS_INTERFACES: bool = cfg!(all(target_os = "linux", not(feature = "portable")));

/// How long a test waits for what must happen; none waits so long unless it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Peer(String),
    Connected(String),
    Sent,
    Heard(String),
    Refused(Refusal, u64),
    Raised(Fault),
    Cleared(Fault),
    Joined,
}

pub(crate) struct Recorder(pub(crate) Sender<Told>);

/// Whoever asks in these tests.
pub(crate) type Answers = Sender<Answer>;

impl Listener for Recorder {
    fn announce(&mut self, node: &NodeName) {
        let _ = self.0.send(Told::Peer(node.to_string()));
    }

    fn event(&mut self, event: Event) {
        let _ = self.0.send(match event {
            Event::HeartbeatSent => Told::Sent,
            Event::HeartbeatReceived { node, source, interface, .. } => {
                assert_eq!(source.ip(), Ipv4Addr::LOCALHOST);
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
pub(crate) struct Node {
    pub(crate) handle: Handle,
    pub(crate) told: Receiver<Told>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    pub(crate) fn start(
        name: &str,
        net: &NetworkConfig,
        secret: Option<&str>,
        debug: bool,
    ) -> Self {
        let engine = Config {
            secrets: secret.map(|secret| Secret(secret.into())).into_iter().collect(),
            ..Config::default()
        };
        Self::start_with(engine, name, net, debug)
    }

    pub(crate) fn start_with(engine: Config, name: &str, net: &NetworkConfig, debug: bool) -> Self {
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
    pub(crate) fn wait_for(&self, wanted: &Told) -> Vec<Told> {
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

    pub(crate) fn wait_for_fault(&self) -> Fault {
        match self.told.recv_timeout(DEADLINE) {
            Ok(Told::Raised(fault)) => fault,
            other => unreachable!("{other:?} instead of a fault"),
        }
    }

    pub(crate) fn wait_for_refusal(&self, cause: Refusal) {
        self.wait_for_count(cause.name(), |counters| counters.refused(cause));
    }

    pub(crate) fn wait_for_echo(&self) {
        self.wait_for_count("echo", |counters| counters.echoed);
    }

    pub(crate) fn wait_for_count(&self, what: &str, count: impl Fn(&Counters) -> u64) {
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

pub(crate) fn peer(name: &str) -> Told {
    Told::Peer(name.into())
}

/// A port that nobody else uses.
pub(crate) fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    socket.local_addr().expect("an address").port()
}

pub(crate) fn multicast() -> NetworkConfig {
    NetworkConfig {
        port: free_port(),
        if_addr: Ipv4Addr::UNSPECIFIED.into(),
        multicast_if: by_address(Ipv4Addr::LOCALHOST),
        multicast_addr: Ipv4Addr::new(233, 252, 1, 32).into(),
        multicast_ttl: 1,
        broadcast_only: false,
        receive_limit: 200_000,
    }
}

pub(crate) fn by_address(address: Ipv4Addr) -> InterfaceSelection {
    InterfaceSelection::Listed(vec![InterfaceSelector::Address(address.into())])
}

pub(crate) fn broadcast() -> NetworkConfig {
    NetworkConfig {
        multicast_if: InterfaceSelection::Routed,
        multicast_addr: Ipv4Addr::new(127, 255, 255, 255).into(),
        broadcast_only: true,
        ..multicast()
    }
}
