//! Who appears in the sequences of an engine.

use std::sync::LazyLock;

use native_gossip_core::{
    Config, NodeName, Refusal, Secret,
    packet::{self, Keyring},
};

use super::sealing::{BLOCK, seal, secrets};

/// Names that come again and again, and names of floods.
pub(super) const KNOWN: usize = 16;
pub(super) const FORGED: usize = 320;

/// Who appears in a sequence, with the packets made once: sealing them would take longer than all
/// that is tried.
pub(super) struct Cast {
    pub(super) secrets: Vec<Secret>,
    /// In the order of the names, in which those that ask at the same moment have their turns.
    pub(super) players: Vec<Player>,
    /// A heartbeat in the form of a cluster that is configured otherwise, and what becomes of it.
    pub(super) foreign: (Vec<u8>, Refusal),
    /// A heartbeat under a name that no node can have.
    pub(super) nobody: Vec<u8>,
}

pub(super) struct Player {
    pub(super) node: NodeName,
    /// Its heartbeat, under each of the secrets.
    pub(super) heartbeats: Vec<Vec<u8>>,
}

pub(super) static UNSEALED_CAST: LazyLock<Cast> = LazyLock::new(|| {
    let [foreign, _] = seal(&plain(&name(0)));
    Cast::new(Vec::new(), (foreign, Refusal::Malformed), |plaintext| vec![plaintext])
});

pub(super) static SEALED_CAST: LazyLock<Cast> = LazyLock::new(|| {
    let foreign = (plain(&name(0)), Refusal::Unsealed);
    Cast::new(secrets(), foreign, |plaintext| seal(&plaintext).to_vec())
});

impl Cast {
    fn new(
        secrets: Vec<Secret>,
        foreign: (Vec<u8>, Refusal),
        packets: impl Fn(Vec<u8>) -> Vec<Vec<u8>>,
    ) -> Self {
        let player = |number| {
            let node = name(number);
            Player { heartbeats: packets(plain(&node)), node }
        };
        let mut nobody = plain(&name(0));
        *nobody.last_mut().expect("a heartbeat") = b'@';
        let nobody = packets(nobody).swap_remove(0);
        let mut players: Vec<_> = (0..KNOWN + FORGED).map(player).collect();
        players.sort_by(|one, other| one.node.cmp(&other.node));
        Self { secrets, players, foreign, nobody }
    }

    pub(super) fn config(&self) -> Config {
        Config { secrets: self.secrets.clone(), max_peers: 1, ..Config::default() }
    }

    pub(super) fn signs(&self) -> bool {
        !self.secrets.is_empty()
    }
}

fn name(number: usize) -> NodeName {
    NodeName::parse(&format!("{number:03x}@h")).expect("a node name")
}

pub(super) fn plain(node: &NodeName) -> Vec<u8> {
    packet::encode(node, &Keyring::default(), [0; BLOCK])
}
