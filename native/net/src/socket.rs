//! One UDP socket with the options of the stock strategy.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{config::NetConfig, platform, trouble::Trouble};

/// What a burst of heartbeats may take up while the loop is away. The BEAM's own default of
/// 8 KiB loses two packets of three at 20,000 a second.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Opens and binds. It hears no group yet.
///
/// # Errors
/// The first step that the system refuses, with the option that asked for it.
pub(crate) fn open(config: &NetConfig) -> Result<UdpSocket, Trouble> {
    let address = SocketAddr::new(config.if_addr, config.port);
    let domain = Domain::for_address(address);
    let socket =
        attempt(Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)), || "open a UDP socket")?;
    share_port(&socket)?;
    attempt(socket.set_nonblocking(true), || "make the socket non-blocking")?;
    // What the system grants of this is enough to go on with.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    match config.multicast_addr {
        IpAddr::V4(_) => set_v4(&socket, config.multicast_ttl)?,
        IpAddr::V6(_) => set_v6(&socket, config.multicast_ttl)?,
    }
    attempt(
        platform::prepare(&socket, config.multicast_addr),
        || "tell groups and interfaces apart",
    )?;
    attempt(socket.bind(&address.into()), || format!("bind to {address} (options if_addr, port)"))?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// Lets old and new nodes of one host share the port.
///
/// On Linux by SO_REUSEADDR alone, which the stock strategy sets too. Of sockets that set SO_REUSEPORT
/// the kernel (seen on 6.18) gives what only one of them has joined to any of them, by a hash of its
/// addresses, so that nodes in different groups are deaf to some of their peers for good.
fn share_port(socket: &Socket) -> Result<(), Trouble> {
    attempt(socket.set_reuse_address(true), || "set SO_REUSEADDR")?;
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "solaris", target_os = "illumos"))))]
    attempt(socket.set_reuse_port(true), || "set SO_REUSEPORT")?;
    Ok(())
}

// Nodes on the same host hear each other by the loop of multicast, and each hears itself: the echo.

fn set_v4(socket: &Socket, ttl: u8) -> Result<(), Trouble> {
    attempt(socket.set_broadcast(true), || "allow broadcasts")?;
    attempt(socket.set_multicast_ttl_v4(ttl.into()), || {
        format!("set the TTL {ttl} (option multicast_ttl)")
    })?;
    attempt(socket.set_multicast_loop_v4(true), || "set IP_MULTICAST_LOOP")
}

fn set_v6(socket: &Socket, hops: u8) -> Result<(), Trouble> {
    // A topology of the other family may have the same port.
    attempt(socket.set_only_v6(true), || "set IPV6_V6ONLY")?;
    attempt(socket.set_multicast_hops_v6(hops.into()), || {
        format!("set the hop limit {hops} (option multicast_ttl)")
    })?;
    attempt(socket.set_multicast_loop_v6(true), || "set IPV6_MULTICAST_LOOP")
}

fn attempt<T, S: Into<String>>(
    result: io::Result<T>,
    step: impl FnOnce() -> S,
) -> Result<T, Trouble> {
    result.map_err(|error| Trouble::new(step(), error))
}
