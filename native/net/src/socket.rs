//! One UDP socket with the options of the stock strategy.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use native_gossip_core::{NetworkConfig, event::SocketStep};

use crate::sys;

/// What a burst of heartbeats may take up while the loop is away. With the 8 KiB that
/// `gen_udp` asks for, half of 100,000 a second in bursts of 64 are lost (`bin/bench loss`).
const RECEIVE_BUFFER: usize = 1 << 20;

/// Packets to hosts that are not there wait in it for 3 s. Linux grants 213 KB, and counts them twice.
const SEND_BUFFER: usize = 1 << 18;

/// Opens and binds. It hears no group yet.
///
/// # Errors
/// The first step that the system refuses.
pub(crate) fn open(config: &NetworkConfig) -> Result<UdpSocket, (SocketStep, io::Error)> {
    let address = config.bind_address();
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP));
    let socket = attempt(SocketStep::Open, socket)?;
    share_port(&socket)?;
    attempt(SocketStep::Nonblocking, socket.set_nonblocking(true))?;
    // What the system grants of this is enough to go on with.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    match config.multicast_addr {
        IpAddr::V4(_) => set_v4(&socket, config.multicast_ttl)?,
        IpAddr::V6(_) => set_v6(&socket, config.multicast_ttl)?,
    }
    attempt(SocketStep::PacketInfo, sys::prepare(&socket, config.multicast_addr))?;
    attempt(SocketStep::Bind, socket.bind(&address.into()))?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// Opens a socket that sends to seeds and receives nothing: it has a port of the system's choice, so
/// that it takes nothing away from the socket that receives.
///
/// # Errors
/// What the system answers.
pub(crate) fn open_for_seeds(config: &NetworkConfig) -> io::Result<std::net::UdpSocket> {
    let address = SocketAddr::new(config.if_addr, 0);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // What the system grants of this is enough to go on with.
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    let set = match config.multicast_addr {
        IpAddr::V4(_) => set_v4(&socket, config.multicast_ttl),
        IpAddr::V6(_) => set_v6(&socket, config.multicast_ttl),
    };
    set.map_err(|(_, error)| error)?;
    sys::prepare_for_seeds(&socket, config.multicast_addr)?;
    // Where the other socket is bound to a group, that is no address to send from.
    if !config.if_addr.is_multicast() {
        socket.bind(&address.into())?;
    }
    Ok(socket.into())
}

/// Lets old and new nodes of one host share the port.
///
/// On Linux by SO_REUSEADDR alone, which the stock strategy sets too. Of sockets that set SO_REUSEPORT
/// the kernel (seen on 6.18) gives what only one of them has joined to any of them, by a hash of its
/// addresses, so that nodes in different groups are deaf to some of their peers for good.
fn share_port(socket: &Socket) -> Result<(), (SocketStep, io::Error)> {
    attempt(SocketStep::ReuseAddress, socket.set_reuse_address(true))?;
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "solaris", target_os = "illumos"))))]
    attempt(SocketStep::ReusePort, socket.set_reuse_port(true))?;
    Ok(())
}

// Nodes on the same host hear each other by the loop of multicast, and each hears itself: the echo.

fn set_v4(socket: &Socket, ttl: u8) -> Result<(), (SocketStep, io::Error)> {
    attempt(SocketStep::Broadcast, socket.set_broadcast(true))?;
    attempt(SocketStep::Ttl, socket.set_multicast_ttl_v4(ttl.into()))?;
    attempt(SocketStep::Loop, socket.set_multicast_loop_v4(true))
}

fn set_v6(socket: &Socket, hops: u8) -> Result<(), (SocketStep, io::Error)> {
    // A topology of the other family may have the same port.
    attempt(SocketStep::OnlyV6, socket.set_only_v6(true))?;
    attempt(SocketStep::Ttl, socket.set_multicast_hops_v6(hops.into()))?;
    attempt(SocketStep::Loop, socket.set_multicast_loop_v6(true))
}

fn attempt<T>(step: SocketStep, result: io::Result<T>) -> Result<T, (SocketStep, io::Error)> {
    result.map_err(|error| (step, error))
}
