//! The functions of `NativeGossip.Native`, where they are documented.

use std::{collections::HashMap, time::Duration};

use native_gossip_net::Served;
use rustler::{Atom, Env, Error, NifResult, ResourceArc, Term};

use crate::{
    gossip_loop::{self, GossipLoop},
    terms::{self, Address, Level, Options, ReportAtom, ServedAtom},
};

#[rustler::nif]
fn open(env: Env<'_>, options: Options<'_>) -> NifResult<ResourceArc<GossipLoop>> {
    GossipLoop::open(env, options.engine(), options.net()).map_err(raise)
}

#[rustler::nif(schedule = "DirtyIo")]
fn serve(
    env: Env<'_>,
    gossip_loop: ResourceArc<GossipLoop>,
    node: Term<'_>,
    debug: bool,
    slice_ms: u64,
) -> NifResult<(ServedAtom, Vec<(Level, String)>)> {
    let (identity, time) = (terms::node_name(node)?, Duration::from_millis(slice_ms));
    let served = GossipLoop::serve(&gossip_loop, env, identity, debug, time).map_err(raise)?;
    Ok(match served {
        (Served::Slice, lines) => (ServedAtom::Serving, lines),
        (Served::Stopped, lines) => (ServedAtom::Stopped, lines),
    })
}

#[rustler::nif]
fn report(
    gossip_loop: ResourceArc<GossipLoop>,
    node: Term<'_>,
    outcome: ReportAtom,
) -> NifResult<Atom> {
    if let Some(node) = terms::node_name(node)? {
        #[cfg(feature = "fault_injection")]
        crate::faults::pass("panic-report@", &node);
        gossip_loop.remote().report(node, outcome.into());
    }
    Ok(rustler::types::atom::ok())
}

#[rustler::nif]
fn seeds(gossip_loop: ResourceArc<GossipLoop>, targets: Vec<(Address, u16)>) -> Atom {
    gossip_loop.remote().seeds(targets.into_iter().map(terms::socket_addr).collect());
    rustler::types::atom::ok()
}

#[rustler::nif]
fn counters(env: Env<'_>, gossip_loop: ResourceArc<GossipLoop>) -> NifResult<HashMap<Atom, u64>> {
    let counters = gossip_loop.remote().counters();
    counters.named().map(|(name, count)| Ok((Atom::from_str(env, name)?, count))).collect()
}

#[rustler::nif]
fn loops() -> usize {
    gossip_loop::loops()
}

fn raise(error: std::io::Error) -> Error {
    Error::RaiseTerm(Box::new(error.to_string()))
}
