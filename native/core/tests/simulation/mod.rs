//! Engines on a simulated network in virtual time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque, binary_heap::PeekMut},
    net::IpAddr,
    rc::Rc,
    time::Duration,
};

use native_gossip_core::{Config, Engine, NodeName, Received, Refusal, Time};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

pub(crate) struct Network {
    pub(crate) now: Time,
    pub(crate) names: Vec<NodeName>,
    pub(crate) engines: Vec<Engine<StdRng>>,
    pub(crate) links: Vec<Link>,
    /// The part of the packets that is lost, for each receiver on its own.
    pub(crate) loss: f64,
    pub(crate) longest_delay: Duration,
    places: Vec<Place>,
    segments: Vec<Vec<usize>>,
    queue: BinaryHeap<Reverse<(Time, Event)>>,
    /// For when each engine's next heartbeat was queued.
    due: Vec<Option<Time>>,
    deliveries: VecDeque<Delivery>,
    rng: StdRng,
}

/// Where a node is.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// The address that its packets come from.
    pub(crate) source: IpAddr,
    /// A packet takes the same time to all nodes of a segment.
    pub(crate) segment: usize,
}

/// Whom a node can hear, and who can hear it.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    pub(crate) hears: bool,
    pub(crate) is_heard: bool,
    /// Packets stay within a partition.
    pub(crate) partition: usize,
}

/// A packet arrived, and this is what the engine made of it.
pub(crate) struct Delivery {
    pub(crate) to: usize,
    pub(crate) from: usize,
    pub(crate) outcome: Outcome,
}

/// [`Received`], without what the packet says: the simulation knows who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Peer { announce: bool },
    Echo,
    Refused(Refusal),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// An engine's heartbeat may be due.
    Due(usize),
    /// A packet arrives at a segment.
    Arrival(usize, Rc<Packet>),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    from: usize,
    bytes: Vec<u8>,
}

impl Network {
    /// A node at each place, alive from the start, on a network that loses nothing.
    pub(crate) fn new(places: Vec<Place>, config: &Config, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let size = places.len();
        let name = |n| NodeName::parse(&format!("n{n}@10.0.0.{n}")).expect("a node name");
        let mut engine = |_| Engine::new(config.clone(), StdRng::seed_from_u64(rng.next_u64()));
        let engines: Vec<_> = (0..size).map(&mut engine).collect();
        let segments = places.iter().map(|place| place.segment + 1).max().unwrap_or(0);
        let mut network = Self {
            now: Time::ZERO,
            names: (0..size).map(name).collect(),
            engines,
            links: vec![Link { hears: true, is_heard: true, partition: 0 }; size],
            loss: 0.0,
            longest_delay: Duration::ZERO,
            segments: vec![Vec::new(); segments],
            places,
            queue: BinaryHeap::new(),
            due: vec![None; size],
            deliveries: VecDeque::new(),
            rng,
        };
        for n in 0..size {
            network.segments[network.places[n].segment].push(n);
            network.start(n);
        }
        network
    }

    /// Gives a node its name, and with it its life.
    pub(crate) fn start(&mut self, n: usize) {
        let name = self.names[n].clone();
        self.tell(n, |engine, now| engine.set_identity(now, Some(name)));
    }

    /// An engine without a past takes the place of this one. It is not alive yet.
    pub(crate) fn replace(&mut self, n: usize, config: &Config) {
        let rng = StdRng::seed_from_u64(self.rng.next_u64());
        self.tell(n, |engine, _| *engine = Engine::new(config.clone(), rng));
    }

    /// Whatever changes an engine's next heartbeat.
    pub(crate) fn tell(&mut self, n: usize, change: impl FnOnce(&mut Engine<StdRng>, Time)) {
        change(&mut self.engines[n], self.now);
        self.wake(n);
    }

    /// Lets time pass until a packet arrives, or else until `until`.
    pub(crate) fn next(&mut self, until: Time) -> Option<Delivery> {
        while self.deliveries.is_empty() {
            let next = self.queue.peek_mut().filter(|next| next.0.0 <= until);
            let Some(Reverse((at, event))) = next.map(PeekMut::pop) else {
                self.now = until;
                return None;
            };
            self.now = at;
            match event {
                Event::Due(n) => self.send(n),
                Event::Arrival(segment, packet) => self.deliver(segment, &packet),
            }
        }
        self.deliveries.pop_front()
    }

    fn send(&mut self, from: usize) {
        let heartbeat = self.engines[from].heartbeat(self.now);
        self.wake(from);
        let Some(bytes) = heartbeat.filter(|_| self.links[from].is_heard) else { return };
        let packet = Rc::new(Packet { from, bytes });
        for segment in 0..self.segments.len() {
            let at = self.now + self.longest_delay.mul_f64(self.rng.random());
            self.queue.push(Reverse((at, Event::Arrival(segment, Rc::clone(&packet)))));
        }
    }

    fn deliver(&mut self, segment: usize, packet: &Packet) {
        let from = packet.from;
        for place in 0..self.segments[segment].len() {
            let to = self.segments[segment][place];
            let link = self.links[to];
            let arrives = link.hears && link.partition == self.links[from].partition;
            if !arrives || self.rng.random_bool(self.loss) {
                continue;
            }
            let source = self.places[from].source;
            let outcome = match self.engines[to].receive(self.now, source, &packet.bytes) {
                Received::Peer { heartbeat, announce } => {
                    assert!(!announce || heartbeat.node == self.names[from], "another name");
                    Outcome::Peer { announce }
                }
                Received::Echo => Outcome::Echo,
                Received::Refused(cause) => Outcome::Refused(cause),
            };
            self.deliveries.push_back(Delivery { to, from, outcome });
            self.wake(to);
        }
    }

    /// Queues the heartbeat of an engine whose deadline may have changed.
    fn wake(&mut self, n: usize) {
        let (now, deadline) = (self.now, self.engines[n].deadline());
        if deadline == self.due[n] {
            return;
        }
        self.due[n] = deadline;
        if let Some(at) = deadline {
            assert!(at >= now, "{}: the deadline {at:?} is over at {now:?}", self.names[n]);
            self.queue.push(Reverse((at, Event::Due(n))));
        }
    }
}
