//! The loop: it receives, feeds the engine, sends, and sleeps until the next deadline.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::{Duration, Instant},
};

use native_gossip_core::{
    Config, Engine, NodeName, Refusal, Time,
    budget::{MAX_DATAGRAM, ReceiveLimit, RefusalLog},
};
use rand::rngs::StdRng;

use crate::{
    config::NetConfig,
    link::Link,
    remote::{self, Calls, Remote},
    trouble::Trouble,
    wait::Waiter,
};

/// Datagrams received in one turn, so that a flood keeps no heartbeat and no report waiting.
const BATCH: usize = 64;

/// Under a flood most heartbeats are lost with the rest, so a burst of them is sent this often: a
/// newcomer that hears one of twenty would otherwise wait for a minute.
const FLOODED_BURST_EVERY: Time = Time::from_secs(1);

/// One byte more than the longest datagram that is read tells a longer one.
const BUFFER: usize = MAX_DATAGRAM + 1;

/// Who is told what the driver finds.
pub trait Listener {
    /// Somebody should connect to this node, and [report](Remote::report) what became of it.
    fn announce(&mut self, node: &NodeName);

    /// Something happened that a person may want to read.
    fn notice(&mut self, notice: Notice<'_>);
}

/// Something to be logged. A [`serve`](Driver::serve) in which there was one returns early.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A heartbeat was sent. Only where details are asked for.
    Sent,
    /// A heartbeat of another node was heard. Only where details are asked for.
    Heard(&'a NodeName),
    /// Packets were refused. Said rarely.
    Refused {
        /// For this cause.
        cause: Refusal,
        /// So many, since it was said last.
        packets: u64,
        /// Where the last of them came from.
        source: SocketAddr,
    },
    /// Nothing can be sent or heard until this is mended. Said once.
    Trouble(&'a Trouble),
    /// What was the trouble is mended.
    Mended,
}

/// Why [`Driver::serve`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The slice is over: call it again.
    Slice,
    /// The driver was [stopped](Remote::stop): do not.
    Stopped,
}

/// How long one call of [`Driver::serve`] may last.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// The longest time.
    pub time: Duration,
    /// The most announcements.
    pub announcements: usize,
}

/// The engine with its socket, its clock and its randomness.
pub struct Driver {
    config: NetConfig,
    engine: Engine<StdRng>,
    link: Link,
    waiter: Waiter,
    calls: Calls,
    receive_limit: ReceiveLimit,
    refusal_log: RefusalLog,
    /// Until when nothing is received, because the limit is reached.
    deaf_until: Option<Time>,
    /// When being flooded is next answered by a burst of heartbeats.
    burst_from: Time,
    trouble: Option<Trouble>,
    buffer: Box<[u8; BUFFER]>,
    started: Instant,
}

/// The listener of one call of [`Driver::serve`], and how much it was told.
struct Audience<'a, L> {
    listener: &'a mut L,
    details: bool,
    announcements: usize,
    notices: usize,
}

impl<L: Listener> Audience<'_, L> {
    fn announce(&mut self, node: &NodeName) {
        self.announcements += 1;
        self.listener.announce(node);
    }

    fn notice(&mut self, notice: Notice<'_>) {
        self.notices += 1;
        self.listener.notice(notice);
    }

    fn detail(&mut self, notice: Notice<'_>) {
        if self.details {
            self.notice(notice);
        }
    }

    fn has_had_enough(&self, slice: Slice) -> bool {
        self.announcements >= slice.announcements || self.notices > 0
    }
}

impl Driver {
    /// A driver that opens its socket when it is served. The network cannot make this fail.
    ///
    /// # Errors
    /// The system has no descriptors left for a poller.
    pub fn new(engine: Config, net: NetConfig) -> io::Result<(Self, Remote)> {
        let (waiter, waker) = Waiter::new()?;
        let (remote, calls) = remote::pair(waker);
        let driver = Self {
            engine: Engine::new(engine, rand::make_rng()),
            receive_limit: ReceiveLimit::new(net.receive_limit),
            refusal_log: RefusalLog::default(),
            config: net,
            link: Link::new(),
            waiter,
            calls,
            deaf_until: None,
            burst_from: Time::ZERO,
            trouble: None,
            buffer: Box::new([0; BUFFER]),
            started: Instant::now(),
        };
        Ok((driver, remote))
    }

