//! The loop: it receives, feeds the engine, sends, and sleeps until the next deadline.

use std::{
    io::{self, ErrorKind},
    time::{Duration, Instant},
};

use native_gossip_core::{Config, Engine, NodeName, Received, Time, budget::ReceiveLimit};
use rand::rngs::StdRng;

use crate::{
    config::NetConfig,
    group::Group,
    journal::{Journal, Notice, Part},
    link::Link,
    platform::Inbox,
    remote::{self, Call, Calls, Remote},
    targets::Targets,
    trouble::Trouble,
    wait::Waiter,
};

/// Datagrams received in one turn, so that a flood keeps no heartbeat and no report waiting.
const BATCH: usize = 64;

/// Bursts are at least so far apart. Under a flood, where most heartbeats are lost with the rest, they
/// are sent this often: a newcomer that hears one of twenty would otherwise wait for a minute.
const BURST_EVERY: Duration = Duration::from_secs(1);

/// No other node may be heard for so long, at least: a network is allowed a hiccup.
const SHORTEST_SILENCE: Duration = Duration::from_secs(10);

/// Who is told what the driver finds.
pub trait Listener {
    /// Somebody should connect to this node, and [report](Remote::report) what became of it.
    fn announce(&mut self, node: &NodeName);

    /// Something happened that a person may want to read. A [`serve`](Driver::serve) in which
    /// something did returns early.
    fn notice(&mut self, notice: Notice);
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
    /// What is to be heard by joining; nothing, where there are broadcasts only.
    group: Option<Group>,
    /// Where broadcasts go, if there are any.
    broadcast: Targets,
    seeds: Targets,
    waiter: Waiter,
    calls: Calls,
    receive_limit: ReceiveLimit,
    /// Until when nothing is received, because the limit is reached.
    deaf_until: Option<Time>,
    /// When the next burst of heartbeats may be sent, and whether there is reason for one.
    burst_from: Time,
    burst_is_due: bool,
    inbox: Inbox,
    journal: Journal,
    started: Instant,
}

