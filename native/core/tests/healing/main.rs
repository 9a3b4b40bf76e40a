//! A few nodes on hosts to which something happens, in virtual time: they hear again, and are heard,
//! within the bounds of docs/protocol.md.

#![allow(clippy::indexing_slicing)]

mod echoing;
mod interfaces;
mod joins;
mod memberships;
mod ours;
mod sends;
mod silence;
#[path = "../simulation/mod.rs"]
mod simulation;
mod sockets;
mod targets;
mod told;

use std::{ops::Range, time::Duration};

use native_gossip_core::{Config, Event, Fault};
use simulation::{
    host::Host,
    mesh::{Mesh, millis, secs},
    port::Call,
};

/// Each rule holds however the heartbeats fall.
const SEEDS: Range<u64> = 0..20;

/// What a scan sees is seen by then.
const SCAN: Duration = secs(2);

/// The longest gap between two heartbeats.
const GAP: Duration = secs(5);

/// Until the echoes of three heartbeats are missed: the first one is sent after the longest gap, the
/// others a second after each other at the latest, and half a second is left to each.
const THREE_ECHOES: Duration = millis(5000 + 3 * 500 + 2 * 1000);

/// Hosts with a node each that are connected and have been left in peace.
fn settled(size: usize, seed: u64) -> Mesh {
    settle(Mesh::new(size, seed, &Config::default()).lossy(0.0, millis(1)), seed)
}

fn settle(mut mesh: Mesh, seed: u64) -> Mesh {
    mesh.pass(secs(40) + millis(seed * 137));
    assert!(mesh.is_full_mesh());
    mesh.forget();
    mesh
}

/// Lets time pass until this node has heard another one again, and says how much.
fn heard_again(mesh: &mut Mesh, node: usize) -> Option<Duration> {
    mesh.heard.clear();
    mesh.until(secs(600), |mesh| mesh.heard.iter().any(|(_, by, _)| *by == node))
}

/// How long it takes from now on until a node is a member again.
fn member_again(mesh: &mut Mesh, node: usize) -> Option<Duration> {
    mesh.until(secs(600), |mesh| mesh.is_member(node))
}

fn raised(mesh: &Mesh, node: usize) -> Vec<&Fault> {
    let mut faults = mesh.said(node);
    faults.retain(|event| matches!(event, Event::FaultRaised(_)));
    faults.into_iter().filter_map(fault).collect()
}

fn cleared(mesh: &Mesh, node: usize) -> Vec<&Fault> {
    let mut faults = mesh.said(node);
    faults.retain(|event| matches!(event, Event::FaultCleared(_)));
    faults.into_iter().filter_map(fault).collect()
}

fn fault(event: &Event) -> Option<&Fault> {
    match event {
        Event::FaultRaised(fault) | Event::FaultCleared(fault) => Some(fault),
        _ => None,
    }
}

/// How many heartbeats a node has sent to the group, or tried to.
fn attempts(mesh: &Mesh, node: usize) -> usize {
    mesh.called(node, |call| matches!(call, Call::SendBy { .. })).len()
}

/// The interface to which nearly everything happens.
fn replace(host: &mut Host, is_same_address: bool, is_same_index: bool) {
    let slot = simulation::host::ETH0;
    let address = match is_same_address {
        true => host.nics[slot].address,
        false => [10, 77, 0, 22].into(),
    };
    host.remove(slot);
    host.make(slot, address, is_same_index);
}
