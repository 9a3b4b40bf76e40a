//! All that a node wants of the network: the seam between what decides and what does.

use std::net::{IpAddr, SocketAddr};

use crate::event::{SocketStep, SystemError};

#[cfg(test)]
pub(crate) mod fake;

/// What the driver does for a [`Node`](crate::Node), and a simulation does in its place. Every
/// outcome is known at once, and no method waits.
pub trait Network {
    /// Opens and binds the socket, in place of the one before. It is a member of no group.
    ///
    /// # Errors
    /// The first step that the system refuses.
    fn open(&mut self) -> Result<(), (SocketStep, SystemError)>;

    /// Closes the socket.
    fn close(&mut self);

    /// Every address of every interface of this host.
    ///
    /// # Errors
    /// The system does not list them; it may have no descriptors left.
    fn interfaces(&mut self) -> Result<Vec<ScannedAddress>, SystemError>;

    /// What the system says of changes of interfaces, their addresses, and the routes to the group. It
    /// is asked in every turn, and one that says something ends the sleep of the loop.
    fn interface_news(&mut self) -> InterfaceNews {
        InterfaceNews::NotTold
    }

    /// The indices of interfaces that were removed before the last scan, as far as the system tells. Each is told once.
    /// Where one of them is back, maybe under the same address, a membership on it is lost all the same.
    fn take_removed(&mut self) -> Vec<u32> {
        Vec::new()
    }

    /// The address from which the system's routes would send to this group, if there is a route.
    ///
    /// # Errors
    /// The system cannot be asked; it may have no descriptors left.
    fn route(&mut self, group: SocketAddr) -> Result<Option<IpAddr>, SystemError>;

    /// Makes the socket a member of the group on this interface. One that it is already is kept.
    ///
    /// # Errors
    /// What the system answers.
    fn join(&mut self, group: IpAddr, interface: &InterfaceAddress) -> Result<(), JoinError>;

    /// Ends a membership. One that is lost already cannot be left, which is no fault.
    fn leave(&mut self, group: IpAddr, interface: &InterfaceAddress);

    /// Sends to the group by this interface.
    ///
    /// # Errors
    /// What the system answers.
    fn send_by(
        &mut self,
        interface: &InterfaceAddress,
        packet: &[u8],
        target: SocketAddr,
    ) -> Result<(), SystemError>;

    /// Sends to an address by whatever interface the system's routes name.
    ///
    /// # Errors
    /// What the system answers.
    fn send_to(&mut self, packet: &[u8], target: SocketAddr) -> Result<(), SystemError>;

    /// Sends to a seed, by a socket that nothing else is sent by: what waits for hosts that are not
    /// there fills a buffer of its own. A network without such buffers has no need of it.
    ///
    /// # Errors
    /// What the system answers.
    fn send_to_seed(&mut self, packet: &[u8], target: SocketAddr) -> Result<(), SystemError> {
        self.send_to(packet, target)
    }

    /// The next word of the network about something that was sent to a seed and did not arrive, where
    /// the system passes it on.
    fn seed_error(&mut self) -> Option<(SocketAddr, SystemError)> {
        None
    }
}

/// Why a socket is no member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// It is a member of as many as the system allows.
    Limit(SystemError),
    /// Another reason.
    Other(SystemError),
}

impl From<SystemError> for JoinError {
    fn from(error: SystemError) -> Self {
        Self::Other(error)
    }
}

/// Whether something that a scan finds may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterfaceNews {
    /// The system does not tell: who wants to know has to scan.
    #[default]
    NotTold,
    /// Nothing has changed since the last scan.
    Unchanged,
    /// Something may have. This is said once at least, and until the next scan at most.
    Changed,
}

/// One address of an interface, with all that a membership in a group depends on: where one of these
/// has changed, the group is rejoined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// What people call it.
    pub name: String,
    /// What the system calls it; an interface that is made again usually has another one.
    pub index: u32,
    /// Where what it sends comes from.
    pub address: IpAddr,
}

/// One address of an interface of this host, as a scan finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedAddress {
    /// The address, and whose it is.
    pub interface: InterfaceAddress,
    /// Whether it is up. Where the system does not tell, true: a send will tell.
    pub is_up: bool,
}

/// How a datagram came. What the system does not tell is `None`.
#[derive(Clone, Copy, Debug)]
pub struct RecvMeta {
    /// Where it came from.
    pub source: SocketAddr,
    /// Where it was sent to: a group, or an address of this host.
    pub destination: Option<IpAddr>,
    /// The index of the interface that it came by.
    pub interface: Option<u32>,
}
