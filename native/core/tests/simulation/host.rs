//! A host, with the rules that Linux has for interfaces, sockets and memberships.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
};

use native_gossip_core::{InterfaceAddress, RecvMeta};

use super::errors::{EINVAL, ENETUNREACH, ENOBUFS, ENODEV};

/// The loopback's slot; the others follow.
pub(crate) const LO: usize = 0;
pub(crate) const ETH0: usize = 1;
pub(crate) const ETH1: usize = 2;
pub(crate) const SLOTS: usize = 3;

const NAMES: [&str; SLOTS] = ["lo", "eth0", "eth1"];

/// Groups that a socket may have joined: `net.ipv4.igmp_max_memberships`.
pub(crate) const MEMBERSHIPS: usize = 20;

/// Datagrams that a socket's buffer holds.
const BUFFER: usize = 500;

pub(crate) struct Host {
    /// By slot. One that is not there keeps its place on the network.
    pub(crate) nics: Vec<Nic>,
    /// One for each node of the host.
    pub(crate) sockets: Vec<Socket>,
    /// The slot of the interface to which the group is routed.
    pub(crate) route: Option<usize>,
    pub(crate) refuses: Refuses,
    /// Groups that a socket may have joined.
    pub(crate) memberships: usize,
    /// Whether the system tells of interfaces and routes that change.
    pub(crate) tells_changes: bool,
    /// What it told of last, and interfaces that were made.
    told: (Vec<Visible>, usize),
    made: usize,
    last_index: u32,
}

/// What the system tells of an interface when it changes, and whether the group is routed there.
type Visible = (bool, bool, u32, Ipv4Addr, bool);

/// What the system refuses to everybody, with which error.
#[derive(Clone, Copy, Default)]
pub(crate) struct Refuses {
    pub(crate) open: Option<i32>,
    pub(crate) interfaces: Option<i32>,
    pub(crate) route: Option<i32>,
    pub(crate) join: Option<i32>,
    pub(crate) send_to: Option<i32>,
}

/// An interface.
pub(crate) struct Nic {
    pub(crate) index: u32,
    pub(crate) address: Ipv4Addr,
    pub(crate) is_there: bool,
    pub(crate) is_up: bool,
    /// Where its cable ends; the loopback has none.
    pub(crate) place: Option<Place>,
    /// Sockets that the system counts as members of the group.
    pub(crate) members: usize,
    /// Whether the switch forwards the group to it.
    pub(crate) is_known: bool,
    pub(crate) sends: Sends,
    /// What it sends is lost on the network.
    pub(crate) is_mute: bool,
    /// What the network sends to it is lost.
    pub(crate) is_deaf: bool,
    /// A firewall drops all that comes, the echo with it.
    pub(crate) is_filtered: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sends {
    Work,
    Fail(i32),
    FailEveryOther(i32, bool),
}

/// Where a cable ends. A packet takes the same time to all of a segment, and stays in its LAN.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) lan: usize,
    pub(crate) segment: usize,
}

/// The socket of a node.
#[derive(Default)]
pub(crate) struct Socket {
    pub(crate) is_open: bool,
    /// Something was told since its node was asked last.
    pub(crate) has_news: bool,
    /// The indices of interfaces of which it was told that they were removed.
    pub(crate) removed: Vec<u32>,
    /// The group is joined by these. One whose interface is removed stays, of no use, until it is
    /// left.
    entries: Vec<InterfaceAddress>,
    buffer: VecDeque<Rc<Arrived>>,
}

/// What came to a host.
pub(crate) struct Arrived {
    /// The node that sent it, or [`STRANGER`](super::STRANGER).
    pub(crate) from: usize,
    pub(crate) meta: RecvMeta,
    pub(crate) bytes: Rc<[u8]>,
}

