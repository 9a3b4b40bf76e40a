//! Terms that come from Elixir and go there.

use std::{net::Ipv4Addr, time::Duration};

use native_gossip_core::{Config, NodeName, Refusal, Report, Secret};
use native_gossip_net::{NetConfig, Notice};
use rustler::{Atom, Binary, Error, NifMap, NifResult, NifUnitEnum, Term};

mod atoms {
    rustler::atoms! { gossip_peer }
}

pub(crate) use atoms::gossip_peer;

type Address = (u8, u8, u8, u8);

/// The options, as `NativeGossip.Options` has checked and completed them.
#[derive(NifMap)]
pub(crate) struct Options<'a> {
    port: u16,
    if_addr: Address,
    multicast_if: Option<Address>,
    multicast_addr: Address,
    multicast_ttl: u8,
    broadcast_only: bool,
    secret: Vec<Binary<'a>>,
    heartbeat_interval: u64,
    max_peers: usize,
    receive_limit: u32,
}

impl Options<'_> {
    pub(crate) fn engine(&self) -> Config {
        Config {
            secrets: self.secret.iter().map(|secret| Secret(secret.to_vec())).collect(),
            heartbeat_interval: Duration::from_millis(self.heartbeat_interval),
            max_peers: self.max_peers,
        }
    }

    pub(crate) fn net(&self) -> NetConfig {
        NetConfig {
            port: self.port,
            if_addr: ipv4(self.if_addr),
            multicast_if: self.multicast_if.map(ipv4),
            multicast_addr: ipv4(self.multicast_addr),
            multicast_ttl: self.multicast_ttl,
            broadcast_only: self.broadcast_only,
            receive_limit: self.receive_limit,
        }
    }
}

fn ipv4((a, b, c, d): Address) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

/// What became of a peer, as an atom.
#[derive(NifUnitEnum)]
pub(crate) enum ReportAtom {
    Connected,
    Unreachable,
    Down,
}

impl From<ReportAtom> for Report {
    fn from(atom: ReportAtom) -> Self {
        match atom {
            ReportAtom::Connected => Self::Connected,
            ReportAtom::Unreachable => Self::Unreachable,
            ReportAtom::Down => Self::Down,
        }
    }
}

/// The level at which a line is to be logged.
#[derive(NifUnitEnum)]
pub(crate) enum Level {
    Debug,
    Info,
    Warning,
}

/// A line for the log.
pub(crate) fn log_line(notice: Notice<'_>) -> (Level, String) {
    match notice {
        Notice::Sent => (Level::Debug, "heartbeat".into()),
        Notice::Heard(node) => (Level::Debug, format!("received heartbeat from {node}")),
        Notice::Refused { cause, packets, source } => {
            let line = format!(
                "packets refused as {cause}: {packets}, the last one from {source}; {}",
                cause.meaning()
            );
            // Many peers at once are what a large cluster starts with.
            let level = if cause == Refusal::OverLimit { Level::Info } else { Level::Warning };
            (level, line)
        }
        Notice::Trouble(trouble) => (Level::Warning, format!("{trouble}; trying again")),
        Notice::Mended => (Level::Info, "heartbeats are sent again".into()),
    }
}

/// Whether the loop is to be served again.
#[derive(NifUnitEnum)]
pub(crate) enum ServedAtom {
    Serving,
    Stopped,
}

/// The node that an atom names; `None` where it names none, as `:nonode@nohost` and every atom
/// beyond Latin-1.
pub(crate) fn node_name(atom: Term<'_>) -> NifResult<Option<NodeName>> {
    if !atom.is_atom() {
        return Err(Error::BadArg);
    }
    Ok(atom.atom_to_string().ok().and_then(|text| NodeName::parse(&text).ok()))
}

/// The atom of a node name. It is in the atom table for ever: the engine's allowance of new names
/// bounds how many there will be.
pub(crate) fn node_atom(env: rustler::Env<'_>, node: &NodeName) -> NifResult<Atom> {
    Atom::from_str(env, node.as_str())
}
