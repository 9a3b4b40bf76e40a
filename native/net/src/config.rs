//! Where heartbeats go and come from.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

/// The addresses of a [`Driver`](crate::Driver), as the options of the strategy name them. They
/// are all of one family.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// UDP port, bound and sent to.
    pub port: u16,
    /// Address to bind.
    pub if_addr: IpAddr,
    /// The interfaces that send to the group and hear it.
    pub multicast_if: Interfaces,
    /// The group, or, with `broadcast_only`, the broadcast address.
    pub multicast_addr: IpAddr,
    /// How many routers what is sent may pass.
    pub multicast_ttl: u8,
    /// No group is joined.
    pub broadcast_only: bool,
    /// Datagrams that are looked at in a second; the kernel drops the rest.
    pub receive_limit: u32,
}

/// Interfaces as a person names them.
#[derive(Clone, Debug)]
pub enum Interfaces {
    /// The one to which the system routes the group. Where it routes it nowhere, and with IPv6,
    /// where no route names an interface: [`All`](Self::All).
    Routed,
    /// Every one that is up; the loopback only where there is no other, and for IPv4.
    All,
    /// Those of these that are there and up.
    Listed(Vec<InterfaceName>),
}

/// One interface as a person names it.
#[derive(Clone, Debug)]
pub enum InterfaceName {
    /// By an address that it has.
    Address(IpAddr),
    /// By its name.
    Name(String),
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "the interface with the address {address}"),
            Self::Name(name) => write!(f, "the interface {name}"),
        }
    }
}

impl NetConfig {
    /// Where heartbeats to the group, or the broadcasts, are sent.
    pub fn target(&self) -> SocketAddr {
        SocketAddr::new(self.multicast_addr, self.port)
    }
}
