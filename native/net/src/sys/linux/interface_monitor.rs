//! rtnetlink: Linux says which links, addresses and routes have changed, to whoever may open a socket.
//!
//! What it says is not read: whatever it is, the interfaces are to be scanned. So a message that is
//! lost because too many came is made good by the ones before it.

use std::{
    io,
    net::IpAddr,
    os::fd::{AsRawFd, OwnedFd},
};

use mio::{Interest, Registry, Token, event::Source, unix::SourceFd};
use nix::{
    errno::Errno,
    libc,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
    },
};

/// IPv4 groups are routed, by rules that may come and go with a VPN; those of IPv6 are not, and of its
/// addresses the system says more than changes.
const GROUPS_V4: libc::c_int =
    libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV4_ROUTE | libc::RTMGRP_IPV4_RULE;
const GROUPS_V6: libc::c_int = libc::RTMGRP_LINK | libc::RTMGRP_IPV6_IFADDR;

/// Messages passed over at once: more than the socket has room for, unless they come faster than that.
const MESSAGES: usize = 1000;

/// A socket by which the kernel tells of the network namespace in which it was opened.
pub(crate) struct InterfaceMonitor {
    socket: OwnedFd,
}

impl InterfaceMonitor {
    /// Opens it for who sends to this group.
    ///
    /// # Errors
    /// What the system answers: it may have no descriptors left, or allow no such socket.
    pub(crate) fn open(group: IpAddr) -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let protocol = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        let groups = if group.is_ipv4() { GROUPS_V4 } else { GROUPS_V6 };
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups.cast_unsigned()))?;
        Ok(Self { socket })
    }

    /// Passes over what was said up to now.
    ///
    /// # Errors
    /// Nothing will be said any more.
    pub(crate) fn skip(&mut self) -> io::Result<()> {
        for _ in 0..MESSAGES {
            // What of a message finds no room is dropped.
            match recv(self.socket.as_raw_fd(), &mut [0], MsgFlags::empty()) {
                // ENOBUFS: there were more than found room.
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Source for InterfaceMonitor {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.socket.as_raw_fd()).register(to, token, interests)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.socket.as_raw_fd()).reregister(to, token, interests)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        SourceFd(&self.socket.as_raw_fd()).deregister(from)
    }
}
