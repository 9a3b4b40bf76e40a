//! Every other system: IPv4 interfaces are named by an address of theirs, and nobody is told by
//! which interface a datagram came.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use mio::{Interest, Registry, Token, event::Source, net::UdpSocket};
use native_gossip_core::InterfaceAddress;
use socket2::{SockRef, Socket};

use super::{BUFFER, RecvMeta};

/// By which Windows, and the BSDs and macOS, say that a socket has joined all that it may.
const WSAENOBUFS: i32 = 10_055;
const ETOOMANYREFS: i32 = 59;

pub(crate) fn prepare(_socket: &Socket, _group: IpAddr) -> io::Result<()> {
    Ok(())
}

pub(crate) fn prepare_for_seeds(_socket: &Socket, _group: IpAddr) -> io::Result<()> {
    Ok(())
}

pub(crate) fn next_error(_socket: &std::net::UdpSocket) -> Option<(SocketAddr, io::Error)> {
    None
}

/// There is none: interfaces that change are found by a scan.
pub(crate) enum InterfaceMonitor {}

impl InterfaceMonitor {
    pub(crate) fn open(_group: IpAddr) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn read(&mut self, _removed: &mut BTreeSet<u32>) -> io::Result<()> {
        match *self {}
    }
}

impl Source for InterfaceMonitor {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        match *self {}
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        match *self {}
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        match *self {}
    }
}

pub(super) fn join_v4(
    socket: &Socket,
    group: &Ipv4Addr,
    interface: &InterfaceAddress,
) -> io::Result<()> {
    socket.join_multicast_v4(group, address_v4(interface)?)
}

pub(super) fn leave_v4(
    socket: &Socket,
    group: &Ipv4Addr,
    interface: &InterfaceAddress,
) -> io::Result<()> {
    socket.leave_multicast_v4(group, address_v4(interface)?)
}

fn address_v4(interface: &InterfaceAddress) -> io::Result<&Ipv4Addr> {
    match &interface.address {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// On Linux, with the feature `portable`, it is ENOBUFS.
pub(crate) fn is_membership_limit(error: &io::Error) -> bool {
    let code = match (cfg!(windows), cfg!(target_os = "linux")) {
        (true, _) => WSAENOBUFS,
        (false, true) => 105,
        (false, false) => ETOOMANYREFS,
    };
    error.raw_os_error() == Some(code)
}

pub(crate) fn send_by(
    socket: &UdpSocket,
    interface: &InterfaceAddress,
    packet: &[u8],
    target: SocketAddr,
) -> io::Result<()> {
    let options = SockRef::from(socket);
    match interface.address {
        IpAddr::V4(address) => options.set_multicast_if_v4(&address)?,
        IpAddr::V6(_) => options.set_multicast_if_v6(interface.index)?,
    }
    socket.send_to(packet, target)?;
    Ok(())
}

/// Nothing: a datagram comes with its source alone.
pub(crate) struct Headers;

impl Headers {
    pub(crate) fn new() -> Self {
        Self
    }
}

/// Room for one datagram.
pub(crate) struct Receiver {
    buffer: Box<[u8; BUFFER]>,
    last: Option<(RecvMeta, usize)>,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self { buffer: Box::new([0; BUFFER]), last: None }
    }

    /// What was received last.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (&RecvMeta, &[u8])> {
        self.last.iter().filter_map(|(meta, length)| Some((meta, self.buffer.get(..*length)?)))
    }

    /// Receives one. Whether it was the last one the next call says: mio tells of what comes after a call
    /// that found nothing, and not everywhere of more.
    pub(crate) fn receive(
        &mut self,
        socket: &UdpSocket,
        _headers: &mut Headers,
        _most: usize,
    ) -> io::Result<bool> {
        self.last = None;
        let (length, source) = match socket.recv_from(self.buffer.as_mut_slice()) {
            Err(error) if cfg!(windows) => return Err(windows_error(error)),
            received => received?,
        };
        self.last = Some((RecvMeta { source, destination: None, interface: None }, length));
        Ok(false)
    }
}

/// Windows reports as errors of the socket what is one of a datagram: that it is longer than the
/// buffer (WSAEMSGSIZE), or what ICMP said of one that was sent (WSAENETRESET). It is passed over.
fn windows_error(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(10040 | 10052) => io::ErrorKind::ConnectionReset.into(),
        _ => error,
    }
}
