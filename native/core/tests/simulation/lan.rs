//! What is between the hosts: LANs of segments, with switches that forward to members alone.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use native_gossip_core::RecvMeta;
use rand::RngExt;

use super::{
    Event, GROUP, PORT, Simulation,
    host::{Arrived, Host, Place},
    port::{Sent, Way},
};

pub(crate) struct Lans {
    /// The part of the packets that is lost, for each receiving interface on its own.
    pub(crate) loss: f64,
    pub(crate) longest_delay: Duration,
    /// By LAN and segment: packets stay within a partition.
    partitions: Vec<Vec<usize>>,
    /// By LAN and segment: the hosts and slots of the interfaces.
    cables: Vec<Vec<Vec<(usize, usize)>>>,
}

/// What travels.
pub(super) struct Packet {
    from: usize,
    /// The interface that sent it.
    host: usize,
    slot: usize,
    partition: usize,
    source: SocketAddr,
    /// An address, or the group.
    destination: IpAddr,
    bytes: Rc<[u8]>,
}

impl Lans {
    pub(super) fn new(hosts: &[Host]) -> Self {
        let mut cables: Vec<Vec<Vec<(usize, usize)>>> = Vec::new();
        for (host, of_host) in hosts.iter().enumerate() {
            for (slot, nic) in of_host.nics.iter().enumerate() {
                let Some(Place { lan, segment }) = nic.place else { continue };
                cables.resize_with(cables.len().max(lan + 1), Vec::new);
                let segments = &mut cables[lan];
                segments.resize_with(segments.len().max(segment + 1), Vec::new);
                segments[segment].push((host, slot));
            }
        }
        let partitions = cables.iter().map(|segments| vec![0; segments.len()]).collect();
        Self { loss: 0.0, longest_delay: Duration::ZERO, partitions, cables }
    }

    pub(crate) fn set_partitions(&mut self, lan: usize, of_segments: Vec<usize>) {
        // A small cluster has not a host on each segment.
        let segments = self.partitions[lan].len();
        self.partitions[lan] = of_segments.into_iter().take(segments).collect();
    }

    pub(crate) fn partition(&self, place: Place) -> usize {
        self.partitions[place.lan][place.segment]
    }
}

impl Simulation {
    /// Delivers to the sockets of this host at once, and sends the rest on its way.
    pub(super) fn transmit(&mut self, from: usize, Sent { bytes, way }: Sent) {
        let host = self.host_of[from];
        match way {
            Way::By { slot, source } => {
                let source = SocketAddr::from((source, PORT));
                let nic = &self.hosts[host].nics[slot];
                let (place, is_mute) = (nic.place, nic.is_mute);
                let arrived = Rc::new(Arrived {
                    from,
                    meta: RecvMeta { source, destination: Some(GROUP), interface: Some(nic.index) },
                    bytes: Rc::clone(&bytes),
                });
                if !nic.is_filtered {
                    self.hand_over(host, slot, &arrived, from);
                }
                if let Some(place) = place.filter(|_| !is_mute) {
                    let partition = self.lans.partition(place);
                    let destination = GROUP;
                    let packet = Packet { from, host, slot, partition, source, destination, bytes };
                    self.broadcast(place.lan, packet);
                }
            }
            Way::To(target) => self.send_to(from, target, bytes),
        }
    }

    /// A packet reaches the interfaces of a segment.
    pub(super) fn arrive(&mut self, place: Place, packet: &Packet) {
        if packet.partition != self.lans.partition(place) {
            return;
        }
        let cables = std::mem::take(&mut self.lans.cables[place.lan][place.segment]);
        for (host, slot) in cables.iter().copied() {
            let is_own = (host, slot) == (packet.host, packet.slot);
            let is_addressed = self.is_addressed(host, slot, packet);
            if is_own || !is_addressed || self.rng.random_bool(self.lans.loss) {
                continue;
            }
            let meta = RecvMeta {
                source: packet.source,
                destination: Some(packet.destination),
                interface: Some(self.hosts[host].nics[slot].index),
            };
            let bytes = Rc::clone(&packet.bytes);
            let arrived = Rc::new(Arrived { from: packet.from, meta, bytes });
            let sockets = self.hosts[host].sockets.len();
            if packet.destination == GROUP {
                self.hand_over(host, slot, &arrived, usize::MAX);
            } else if packet.destination == Ipv4Addr::BROADCAST {
                (0..sockets).for_each(|socket| self.give(host, socket, &arrived));
            } else {
                // Of sockets that share a port the system gives what is for one to the last.
                self.give(host, sockets - 1, &arrived);
            }
        }
        self.lans.cables[place.lan][place.segment] = cables;
    }

    fn is_addressed(&self, host: usize, slot: usize, packet: &Packet) -> bool {
        let nic = &self.hosts[host].nics[slot];
        if packet.destination == GROUP {
            return nic.takes_in() && nic.members > 0;
        }
        let is_for_all = packet.destination == Ipv4Addr::BROADCAST;
        let is_reached = nic.is_there && nic.is_up && !nic.is_deaf && !nic.is_filtered;
        is_reached && (is_for_all || packet.destination == nic.address)
    }

    /// The system hands what came to the group to the members among the sockets of a host. The
    /// sender itself receives it when its turn goes on.
    fn hand_over(&mut self, host: usize, slot: usize, arrived: &Rc<Arrived>, sender: usize) {
        for socket in 0..self.hosts[host].sockets.len() {
            if !self.hosts[host].is_member(socket, slot) {
                continue;
            }
            if self.node_at(host, socket) == sender {
                self.hosts[host].sockets[socket].push(Rc::clone(arrived));
            } else {
                self.give(host, socket, arrived);
            }
        }
    }

    fn give(&mut self, host: usize, socket: usize, arrived: &Rc<Arrived>) {
        self.hosts[host].sockets[socket].push(Rc::clone(arrived));
        self.receive(self.node_at(host, socket));
    }

    /// Sends to one host, or to all, by the interface of the route.
    fn send_to(&mut self, from: usize, target: SocketAddr, bytes: Rc<[u8]>) {
        let host = self.host_of[from];
        let Some(slot) = self.hosts[host].route else { return };
        let nic = &self.hosts[host].nics[slot];
        let (Some(place), Some(source)) = (nic.place, self.hosts[host].routed()) else { return };
        if !nic.is_mute {
            let (partition, source): (_, SocketAddr) =
                (self.lans.partition(place), (source, PORT).into());
            let destination = target.ip();
            let packet = Packet { from, host, slot, partition, source, destination, bytes };
            self.broadcast(place.lan, packet);
        }
    }

    fn broadcast(&mut self, lan: usize, packet: Packet) {
        let packet = Rc::new(packet);
        for segment in 0..self.lans.cables[lan].len() {
            let at = self.now + self.lans.longest_delay.mul_f64(self.rng.random());
            self.push(at, Event::Arrival(Place { lan, segment }, Rc::clone(&packet)));
        }
    }

    /// The nodes of a host stand together.
    fn node_at(&self, host: usize, socket: usize) -> usize {
        self.first_node[host] + socket
    }
}
