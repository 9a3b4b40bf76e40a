//! Linux: memberships by the interface's index, IP_PKTINFO both ways, and what is said of interfaces.

use std::{
    io::{self, IoSlice},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::AsRawFd,
};

use mio::net::UdpSocket;
use native_gossip_core::InterfaceAddress;
use nix::{
    cmsg_space, libc,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike,
        SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
    },
};
use socket2::{InterfaceIndexOrAddress, SockFilter, Socket};

mod interface_monitor;
mod receiver;

pub(crate) use interface_monitor::InterfaceMonitor;
pub(crate) use receiver::{Headers, Receiver};

pub(crate) fn prepare(socket: &Socket, group: IpAddr) -> io::Result<()> {
    match group {
        IpAddr::V4(_) => {
            or_unknown(socket.set_multicast_all_v4(false))?;
            setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        IpAddr::V6(_) => {
            or_unknown(socket.set_multicast_all_v6(false))?;
            setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
    }
    Ok(())
}

/// Asks for what ICMP says of packets that did not arrive, which includes what this system says of
/// neighbours that it does not find; and drops what arrives, which nobody would read.
pub(crate) fn prepare_for_seeds(socket: &Socket, group: IpAddr) -> io::Result<()> {
    match group {
        IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4RecvErr, &true)?,
        IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvErr, &true)?,
    }
    // BPF_RET of the constant 0: no byte of it is kept.
    let drop_all = SockFilter::new(0x06, 0, 0, 0);
    socket.attach_filter(&[drop_all])
}

/// The next packet that did not arrive: where it was sent to, and why.
pub(crate) fn next_error(socket: &std::net::UdpSocket) -> Option<(SocketAddr, io::Error)> {
    let mut control =
        cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6, libc::sock_extended_err);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut [], Some(&mut control), flags).ok()?;
    let target = received.address.as_ref().and_then(socket_addr)?;
    let error = received.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            i32::try_from(error.ee_errno).ok()
        }
        _ => None,
    });
    Some((target, io::Error::from_raw_os_error(error?)))
}

/// That of IPv6 came with 4.20. What is heard too much before is dropped by its destination.
fn or_unknown(set: io::Result<()>) -> io::Result<()> {
    match set {
        Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => Ok(()),
        set => set,
    }
}

pub(super) fn join_v4(
    socket: &Socket,
    group: &Ipv4Addr,
    interface: &InterfaceAddress,
) -> io::Result<()> {
    socket.join_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(interface.index))
}

pub(super) fn leave_v4(
    socket: &Socket,
    group: &Ipv4Addr,
    interface: &InterfaceAddress,
) -> io::Result<()> {
    socket.leave_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(interface.index))
}

/// What igmp_max_memberships, or its like of IPv6, forbids.
pub(crate) fn is_membership_limit(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

pub(crate) fn send_by(
    socket: &UdpSocket,
    interface: &InterfaceAddress,
    packet: &[u8],
    target: SocketAddr,
) -> io::Result<()> {
    match (target, interface.address) {
        (SocketAddr::V4(target), IpAddr::V4(source)) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: interface.index as libc::c_int,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from(source).to_be() },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            let target = SockaddrIn::from(target);
            send(socket, packet, &ControlMessage::Ipv4PacketInfo(&info), &target)
        }
        (SocketAddr::V6(target), _) => {
            let info = libc::in6_pktinfo {
                // The system's choice, by the address that it sends to.
                ipi6_addr: libc::in6_addr { s6_addr: [0; 16] },
                ipi6_ifindex: interface.index,
            };
            let target = SockaddrIn6::from(target);
            send(socket, packet, &ControlMessage::Ipv6PacketInfo(&info), &target)
        }
        (SocketAddr::V4(_), IpAddr::V6(_)) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn send(
    socket: &UdpSocket,
    packet: &[u8],
    info: &ControlMessage<'_>,
    target: &impl SockaddrLike,
) -> io::Result<()> {
    let packet = [IoSlice::new(packet)];
    sendmsg(socket.as_raw_fd(), &packet, &[*info], MsgFlags::empty(), Some(target))?;
    Ok(())
}

fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::from(*v4));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::from(*v6)))
}
