//! Sleeping until something arrives, a deadline passes, or another thread gives a command.
//!
//! By mio: the smaller `polling` registers sockets by an unsafe function since its third version,
//! and this workspace forbids unsafe code.

use std::{io, time::Duration};

use mio::{Events, Interest, Poll, Token, Waker, net::UdpSocket};

const SOCKET: Token = Token(0);
const COMMAND: Token = Token(1);

/// Who waits, and for how long.
pub(crate) struct Poller {
    poll: Poll,
    events: Events,
}

impl Poller {
    pub(crate) fn new() -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), COMMAND)?;
        Ok((Self { poll, events: Events::with_capacity(2) }, waker))
    }

    /// Arrivals at this socket end a wait from now on. What has already arrived counts.
    pub(crate) fn watch(&self, socket: &mut UdpSocket) -> io::Result<()> {
        self.poll.registry().register(socket, SOCKET, Interest::READABLE)
    }

    /// Arrivals at this socket end no wait any more.
    pub(crate) fn ignore(&self, socket: &mut UdpSocket) -> io::Result<()> {
        self.poll.registry().deregister(socket)
    }

    /// Sleeps until an arrival, a command, or the end of this time.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            waited => waited,
        }
    }
}
