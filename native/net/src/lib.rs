//! The driver: it owns the socket and the time, and feeds them to the engine of
//! `native_gossip_core`.
//!
//! One thread calls [`Driver::serve`] again and again; every other thread speaks to it through
//! its [`Remote`]. Nothing here knows of Erlang.

mod config;
mod driver;
mod group;
mod hearing;
mod interfaces;
mod journal;
mod link;
mod outage;
mod platform;
mod remote;
mod socket;
mod targets;
mod trouble;
mod wait;

pub use config::{InterfaceName, Interfaces, NetConfig};
pub use driver::{Driver, Listener, Served, Slice};
pub use interfaces::Interface;
pub use journal::Notice;
pub use native_gossip_core as core;
pub use remote::Remote;
pub use trouble::Trouble;
