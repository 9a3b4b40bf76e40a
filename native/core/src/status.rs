//! What a node says of itself and of its peers, to whoever asks: data of one moment.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::{
    Counters, NodeName, Refusal,
    event::Fault,
    named::{named, named_with_fields},
    trust::{Loss, Readiness},
};

named! {
    /// How a node sends its heartbeats.
    HeartbeatForm {
        /// Neither sealed nor signed.
        Plain = "plain",
        /// Plain and signed.
        Signed = "signed",
        /// Sealed and signed.
        Sealed = "sealed",
        /// Sealed and not signed, as nodes of the stock strategy send them.
        SealedUnsigned = "sealed_unsigned",
    }
}

named_with_fields! {
    /// What a peer is to us.
    PeerState {
        /// It asked for a connection attempt, and waits for its turn.
        Waiting = "waiting",
        /// Somebody was asked to connect to it, and has not reported yet.
        Announced = "announced",
        /// It is connected.
        Connected = "connected",
        /// The last attempt failed, or its connection did not last.
        BackingOff {
            /// How long there will be no other attempt.
            remaining: Duration,
            /// Attempts that failed since the last connection that lasted.
            failures: u32,
        } = "backing_off",
        /// It said that it is about to stop, and is still connected.
        Leaving = "leaving",
        /// It said that it is about to stop, and is not connected.
        Left = "left",
        /// It was connected, or was to be, and is to be connected again when it is heard.
        Down = "down",
    }
}

/// A node at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its name; `None` while it is not alive.
    pub identity: Option<NodeName>,
    /// What the others know it by, where it signs.
    pub incarnation: Option<u64>,
    /// It is about to stop: it sends nothing more, and connects to nobody.
    pub is_draining: bool,
    /// How it sends.
    pub form: HeartbeatForm,
    /// The socket.
    pub socket: SocketStatus,
    /// The interfaces that are meant. None, where there are broadcasts only.
    pub memberships: Vec<MembershipStatus>,
    /// How long ago a heartbeat of its own came back.
    pub echoed_ago: Option<Duration>,
    /// What was counted.
    pub counters: Counters,
    /// Of each cause of a refusal that there was, the last packet.
    pub last_refused: Vec<LastRefused>,
    /// How often the system refused to send a heartbeat: by an interface, to the broadcast address, or to
    /// a seed.
    pub send_failures: u64,
    /// The longest gap that it lets pass between two heartbeats, as things are.
    pub longest_gap: Duration,
    /// More arrives than is looked at.
    pub is_overloaded: bool,
    /// Who signs, and with which secret.
    pub readiness: Readiness,
    /// How many peers are in each state, in the order of [`PeerState::NAMES`].
    pub peers: Vec<(&'static str, usize)>,
    /// What does not work.
    pub faults: Vec<LastingFault>,
}

/// The socket at one moment.
#[derive(Clone, Debug)]
pub struct SocketStatus {
    /// The address that it is bound to, or is to be.
    pub address: SocketAddr,
    /// The group, or the broadcast address, with the port.
    pub target: SocketAddr,
    /// Whether heartbeats are broadcast, and no group is joined.
    pub is_broadcast: bool,
    /// Whether the system gives it what is sent to the groups that it has joined.
    pub hears_groups: bool,
    /// Whether it is open.
    pub is_open: bool,
    /// Why not. `None` before the first attempt.
    pub fault: Option<LastingFault>,
}

/// A fault that is not over.
#[derive(Clone, Debug)]
pub struct LastingFault {
    /// It, with its first cause: where it gets another one, that one is known up to a minute later.
    pub fault: Fault,
    /// How long it has been there.
    pub since: Duration,
}

/// The membership in the group on one interface. Of one that is named by its address and is not there, the
/// name is not known.
#[derive(Clone, Debug, Default)]
pub struct MembershipStatus {
    /// The name of the interface.
    pub name: Option<String>,
    /// Its index.
    pub index: Option<u32>,
    /// The address that is used of it.
    pub address: Option<IpAddr>,
    /// Whether the group is joined there.
    pub is_joined: bool,
    /// How long ago a heartbeat of our own came back by it.
    pub echoed_ago: Option<Duration>,
    /// How long ago the heartbeat of another host came by it.
    pub heard_ago: Option<Duration>,
    /// What does not work there.
    pub faults: Vec<Fault>,
}

/// The last packet that was refused for a cause.
#[derive(Clone, Debug)]
pub struct LastRefused {
    /// The cause.
    pub cause: Refusal,
    /// Where it came from.
    pub source: SocketAddr,
    /// The name of the interface that it came by, where the system tells.
    pub interface: Option<String>,
    /// How long ago.
    pub ago: Duration,
}

/// A peer at one moment.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// Its name.
    pub node: NodeName,
    /// What it is to us.
    pub state: PeerState,
    /// Where it was heard from last.
    pub source: Option<SocketAddr>,
    /// The name of the interface that it was heard by then, where the system tells.
    pub interface: Option<String>,
    /// How long ago it was heard.
    pub heard_ago: Duration,
    /// How it sent then.
    pub form: HeartbeatForm,
    /// The place of the secret that opened or verified it, from 0.
    pub secret_index: Option<usize>,
    /// What the numbers of its heartbeats tell of those that did not come, where it signs.
    pub loss: Option<Loss>,
    /// How far its clock is ahead of ours, in milliseconds, where it signs.
    pub clock_off_ms: Option<i64>,
}
