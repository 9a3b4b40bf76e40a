//! What an engine is told when it is made.

use std::{fmt, time::Duration};

/// The settings of an [`Engine`](crate::Engine). Values are checked where options are read, and
/// taken here as they are.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where there are secrets, the first seals what is sent, and every one is tried on what
    /// arrives. Where there are none, heartbeats are plain.
    pub secrets: Vec<Secret>,
    /// Upper bound of the random gap between two heartbeats.
    pub heartbeat_interval: Duration,
    /// Distinct names remembered, and the number of new ones taken in at once.
    pub max_peers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { secrets: Vec::new(), heartbeat_interval: Duration::from_secs(5), max_peers: 4096 }
    }
}

/// What the nodes of a cluster share, and its neighbours do not know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
