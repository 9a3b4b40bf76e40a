//! What systems do differently, each in its file behind the same functions:
//!
//! - `prepare(socket, group)`: before the bind: hear no group that another socket joined, and be
//!   told how each datagram came, where the system can;
//! - `join_v4(socket, group, interface)` and `leave_v4`; those of IPv6 are the same everywhere;
//! - `is_membership_limit(error)`: whether a join failed because the socket has joined all that it may;
//! - `send_by(socket, interface, packet, target)`: sends by this interface;
//! - `Receiver::new()` and `Headers::new()`;
//! - `Receiver::receive(socket, headers, most)`: receives at most `most` datagrams, and says whether there
//!   are no more for now;
//! - `Receiver::datagrams()`: those of the last call, each with its [`RecvMeta`];
//! - `Headers`: what receiving needs besides, and what has to stay on one thread;
//! - `InterfaceMonitor`: what the system says of interfaces that change, where it does: `open`, `read`, and mio's
//!   `Source`;
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
    Headers, InterfaceMonitor, Receiver, is_membership_limit, next_error, prepare,
    prepare_for_seeds, send_by,
};

/// Datagrams received in one turn of the loop, so that a flood keeps no heartbeat and no report waiting.
pub(crate) const BATCH: usize = 64;

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

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, net::SocketAddr};

    use native_gossip_core::{InterfaceSelection, NetworkConfig};

    use super::*;
    use crate::socket;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// A socket that receives, and one that sends, which others than mio can do.
    fn sockets() -> (UdpSocket, std::net::UdpSocket, SocketAddr) {
        let config = NetworkConfig {
            port: 0,
            if_addr: LOCAL,
            multicast_if: InterfaceSelection::Routed,
            multicast_addr: [233, 252, 1, 36].into(),
            multicast_ttl: 1,
            broadcast_only: false,
            receive_limit: 1,
        };
        let socket = socket::open(&config).expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        (socket, std::net::UdpSocket::bind((LOCAL, 0)).expect("a free port"), address)
    }

    /// The lengths of all datagrams that wait, batch by batch of at most `most`, and how each came.
    fn batches(
        socket: &UdpSocket,
        headers: &mut Headers,
        most: usize,
    ) -> (Vec<Vec<usize>>, Vec<RecvMeta>) {
        let (mut receiver, mut batches, mut metas) = (Receiver::new(), Vec::new(), Vec::new());
        loop {
            let is_all = match receiver.receive(socket, headers, most) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (batches, metas),
                received => received.expect("the socket is in order"),
            };
            batches.push(receiver.datagrams().map(|(_, datagram)| datagram.len()).collect());
            metas.extend(receiver.datagrams().map(|(meta, _)| *meta));
            if is_all {
                return (batches, metas);
            }
        }
    }

    #[test]
    fn a_batch_holds_what_came_first_and_no_more_than_was_asked_for() {
        let (socket, sender, to) = sockets();
        let mut headers = Headers::new();
        for (sent, most) in [(10, 4), (12, 4), (1, BATCH), (BATCH + 1, BATCH), (0, BATCH)] {
            for length in 0..sent {
                sender.send_to(&vec![7; length], to).expect("the loopback is there");
            }
            let (batches, metas) = batches(&socket, &mut headers, most);
            assert!(batches.iter().all(|batch| batch.len() <= most), "{batches:?}");
            assert!(batches.concat().into_iter().eq(0..sent), "{batches:?}");
            for meta in metas {
                assert_eq!(Some(meta.source), sender.local_addr().ok());
                let is_told = cfg!(all(target_os = "linux", not(feature = "portable")));
                assert_eq!(meta.destination, is_told.then_some(LOCAL));
                assert_eq!(meta.interface.is_some(), is_told);
            }
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn a_datagram_that_is_too_long_is_told_by_its_length() {
        let (socket, sender, to) = sockets();
        for length in [MAX_DATAGRAM, MAX_DATAGRAM + 1, MAX_DATAGRAM + 2, 9_000, 1] {
            sender.send_to(&vec![7; length], to).expect("the loopback is there");
        }
        let (batches, _) = batches(&socket, &mut Headers::new(), BATCH);
        assert_eq!(batches.concat(), [MAX_DATAGRAM, BUFFER, BUFFER, BUFFER, 1]);
    }
}
