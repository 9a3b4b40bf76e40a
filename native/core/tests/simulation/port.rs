//! The network as a node sees it: what its host does for it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
};

use native_gossip_core::{
    Event, InterfaceAddress, InterfaceNews, JoinError, Network, Refusal, ScannedAddress,
    event::{SocketStep, SystemError},
};

use super::{
    GROUP,
    errors::{ENOBUFS, error},
    host::Host,
};

/// What a node had done, what came to it, and what it said, in this order.
#[derive(Debug)]
pub(crate) enum Happening {
    Called(Call),
    /// With the slot of the interface, where it was sent to the group.
    Received {
        from: usize,
        source: IpAddr,
        slot: Option<usize>,
        outcome: Outcome,
    },
    /// Somebody should connect to this peer.
    Announced {
        peer: usize,
    },
    Said(Event),
    /// More has come than it may look at.
    Overrun,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Open { works: bool },
    Close,
    Scan { works: bool },
    Join { interface: InterfaceAddress, works: bool },
    Leave { interface: InterfaceAddress },
    SendBy { slot: usize, works: bool },
    SendTo { target: SocketAddr, works: bool },
}

/// What a node made of a datagram. The simulation knows who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Peer,
    Echo,
    Refused(Refusal),
}

/// What a node has sent and the simulation has yet to deliver.
pub(super) struct Sent {
    pub(super) bytes: Rc<[u8]>,
    pub(super) way: Way,
}

pub(super) enum Way {
    /// To the group, by the interface in this slot.
    By {
        slot: usize,
        source: Ipv4Addr,
    },
    To(SocketAddr),
}

/// What a node is given to act on.
pub(super) struct Port<'a> {
    pub(super) node: usize,
    pub(super) socket: usize,
    pub(super) host: &'a mut Host,
    pub(super) sent: &'a mut Vec<Sent>,
    pub(super) log: &'a mut Vec<(usize, Happening)>,
}

impl Port<'_> {
    fn assert_open(&self) {
        let is_open = self.host.sockets[self.socket].is_open;
        assert!(is_open, "n{} has no socket to act with", self.node);
    }

    fn log(&mut self, call: Call) {
        self.log.push((self.node, Happening::Called(call)));
    }
}

impl Network for Port<'_> {
    fn open(&mut self) -> Result<(), (SocketStep, SystemError)> {
        self.host.close(self.socket);
        let works = self.host.refuses.open.is_none();
        self.host.sockets[self.socket].is_open = works;
        self.log(Call::Open { works });
        self.host.refuses.open.map_or(Ok(()), |code| Err((SocketStep::Bind, error(code))))
    }

    fn close(&mut self) {
        self.host.close(self.socket);
        self.log(Call::Close);
    }

    fn interfaces(&mut self) -> Result<Vec<ScannedAddress>, SystemError> {
        let refuses = self.host.refuses;
        let works = refuses.interfaces.or(refuses.route).is_none();
        self.log(Call::Scan { works });
        refuses.interfaces.map_or(Ok(()), |code| Err(error(code)))?;
        let slots = 0..self.host.nics.len();
        let there = slots.filter(|slot| self.host.nics[*slot].is_there);
        let address = |slot| ScannedAddress {
            interface: self.host.interface(slot),
            is_up: self.host.nics[slot].is_up,
        };
        Ok(there.map(address).collect())
    }

    fn interface_news(&mut self) -> InterfaceNews {
        let has_news = std::mem::take(&mut self.host.sockets[self.socket].has_news);
        match (self.host.tells_changes, has_news) {
            (false, _) => InterfaceNews::NotTold,
            (true, false) => InterfaceNews::Unchanged,
            (true, true) => InterfaceNews::Changed,
        }
    }

    fn take_removed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.host.sockets[self.socket].removed)
    }

    fn route(&mut self, _: SocketAddr) -> Result<Option<IpAddr>, SystemError> {
        let refused = self.host.refuses.route;
        refused.map_or(Ok(self.host.routed().map(IpAddr::V4)), |code| Err(error(code)))
    }

    fn join(&mut self, group: IpAddr, interface: &InterfaceAddress) -> Result<(), JoinError> {
        assert_eq!(group, GROUP);
        self.assert_open();
        let joined = self.host.join(self.socket, interface);
        self.log(Call::Join { interface: interface.clone(), works: joined.is_ok() });
        joined.map_err(|code| match code {
            ENOBUFS => JoinError::Limit(error(code)),
            _ => error(code).into(),
        })
    }

    fn leave(&mut self, group: IpAddr, interface: &InterfaceAddress) {
        assert_eq!(group, GROUP);
        self.assert_open();
        self.host.leave(self.socket, interface.index);
        self.log(Call::Leave { interface: interface.clone() });
    }

    fn send_by(
        &mut self,
        interface: &InterfaceAddress,
        packet: &[u8],
        target: SocketAddr,
    ) -> Result<(), SystemError> {
        assert_eq!(target.ip(), GROUP);
        self.assert_open();
        let sent = self.host.send_by(interface);
        let slot = Host::named(&interface.name);
        self.log(Call::SendBy { slot, works: sent.is_ok() });
        let slot = sent.map_err(error)?;
        let source = self.host.nics[slot].address;
        self.sent.push(Sent { bytes: packet.into(), way: Way::By { slot, source } });
        Ok(())
    }

    fn send_to(&mut self, packet: &[u8], target: SocketAddr) -> Result<(), SystemError> {
        self.assert_open();
        let refused = self.host.refuses.send_to;
        self.log(Call::SendTo { target, works: refused.is_none() });
        refused.map_or(Ok(()), |code| Err(error(code)))?;
        self.sent.push(Sent { bytes: packet.into(), way: Way::To(target) });
        Ok(())
    }
}
