//! The loop: it receives, lets the node decide, and sleeps until the next deadline or packet.

use std::{io, thread, time::Duration};

use native_gossip_core::{Config, Event, NetworkConfig, Node, NodeName, Now, Report, Time, status};
use rand::rngs::StdRng;

use crate::{
    clock::Clock,
    handle::{self, Asker, Command, CommandQueue, Handle, Question},
    poller::Poller,
    sys::{self, BATCH, Headers},
    system_network::{Batch, SystemNetwork},
};

/// Between two counts of the names that sign: each goes through all names that are known.
const READINESS_INTERVAL: Duration = Duration::from_secs(1);

/// The longest that packets keep the loop from polling for what else has come.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// From going to sleep to looking at what has come, unless a deadline is sooner: to wake up costs more than to
/// read a packet, and what comes meanwhile is read together. Whoever stops the loop or asks it waits as long. The
/// least that Linux grants a socket has room for 100 packets, however a network card stores them.
const COALESCING_TIME: Duration = Duration::from_micros(250);

/// A slice in which peers were connected lasts for so long, so that they are told together: to end a
/// slice and begin another takes longer than to connect. What else happened ends it at once.
const GATHERED_FOR: Duration = Duration::from_millis(100);

/// Who is told what the driver finds.
pub trait Listener {
    /// Somebody should connect to this node, and [report](Handle::report) what became of it.
    fn announce(&mut self, node: &NodeName);

    /// Something has happened. A [`serve`](Driver::serve) in which something did returns early.
    fn event(&mut self, event: Event);

    /// This is the answer to what somebody [asked](Handle::ask).
    fn answer(&mut self, asker: Asker, answer: Answer) {
        let _ = (asker, answer);
    }
}

/// The node, or its peers, at one moment.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Question::Status`].
    Status(Box<status::Status>),
    /// To [`Question::Peers`].
    Peers(Vec<status::PeerStatus>),
}

/// Why [`Driver::serve`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The slice is over: call it again.
    Slice,
    /// The driver was [stopped](Handle::stop): do not.
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

/// A node with its socket, its clocks and its randomness.
pub struct Driver {
    node: Node<StdRng>,
    network: SystemNetwork,
    clock: Clock,
    commands: CommandQueue,
    readiness_at: Time,
    /// When it was polled last for what comes besides packets.
    polled_at: Time,
}

impl Driver {
    /// A driver that opens its socket when it is served. The network cannot make this fail.
    ///
    /// # Errors
    /// The system has no descriptors left for a poller.
    pub fn new(config: Config, network: NetworkConfig) -> io::Result<(Self, Handle)> {
        let (poller, waker) = Poller::new()?;
        let (handle, commands) = handle::pair(waker);
        let hears_groups = sys::hears_groups(network.if_addr);
        let driver = Self {
            node: Node::new(config, &network, hears_groups, rand::make_rng()),
            network: SystemNetwork::new(network, poller),
            clock: Clock::new(),
            commands,
            readiness_at: Time::ZERO,
            polled_at: Time::ZERO,
        };
        Ok((driver, handle))
    }

    /// Works for one slice. `identity` is the node's name of the moment, `None` while it is not
    /// alive; `debug` asks for an event of every heartbeat.
    ///
    /// # Errors
    /// The poller failed, which no network can cause.
    pub fn serve(
        &mut self,
        identity: Option<NodeName>,
        debug: bool,
        slice: Slice,
        listener: &mut impl Listener,
    ) -> io::Result<Served> {
        self.node.set_identity(self.clock.now(), identity);
        self.node.set_debug(debug);
        let served = self.work(slice, listener);
        self.node.take_events().into_iter().for_each(|event| listener.event(event));
        served
    }

    fn work(&mut self, slice: Slice, listener: &mut impl Listener) -> io::Result<Served> {
        let began = self.clock.now().time;
        let mut announced = 0;
        let mut headers = Headers::new();
        // A node that lost its name lost its peers, and the name is read between two slices.
        let mut is_any_down = false;
        loop {
            if self.commands.is_stopped() {
                return Ok(Served::Stopped);
            }
            let now = self.clock.now();
            for command in self.commands.waiting() {
                match command {
                    Command::Report(node, report) => {
                        is_any_down |= report == Report::Down;
                        self.node.report(now, &node, report);
                    }
                    Command::Seeds(seeds) => self.node.set_seeds(now, seeds),
                }
            }
            if self.commands.lost_reports() {
                self.node.reports_lost(now);
            }
            if self.commands.is_to_drain() {
                self.node.drain(now);
            }
            self.node.advance(now, &mut self.network);
            let is_queue_empty = self.receive(now, &mut headers)?;
            while announced < slice.announcements
                && let Some(node) = self.node.next_announcement(now)
            {
                announced += 1;
                listener.announce(&node);
            }
            if is_queue_empty {
                self.node.check_liveness(now, &mut self.network);
            }
            self.publish(now);
            self.answer(now, listener);

            let time =
                if self.node.has_events() { slice.time.min(GATHERED_FOR) } else { slice.time };
            let slice_ends = began + time;
            let had_enough = announced >= slice.announcements || self.node.has_pressing_events();
            if self.clock.now().time >= slice_ends || had_enough || is_any_down {
                return Ok(Served::Slice);
            }
            if is_queue_empty && !self.commands.has_questions() {
                let deadline = self.node.deadline().unwrap_or(slice_ends);
                self.sleep(deadline.min(slice_ends))?;
            } else if self.polled_at + POLL_INTERVAL <= now.time {
                // Who never sleeps would not hear of interfaces that change.
                self.sleep(Time::ZERO)?;
            }
        }
    }

    /// Answers one question a turn, so that those who ask keep heartbeats waiting for one at most.
    fn answer(&mut self, now: Now, listener: &mut impl Listener) {
        let Some((question, asker)) = self.commands.question() else { return };
        let answer = match question {
            Question::Status => Answer::Status(Box::new(self.node.status(now))),
            Question::Peers => Answer::Peers(self.node.peers(now)),
        };
        listener.answer(asker, answer);
    }

    fn publish(&mut self, now: Now) {
        self.commands.publish(self.node.counters());
        if now.time >= self.readiness_at {
            self.readiness_at = now.time + READINESS_INTERVAL;
            self.commands.publish_readiness(self.node.readiness(now));
        }
    }

    /// Receives a batch, and says whether that was all there is to receive for now.
    fn receive(&mut self, now: Now, headers: &mut Headers) -> io::Result<bool> {
        let mut left = BATCH;
        while left > 0 {
            if !self.node.is_open() {
                return Ok(true);
            }
            let may_receive = self.node.begin_receive(now);
            self.network.watch(may_receive)?;
            if !may_receive {
                return Ok(true);
            }
            match self.network.receive(headers, left.min(self.node.receive_budget())) {
                Ok(Batch::Nothing) => left -= 1,
                Ok(Batch::Datagrams { count, is_all }) => {
                    for (meta, datagram) in self.network.datagrams() {
                        self.node.receive(now, meta, datagram);
                    }
                    if is_all {
                        return Ok(true);
                    }
                    left -= count;
                }
                Err(error) => {
                    self.node.receive_failed(now, &mut self.network, error);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn sleep(&mut self, until: Time) -> io::Result<()> {
        let wakes_at = until.min(self.clock.now().time + COALESCING_TIME);
        self.network.wait(self.clock.until(until))?;
        thread::sleep(self.clock.until(wakes_at));
        self.polled_at = self.clock.now().time;
        Ok(())
    }
}
