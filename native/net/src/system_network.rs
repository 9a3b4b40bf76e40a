//! The network of this system, as a node wants it.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use mio::net::UdpSocket;
use native_gossip_core::{
    InterfaceAddress, InterfaceNews, JoinError, Network, NetworkConfig, RecvMeta, ScannedAddress,
    event::{SocketStep, SystemError},
};

use crate::{
    interfaces,
    news::News,
    poller::Poller,
    seed_socket::SeedSocket,
    socket,
    sys::{self, Headers, Receiver},
};

/// What a socket has for us.
pub(crate) enum Batch {
    /// So many [datagrams](SystemNetwork::datagrams), which may be none.
    Datagrams {
        count: usize,
        /// There are no more for now.
        is_all: bool,
    },
    /// An error that is of no concern to the next datagram: of something sent earlier, or a signal.
    Nothing,
}

/// The socket, and what is done with it.
pub(crate) struct SystemNetwork {
    config: NetworkConfig,
    poller: Poller,
    socket: Option<UdpSocket>,
    /// Whether an arrival at the socket ends a wait.
    is_watched: bool,
    /// Opened for the first heartbeat to a seed.
    seed_socket: Option<SeedSocket>,
    receiver: Receiver,
    news: News,
}

impl SystemNetwork {
    pub(crate) fn new(config: NetworkConfig, poller: Poller) -> Self {
        Self {
            config,
            poller,
            socket: None,
            is_watched: false,
            seed_socket: None,
            receiver: Receiver::new(),
            news: News::new(),
        }
    }

    /// Whether arrivals at the socket are to end a wait from now on. What has already arrived
    /// counts.
    pub(crate) fn watch(&mut self, watch: bool) -> io::Result<()> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        if watch != self.is_watched {
            if watch {
                self.poller.watch(socket)?
            } else {
                self.poller.ignore(socket)?
            }
            self.is_watched = watch;
        }
        Ok(())
    }

    /// Sleeps until something arrives, interfaces change, another thread calls, or the time is over.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if self.poller.wait(timeout)? {
            self.news.note(&self.poller);
        }
        Ok(())
    }

    /// Receives at most `most` datagrams.
    ///
    /// # Errors
    /// The socket is of no use any more.
    pub(crate) fn receive(
        &mut self,
        headers: &mut Headers,
        most: usize,
    ) -> Result<Batch, SystemError> {
        let nothing = Batch::Datagrams { count: 0, is_all: true };
        let Some(socket) = &self.socket else { return Ok(nothing) };
        match self.receiver.receive(socket, headers, most) {
            Ok(is_all) => Ok(Batch::Datagrams { count: self.datagrams().count(), is_all }),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(nothing),
                ErrorKind::Interrupted
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset => Ok(Batch::Nothing),
                _ => Err(system_error(error)),
            },
        }
    }

    /// What was received last.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (&RecvMeta, &[u8])> {
        self.receiver.datagrams()
    }

    /// Does something with the socket, of which there is one while the node counts it as open.
    fn with_socket<T>(&self, act: impl FnOnce(&UdpSocket) -> io::Result<T>) -> io::Result<T> {
        self.socket.as_ref().ok_or(ErrorKind::NotConnected.into()).and_then(act)
    }
}

impl Network for SystemNetwork {
    fn open(&mut self) -> Result<(), (SocketStep, SystemError)> {
        self.close();
        let opened = socket::open(&self.config).and_then(|mut socket| {
            self.poller.watch(&mut socket).map_err(|error| (SocketStep::Watch, error))?;
            Ok(socket)
        });
        let socket = opened.map_err(|(step, error)| (step, system_error(error)))?;
        (self.socket, self.is_watched) = (Some(socket), true);
        Ok(())
    }

    fn close(&mut self) {
        // The poller forgets a descriptor when it is closed.
        self.socket = None;
        self.seed_socket = None;
    }

    fn interface_news(&mut self) -> InterfaceNews {
        self.news.get()
    }

    fn interfaces(&mut self) -> Result<Vec<ScannedAddress>, SystemError> {
        self.news.begin_scan(self.config.multicast_addr, &self.poller);
        interfaces::list().map_err(system_error)
    }

    fn take_removed(&mut self) -> Vec<u32> {
        self.news.take_removed()
    }

    fn route(&mut self, group: SocketAddr) -> Result<Option<IpAddr>, SystemError> {
        interfaces::route(group).map_err(system_error)
    }

    fn join(&mut self, group: IpAddr, interface: &InterfaceAddress) -> Result<(), JoinError> {
        self.with_socket(|socket| sys::join(socket, group, interface)).map_err(|error| {
            let of =
                if sys::is_membership_limit(&error) { JoinError::Limit } else { JoinError::Other };
            of(system_error(error))
        })
    }

    fn leave(&mut self, group: IpAddr, interface: &InterfaceAddress) {
        // A membership that went with its interface cannot be left.
        let _ = self.with_socket(|socket| sys::leave(socket, group, interface));
    }

    fn send_by(
        &mut self,
        interface: &InterfaceAddress,
        packet: &[u8],
        target: SocketAddr,
    ) -> Result<(), SystemError> {
        self.with_socket(|socket| sys::send_by(socket, interface, packet, target))
            .map_err(system_error)
    }

    fn send_to(&mut self, packet: &[u8], target: SocketAddr) -> Result<(), SystemError> {
        self.with_socket(|socket| socket.send_to(packet, target).map(drop)).map_err(system_error)
    }

    fn send_to_seed(&mut self, packet: &[u8], target: SocketAddr) -> Result<(), SystemError> {
        let sent = match &mut self.seed_socket {
            Some(socket) => socket.send(packet, target),
            none => SeedSocket::open(&self.config)
                .and_then(|socket| none.insert(socket).send(packet, target)),
        };
        sent.map_err(system_error)
    }

    fn seed_error(&mut self) -> Option<(SocketAddr, SystemError)> {
        let (address, error) = self.seed_socket.as_mut()?.error()?;
        Some((address, system_error(error)))
    }
}

fn system_error(error: io::Error) -> SystemError {
    SystemError { code: error.raw_os_error(), text: error.to_string() }
}
