//! Sleeping until something arrives, a deadline passes, or another thread calls.
//!
//! By mio: the smaller `polling` registers sockets by an unsafe function since its third version,
//! and this workspace forbids unsafe code.

use std::{io, time::Instant};

use mio::{Events, Interest, Poll, Token, Waker, net::UdpSocket};

const SOCKET: Token = Token(0);
const CALL: Token = Token(1);

/// Who waits, and for how long.
pub(crate) struct Waiter {
    poll: Poll,
    events: Events,
}

impl Waiter {
    pub(crate) fn new() -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), CALL)?;
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

    /// Sleeps until `until`, an arrival, or a call.
    pub(crate) fn wait(&mut self, until: Instant) -> io::Result<()> {
        let timeout = until.saturating_duration_since(Instant::now());
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            waited => waited,
        }
    }
}
