//! What happened, as data. Elixir makes sentences of it.
//!
//! Each event and each fault has one name, the same in Rust, in telemetry and in logs.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::{
    InterfaceAddress, InterfaceSelector, NodeName, Refusal,
    named::{named, named_with_fields},
    trust::Loss,
};

named_with_fields! {
    /// Something that a person may want to read.
    Event {
        /// A heartbeat was sent. Only with debug.
        HeartbeatSent = "heartbeat_sent",
        /// A heartbeat of another node was received. Only with debug.
        HeartbeatReceived {
            /// Whose it is.
            node: NodeName,
            /// The address that it came from.
            source: SocketAddr,
            /// The name of the interface that it came by, where the system tells.
            interface: Option<String>,
            /// What its numbers tell of those that did not come; `None` where it does not sign.
            loss: Option<Loss>,
        } = "heartbeat_received",
        /// Packets were refused.
        PacketsRefused {
            /// For this cause.
            cause: Refusal,
            /// How many there were since the last event of this cause.
            packets: u64,
            /// Where the last of them came from.
            source: SocketAddr,
            /// The name of the interface that it came by, where the system tells.
            interface: Option<String>,
        } = "packets_refused",
        /// The group is heard on this interface. Where it comes and goes, when that has lasted.
        GroupJoined(IpAddr, InterfaceAddress) = "group_joined",
        /// The group is heard no more on this interface, which has gone, changed, or is not meant, or
        /// where it cannot be rejoined.
        GroupLeft(IpAddr, InterfaceAddress) = "group_left",
        /// Peers that are connected were not heard on this interface for long: the group was rejoined.
        PeersSilent(IpAddr, InterfaceAddress) = "peers_silent",
        /// A peer is connected that was not. More and more rarely, where its connections end all day.
        PeerConnected(NodeName) = "peer_connected",
        /// A first attempt to connect to a peer has failed. Others follow, and are no events.
        PeerUnreachable(NodeName) = "peer_unreachable",
        /// The wall clock of a peer differs from ours. It proved to be new by an echo of ours.
        ClockOff {
            /// Whose clock it is.
            node: NodeName,
            /// How far it is ahead of ours, in milliseconds.
            off_ms: i64,
        } = "clock_off",
        /// The same, and the heartbeat may be recorded: it was taken where signatures are not required.
        Unproven {
            /// Whose clock it is.
            node: NodeName,
            /// How far it is ahead of ours, in milliseconds.
            off_ms: i64,
        } = "unproven",
        /// The wall clock of a peer that is known moved.
        ClockMoved {
            /// Whose clock it is.
            node: NodeName,
            /// How far it moved ahead, in milliseconds.
            by_ms: i64,
            /// How far it is ahead of ours since then, in milliseconds.
            off_ms: i64,
        } = "clock_moved",
        /// Our own wall clock was set: from now on we are another incarnation to others.
        ClockStepped {
            /// How far it moved ahead, in milliseconds.
            by_ms: i64,
        } = "clock_stepped",
        /// Two BEAMs have this name, which may be our own.
        NameShared(NodeName) = "name_shared",
        /// Something does not work until the fault is cleared.
        FaultRaised(Fault) = "fault_raised",
        /// What the fault kept from working works again. Where it comes and goes, when that has lasted.
        FaultCleared(Fault) = "fault_cleared",
    }
}

named_with_fields! {
    /// What keeps a node from sending or hearing. It is tried again until it works.
    Fault {
        /// The socket cannot be opened, or receive.
        Socket {
            /// What was refused.
            step: SocketStep,
            /// The address to bind.
            address: SocketAddr,
            /// What the system answered.
            error: SystemError,
        } = "socket",
        /// The interfaces of this host are not known.
        Scan {
            /// What was refused.
            step: ScanStep,
            /// What the system answered.
            error: SystemError,
        } = "scan",
        /// An interface that the configuration names cannot be used.
        InterfaceMissing {
            /// The group that would be joined there.
            group: IpAddr,
            /// The interface, as it is named.
            wanted: InterfaceSelector,
            /// Why it cannot be used.
            reason: MissingReason,
        } = "interface_missing",
        /// No interface but the loopback is up and has an address of the group's family, and the
        /// loopback is of no use.
        NoInterface {
            /// The group that is joined nowhere.
            group: IpAddr,
        } = "no_interface",
        /// The same, and the loopback is used: no other host is reached.
        LoopbackOnly {
            /// The group that is joined on the loopback.
            group: IpAddr,
        } = "loopback_only",
        /// The group cannot be joined.
        Join {
            /// The group.
            group: IpAddr,
            /// Where.
            interface: InterfaceAddress,
            /// What the system answered.
            error: SystemError,
        } = "join",
        /// The system lets a socket join on no more interfaces.
        JoinLimit {
            /// The group.
            group: IpAddr,
            /// On how many of the interfaces that are meant it is not joined.
            missing: usize,
            /// How many are meant.
            of: usize,
            /// The first of those that are missing, three at most.
            some: Vec<InterfaceAddress>,
            /// What the system answered.
            error: SystemError,
        } = "join_limit",
        /// Our own heartbeats do not come back: the membership counts as lost, and is made again.
        NoEcho {
            /// The group.
            group: IpAddr,
            /// Where.
            interface: InterfaceAddress,
        } = "no_echo",
        /// Heartbeats cannot be sent to the group.
        SendBy {
            /// The group and its port.
            target: SocketAddr,
            /// By which interface.
            interface: InterfaceAddress,
            /// What the system answered.
            error: SystemError,
        } = "send_by",
        /// Heartbeats cannot be broadcast.
        SendTo {
            /// The broadcast address and the port.
            target: SocketAddr,
            /// What the system answered.
            error: SystemError,
        } = "send_to",
        /// Heartbeats do not reach some of the seeds, all for one cause.
        Seeds {
            /// How many they are.
            failing: usize,
            /// How many seeds there are.
            of: usize,
            /// The first of those that are not reached, three at most.
            some: Vec<SocketAddr>,
            /// What the system answered, or the network.
            error: SystemError,
        } = "seeds",
    }
}

