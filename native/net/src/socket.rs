//! One UDP socket with the options of the stock strategy.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{config::NetConfig, trouble::Trouble};

/// What a burst of heartbeats may take up while the loop is away. The BEAM's own default of
/// 8 KiB loses two packets of three at 20,000 a second.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Opens, binds and joins.
///
/// # Errors
/// The first step that the system refuses, with the option that asked for it.
pub(crate) fn open(config: &NetConfig) -> Result<UdpSocket, Trouble> {
    let socket = attempt(Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)), || {
        "open a UDP socket".into()
    })?;
    share_port(&socket)?;
    attempt(socket.set_broadcast(true), || "allow broadcasts".into())?;
    attempt(socket.set_nonblocking(true), || "make the socket non-blocking".into())?;
    // What the system grants of this is enough to go on with.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);

    let address = SocketAddrV4::new(config.if_addr, config.port);
    attempt(socket.bind(&address.into()), || format!("bind to {address} (options if_addr, port)"))?;
    if !config.broadcast_only {
        join(&socket, config)?;
    }
    Ok(UdpSocket::from_std(socket.into()))
}

/// Lets old and new nodes of one host share the port. On Linux that takes both options: a socket
/// with SO_REUSEPORT alone cannot share it with one that has only SO_REUSEADDR.
fn share_port(socket: &Socket) -> Result<(), Trouble> {
    attempt(socket.set_reuse_address(true), || "set SO_REUSEADDR".into())?;
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    attempt(socket.set_reuse_port(true), || "set SO_REUSEPORT".into())?;
    Ok(())
}

fn join(socket: &Socket, config: &NetConfig) -> Result<(), Trouble> {
    let NetConfig { multicast_if, multicast_addr: group, multicast_ttl: ttl, .. } = config;
    if let Some(interface) = multicast_if {
        attempt(socket.set_multicast_if_v4(interface), || {
            format!("send by the interface with the address {interface} (option multicast_if)")
        })?;
    }
    attempt(socket.set_multicast_ttl_v4((*ttl).into()), || {
        format!("set the TTL {ttl} (option multicast_ttl)")
    })?;
    // Nodes on the same host hear each other, and each hears itself: the echo.
    attempt(socket.set_multicast_loop_v4(true), || "set IP_MULTICAST_LOOP".into())?;
    let interface = multicast_if.unwrap_or(Ipv4Addr::UNSPECIFIED);
    attempt(socket.join_multicast_v4(group, &interface), || match multicast_if {
        Some(interface) => format!(
            "join {group} on the interface with the address {interface} \
             (options multicast_addr, multicast_if)"
        ),
        None => format!("join {group} (option multicast_addr)"),
    })
}

fn attempt<T>(result: io::Result<T>, step: impl FnOnce() -> String) -> Result<T, Trouble> {
    result.map_err(|error| Trouble { step: step(), error })
}
