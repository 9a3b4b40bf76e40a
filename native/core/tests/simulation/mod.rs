//! Whole nodes on a simulated network in virtual time.

// Each of the tests that share it uses a part of it.
#![allow(dead_code)]

pub(crate) mod errors;
pub(crate) mod host;
pub(crate) mod lan;
pub(crate) mod mesh;
pub(crate) mod port;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
};

use native_gossip_core::{
    Config, InterfaceSelection, NetworkConfig, Node, NodeName, Now, Received, RecvMeta, Report,
    Time, WallTime,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use self::{
    errors::error,
    host::{Arrived, Host, Place},
    lan::Lans,
    port::{Happening, Outcome, Port, Sent},
};

pub(crate) const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(233, 252, 1, 32));
pub(crate) const PORT: u16 = 45892;

/// Who is no node sends garbage.
pub(crate) const STRANGER: usize = usize::MAX;

/// Datagrams that a node looks at in a second.
pub(crate) const RECEIVE_LIMIT: u32 = 5_000;

/// Turns of a node at one moment, beyond which it would never sleep.
const TURNS_AT_ONCE: usize = 20;

/// A host to be made.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) interfaces: Vec<(Ipv4Addr, Place)>,
    pub(crate) nodes: usize,
    pub(crate) network: NetworkConfig,
    /// Whether the system gives its sockets what is sent to their groups.
    pub(crate) hears_groups: bool,
    /// Whether it tells of interfaces and routes that change.
    pub(crate) tells_changes: bool,
}

pub(crate) struct Simulation {
    pub(crate) now: Time,
    pub(crate) names: Vec<NodeName>,
    pub(crate) nodes: Vec<Node<StdRng>>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) lans: Lans,
    /// The host of each node, and its place there.
    pub(crate) host_of: Vec<usize>,
    pub(crate) socket_of: Vec<usize>,
    /// The first node of each host; the others follow.
    first_node: Vec<usize>,
    /// What happened since it was taken last, with the node that it concerns.
    pub(crate) log: Vec<(usize, Happening)>,
    plans: Vec<Plan>,
    queue: BinaryHeap<Reverse<Queued>>,
    queued: u64,
    is_stopped: Vec<bool>,
    /// For when each node's next turn was queued.
    due: Vec<Option<Time>>,
    turns_at_once: Vec<(Time, usize)>,
    sent: Vec<Sent>,
    rng: StdRng,
}

struct Queued {
    at: Time,
    number: u64,
    event: Event,
}

enum Event {
    /// A node's turn may be due.
    Due(usize),
    /// A packet arrives at a place.
    Arrival(Place, Rc<lan::Packet>),
}

impl Plan {
    /// A host with one interface, on the first LAN.
    pub(crate) fn new(address: Ipv4Addr, segment: usize) -> Self {
        let network = NetworkConfig {
            port: PORT,
            if_addr: Ipv4Addr::UNSPECIFIED.into(),
            multicast_if: InterfaceSelection::Routed,
            multicast_addr: GROUP,
            multicast_ttl: 1,
            broadcast_only: false,
            receive_limit: RECEIVE_LIMIT,
        };
        let interfaces = vec![(address, Place { lan: 0, segment })];
        Self { interfaces, nodes: 1, network, hears_groups: true, tells_changes: false }
    }
}

