//! The gossip protocol as a state machine.
//!
//! Bytes, the time and randomness come in; heartbeats to send, peers to announce and the next
//! deadline come out. There is no socket, clock, thread or BEAM in this crate, so that a
//! thousand engines can be run on a simulated network in virtual time.
//!
//! ```
//! use native_gossip_core::{Config, Engine, NodeName, Now, Received};
//! # use rand::{SeedableRng, rngs::StdRng};
//!
//! let mut alice = Engine::new(Config::default(), StdRng::seed_from_u64(1));
//! let mut bob = Engine::new(Config::default(), StdRng::seed_from_u64(2));
//! let now = Now::default();
//! alice.set_identity(now.time, Some(NodeName::parse("alice@10.0.0.1")?));
//! bob.set_identity(now.time, Some(NodeName::parse("bob@10.0.0.2")?));
//!
//! let heartbeat = alice.heartbeat(now).expect("the first heartbeat is due at once");
//! let Received::Peer(heartbeat) = bob.receive(now, [10, 0, 0, 1].into(), &heartbeat)
//! else { panic!("a heartbeat as the protocol has it") };
//! assert_eq!(heartbeat.node.as_str(), "alice@10.0.0.1");
//! // A peer that is heard for the first time is announced, at once or when it had time to dial.
//! let later = now.time + std::time::Duration::from_millis(200);
//! assert_eq!(bob.next_announcement(later), Some(heartbeat.node));
//! # Ok::<(), native_gossip_core::InvalidName>(())
//! ```

mod alerts;
mod broadcast;
pub mod budget;
mod config;
mod context;
mod counters;
mod engine;
pub mod event;
mod glob;
mod group;
mod name;
mod named;
mod network;
mod node;
mod outage;
pub mod pace;
pub mod packet;
mod peers;
mod refusal;
mod seeds;
pub mod status;
mod time;
mod token_bucket;
pub mod trust;

pub use config::{
    Authentication, Config, InterfaceSelection, InterfaceSelector, NetworkConfig, Secret,
};
pub use counters::Counters;
pub use engine::{Engine, Received};
pub use event::{Event, Fault};
pub use glob::Glob;
pub use name::{InvalidName, NodeName};
pub use network::{InterfaceAddress, InterfaceNews, JoinError, Network, RecvMeta, ScannedAddress};
pub use node::Node;
pub use peers::{PeerChange, Report};
pub use refusal::Refusal;
pub use time::{Now, Time, WallTime};
