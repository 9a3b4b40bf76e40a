//! Receiving, with what IP_PKTINFO says of each datagram.

use std::{
    io::{self, IoSliceMut},
    net::IpAddr,
    os::fd::AsRawFd,
};

use mio::net::UdpSocket;
use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg},
};

use super::{
    super::{BUFFER, RecvMeta},
    socket_addr,
};

/// Room for one datagram and for what the system says of it.
pub(crate) struct Receiver {
    buffer: Box<[u8; BUFFER]>,
    length: usize,
    control: Vec<u8>,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let control = cmsg_space!(libc::in_pktinfo, libc::in6_pktinfo);
        Self { buffer: Box::new([0; BUFFER]), length: 0, control }
    }

    /// The datagram that was received last.
    pub(crate) fn datagram(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// Receives one.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<RecvMeta> {
        let mut buffers = [IoSliceMut::new(self.buffer.as_mut_slice())];
        let control = Some(self.control.as_mut_slice());
        let received = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut buffers,
            control,
            MsgFlags::empty(),
        )?;
        let source = received.address.as_ref().and_then(socket_addr).ok_or(Errno::EAFNOSUPPORT)?;
        let mut meta = RecvMeta { source, destination: None, interface: None };
        for message in received.cmsgs()? {
            match message {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    let destination = u32::from_be(info.ipi_addr.s_addr);
                    meta.destination = Some(IpAddr::V4(destination.into()));
                    meta.interface = u32::try_from(info.ipi_ifindex).ok();
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    meta.destination = Some(IpAddr::V6(info.ipi6_addr.s6_addr.into()));
                    meta.interface = Some(info.ipi6_ifindex);
                }
                _ => {}
            }
        }
        self.length = received.bytes;
        Ok(meta)
    }
}
