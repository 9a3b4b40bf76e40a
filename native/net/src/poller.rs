//! Sleeping until something arrives, a deadline passes, or another thread gives a command.
//!
//! By mio: the smaller `polling` registers sockets by an unsafe function since its third version,
//! and this workspace forbids unsafe code.

use std::{io, time::Duration};

use mio::{Events, Interest, Poll, Token, Waker, event::Source, net::UdpSocket};

const SOCKET: Token = Token(0);
const COMMAND: Token = Token(1);
const NEWS: Token = Token(2);

/// Who waits, and for how long.
pub(crate) struct Poller {
    poll: Poll,
    events: Events,
}

impl Poller {
    pub(crate) fn new() -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), COMMAND)?;
        Ok((Self { poll, events: Events::with_capacity(3) }, waker))
    }

    /// Arrivals at this socket end a wait from now on. What has already arrived counts.
    pub(crate) fn watch(&self, socket: &mut UdpSocket) -> io::Result<()> {
        self.poll.registry().register(socket, SOCKET, Interest::READABLE)
    }

    /// Arrivals at this socket end no wait any more.
    pub(crate) fn ignore(&self, socket: &mut UdpSocket) -> io::Result<()> {
        self.poll.registry().deregister(socket)
    }

    /// What the system says of interfaces ends a wait from now on, and what it has said already.
    pub(crate) fn watch_news(&self, source: &mut impl Source) -> io::Result<()> {
        self.poll.registry().register(source, NEWS, Interest::READABLE)
    }

    /// It ends no wait any more.
    pub(crate) fn ignore_news(&self, source: &mut impl Source) -> io::Result<()> {
        self.poll.registry().deregister(source)
    }

    /// Sleeps until an arrival, a command, news, or the end of this time. Says whether there is news.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            waited => waited.map(|()| self.events.iter().any(|event| event.token() == NEWS)),
        }
    }
}