    /// Works for one slice. `identity` is the node's name of the moment, `None` while it is not
    /// alive; `details` asks for a notice of every heartbeat.
    ///
    /// # Errors
    /// The poller failed, which no network can cause.
    pub fn serve(
        &mut self,
        identity: Option<NodeName>,
        details: bool,
        slice: Slice,
        listener: &mut impl Listener,
    ) -> io::Result<Served> {
        self.engine.set_identity(self.now(), identity);
        let slice_ends = self.now() + slice.time;
        let mut audience = Audience { listener, details, announcements: 0, notices: 0 };
        loop {
            if self.calls.is_stopped() {
                return Ok(Served::Stopped);
            }
            let now = self.now();
            for (node, report) in self.calls.reports() {
                self.engine.report(now, &node, report);
            }
            self.open(now, &mut audience);
            self.send(now, &mut audience);
            let drained = self.receive(now, &mut audience)?;
            self.calls.publish(self.engine.counters());

            if self.now() >= slice_ends || audience.has_had_enough(slice) {
                return Ok(Served::Slice);
            }
            if drained {
                self.sleep(slice_ends)?;
            }
        }
    }

    fn now(&self) -> Time {
        self.started.elapsed()
    }

    /// Opens the socket, if it is closed and the pause is over.
    fn open(&mut self, now: Time, audience: &mut Audience<'_, impl Listener>) {
        if self.link.is_due(now) {
            match self.link.open(now, &self.config, &self.waiter) {
                Ok(()) => {
                    self.deaf_until = None;
                    self.engine.burst(now);
                }
                Err(trouble) => self.complain(trouble, audience),
            }
        }
    }

    /// Sends the heartbeat that is due.
    fn send(&mut self, now: Time, audience: &mut Audience<'_, impl Listener>) {
        let Link::Up(socket) = &self.link else { return };
        let Some(packet) = self.engine.heartbeat(now) else { return };
        let target = self.config.target();
        match socket.send_to(&packet, target.into()) {
            Ok(_) => {
                if self.trouble.take().is_some() {
                    audience.notice(Notice::Mended);
                }
                audience.detail(Notice::Sent);
            }
            Err(error) => {
                let step = format!("send to {target} (options multicast_addr, port)");
                self.complain(Trouble { step, error }, audience);
            }
        }
    }

    /// Receives a batch, and says whether that was all there is to receive for now.
    fn receive(
        &mut self,
        now: Time,
        audience: &mut Audience<'_, impl Listener>,
    ) -> io::Result<bool> {
        let Link::Up(socket) = &mut self.link else { return Ok(true) };
        if let Some(until) = self.deaf_until {
            if now < until {
                return Ok(true);
            }
            self.waiter.watch(socket)?;
            self.deaf_until = None;
        }
        for _ in 0..BATCH {
            if let Err(until) = self.receive_limit.take(now) {
                self.waiter.ignore(socket)?;
                self.deaf_until = Some(until);
                if now >= self.burst_from {
                    self.burst_from = now + FLOODED_BURST_EVERY;
                    self.engine.burst(now);
                }
                return Ok(true);
            }
            let (len, source) = match socket.recv_from(self.buffer.as_mut_slice()) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let step = "receive; the socket is opened anew".into();
                    self.link.close(now);
                    self.complain(Trouble { step, error }, audience);
                    return Ok(true);
                }
            };
            let datagram = self.buffer.get(..len).unwrap_or_default();
            match self.engine.hear(now, source.ip(), datagram) {
                Ok(heard) => {
                    audience.detail(Notice::Heard(&heard.node));
                    if heard.announce {
                        audience.announce(&heard.node);
                    }
                }
                Err(cause) => {
                    if let Some(packets) = self.refusal_log.note(now, cause) {
                        audience.notice(Notice::Refused { cause, packets, source });
                    }
                }
            }
        }
        Ok(false)
    }

    fn sleep(&mut self, slice_ends: Time) -> io::Result<()> {
        let next = match &self.link {
            Link::Up(_) => self.engine.deadline(),
            Link::Down { retry_at, .. } => Some(*retry_at),
        };
        let until = [next, self.deaf_until].into_iter().flatten().fold(slice_ends, Time::min);
        self.waiter.wait(self.started + until)
    }

    /// Says what is wrong, unless it was said before.
    fn complain(&mut self, trouble: Trouble, audience: &mut Audience<'_, impl Listener>) {
        if !self.trouble.as_ref().is_some_and(|known| known.is_same(&trouble)) {
            audience.notice(Notice::Trouble(&trouble));
        }
        self.trouble = Some(trouble);
    }
}
