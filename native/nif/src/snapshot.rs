//! The answers of the loop as terms. `NativeGossip.Status` and `NativeGossip.Peer` say what is in them.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use native_gossip_core::{
    Fault,
    status::{
        LastRefused, LastingFault, MembershipStatus, PeerState, PeerStatus, SocketStatus, Status,
    },
};
use native_gossip_net::Answer;
use rustler::{Atom, Encoder, Env, Error, NifMap, NifResult, Resource, Term};

use crate::{
    events::{address_term, fault_term, socket_address_term},
    terms::{self, ReadinessMap},
};

mod atoms {
    rustler::atoms! { since_ms }
}

/// An answer, until somebody makes terms of it: the BEAM may keep what stands for it much longer, and does not
/// know how large it is.
pub(crate) struct Snapshot(Mutex<Option<Answer>>);

#[rustler::resource_impl]
impl Resource for Snapshot {}

impl Snapshot {
    pub(crate) fn new(answer: Answer) -> Self {
        Self(Mutex::new(Some(answer)))
    }

    pub(crate) fn encode<'a>(&self, env: Env<'a>) -> NifResult<Term<'a>> {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match answer.ok_or(Error::BadArg)? {
            Answer::Status(status) => Ok(StatusMap::new(env, &status)?.encode(env)),
            Answer::Peers(peers) => {
                let peers = peers.iter().map(|peer| Ok(PeerMap::new(env, peer)?.encode(env)));
                Ok(peers.collect::<NifResult<Vec<Term<'_>>>>()?.encode(env))
            }
        }
    }
}

#[derive(NifMap)]
#[rustler(encode)]
struct StatusMap<'a> {
    node: Option<Atom>,
    incarnation: Option<u64>,
    draining: bool,
    heartbeat_form: Atom,
    socket: SocketMap<'a>,
    memberships: Vec<MembershipMap<'a>>,
    echo_ms: Option<u64>,
    counters: Vec<(Atom, u64)>,
    last_refused: Vec<(Atom, LastRefusedMap<'a>)>,
    send_failures: u64,
    interval_ms: u64,
    overloaded: bool,
    readiness: ReadinessMap,
    peers: Vec<(Atom, usize)>,
    faults: Vec<Term<'a>>,
}

#[derive(NifMap)]
#[rustler(encode)]
struct SocketMap<'a> {
    address: Term<'a>,
    target: Term<'a>,
    broadcast: bool,
    hears_groups: bool,
    open: bool,
    fault: Option<Term<'a>>,
}

#[derive(NifMap)]
#[rustler(encode)]
struct MembershipMap<'a> {
    name: Option<Term<'a>>,
    index: Option<u32>,
    address: Option<Term<'a>>,
    joined: bool,
    echo_ms: Option<u64>,
    heard_ms: Option<u64>,
    faults: Vec<Term<'a>>,
}

#[derive(NifMap)]
#[rustler(encode)]
struct LastRefusedMap<'a> {
    source: Term<'a>,
    interface: Option<Term<'a>>,
    ms: u64,
}

#[derive(NifMap)]
#[rustler(encode)]
struct PeerMap<'a> {
    name: Term<'a>,
    state: Term<'a>,
    address: Option<Term<'a>>,
    port: Option<u16>,
    interface: Option<Term<'a>>,
    heard_ms: u64,
    heartbeat_form: Atom,
    secret: Option<usize>,
    loss: Option<f64>,
    received: Option<u64>,
    missing: Option<u64>,
    clock_ms: Option<i64>,
}

