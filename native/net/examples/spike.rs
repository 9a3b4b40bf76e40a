//! Drivers on the loopback interface that are disturbed, and the heartbeats that they send.
//!
//! ```text
//! cargo run -q --release -p native_gossip_net --example spike -- NODES LIMIT PACKETS SECONDS
//! ```
//!
//! NODES drivers with this `receive_limit` meet. Then PACKETS packets of noise are sent, once, and
//! the heartbeats of all nodes are printed for each of the next SECONDS seconds.

use std::{
    env,
    error::Error,
    net::{Ipv4Addr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use native_gossip_core::{
    Config, Event, InterfaceSelection, InterfaceSelector, NetworkConfig, NodeName, Report,
};
use native_gossip_net::{Driver, Handle, Listener, Served, Slice};

const GROUP: Ipv4Addr = Ipv4Addr::new(233, 252, 1, 33);

/// By then all nodes have met and calmed down.
const SETTLED: Duration = Duration::from_secs(20);

/// Connects to everybody, and succeeds.
struct Connector(Handle);

impl Listener for Connector {
    fn announce(&mut self, node: &NodeName) {
        self.0.report(node.clone(), Report::Connected);
    }

    fn event(&mut self, _: Event) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<u32> = env::args().skip(1).map(|arg| arg.parse()).collect::<Result<_, _>>()?;
    let [nodes, limit, packets, seconds] = args[..] else {
        return Err("usage: spike NODES LIMIT PACKETS SECONDS".into());
    };
    let port = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port();
    let handles: Vec<_> =
        (0..nodes).map(|n| start(n, port, limit)).collect::<Result<_, Box<dyn Error>>>()?;
    thread::sleep(SETTLED);
    println!("settled: {} heartbeats in 5 s", count(&handles, Duration::from_secs(5)));

    let socket = socket2::Socket::from(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
    for _ in 0..packets {
        socket.send_to(b"noise", &std::net::SocketAddr::from((GROUP, port)).into())?;
    }
    for _ in 0..seconds {
        print!("{} ", count(&handles, Duration::from_secs(1)));
    }
    println!();
    Ok(())
}

/// A driver on a thread of its own, which ends with this program.
fn start(n: u32, port: u16, receive_limit: u32) -> Result<Handle, Box<dyn Error>> {
    let network = NetworkConfig {
        port,
        if_addr: Ipv4Addr::UNSPECIFIED.into(),
        multicast_if: InterfaceSelection::Listed(vec![InterfaceSelector::Address(
            Ipv4Addr::LOCALHOST.into(),
        )]),
        multicast_addr: GROUP.into(),
        multicast_ttl: 1,
        broadcast_only: false,
        receive_limit,
    };
    let (mut driver, handle) = Driver::new(Config::default(), network)?;
    let identity = NodeName::parse(&format!("n{n}@127.0.0.1"))?;
    let mut connector = Connector(handle.clone());
    thread::spawn(move || {
        let slice = Slice { time: Duration::from_secs(1), announcements: 256 };
        let mut serve = || driver.serve(Some(identity.clone()), false, slice, &mut connector);
        while matches!(serve(), Ok(Served::Slice)) {}
    });
    Ok(handle)
}

/// Heartbeats sent by all within this time.
fn count(handles: &[Handle], time: Duration) -> u64 {
    let sent = || handles.iter().map(|handle| handle.counters().sent).sum::<u64>();
    let (before, ends) = (sent(), Instant::now() + time);
    thread::sleep(ends.saturating_duration_since(Instant::now()));
    sent() - before
}