impl Host {
    /// A loopback, and interfaces with these addresses. The group is routed to the first of them.
    pub(crate) fn new(interfaces: &[(Ipv4Addr, Place)], sockets: usize) -> Self {
        let lo = (Ipv4Addr::LOCALHOST, None);
        let outward = interfaces.iter().map(|(address, place)| (*address, Some(*place)));
        let nic = |(index, (address, place))| Nic::new(index, address, place);
        let nics: Vec<_> = (1..).zip([lo].into_iter().chain(outward)).map(nic).collect();
        Self {
            last_index: u32::try_from(nics.len()).expect("few"),
            nics,
            sockets: (0..sockets).map(|_| Socket::default()).collect(),
            route: Some(ETH0),
            refuses: Refuses::default(),
            memberships: MEMBERSHIPS,
            tells_changes: false,
            told: (Vec::new(), 0),
            made: 0,
        }
    }

    /// Whether there is something to tell since this was asked last, which every socket is told then.
    /// An interface that was made again as it was is something, a membership that was lost is not.
    pub(crate) fn tell_changes(&mut self) -> bool {
        let visible = |(slot, nic): (usize, &Nic)| {
            (nic.is_there, nic.is_up, nic.index, nic.address, self.route == Some(slot))
        };
        let visible = (self.nics.iter().enumerate().map(visible).collect(), self.made);
        let has_changed = visible != self.told && self.tells_changes;
        self.told = visible;
        self.sockets.iter_mut().for_each(|socket| socket.has_news |= has_changed);
        has_changed
    }

    /// An interface is removed, and with it what it knew of memberships.
    pub(crate) fn remove(&mut self, slot: usize) {
        let nic = &mut self.nics[slot];
        for socket in self.sockets.iter_mut().filter(|_| self.tells_changes) {
            socket.removed.push(nic.index);
        }
        (nic.is_there, nic.members, nic.is_known) = (false, 0, false);
    }

    /// An interface that was removed is made again, with this address.
    pub(crate) fn make(&mut self, slot: usize, address: Ipv4Addr, is_same_index: bool) {
        if !is_same_index {
            self.last_index += 1;
            self.nics[slot].index = self.last_index;
        }
        self.made += 1;
        let nic = &mut self.nics[slot];
        (nic.is_there, nic.is_up, nic.address) = (true, true, address);
    }

    /// An interface goes down, or comes up: it keeps its members, and tells the switch of them.
    pub(crate) fn set_up(&mut self, slot: usize, is_up: bool) {
        let nic = &mut self.nics[slot];
        nic.is_up = is_up;
        nic.is_known = is_up && nic.is_there && nic.members > 0;
    }

    /// A membership is ended behind the node's back.
    pub(crate) fn lose_membership(&mut self, socket: usize, slot: usize) {
        self.leave(socket, self.nics[slot].index);
    }

    pub(crate) fn close(&mut self, socket: usize) {
        while let Some(entry) = self.sockets[socket].entries.first() {
            self.leave(socket, entry.index);
        }
        let Socket { has_news, removed, .. } = std::mem::take(&mut self.sockets[socket]);
        self.sockets[socket] = Socket { has_news, removed, ..Socket::default() };
    }

    pub(crate) fn join(&mut self, socket: usize, interface: &InterfaceAddress) -> Result<(), i32> {
        self.refuses.join.map_or(Ok(()), Err)?;
        let slot = self.slot(interface.index).ok_or(ENODEV)?;
        let entries = &mut self.sockets[socket].entries;
        if entries.iter().any(|entry| entry.index == interface.index) {
            return Ok(());
        }
        if entries.len() >= self.memberships {
            return Err(ENOBUFS);
        }
        entries.push(interface.clone());
        let nic = &mut self.nics[slot];
        nic.members += 1;
        // The system tells the switch of the first member alone.
        nic.is_known |= nic.members == 1 && nic.is_up;
        Ok(())
    }

