//! The functions of `NativeGossip.Native`, where they are documented.

use std::{collections::HashMap, time::Duration};

use native_gossip_net::Served;
use rustler::{Atom, Env, Error, NifResult, ResourceArc, Term};

use crate::{
    events,
    gossip_loop::{self, GossipLoop},
    snapshot::Snapshot,
    terms::{self, Address, Options, QuestionAtom, ReadinessMap, ReportAtom, ServedAtom},
};

#[rustler::nif]
fn open(
    env: Env<'_>,
    options: Options<'_>,
    refresh_ms: Option<u64>,
) -> NifResult<ResourceArc<GossipLoop>> {
    let refresh_interval = refresh_ms.map(Duration::from_millis);
    GossipLoop::open(env, options.config(refresh_interval), options.network()).map_err(raise)
}

#[rustler::nif(schedule = "DirtyIo")]
fn serve<'a>(
    env: Env<'a>,
    gossip_loop: ResourceArc<GossipLoop>,
    node: Term<'a>,
    debug: bool,
    slice_ms: u64,
) -> NifResult<(ServedAtom, Vec<Term<'a>>)> {
    let (identity, time) = (terms::node_name(node)?, Duration::from_millis(slice_ms));
    let served = GossipLoop::serve(&gossip_loop, env, identity, debug, time);
    let (served, events) = served.map_err(raise)?;
    let events = events.iter().map(|event| events::encode(env, event)).collect::<NifResult<_>>()?;
    let served = match served {
        Served::Slice => ServedAtom::Serving,
        Served::Stopped => ServedAtom::Stopped,
    };
    Ok((served, events))
}

#[rustler::nif]
fn report(
    gossip_loop: ResourceArc<GossipLoop>,
    node: Term<'_>,
    outcome: ReportAtom,
) -> NifResult<Atom> {
    if let Some(node) = terms::node_name(node)? {
        #[cfg(feature = "fault_injection")]
        crate::fault_injection::panic_if_named("panic-report@", &node);
        gossip_loop.handle().report(node, outcome.into());
    }
    Ok(rustler::types::atom::ok())
}

#[rustler::nif]
fn set_seeds(gossip_loop: ResourceArc<GossipLoop>, targets: Vec<(Address, u16)>) -> Atom {
    gossip_loop.handle().set_seeds(targets.into_iter().map(terms::socket_addr).collect());
    rustler::types::atom::ok()
}

#[rustler::nif]
fn drain(gossip_loop: ResourceArc<GossipLoop>) -> Atom {
    gossip_loop.handle().drain();
    rustler::types::atom::ok()
}

#[rustler::nif]
fn readiness(gossip_loop: ResourceArc<GossipLoop>) -> ReadinessMap {
    gossip_loop.handle().readiness().into()
}

#[rustler::nif]
fn counters(env: Env<'_>, gossip_loop: ResourceArc<GossipLoop>) -> NifResult<HashMap<Atom, u64>> {
    let counters = gossip_loop.handle().counters();
    counters.named().map(|(name, count)| Ok((Atom::from_str(env, name)?, count))).collect()
}

#[rustler::nif]
fn ask(env: Env<'_>, gossip_loop: ResourceArc<GossipLoop>, question: QuestionAtom) -> bool {
    gossip_loop.ask(env, question.into())
}

// The terms of thousands of peers take milliseconds.
#[rustler::nif(schedule = "DirtyCpu")]
fn read(env: Env<'_>, snapshot: ResourceArc<Snapshot>) -> NifResult<Term<'_>> {
    snapshot.encode(env)
}

#[rustler::nif]
fn loops() -> usize {
    gossip_loop::loops()
}

#[rustler::nif]
fn names(env: Env<'_>) -> NifResult<events::Names> {
    events::Names::all(env)
}

/// Raises `{code, text}`: the fields that a fault has of the system's error. Elixir has the sentence.
fn raise(error: std::io::Error) -> Error {
    Error::RaiseTerm(Box::new((error.raw_os_error(), error.to_string())))
}
