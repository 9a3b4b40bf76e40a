//! rtnetlink: Linux says which links, addresses and routes have changed, to whoever may open a socket.
//!
//! Whatever it says, the interfaces are to be scanned; so a message that is lost because too many came is
//! made good by the ones before it. One thing that no scan finds is read: that an interface was removed. Where
//! that is lost, the echo will be missed.

use std::{
    collections::BTreeSet,
    io,
    net::IpAddr,
    ops::Range,
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

/// Messages read at once: more than the socket has room for, unless they come faster than that.
const MESSAGES: usize = 1000;

/// Where a message about a link has these: `nlmsghdr` and, behind it, `ifinfomsg`, in the byte order of the
/// processor (netlink(7), rtnetlink(7)).
const KIND: Range<usize> = 4..6;
const FAMILY: usize = 16;
const INDEX: Range<usize> = 20..24;
const LINK_LENGTH: usize = 32;

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

    /// Reads what was said up to now, and adds the indices of interfaces that were removed.
    ///
    /// # Errors
    /// Nothing will be said any more.
    pub(crate) fn read(&mut self, removed: &mut BTreeSet<u32>) -> io::Result<()> {
        let mut message = [0; LINK_LENGTH];
        for _ in 0..MESSAGES {
            // What of a message finds no room is dropped.
            match recv(self.socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
                Ok(length) => removed.extend(message.get(..length).and_then(removed_link)),
                // ENOBUFS: there were more than found room.
                Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The index of the interface, where a message says that it was removed; a bridge that loses a port says
/// nearly the same.
fn removed_link(message: &[u8]) -> Option<u32> {
    let kind = message.get(KIND)?.try_into().map(u16::from_ne_bytes).ok()?;
    let family = libc::c_int::from(*message.get(FAMILY)?);
    let index = message.get(INDEX)?.try_into().map(u32::from_ne_bytes).ok()?;
    (kind == libc::RTM_DELLINK && family == libc::AF_UNSPEC).then_some(index)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, family: u8, index: u32) -> [u8; LINK_LENGTH] {
        let mut message = [0; LINK_LENGTH];
        message[KIND].copy_from_slice(&kind.to_ne_bytes());
        message[FAMILY] = family;
        message[INDEX].copy_from_slice(&index.to_ne_bytes());
        message
    }

    #[test]
    fn a_removed_link_is_told_from_other_messages() {
        let unspecified = u8::try_from(libc::AF_UNSPEC).unwrap();
        let bridge = u8::try_from(libc::AF_BRIDGE).unwrap();
        assert_eq!(removed_link(&message(libc::RTM_DELLINK, unspecified, 77)), Some(77));
        assert_eq!(removed_link(&message(libc::RTM_NEWLINK, unspecified, 77)), None);
        assert_eq!(removed_link(&message(libc::RTM_DELLINK, bridge, 77)), None);
        let whole = message(libc::RTM_DELLINK, unspecified, 77);
        (0..INDEX.end).for_each(|length| assert_eq!(removed_link(&whole[..length]), None));
    }
}
