//! A whole node: the protocol, its socket, its group and its seeds, without any I/O.

mod socket_state;
mod status;

use std::{net::SocketAddr, time::Duration};

use rand_core::CryptoRng;

use self::{socket_state::SocketState, status::Seen};
use crate::{
    Config, Counters, Engine, Event, Network, NetworkConfig, NodeName, Now, PeerChange, Received,
    RecvMeta, Report, Time,
    broadcast::Broadcast,
    context::Effects,
    event::{Component, Fault, SocketStep, SystemError},
    group::Group,
    pace::Overload,
    seeds::Seeds,
    trust::Readiness,
};

/// No peer may be heard for this long, at least: a network is allowed a hiccup.
const SHORTEST_SILENCE: Duration = Duration::from_secs(10);

/// The node as a state machine. Every call takes the moment, which must not run backwards, and what
/// may act on the network takes the [`Network`].
///
/// The driver calls [`advance`](Self::advance) whenever the [`deadline`](Self::deadline) has come;
/// it receives while it [may begin to](Self::begin_receive), announces [whom it is
/// told](Self::next_announcement), and calls [`check_liveness`](Self::check_liveness) when there is
/// nothing left to receive.
pub struct Node<R> {
    engine: Engine<R>,
    /// The address that the socket is bound to.
    address: SocketAddr,
    /// The group, or the broadcast address.
    target: SocketAddr,
    socket: SocketState,
    /// What is to be heard by joining; nothing, where there are broadcasts only.
    group: Option<Group>,
    /// Where broadcasts go, if there are any.
    broadcast: Option<Broadcast>,
    seeds: Seeds,
    overload: Overload,
    effects: Effects,
    /// What is told of the packets that came to whoever asks.
    seen: Seen,
}

impl<R: CryptoRng> Node<R> {
    /// A node whose socket is opened when it [advances](Self::advance).
    ///
    /// `hears_groups` is whether the system gives a socket bound to `if_addr` what is sent to the
    /// groups that it has joined. `rng` must be unpredictable to strangers.
    pub fn new(config: Config, network: &NetworkConfig, hears_groups: bool, rng: R) -> Self {
        Self {
            engine: Engine::new(config, rng),
            address: network.bind_address(),
            target: network.target(),
            socket: SocketState::new(),
            group: (!network.broadcast_only).then(|| Group::new(network, hears_groups)),
            broadcast: network.broadcast_only.then(|| Broadcast::new(network.target())),
            seeds: Seeds::new(),
            overload: Overload::new(network.receive_limit),
            effects: Effects::default(),
            seen: Seen::default(),
        }
    }

    /// The name under which this node is known from now on; `None` while it is not alive.
    pub fn set_identity(&mut self, now: Now, identity: Option<NodeName>) {
        if identity.is_none() {
            self.seeds.stop();
        }
        self.engine.set_identity(now.time, identity);
    }

    /// Whether each heartbeat is to be an event.
    pub fn set_debug(&mut self, debug: bool) {
        self.effects.alerts.set_debug(debug);
    }

    /// Takes these addresses as the targets beside the group.
    pub fn set_seeds(&mut self, now: Now, seeds: Vec<SocketAddr>) {
        if self.seeds.replace(now.time, seeds, &mut self.effects.alerts) {
            self.engine.burst(now.time);
        }
    }

    /// This node is about to stop: it says so in a last burst, where it signs, and is silent from then
    /// on. It goes on to receive, and announces nobody any more.
    pub fn drain(&mut self, now: Now) {
        self.engine.drain(now.time);
    }

    /// Takes note of what became of a peer that was announced.
    pub fn report(&mut self, now: Now, node: &NodeName, report: Report) {
        match self.engine.report(now.time, node, report) {
            Some(PeerChange::Connected) => self.effects.alerts.connected(node),
            Some(PeerChange::Unreachable) => self.effects.alerts.unreachable(now.time, node),
            None => {}
        }
    }

    /// Takes note that reports did not come, so that some peers are not what they are taken for.
    pub fn reports_lost(&mut self, now: Now) {
        self.engine.reports_lost(now.time);
    }

    /// The next peer that somebody should connect to now, and [report](Self::report) what became of
    /// it. To be asked until there is none, after all else that is done at a moment.
    pub fn next_announcement(&mut self, now: Now) -> Option<NodeName> {
        self.engine.next_announcement(now.time)
    }

    /// Does what is due: opens the socket, follows the interfaces, sends.
    pub fn advance(&mut self, now: Now, network: &mut impl Network) {
        self.effects.alerts.tell_lasting(now.time);
        self.open(now.time, network);
        if !self.socket.is_open() {
            return;
        }
        if let Some(group) = &mut self.group {
            group.reconcile(&mut self.effects.context(now.time, network));
        }
        self.burst_if_wanted(now.time);
        self.send(now, network);
        self.burst_if_wanted(now.time);
    }

    /// Whether there is a socket to receive from.
    pub fn is_open(&self) -> bool {
        self.socket.is_open()
    }

    /// Begins to receive datagrams, and says whether that may be now. Where not, because the receive
    /// limit is reached, nothing may be received until the [`deadline`](Self::deadline).
    pub fn begin_receive(&mut self, now: Now) -> bool {
        self.overload.begin_receive(now.time)
    }

    /// How many datagrams may be received before [`begin_receive`](Self::begin_receive) is to be asked
    /// again.
    pub fn receive_budget(&self) -> usize {
        self.overload.receive_budget()
    }