impl<'a> StatusMap<'a> {
    fn new(env: Env<'a>, status: &Status) -> NifResult<Self> {
        let atom = |name: &str| Atom::from_str(env, name);
        let refused = status.last_refused.iter();
        let faults = status.faults.iter();
        Ok(Self {
            node: status.identity.as_ref().map(|node| terms::node_atom(env, node)).transpose()?,
            incarnation: status.incarnation,
            draining: status.is_draining,
            heartbeat_form: atom(status.form.name())?,
            socket: SocketMap::new(env, &status.socket)?,
            memberships: status
                .memberships
                .iter()
                .map(|membership| MembershipMap::new(env, membership))
                .collect::<NifResult<_>>()?,
            echo_ms: status.echoed_ago.map(millis),
            counters: status
                .counters
                .named()
                .map(|(name, count)| Ok((atom(name)?, count)))
                .collect::<NifResult<_>>()?,
            last_refused: refused
                .map(|last| Ok((atom(last.cause.name())?, LastRefusedMap::new(env, last))))
                .collect::<NifResult<_>>()?,
            send_failures: status.send_failures,
            interval_ms: millis(status.longest_gap),
            overloaded: status.is_overloaded,
            readiness: status.readiness.clone().into(),
            peers: status
                .peers
                .iter()
                .map(|(name, count)| Ok((atom(name)?, *count)))
                .collect::<NifResult<_>>()?,
            faults: faults.map(|fault| lasting_term(env, fault)).collect::<NifResult<_>>()?,
        })
    }
}

impl<'a> SocketMap<'a> {
    fn new(env: Env<'a>, socket: &SocketStatus) -> NifResult<Self> {
        Ok(Self {
            address: socket_address_term(env, socket.address),
            target: socket_address_term(env, socket.target),
            broadcast: socket.is_broadcast,
            hears_groups: socket.hears_groups,
            open: socket.is_open,
            fault: socket.fault.as_ref().map(|fault| lasting_term(env, fault)).transpose()?,
        })
    }
}

impl<'a> MembershipMap<'a> {
    fn new(env: Env<'a>, membership: &MembershipStatus) -> NifResult<Self> {
        let faults = membership.faults.iter().map(|fault: &Fault| fault_term(env, fault));
        Ok(Self {
            name: membership.name.as_ref().map(|name| name.encode(env)),
            index: membership.index,
            address: membership.address.map(|address: IpAddr| address_term(env, address)),
            joined: membership.is_joined,
            echo_ms: membership.echoed_ago.map(millis),
            heard_ms: membership.heard_ago.map(millis),
            faults: faults.collect::<NifResult<_>>()?,
        })
    }
}

impl<'a> LastRefusedMap<'a> {
    fn new(env: Env<'a>, last: &LastRefused) -> Self {
        let source = socket_address_term(env, last.source);
        Self {
            source,
            interface: last.interface.as_ref().map(|name| name.encode(env)),
            ms: millis(last.ago),
        }
    }
}

impl<'a> PeerMap<'a> {
    fn new(env: Env<'a>, peer: &PeerStatus) -> NifResult<Self> {
        Ok(Self {
            name: peer.node.as_str().encode(env),
            state: state_term(env, &peer.state)?,
            address: peer.source.map(|source| address_term(env, source.ip())),
            port: peer.source.map(|source| source.port()),
            interface: peer.interface.as_ref().map(|name| name.encode(env)),
            heard_ms: millis(peer.heard_ago),
            heartbeat_form: Atom::from_str(env, peer.form.name())?,
            // People count from 1.
            secret: peer.secret_index.map(|place| place + 1),
            loss: peer.loss.map(|loss| loss.percent()),
            received: peer.loss.map(|loss| loss.received),
            missing: peer.loss.map(|loss| loss.missing),
            clock_ms: peer.clock_off_ms,
        })
    }
}

/// An atom, or `{:backing_off, ms, failures}`.
fn state_term<'a>(env: Env<'a>, state: &PeerState) -> NifResult<Term<'a>> {
    let name = Atom::from_str(env, state.name())?;
    Ok(match state {
        PeerState::BackingOff { remaining, failures } => {
            (name, millis(*remaining), failures).encode(env)
        }
        _ => name.encode(env),
    })
}

/// A fault as a map, with its `since_ms`.
fn lasting_term<'a>(env: Env<'a>, lasting: &LastingFault) -> NifResult<Term<'a>> {
    fault_term(env, &lasting.fault)?.map_put(atoms::since_ms(), millis(lasting.since))
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
