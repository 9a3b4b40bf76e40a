//! What a node is told when it is made. Values are checked where options are read, and taken here
//! as they are.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use zeroize::Zeroize;

use crate::Glob;

/// The settings of the protocol.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where there are secrets, the first seals and signs what is sent, and every one is tried on
    /// what arrives. Where there are none, heartbeats are plain.
    pub secrets: Vec<Secret>,
    /// Whether what is sent is sealed, where there are secrets. Where not, plain heartbeats are taken,
    /// too.
    pub seal: bool,
    /// What is taken of heartbeats that are not signed.
    pub authentication: Authentication,
    /// The name of the cluster. Heartbeats with the label of another are not for us, and its keys are
    /// others.
    pub cluster: Option<String>,
    /// Names that are heard; all, where there are no patterns.
    pub allow: Vec<Glob>,
    /// Upper bound of the random gap between two heartbeats.
    pub heartbeat_interval: Duration,
    /// Distinct names remembered, and the number of new ones taken in at once.
    pub max_peers: usize,
    /// A connected peer is announced again after this time, where nobody reports that it is no
    /// longer connected. `None` where each connection that begins or ends is reported; then the
    /// other side may dial first.
    pub refresh_interval: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            seal: true,
            authentication: Authentication::Compatible,
            cluster: None,
            allow: Vec::new(),
            heartbeat_interval: Duration::from_secs(5),
            max_peers: 4096,
            refresh_interval: None,
        }
    }
}

/// What is taken of heartbeats that do not prove who sent them, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// What nodes without signatures send, too, and signed ones with a wrong clock.
    Compatible,
    /// Signed ones alone, that prove to be new. It needs a secret.
    Required,
}

/// What the nodes of a cluster share, and its neighbours do not know. It is overwritten when it is
/// dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where heartbeats go and come from. All addresses are of one family.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// UDP port, bound and sent to.
    pub port: u16,
    /// Address to bind.
    pub if_addr: IpAddr,
    /// The interfaces that send to the group and hear it.
    pub multicast_if: InterfaceSelection,
    /// The group, or, with `broadcast_only`, the broadcast address.
    pub multicast_addr: IpAddr,
    /// How many routers what is sent may pass.
    pub multicast_ttl: u8,
    /// No group is joined.
    pub broadcast_only: bool,
    /// Datagrams that are looked at in a second; the kernel drops the rest.
    pub receive_limit: u32,
}

/// Which interfaces are meant, as a person says it.
#[derive(Clone, Debug)]
pub enum InterfaceSelection {
    /// The one to which the system routes the group, and those to which it did before and which are
    /// still up. Where it routes it nowhere, and with IPv6, where no route names an interface:
    /// [`All`](Self::All).
    Routed,
    /// Every one that is up; the loopback only where there is no other, and for IPv4.
    All,
    /// Those of these that are there and up.
    Listed(Vec<InterfaceSelector>),
}

/// One interface as a person names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterfaceSelector {
    /// By an address that it has.
    Address(IpAddr),
    /// By its name.
    Name(String),
}

impl NetworkConfig {
    /// Where heartbeats to the group, or the broadcasts, are sent.
    pub fn target(&self) -> SocketAddr {
        SocketAddr::new(self.multicast_addr, self.port)
    }

    /// The address to bind, with its port.
    pub fn bind_address(&self) -> SocketAddr {
        SocketAddr::new(self.if_addr, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret(b"hush".to_vec())), "Secret(…)");
    }
}
