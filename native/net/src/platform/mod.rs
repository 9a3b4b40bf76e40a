//! What systems do differently, each in its file behind the same functions:
//!
//! - `prepare(socket, group)`: before the bind: hear no group that another socket joined, and be
//!   told how each datagram came, where the system can;
//! - `join_v4(socket, group, interface)` and `leave_v4`; those of IPv6 are the same everywhere;
//! - `send_by(socket, interface, packet, target)`: sends by this interface;
//! - `Inbox::receive(socket)`: the next datagram and its [`Arrival`].

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use mio::net::UdpSocket;
use native_gossip_core::budget::MAX_DATAGRAM;
use socket2::SockRef;

use crate::interfaces::Interface;

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "portable.rs")]
mod system;

pub(crate) use system::{Inbox, prepare, send_by};

/// One byte more than the longest datagram that is read tells a longer one.
const BUFFER: usize = MAX_DATAGRAM + 1;

/// How a datagram came. What the system does not tell is `None`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) source: SocketAddr,
    /// Where it was sent to: a group, or an address of this host.
    pub(crate) destination: Option<IpAddr>,
    /// The index of the interface that it came by.
    pub(crate) interface: Option<u32>,
}

/// Whether a socket bound there is given what is sent to a group. Elsewhere than on Windows one that
/// is bound to one host's address is given what is sent to this address alone.
pub(crate) fn hears_groups(bound: IpAddr) -> bool {
    cfg!(windows) || bound.is_unspecified() || bound.is_multicast()
}

pub(crate) fn join(socket: &UdpSocket, group: IpAddr, interface: &Interface) -> io::Result<()> {
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

pub(crate) fn leave(socket: &UdpSocket, group: IpAddr, interface: &Interface) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match group {
        IpAddr::V4(group) => system::leave_v4(&socket, &group, interface),
        IpAddr::V6(group) => socket.leave_multicast_v6(&group, interface.index),
    }
}
