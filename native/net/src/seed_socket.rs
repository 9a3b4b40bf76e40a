//! The socket that sends to seeds.

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, UdpSocket},
};

use native_gossip_core::NetworkConfig;

use crate::{socket, sys};

/// Words of the network that are kept: more than there are seeds.
const ERRORS: usize = 512;

/// A socket, and what the network has said of its packets.
pub(crate) struct SeedSocket {
    socket: UdpSocket,
    errors: VecDeque<(SocketAddr, io::Error)>,
}

impl SeedSocket {
    pub(crate) fn open(config: &NetworkConfig) -> io::Result<Self> {
        let socket = socket::open_for_seeds(config)?;
        Ok(Self { socket, errors: VecDeque::new() })
    }

    /// Sends to this address.
    pub(crate) fn send(&mut self, packet: &[u8], target: SocketAddr) -> io::Result<()> {
        let sent = self.socket.send_to(packet, target).or_else(|_| {
            // What the network said of a packet to another seed ends a call that has nothing to do
            // with it, once.
            self.read_errors();
            self.socket.send_to(packet, target)
        });
        sent.map(drop)
    }

    /// The next packet that did not arrive, where the network and the system say so.
    pub(crate) fn error(&mut self) -> Option<(SocketAddr, io::Error)> {
        self.errors.pop_front().or_else(|| sys::next_error(&self.socket))
    }

    fn read_errors(&mut self) {
        while self.errors.len() < ERRORS
            && let Some(error) = sys::next_error(&self.socket)
        {
            self.errors.push_back(error);
        }
    }
}

#[cfg(all(test, target_os = "linux", not(feature = "portable")))]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr, Ipv6Addr},
        time::{Duration, Instant},
    };

    use native_gossip_core::InterfaceSelection;

    use super::*;

    fn open(loopback: IpAddr) -> SeedSocket {
        let group: IpAddr = match loopback {
            IpAddr::V4(_) => Ipv4Addr::new(233, 252, 1, 32).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 0x32).into(),
        };
        let config = NetworkConfig {
            port: 1,
            if_addr: loopback,
            multicast_if: InterfaceSelection::Routed,
            multicast_addr: group,
            multicast_ttl: 1,
            broadcast_only: false,
            receive_limit: 1,
        };
        SeedSocket::open(&config).expect("a socket")
    }

    /// An address of which the system says at once that nobody listens there.
    fn closed(loopback: IpAddr) -> SocketAddr {
        let socket = UdpSocket::bind((loopback, 0)).expect("a socket");
        socket.local_addr().expect("an address")
    }

    fn error(socket: &mut SeedSocket) -> (SocketAddr, io::Error) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(error) = socket.error() {
                return error;
            }
            assert!(Instant::now() < deadline, "the network has said nothing");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_the_network_says_names_the_seed_and_ends_no_call_to_another() {
        for loopback in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            let (mut socket, closed) = (open(loopback), closed(loopback));
            let listener = UdpSocket::bind((loopback, 0)).expect("a socket");
            let target = listener.local_addr().expect("an address");
            for _ in 0..10 {
                socket.send(b"lost", closed).expect("sent");
                socket.send(b"heartbeat", target).expect("sent");
                listener.recv(&mut [0; 16]).expect("received");
            }
            for _ in 0..10 {
                let (address, error) = error(&mut socket);
                assert_eq!(address, closed);
                assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            }
            assert!(socket.error().is_none());
        }
    }

    #[test]
    fn what_is_sent_to_it_is_dropped() {
        let mut socket = open(Ipv4Addr::LOCALHOST.into());
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        other.send_to(b"noise", socket.socket.local_addr().expect("an address")).expect("sent");
        assert!(socket.error().is_none());
        let received = socket.socket.recv(&mut [0; 16]).map_err(|error| error.kind());
        assert_eq!(received, Err(io::ErrorKind::WouldBlock));
    }
}
