//! The driver: it owns the socket and the time, and turns what a [`Node`](core::Node) wants into
//! system calls.
//!
//! One thread calls [`Driver::serve`] again and again; every other thread speaks to it through
//! its [`Handle`]. Nothing here knows of Erlang, or of the rules of the protocol.

mod clock;
mod driver;
mod handle;
mod interfaces;
mod news;
mod poller;
mod seed_socket;
mod socket;
mod sys;
mod system_network;

pub use driver::{Answer, Driver, Listener, Served, Slice};
pub use handle::{Asker, Handle, Question};
pub use native_gossip_core as core;
