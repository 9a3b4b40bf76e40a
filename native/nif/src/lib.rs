//! The boundary to the BEAM: NIFs of a few lines, terms in and out.

mod events;
#[cfg(feature = "fault_injection")]
mod fault_injection;
mod gossip_loop;
mod nifs;
mod snapshot;
mod terms;

rustler::init!("Elixir.NativeGossip.Native");