    /// Takes in one datagram. `None` where it was sent to another group: another topology's, which a
    /// kernel may hand to every socket of the port (of IPv6, Linux before 4.20 does). It is not judged,
    /// and not counted: it is as if it had not come.
    pub fn receive(&mut self, now: Now, meta: &RecvMeta, datagram: &[u8]) -> Option<Received> {
        let backlog = self.overload.received(now.time);
        if backlog.is_flood {
            self.engine.flooded(now.time, self.overload.limit());
        }
        if let Some(group) = self.group.as_mut().filter(|_| backlog.was_unread) {
            // What was dropped, an echo or a peer among it, is not known.
            group.overrun(now.time);
        }
        if meta.destination.is_some_and(|to| to.is_multicast() && to != self.target.ip()) {
            return None;
        }
        let received = self.engine.receive(now, meta.source.ip(), datagram);
        for event in self.engine.take_pending_events() {
            self.effects.alerts.found(now.time, event);
        }
        if let Received::Copy(heartbeat) = &received
            && meta.destination.is_some_and(|to| to != self.target.ip())
        {
            self.engine.note_direct_copy(&heartbeat.node);
        }
        let group = self.group.as_ref();
        let interface = || group.and_then(|group| group.interface_name(meta.interface));
        match &received {
            Received::Peer(heartbeat) | Received::Copy(heartbeat) => {
                let node = &heartbeat.node;
                if matches!(received, Received::Peer(_)) {
                    self.engine.note_path(now.time, node, meta);
                }
                let (source, loss) = (meta.source, || self.engine.loss(node));
                self.effects.alerts.received(node, source, interface, loss);
                self.seeds.heard(now.time, source.ip());
                if let Some(group) = &mut self.group {
                    group.heard(now.time, node, self.engine.is_connected(node), meta);
                }
            }
            Received::Echo => {
                self.seen.echoed_at = Some(now.time);
                if let Some(group) = &mut self.group {
                    group.echoed(now.time, meta, &mut self.effects.alerts);
                }
            }
            Received::Refused(cause) => {
                self.seen.refused(now.time, *cause, meta);
                self.effects.alerts.refused(now.time, *cause, meta.source, interface);
            }
        }
        Some(received)
    }

    /// The socket cannot receive any more. It is closed, and opened again after a pause.
    pub fn receive_failed(&mut self, now: Now, network: &mut impl Network, error: SystemError) {
        network.close();
        self.fail(now.time, SocketStep::Receive, error);
    }

    /// Rejoins where nothing is heard that should be. To be called when all that had arrived was
    /// received.
    pub fn check_liveness(&mut self, now: Now, network: &mut impl Network) {
        if !self.socket.is_open() || self.overload.is_paused(now.time) {
            return;
        }
        self.overload.note_empty_queue();
        let silence = (self.engine.longest_gap() * 5 / 2).max(SHORTEST_SILENCE);
        let is_connected = |node: &NodeName| self.engine.is_connected(node);
        if let Some(group) = &mut self.group {
            let mut context = self.effects.context(now.time, network);
            group.check_liveness(&mut context, silence, is_connected);
        }
        self.burst_if_wanted(now.time);
    }

    /// When there is something to do, if nothing happens.
    pub fn deadline(&self) -> Option<Time> {
        let announcement = self.engine.announcement_deadline();
        let deadlines = match self.socket.retry_at() {
            Some(retry_at) => [Some(retry_at), announcement, None, None, None],
            None => {
                // What was not received yet is not missing.
                let pause_ends = self.overload.deadline();
                let group = self.group.as_ref().map(Group::deadline);
                let group = group.map(|at| pause_ends.map_or(at, |ends| at.max(ends)));
                [self.engine.deadline(), announcement, group, pause_ends, self.seeds.deadline()]
            }
        };
        deadlines.into_iter().flatten().min()
    }

    /// Whether something has happened that [`take_events`](Self::take_events) will tell.
    pub fn has_events(&self) -> bool {
        !self.effects.alerts.is_empty()
    }

    /// Whether something has happened that is to be told at once: all but that peers were connected.
    pub fn has_pressing_events(&self) -> bool {
        self.effects.alerts.are_pressing()
    }

    /// What has happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.effects.alerts.take()
    }

    /// What has been counted so far.
    pub fn counters(&self) -> Counters {
        self.engine.counters()
    }

    /// Which of the names heard in the last day sign, and with which secret.
    pub fn readiness(&self, now: Now) -> Readiness {
        self.engine.readiness(now.time)
    }

    fn open(&mut self, now: Time, network: &mut impl Network) {
        if !self.socket.is_due(now) {
            return;
        }
        match network.open() {
            Ok(()) => {
                self.socket = SocketState::Open;
                self.overload.reset();
                if let Some(group) = &mut self.group {
                    group.restart(now);
                }
                self.effects.alerts.clear(&Component::Socket);
                self.engine.burst(now);
            }
            Err((step, error)) => self.fail(now, step, error),
        }
    }

    fn fail(&mut self, now: Time, step: SocketStep, error: SystemError) {
        self.socket.failed(now);
        self.effects.alerts.raise(now, Fault::Socket { step, address: self.address, error });
    }

    /// What acts on the network finds reasons for bursts, and the engine sends them when it may.
    fn burst_if_wanted(&mut self, now: Time) {
        if self.effects.take_burst() {
            self.engine.burst(now);
        }
    }

    fn send(&mut self, now: Now, network: &mut impl Network) {
        let mut context = self.effects.context(now.time, network);
        if let Some(packet) = self.engine.heartbeat(now) {
            for event in self.engine.take_pending_events() {
                context.alerts.found(now.time, event);
            }
            if let Some(group) = &mut self.group {
                group.send(&mut context, &packet);
            }
            if let Some(broadcast) = &mut self.broadcast {
                broadcast.send(&mut context, &packet);
            }
            context.alerts.sent();
            self.seeds.enqueue(now.time, packet);
        }
        self.seeds.send(&mut context);
    }
}

#[cfg(test)]
mod tests;