    pub(crate) fn leave(&mut self, socket: usize, index: u32) {
        let entries = &mut self.sockets[socket].entries;
        let Some(entry) = entries.iter().position(|entry| entry.index == index) else { return };
        entries.remove(entry);
        // It does not know whether the interface is the one that was joined.
        if let Some(slot) = self.slot(index) {
            let nic = &mut self.nics[slot];
            nic.members = nic.members.saturating_sub(1);
            nic.is_known &= nic.members > 0;
        }
    }

    /// Sends by an interface, and says by the one in which slot.
    pub(crate) fn send_by(&mut self, interface: &InterfaceAddress) -> Result<usize, i32> {
        let slot = self.slot(interface.index).ok_or(ENODEV)?;
        let nic = &mut self.nics[slot];
        if !nic.is_up {
            return Err(ENETUNREACH);
        }
        if nic.address != interface.address {
            return Err(EINVAL);
        }
        nic.sends.attempt().map(|()| slot)
    }

    /// What the system answers who asks for the route to the group.
    pub(crate) fn routed(&self) -> Option<Ipv4Addr> {
        let nic = &self.nics[self.route?];
        (nic.is_there && nic.is_up).then_some(nic.address)
    }

    /// Whether the system hands what comes by an interface to the group to a socket.
    pub(crate) fn is_member(&self, socket: usize, slot: usize) -> bool {
        let nic = &self.nics[slot];
        let is_listed = |entry: &InterfaceAddress| entry.index == nic.index;
        nic.is_there && nic.members > 0 && self.sockets[socket].entries.iter().any(is_listed)
    }

    /// Whether the network reaches a socket by an interface.
    pub(crate) fn listens(&self, socket: usize, slot: usize) -> bool {
        let nic = &self.nics[slot];
        self.is_member(socket, slot) && nic.takes_in()
    }

    /// Whether a socket can send to the group by an interface that it has joined.
    pub(crate) fn sends(&self, socket: usize, slot: usize) -> bool {
        let nic = &self.nics[slot];
        let is_listed =
            |entry: &InterfaceAddress| entry.index == nic.index && entry.address == nic.address;
        let is_joined = self.sockets[socket].entries.iter().any(is_listed);
        is_joined && nic.is_there && nic.is_up && nic.sends == Sends::Work
    }

    /// The slot of the interface that has this name.
    pub(crate) fn named(name: &str) -> usize {
        NAMES.iter().position(|known| *known == name).expect("an interface of this host")
    }

    pub(crate) fn interface(&self, slot: usize) -> InterfaceAddress {
        let nic = &self.nics[slot];
        let address = IpAddr::V4(nic.address);
        InterfaceAddress { name: NAMES[slot].to_owned(), index: nic.index, address }
    }

    /// The slot of the interface that has this index.
    fn slot(&self, index: u32) -> Option<usize> {
        self.nics.iter().position(|nic| nic.is_there && nic.index == index)
    }
}

impl Nic {
    fn new(index: u32, address: Ipv4Addr, place: Option<Place>) -> Self {
        Self {
            index,
            address,
            is_there: true,
            is_up: true,
            place,
            members: 0,
            is_known: false,
            sends: Sends::Work,
            is_mute: false,
            is_deaf: false,
            is_filtered: false,
        }
    }

    /// Whether what the network forwards to the group arrives.
    pub(crate) fn takes_in(&self) -> bool {
        self.is_there && self.is_up && self.is_known && !self.is_deaf && !self.is_filtered
    }
}

impl Sends {
    fn attempt(&mut self) -> Result<(), i32> {
        match self {
            Self::Work => Ok(()),
            Self::Fail(code) => Err(*code),
            Self::FailEveryOther(code, fails) => {
                *fails = !*fails;
                if *fails { Err(*code) } else { Ok(()) }
            }
        }
    }
}

impl Socket {
    /// Takes in what came, if there is room for it.
    pub(crate) fn push(&mut self, arrived: Rc<Arrived>) {
        if self.is_open && self.buffer.len() < BUFFER {
            self.buffer.push_back(arrived);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Rc<Arrived>> {
        self.buffer.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}
