//! The boundary to the BEAM: NIFs of a few lines, terms in and out.

mod gossip_loop;
mod nifs;
mod terms;

rustler::init!("Elixir.NativeGossip.Native");