impl Simulation {
    /// Nodes on hosts as planned, alive from the start, on a network that loses nothing.
    pub(crate) fn new(plans: Vec<Plan>, config: &Config, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut nodes, mut names, mut host_of, mut socket_of) = (vec![], vec![], vec![], vec![]);
        let mut first_node = vec![];
        for (host, plan) in plans.iter().enumerate() {
            first_node.push(nodes.len());
            for socket in 0..plan.nodes {
                let n = nodes.len();
                names.push(NodeName::parse(&format!("n{n}@10.0.0.{n}")).expect("a node name"));
                nodes.push(node(config, plan, &mut rng));
                host_of.push(host);
                socket_of.push(socket);
            }
        }
        let host = |plan: &Plan| {
            let mut host = Host::new(&plan.interfaces, plan.nodes);
            host.tells_changes = plan.tells_changes;
            host.tell_changes();
            host
        };
        let hosts: Vec<_> = plans.iter().map(host).collect();
        let mut simulation = Self {
            now: Time::ZERO,
            lans: Lans::new(&hosts),
            hosts,
            is_stopped: vec![false; nodes.len()],
            due: vec![None; nodes.len()],
            turns_at_once: vec![(Time::ZERO, 0); nodes.len()],
            nodes,
            names,
            host_of,
            socket_of,
            first_node,
            log: Vec::new(),
            plans,
            queue: BinaryHeap::new(),
            queued: 0,
            sent: Vec::new(),
            rng,
        };
        (0..simulation.nodes.len()).for_each(|n| simulation.start(n));
        simulation
    }

    /// Gives a node its name, and with it its life.
    pub(crate) fn start(&mut self, n: usize) {
        let name = self.names[n].clone();
        let now = self.moment();
        self.nodes[n].set_identity(now, Some(name));
        self.wake(n);
    }

    /// A node without a past takes the place of this one. It is not alive yet.
    pub(crate) fn replace(&mut self, n: usize, config: &Config) {
        let host = self.host_of[n];
        self.hosts[host].close(self.socket_of[n]);
        self.nodes[n] = node(config, &self.plans[host], &mut self.rng);
        self.wake(n);
    }

    /// A node is no more.
    pub(crate) fn stop(&mut self, n: usize) {
        self.hosts[self.host_of[n]].close(self.socket_of[n]);
        self.is_stopped[n] = true;
        self.due[n] = None;
    }

    pub(crate) fn set_seeds(&mut self, n: usize, seeds: &[Ipv4Addr]) {
        let seeds = seeds.iter().map(|seed| SocketAddr::from((*seed, PORT))).collect();
        let now = self.moment();
        self.nodes[n].set_seeds(now, seeds);
        self.wake(n);
    }

    pub(crate) fn report(&mut self, n: usize, peer: usize, report: Report) {
        let now = self.moment();
        self.nodes[n].report(now, &self.names[peer], report);
        self.wake(n);
    }

    pub(crate) fn reports_lost(&mut self, n: usize) {
        let now = self.moment();
        self.nodes[n].reports_lost(now);
        self.wake(n);
    }

    pub(crate) fn nodes_of(&self, host: usize) -> std::ops::Range<usize> {
        let first = self.first_node[host];
        first..first + self.hosts[host].sockets.len()
    }

    /// Something may have happened to a host: where its system tells, that ends the sleep of its nodes.
    pub(crate) fn tell_changes(&mut self, host: usize) {
        if self.hosts[host].tell_changes() {
            for n in self.nodes_of(host).filter(|n| !self.is_stopped[*n]).collect::<Vec<_>>() {
                self.due[n] = Some(self.now);
                self.push(self.now, Event::Due(n));
            }
        }
    }

    /// The socket of a node fails with this error.
    pub(crate) fn break_socket(&mut self, n: usize, code: i32) {
        let now = self.moment();
        if self.nodes[n].is_open() {
            self.act(n, |node, port| node.receive_failed(now, port, error(code)));
            self.wake(n);
        }
    }

    /// This many datagrams that say nothing come to a node at once, and as many again when it has
    /// taken what it may: of what else comes, most finds no room.
    pub(crate) fn flood(&mut self, n: usize, datagrams: usize) {
        self.flood_with(n, datagrams, b"noise");
    }

    /// The same with these bytes.
    pub(crate) fn flood_with(&mut self, n: usize, datagrams: usize, bytes: &[u8]) {
        let source = SocketAddr::from(([10, 9, 9, 9], PORT));
        let meta = RecvMeta { source, destination: None, interface: None };
        let arrived = Rc::new(Arrived { from: STRANGER, meta, bytes: Rc::from(bytes) });
        (0..datagrams).for_each(|_| self.socket(n).push(Rc::clone(&arrived)));
        self.receive(n);
        (0..datagrams).for_each(|_| self.socket(n).push(Rc::clone(&arrived)));
        self.wake(n);
    }

    /// Lets the next thing happen, if it does until `until`. What happened is in the log.
    pub(crate) fn step(&mut self, until: Time) -> bool {
        let next = self.queue.peek_mut().filter(|next| next.0.at <= until);
        let Some(Reverse(Queued { at, event, .. })) = next.map(PeekMut::pop) else {
            self.now = until;
            return false;
        };
        self.now = at;
        match event {
            Event::Due(n) if self.due[n] == Some(at) => self.turn(n),
            Event::Due(_) => {}
            Event::Arrival(place, packet) => self.arrive(place, &packet),
        }
        true
    }

    /// A turn of the driver.
    fn turn(&mut self, n: usize) {
        self.due[n] = None;
        let (at, turns) = &mut self.turns_at_once[n];
        *turns = if *at == self.now { *turns + 1 } else { 0 };
        *at = self.now;
        assert!(*turns < TURNS_AT_ONCE, "{} never sleeps at {:?}", self.names[n], self.now);

        let now = self.moment();
        self.act(n, |node, port| node.advance(now, port));
        let mut sent = std::mem::take(&mut self.sent);
        sent.drain(..).for_each(|sent| self.transmit(n, sent));
        self.sent = sent;
        self.receive(n);
    }

    /// The node receives all that it may.
    fn receive(&mut self, n: usize) {
        if self.is_stopped[n] {
            return;
        }
        let now = self.moment();
        while self.nodes[n].is_open() {
            if !self.nodes[n].begin_receive(now) {
                // A limit that was reached where nothing more came left nothing.
                if !self.socket(n).is_empty() {
                    self.log.push((n, Happening::Overrun));
                }
                break;
            }
            let Some(arrived) = self.socket(n).pop() else { break };
            let (from, meta) = (arrived.from, arrived.meta);
            let Some(received) = self.nodes[n].receive(now, &meta, &arrived.bytes) else {
                continue;
            };
            let outcome = match received {
                Received::Peer(heartbeat) | Received::Copy(heartbeat) => {
                    assert_eq!(heartbeat.node, self.names[from], "another name");
                    Outcome::Peer
                }
                Received::Echo => Outcome::Echo,
                Received::Refused(cause) => Outcome::Refused(cause),
            };
            let nics = &self.hosts[self.host_of[n]].nics;
            let is_by = |index: u32| nics.iter().position(|nic| nic.index == index);
            let index = meta.interface.filter(|_| meta.destination == Some(GROUP));
            let slot = index.and_then(is_by);
            let source = meta.source.ip();
            self.log.push((n, Happening::Received { from, source, slot, outcome }));
        }
        while let Some(node) = self.nodes[n].next_announcement(now) {
            self.log.push((n, Happening::Announced { peer: number(&node) }));
        }
        self.act(n, |node, port| node.check_liveness(now, port));
        self.wake(n);
    }

    fn act(&mut self, n: usize, act: impl FnOnce(&mut Node<StdRng>, &mut Port<'_>)) {
        let mut port = Port {
            node: n,
            socket: self.socket_of[n],
            host: &mut self.hosts[self.host_of[n]],
            sent: &mut self.sent,
            log: &mut self.log,
        };
        act(&mut self.nodes[n], &mut port);
        if self.nodes[n].has_events() {
            let events = self.nodes[n].take_events();
            self.log.extend(events.into_iter().map(|event| (n, Happening::Said(event))));
        }
    }

    /// Queues the turn of a node whose deadline may have changed.
    fn wake(&mut self, n: usize) {
        let deadline = self.nodes[n].deadline();
        let at = deadline.map(|at| at.max(self.now));
        if at != self.due[n] {
            self.due[n] = at;
            if let Some(at) = at {
                self.push(at, Event::Due(n));
            }
        }
    }

    fn push(&mut self, at: Time, event: Event) {
        self.queued += 1;
        self.queue.push(Reverse(Queued { at, number: self.queued, event }));
    }

    fn socket(&mut self, n: usize) -> &mut host::Socket {
        &mut self.hosts[self.host_of[n]].sockets[self.socket_of[n]]
    }

    fn moment(&self) -> Now {
        // The clocks of all hosts are right, and show 2026.
        let millis = u64::try_from(self.now.since_zero().as_millis()).expect("not for ever");
        Now { time: self.now, wall: WallTime::from_millis(1_790_000_000_000 + millis) }
    }
}

/// The node that has this name.
fn number(name: &NodeName) -> usize {
    let digits = name.as_str().strip_prefix('n').and_then(|name| name.split('@').next());
    digits.and_then(|digits| digits.parse().ok()).expect("a name of this simulation")
}

fn node(config: &Config, plan: &Plan, rng: &mut StdRng) -> Node<StdRng> {
    let rng = StdRng::seed_from_u64(rng.next_u64());
    Node::new(config.clone(), &plan.network, plan.hears_groups, rng)
}

impl Queued {
    fn key(&self) -> (Time, u64) {
        (self.at, self.number)
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
