//! Receiving many datagrams by one system call, with what IP_PKTINFO says of each.

use std::{
    array,
    io::{self, IoSliceMut},
    net::IpAddr,
    os::fd::AsRawFd,
};

use mio::net::UdpSocket;
use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    sys::socket::{
        ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg,
    },
};

use super::{
    super::{BATCH, BUFFER, RecvMeta},
    socket_addr,
};

/// What the system is told of the room for a batch, and what it says of each datagram. It holds pointers, so
/// it stays on one thread.
///
/// The system notes in it how much of the room it has used, and finds that much the next time. All datagrams
/// of a socket need the same.
pub(crate) struct Headers(MultiHeaders<SockaddrStorage>);

impl Headers {
    pub(crate) fn new() -> Self {
        let control = cmsg_space!(libc::in_pktinfo, libc::in6_pktinfo);
        Self(MultiHeaders::preallocate(BATCH, Some(control)))
    }
}

/// Room for a batch of datagrams.
pub(crate) struct Receiver {
    /// One after the other, each of [`BUFFER`] bytes.
    buffers: Box<[u8]>,
    /// How each came, and its length.
    received: Vec<(RecvMeta, usize)>,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let buffers = vec![0; BATCH * BUFFER].into();
        Self { buffers, received: Vec::with_capacity(BATCH) }
    }

    /// What was received last.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (&RecvMeta, &[u8])> {
        let filled = self.received.iter().zip(self.buffers.chunks_exact(BUFFER));
        filled.filter_map(|((meta, length), buffer)| Some((meta, buffer.get(..*length)?)))
    }

    /// Receives at most `most` datagrams, and says whether there are no more for now.
    ///
    /// # Errors
    /// The system's, where it gave nothing. What it says of one datagram is never worth the others of its batch.
    pub(crate) fn receive(
        &mut self,
        socket: &UdpSocket,
        Headers(headers): &mut Headers,
        most: usize,
    ) -> io::Result<bool> {
        self.received.clear();
        let most = most.min(BATCH);
        let mut buffers = self.buffers.chunks_exact_mut(BUFFER);
        let mut slices: [_; BATCH] =
            array::from_fn(|_| [IoSliceMut::new(buffers.next().unwrap_or_default())]);
        let slices = slices.iter_mut().take(most);
        let flags = MsgFlags::MSG_DONTWAIT;
        for message in recvmmsg(socket.as_raw_fd(), headers, slices, flags, None)? {
            match meta(&message) {
                Ok(meta) => self.received.push((meta, message.bytes)),
                Err(error) if self.received.is_empty() => return Err(error.into()),
                Err(_) => return Ok(false),
            }
        }
        Ok(self.received.len() < most || most == 0)
    }
}

fn meta(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Result<RecvMeta, Errno> {
    let source = message.address.as_ref().and_then(socket_addr).ok_or(Errno::EAFNOSUPPORT)?;
    let mut meta = RecvMeta { source, destination: None, interface: None };
    for control in message.cmsgs()? {
        match control {
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
    Ok(meta)
}
