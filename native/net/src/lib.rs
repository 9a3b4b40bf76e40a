//! The driver: it owns the socket and the time, and feeds them to the engine of
//! `native_gossip_core`.
//!
//! One thread calls [`Driver::serve`] again and again; every other thread speaks to it through
//! its [`Remote`]. Nothing here knows of Erlang.

mod config;
mod driver;
mod link;
mod remote;
mod socket;
mod trouble;
mod wait;

pub use config::NetConfig;
pub use driver::{Driver, Listener, Notice, Served, Slice};
pub use native_gossip_core as core;
pub use remote::Remote;
pub use trouble::Trouble;
