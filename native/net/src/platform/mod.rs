//! What systems do differently, each in its file behind the same functions:
//!
//! - `prepare(socket, group)`: before the bind: hear no group that another socket joined, and be
//!   told how each datagram came, where the system can;
//! - `join(socket, group, interface)` and `leave`;
//! - `send_by(socket, interface, packet, target)`: sends by this interface;
//! - `Inbox::receive(socket)`: the next datagram and its [`Arrival`];
//! - `hears_groups(bound)`: whether a socket bound there is given what is sent to a group.

use std::net::{IpAddr, SocketAddr};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::{Inbox, hears_groups, join, leave, prepare, send_by};

#[cfg(not(target_os = "linux"))]
mod portable;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{Inbox, hears_groups, join, leave, prepare, send_by};

use native_gossip_core::budget::MAX_DATAGRAM;

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
