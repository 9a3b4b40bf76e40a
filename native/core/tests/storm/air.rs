//! What hosts share: a network that delivers late, and the kernel's buffer of each.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    ops::Range,
    time::Duration,
};

use native_gossip_core::Time;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Packets that the kernel keeps for a socket of 212,992 bytes, as was counted on Linux.
const KERNEL_BUFFER: usize = 550;

/// Hosts that a packet reaches at the same time, at most.
const SEGMENT: usize = 64;

/// All that happens within this time happens at its end.
const TICK: Duration = Duration::from_millis(1);

/// In a large cluster packets that say nothing new are looked at after this many ticks, or when there
/// are [`WAITING`] of them: it takes a fifth of the time, and a node does the same with them.
const PATIENCE: usize = 50;
const WAITING: usize = 16;

/// From this size on a cluster is a large one. The default receive limit lets a node look at all that
/// wait at once.
const LARGE: usize = 2000;

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Host(u16),
    /// Somebody who does not belong to the cluster.
    Stranger,
}

/// One node, as its driver sees it.
pub(crate) trait Host {
    /// Does what is due. Says whether a heartbeat was sent.
    fn advance(&mut self, now: Time) -> bool;
    fn begin_receive(&mut self, now: Time) -> bool;
    fn receive(&mut self, now: Time, from: Sender);
    /// Whether a packet of this sender would say something new.
    fn is_news(&self, from: Sender) -> bool;
    /// There is nothing left to receive.
    fn note_empty_queue(&mut self, now: Time);
    fn deadline(&self) -> Option<Time>;
    /// It becomes alive.
    fn start(&mut self, now: Time);
    /// The connections to these hosts go down.
    fn lose(&mut self, now: Time, hosts: &Range<usize>);
}

/// Hosts that hear each other, in virtual time.
pub(crate) struct Air<H> {
    pub(crate) now: Time,
    pub(crate) hosts: Vec<H>,
    /// Heartbeats sent in each second.
    pub(crate) sent: Vec<u32>,
    /// Packets for which a kernel's buffer had no room.
    pub(crate) dropped: u64,
    /// Hosts from this one on neither hear those before it nor are heard by them.
    cut: Option<usize>,
    jitter: Duration,
    buffers: Vec<VecDeque<Sender>>,
    /// What arrives in each tick of the next ones, and at which segment.
    arrivals: VecDeque<Vec<(usize, Sender)>>,
    timers: BinaryHeap<Reverse<(Time, usize)>>,
    due: Vec<Option<Time>>,
    woken: Vec<usize>,
    is_woken: Vec<bool>,
    rng: StdRng,
}

impl<H: Host> Air<H> {
    /// A packet takes up to `jitter` to each segment.
    pub(crate) fn new(hosts: Vec<H>, jitter: Duration, seed: u64) -> Self {
        let size = hosts.len();
        let mut air = Self {
            now: Time::ZERO,
            hosts,
            sent: vec![0],
            dropped: 0,
            cut: None,
            jitter,
            buffers: (0..size).map(|_| VecDeque::with_capacity(8)).collect(),
            arrivals: VecDeque::new(),
            timers: BinaryHeap::new(),
            due: vec![None; size],
            woken: Vec::new(),
            is_woken: vec![false; size],
            rng: StdRng::seed_from_u64(seed),
        };
        (0..size).for_each(|host| air.set_timer(host));
        air
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, length: Duration) {
        let until = self.now + length;
        while self.now < until {
            self.tick();
        }
    }

    /// These hosts become alive now.
    pub(crate) fn start(&mut self, hosts: Range<usize>) {
        for host in hosts {
            self.hosts[host].start(self.now);
            self.set_timer(host);
        }
    }

    /// Strangers send this many packets to all hosts, at once.
    pub(crate) fn spike(&mut self, packets: usize) {
        (0..packets).for_each(|_| self.transmit(Sender::Stranger));
    }

    /// The network falls into two parts, and all connections between them go down.
    pub(crate) fn part(&mut self, at: usize) {
        self.cut = Some(at);
        let size = self.hosts.len();
        for (host, lost) in (0..size).map(|host| (host, if host < at { at..size } else { 0..at })) {
            self.hosts[host].lose(self.now, &lost);
            self.set_timer(host);
        }
    }

    /// The parts hear each other again.
    pub(crate) fn heal(&mut self) {
        self.cut = None;
    }

    fn tick(&mut self) {
        self.now += TICK;
        self.sent.resize(self.now.since_zero().as_secs() as usize + 1, 0);
        for (segment, from) in self.arrivals.pop_front().unwrap_or_default() {
            let first = segment * SEGMENT;
            for to in first..(first + SEGMENT).min(self.hosts.len()) {
                self.deliver(from, to);
            }
        }
        while let Some(Reverse((at, host))) = self.timers.peek().copied()
            && at <= self.now
        {
            self.timers.pop();
            if self.due[host] == Some(at) {
                self.due[host] = None;
                self.wake(host);
            }
        }
        let turn = (self.now.since_zero().as_millis() % PATIENCE as u128) as usize;
        for host in (turn..self.hosts.len()).step_by(PATIENCE) {
            if !self.buffers[host].is_empty() {
                self.wake(host);
            }
        }
        for host in std::mem::take(&mut self.woken) {
            self.is_woken[host] = false;
            self.turn(host);
        }
    }

    fn deliver(&mut self, from: Sender, to: usize) {
        if let (Sender::Host(from), Some(cut)) = (from, self.cut)
            && (usize::from(from) < cut) != (to < cut)
        {
            return;
        }
        let buffer = &mut self.buffers[to];
        if buffer.len() < KERNEL_BUFFER {
            buffer.push_back(from);
            let is_large = self.hosts.len() >= LARGE;
            if !is_large || buffer.len() >= WAITING || self.hosts[to].is_news(from) {
                self.wake(to);
            }
        } else {
            self.dropped += 1;
        }
    }

    fn wake(&mut self, host: usize) {
        if !self.is_woken[host] {
            self.is_woken[host] = true;
            self.woken.push(host);
        }
    }

    /// What a driver does in one turn.
    fn turn(&mut self, host: usize) {
        let now = self.now;
        if self.hosts[host].advance(now) {
            *self.sent.last_mut().expect("a second") += 1;
            self.transmit(Sender::Host(u16::try_from(host).expect("few hosts")));
        }
        let (node, buffer) = (&mut self.hosts[host], &mut self.buffers[host]);
        while node.begin_receive(now) {
            match buffer.pop_front() {
                Some(from) => node.receive(now, from),
                None => {
                    node.note_empty_queue(now);
                    break;
                }
            }
        }
        self.set_timer(host);
    }

    fn transmit(&mut self, from: Sender) {
        for segment in 0..self.hosts.len().div_ceil(SEGMENT) {
            let late = self.jitter.mul_f64(self.rng.random());
            let tick = (late.as_nanos() / TICK.as_nanos()) as usize;
            if self.arrivals.len() <= tick {
                self.arrivals.resize(tick + 1, Vec::new());
            }
            self.arrivals[tick].push((segment, from));
        }
    }

    fn set_timer(&mut self, host: usize) {
        let deadline = self.hosts[host].deadline();
        if deadline != self.due[host] {
            self.due[host] = deadline;
            if let Some(at) = deadline {
                self.timers.push(Reverse((at, host)));
            }
        }
    }
}
