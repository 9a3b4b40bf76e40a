//! Where heartbeats go and come from.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The addresses of a [`Driver`](crate::Driver), as the options of the strategy name them.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// UDP port, bound and sent to.
    pub port: u16,
    /// Address to bind.
    pub if_addr: Ipv4Addr,
    /// Address of the interface that sends and joins; the system's choice where there is none.
    pub multicast_if: Option<Ipv4Addr>,
    /// The group, or, with `broadcast_only`, the broadcast address.
    pub multicast_addr: Ipv4Addr,
    /// How many routers what is sent may pass.
    pub multicast_ttl: u8,
    /// No group is joined.
    pub broadcast_only: bool,
    /// Datagrams that are looked at in a second; the kernel drops the rest.
    pub receive_limit: u32,
}

impl NetConfig {
    /// Where heartbeats are sent.
    pub fn target(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.multicast_addr, self.port)
    }
}
