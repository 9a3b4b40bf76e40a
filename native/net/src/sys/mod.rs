//! What systems do differently, each in its file behind the same functions:
//!
//! - `prepare(socket, group)`: before the bind: hear no group that another socket joined, and be
//!   told how each datagram came, where the system can;
//! - `join_v4(socket, group, interface)` and `leave_v4`; those of IPv6 are the same everywhere;
//! - `send_by(socket, interface, packet, target)`: sends by this interface;
//! - `Receiver::receive(socket)`: the next datagram and its [`RecvMeta`];
//! - `InterfaceMonitor`: what the system says of interfaces that change, where it does;
//! - `prepare_for_seeds(socket, group)` and `next_error(socket)`: what did not arrive of that which a
//!   socket has sent, where the system tells.

use std::{io, net::IpAddr};

use mio::net::UdpSocket;
use native_gossip_core::{InterfaceAddress, RecvMeta, budget::MAX_DATAGRAM};
use socket2::SockRef;

#[cfg_attr(all(target_os = "linux", not(feature = "portable")), path = "linux/mod.rs")]
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), path = "portable.rs")]
mod system;

pub(crate) use system::{
    InterfaceMonitor, Receiver, next_error, prepare, prepare_for_seeds, send_by,
};

/// One byte more than the longest datagram that is read tells a longer one.
const BUFFER: usize = MAX_DATAGRAM + 1;

/// Whether a socket bound there is given what is sent to a group. Elsewhere than on Windows one that
/// is bound to one host's address is given what is sent to this address alone.
pub(crate) fn hears_groups(bound: IpAddr) -> bool {
    cfg!(windows) || bound.is_unspecified() || bound.is_multicast()
}

pub(crate) fn join(
    socket: &UdpSocket,
    group: IpAddr,
    interface: &InterfaceAddress,
) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let joined = match group {
        IpAddr::V4(group) => system::join_v4(&socket, &group, interface),
        IpAddr::V6(group) => socket.join_multicast_v6(&group, interface.index),
    };
    match joined {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
        joined => joined,
    }
}

pub(crate) fn leave(
    socket: &UdpSocket,
    group: IpAddr,
    interface: &InterfaceAddress,
) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match group {
        IpAddr::V4(group) => system::leave_v4(&socket, &group, interface),
        IpAddr::V6(group) => socket.leave_multicast_v6(&group, interface.index),
    }
}
