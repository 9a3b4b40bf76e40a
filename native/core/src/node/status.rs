//! The whole node, for whoever asks.

use std::net::SocketAddr;

use rand_core::CryptoRng;

use super::Node;
use crate::{
    Now, RecvMeta, Refusal, Time,
    event::{Component, Fault},
    group::Group,
    status::{LastRefused, LastingFault, MembershipStatus, PeerStatus, SocketStatus, Status},
};

/// What was seen last of packets. It has a place for each cause of a refusal, and so costs none of them
/// memory.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// When a heartbeat of our own came back.
    pub(super) echoed_at: Option<Time>,
    refused: [Option<SeenRefusal>; Refusal::ALL.len()],
}

/// A packet that was refused.
#[derive(Clone, Copy, Debug)]
struct SeenRefusal {
    at: Time,
    source: SocketAddr,
    /// The index of the interface.
    interface: Option<u32>,
}

impl Seen {
    pub(super) fn refused(&mut self, now: Time, cause: Refusal, meta: &RecvMeta) {
        if let Some(last) = self.refused.get_mut(cause as usize) {
            let (source, interface) = (meta.source, meta.interface);
            *last = Some(SeenRefusal { at: now, source, interface });
        }
    }
}

impl<R: CryptoRng> Node<R> {
    /// The node as it is now. It goes through all names that are known.
    pub fn status(&self, now: Now) -> Status {
        let engine = &self.engine;
        Status {
            identity: engine.identity().cloned(),
            incarnation: engine.incarnation(),
            is_draining: engine.is_draining(),
            form: engine.form(),
            socket: self.socket_status(now.time),
            memberships: self.memberships(now.time),
            echoed_ago: self.seen.echoed_at.map(|at| now.time - at),
            counters: engine.counters(),
            last_refused: self.last_refused(now.time),
            send_failures: self.effects.send_failures,
            longest_gap: engine.longest_gap_now(now.time),
            is_overloaded: engine.is_flooded(now.time),
            readiness: engine.readiness(now.time),
            peers: engine.count_peers(now.time),
            faults: self.effects.alerts.faults().map(lasting(now.time)).collect(),
        }
    }

    /// The peers that have a place, in the order of their names: `max_peers` at most.
    pub fn peers(&self, now: Now) -> Vec<PeerStatus> {
        self.engine.peers(now, |index| self.interface_name(Some(index)))
    }

    fn socket_status(&self, now: Time) -> SocketStatus {
        let fault = self.effects.alerts.fault(&Component::Socket);
        SocketStatus {
            address: self.address,
            target: self.target,
            is_broadcast: self.broadcast.is_some(),
            hears_groups: self.group.as_ref().is_some_and(Group::hears),
            is_open: self.socket.is_open(),
            fault: fault.map(lasting(now)),
        }
    }

    /// Where the socket is closed, it is a member of nothing.
    fn memberships(&self, now: Time) -> Vec<MembershipStatus> {
        let Some(group) = &self.group else { return Vec::new() };
        let mut memberships = group.memberships(now, &self.effects.alerts);
        memberships.iter_mut().for_each(|membership| membership.is_joined &= self.is_open());
        memberships
    }

    fn last_refused(&self, now: Time) -> Vec<LastRefused> {
        let seen = Refusal::ALL.iter().zip(&self.seen.refused);
        let last = seen.filter_map(|(cause, last)| {
            let SeenRefusal { at, source, interface } = (*last)?;
            let interface = self.interface_name(interface);
            Some(LastRefused { cause: *cause, source, interface, ago: now - at })
        });
        last.collect()
    }

    fn interface_name(&self, index: Option<u32>) -> Option<String> {
        self.group.as_ref().and_then(|group| group.interface_name(index))
    }
}

fn lasting(now: Time) -> impl Fn((&Fault, Time)) -> LastingFault {
    move |(fault, since)| LastingFault { fault: fault.clone(), since: now - since }
}