/// What can have a fault of its own. Of each one, a single fault is known at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Component {
    Socket,
    Scan,
    SelectedInterface(InterfaceSelector),
    AnyInterface,
    AnyOutwardInterface,
    /// Joining on the interface of this name.
    Join(String),
    JoinLimit,
    /// Hearing ourselves on the interface of this name.
    Echo(String),
    /// Sending by the interface of this name.
    SendBy(String),
    SendTo(SocketAddr),
    /// The seeds that are not reached for this cause.
    Seeds(SystemError),
}

impl Fault {
    pub(crate) fn component(&self) -> Component {
        match self {
            Self::Socket { .. } => Component::Socket,
            Self::Scan { .. } => Component::Scan,
            Self::InterfaceMissing { wanted, .. } => Component::SelectedInterface(wanted.clone()),
            Self::NoInterface { .. } => Component::AnyInterface,
            Self::LoopbackOnly { .. } => Component::AnyOutwardInterface,
            Self::Join { interface, .. } => Component::Join(interface.name.clone()),
            Self::JoinLimit { .. } => Component::JoinLimit,
            Self::NoEcho { interface, .. } => Component::Echo(interface.name.clone()),
            Self::SendBy { interface, .. } => Component::SendBy(interface.name.clone()),
            Self::SendTo { target, .. } => Component::SendTo(*target),
            Self::Seeds { error, .. } => Component::Seeds(error.clone()),
        }
    }

    /// Whether this is worth another line where the other, of the same component, was told and is
    /// not over. Where many fail alike only the number changes, and twice as many are news. An interface
    /// that has another address or index, as each time that it comes, is the same one by its name.
    pub(crate) fn is_news_after(&self, told: &Self) -> bool {
        match (self, told) {
            (Self::Seeds { failing, .. }, Self::Seeds { failing: told, .. }) => {
                *failing >= told.saturating_mul(2)
            }
            (Self::JoinLimit { missing, .. }, Self::JoinLimit { missing: told, .. }) => {
                *missing >= told.saturating_mul(2)
            }
            (Self::SendBy { error, .. }, Self::SendBy { error: told, .. })
            | (Self::Join { error, .. }, Self::Join { error: told, .. }) => error != told,
            (Self::NoEcho { .. }, Self::NoEcho { .. }) => false,
            _ => self != told,
        }
    }
}

/// An error of the system, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SystemError {
    /// Its number, where it has one.
    pub code: Option<i32>,
    /// What the system calls it.
    pub text: String,
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for SystemError {}

named! {
    /// The steps by which a socket comes to be used, in their order.
    SocketStep {
        /// Making the socket.
        Open = "open",
        /// `SO_REUSEADDR`.
        ReuseAddress = "reuse_address",
        /// `SO_REUSEPORT`, on BSD and macOS.
        ReusePort = "reuse_port",
        /// Making it non-blocking.
        Nonblocking = "nonblocking",
        /// `IPV6_V6ONLY`.
        OnlyV6 = "only_v6",
        /// `SO_BROADCAST`.
        Broadcast = "broadcast",
        /// The TTL, or hop limit, of what is sent to the group.
        Ttl = "ttl",
        /// `IP_MULTICAST_LOOP`: what we send to the group comes back.
        Loop = "loop",
        /// Hearing joined groups alone, and being told how each datagram came.
        PacketInfo = "packet_info",
        /// Binding it.
        Bind = "bind",
        /// Having the poller watch it.
        Watch = "watch",
        /// Receiving.
        Receive = "receive",
    }
}

named! {
    /// What a scan of the interfaces asks the system for.
    ScanStep {
        /// The list of interfaces.
        Interfaces = "interfaces",
        /// The route to the group.
        Route = "route",
    }
}

named! {
    /// Why an interface that the configuration names cannot be used.
    MissingReason {
        /// It is down.
        Down = "down",
        /// No interface has this address.
        NoSuchAddress = "no_such_address",
        /// No interface has this name, or it has no address of the group's family.
        NoSuchName = "no_such_name",
    }
}

#[cfg(test)]
mod tests;
