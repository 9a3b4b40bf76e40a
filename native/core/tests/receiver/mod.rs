//! An engine that receives, for tests of what it makes of packets.

#![allow(dead_code)]

use std::time::Duration;

use native_gossip_core::{
    Config, Engine, NodeName, Now, Received, Refusal, Secret, Time, WallTime,
    packet::{Heartbeat, Keyring},
};
use rand::{SeedableRng, rngs::StdRng};

/// When the packets of signed.json were made, in milliseconds.
pub(crate) const START: u64 = 1_790_000_000_000;

pub(crate) struct Receiver {
    pub(crate) engine: Engine<StdRng>,
}

pub(crate) fn secrets(secrets: &[&str]) -> Vec<Secret> {
    secrets.iter().map(|secret| Secret(secret.as_bytes().to_vec())).collect()
}

pub(crate) fn keyring(of: &[&str]) -> Keyring {
    Keyring::new(&secrets(of), None)
}

/// This long after [`START`], by a clock that is right.
pub(crate) fn after(millis: u64) -> Now {
    let time = Time::after(Duration::from_millis(millis));
    Now { time, wall: WallTime::from_millis(START + millis) }
}

impl Receiver {
    /// A node with these secrets, and the defaults else.
    pub(crate) fn new(of: &[&str]) -> Self {
        Self::with(Config { secrets: secrets(of), ..Config::default() })
    }

    pub(crate) fn with(config: Config) -> Self {
        Self { engine: Engine::new(config, StdRng::seed_from_u64(1)) }
    }

    pub(crate) fn receive(&mut self, now: Now, packet: &[u8]) -> Received {
        self.engine.inspect(now, [10, 0, 0, 1].into(), packet)
    }

    pub(crate) fn heartbeat(&mut self, packet: &[u8]) -> Result<Heartbeat, Refusal> {
        match self.receive(after(0), packet) {
            Received::Peer(heartbeat) | Received::Copy(heartbeat) => Ok(heartbeat),
            Received::Refused(cause) => Err(cause),
            Received::Echo => unreachable!("it has no name"),
        }
    }

    /// Whose heartbeat it is.
    pub(crate) fn node(&mut self, packet: &[u8]) -> Result<NodeName, Refusal> {
        self.heartbeat(packet).map(|heartbeat| heartbeat.node)
    }
}