impl Driver {
    /// A driver that opens its socket when it is served. The network cannot make this fail.
    ///
    /// # Errors
    /// The system has no descriptors left for a poller.
    pub fn new(engine: Config, net: NetConfig) -> io::Result<(Self, Remote)> {
        let (waiter, waker) = Waiter::new()?;
        let (remote, calls) = remote::pair(waker);
        let broadcast = net.broadcast_only.then(|| net.target()).into_iter().collect();
        let driver = Self {
            engine: Engine::new(engine, rand::make_rng()),
            receive_limit: ReceiveLimit::new(net.receive_limit),
            group: (!net.broadcast_only).then(|| Group::new(&net)),
            config: net,
            link: Link::new(),
            broadcast: Targets::new(broadcast, "options multicast_addr, port"),
            seeds: Targets::new(vec![], "option seeds"),
            waiter,
            calls,
            deaf_until: None,
            burst_from: Time::ZERO,
            burst_is_due: false,
            inbox: Inbox::new(),
            journal: Journal::default(),
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
        self.journal.set_details(details);
        let served = self.work(slice, listener);
        self.journal.take().into_iter().for_each(|notice| listener.notice(notice));
        served
    }

    fn work(&mut self, slice: Slice, listener: &mut impl Listener) -> io::Result<Served> {
        let slice_ends = self.now() + slice.time;
        let mut announced = 0;
        loop {
            if self.calls.is_stopped() {
                return Ok(Served::Stopped);
            }
            let now = self.now();
            self.take_calls(now);
            self.open(now);
            self.follow(now);
            self.send(now);
            let drained = self.receive(now, &mut |node| {
                announced += 1;
                listener.announce(node);
            })?;
            if drained {
                self.listen(now);
            }
            self.calls.publish(self.engine.counters());

            let had_enough = announced >= slice.announcements || !self.journal.is_empty();
            if self.now() >= slice_ends || had_enough {
                return Ok(Served::Slice);
            }
            if drained {
                self.sleep(slice_ends)?;
            }
        }
    }

    fn now(&self) -> Time {
        Time::after(self.started.elapsed())
    }

    fn take_calls(&mut self, now: Time) {
        for call in self.calls.waiting() {
            match call {
                Call::Report(node, report) => self.engine.report(now, &node, report),
                Call::Seeds(seeds) => {
                    self.burst_is_due |= self.seeds.replace(now, seeds, &mut self.journal);
                }
            }
        }
    }

    /// Opens the socket, if it is closed and the pause is over.
    fn open(&mut self, now: Time) {
        if !self.link.is_due(now) {
            return;
        }
        match self.link.open(now, &self.config, &self.waiter) {
            Ok(()) => {
                self.deaf_until = None;
                if let Some(group) = &mut self.group {
                    group.restart(now);
                }
                self.journal.mend(&Part::Socket);
                self.burst_is_due = true;
            }
            Err(trouble) => self.journal.complain(now, Part::Socket, trouble),
        }
    }

    /// Follows the interfaces as they come and go.
    fn follow(&mut self, now: Time) {
        let (Link::Up(socket), Some(group)) = (&self.link, &mut self.group) else { return };
        self.burst_is_due |= group.follow(now, socket, &mut self.journal);
    }

    /// Sends the heartbeat that is due.
    fn send(&mut self, now: Time) {
        if self.burst_is_due && now >= self.burst_from {
            self.burst_is_due = false;
            self.burst_from = now + BURST_EVERY;
            self.engine.burst(now);
        }
        let Link::Up(socket) = &self.link else { return };
        let Some(packet) = self.engine.heartbeat(now) else { return };
        let journal = &mut self.journal;
        if let Some(group) = &mut self.group {
            self.burst_is_due |= group.send(now, socket, &packet, journal);
        }
        self.burst_is_due |= self.broadcast.send(now, socket, &packet, journal);
        self.burst_is_due |= self.seeds.send(now, socket, &packet, journal);
        journal.sent();
    }

    /// Receives a batch, and says whether that was all there is to receive for now.
    fn receive(&mut self, now: Time, announce: &mut dyn FnMut(&NodeName)) -> io::Result<bool> {
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
                self.overrun(now);
                return Ok(true);
            }
            let (arrival, datagram) = match self.inbox.receive(socket) {
                Ok(received) => received,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(true),
                    // What ICMP said of a seed is of no concern to the next datagram.
                    ErrorKind::Interrupted
                    | ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset => continue,
                    _ => {
                        self.link.close(now);
                        self.journal.complain(now, Part::Socket, Trouble::new("receive", error));
                        return Ok(true);
                    }
                },
            };
            let received = self.engine.receive(now, arrival.source.ip(), datagram);
            let interface = || self.group.as_ref().and_then(|group| group.name(&arrival));
            match received {
                Received::Peer { heartbeat, announce: is_due } => {
                    let node = &heartbeat.node;
                    self.journal.heard(node, interface);
                    if is_due {
                        announce(node);
                    }
                    if let Some(group) = &mut self.group {
                        let is_connected = self.engine.is_connected(node);
                        group.heard(now, node, is_connected, &arrival);
                    }
                }
                Received::Echo => {
                    if let Some(group) = &mut self.group {
                        group.echoed(&arrival, &mut self.journal);
                    }
                }
                Received::Refused(cause) => {
                    self.journal.refused(now, cause, arrival.source, interface);
                }
            }
        }
        Ok(false)
    }

    /// More came than is looked at.
    fn overrun(&mut self, now: Time) {
        if let Some(group) = &mut self.group {
            group.overran(now);
        }
        self.burst_is_due = true;
    }

    /// Joins anew where nothing is heard any more.
    fn listen(&mut self, now: Time) {
        let (Link::Up(socket), Some(group)) = (&self.link, &mut self.group) else { return };
        let silence = (self.engine.longest_gap() * 5 / 2).max(SHORTEST_SILENCE);
        let is_connected = |node: &NodeName| self.engine.is_connected(node);
        self.burst_is_due |= group.listen(now, silence, is_connected, socket, &mut self.journal);
    }

    fn sleep(&mut self, slice_ends: Time) -> io::Result<()> {
        let next = match &self.link {
            Link::Up(_) => {
                let group = self.group.as_ref().map(Group::deadline);
                let burst = self.burst_is_due.then_some(self.burst_from);
                [self.engine.deadline(), group, self.deaf_until, burst]
            }
            Link::Down { retry_at, .. } => [Some(*retry_at), None, None, None],
        };
        let until = next.into_iter().flatten().fold(slice_ends, Time::min);
        self.waiter.wait(self.started + until.since_zero())
    }
}
