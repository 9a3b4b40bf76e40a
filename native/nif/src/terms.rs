//! Terms that come from Elixir and go there.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use native_gossip_core::{
    Authentication, Config, Glob, InterfaceSelection, InterfaceSelector, NetworkConfig, NodeName,
    Report, Secret, trust::Readiness,
};
use native_gossip_net::Question;
use rustler::{
    Atom, Binary, Decoder, Error, NifMap, NifResult, NifUnitEnum, NifUntaggedEnum, Term,
    types::tuple::get_tuple,
};

mod atoms {
    rustler::atoms! { gossip_peer, gossip_snapshot, all }
}

pub(crate) use atoms::{gossip_peer, gossip_snapshot};

/// An address, as `:inet` has it: a tuple of four or eight integers.
pub(crate) struct Address(IpAddr);

impl<'a> Decoder<'a> for Address {
    fn decode(term: Term<'a>) -> NifResult<Self> {
        let parts = get_tuple(term)?;
        let parts: Vec<u16> = parts.into_iter().map(Term::decode).collect::<NifResult<_>>()?;
        if let Ok(groups) = <[u16; 8]>::try_from(parts.as_slice()) {
            return Ok(Self(groups.into()));
        }
        let octets = parts.into_iter().map(u8::try_from).collect::<Result<Vec<_>, _>>();
        let octets = octets.ok().and_then(|octets| <[u8; 4]>::try_from(octets).ok());
        octets.map(|octets| Self(octets.into())).ok_or(Error::BadArg)
    }
}

/// The address of a seed and its port.
pub(crate) fn socket_addr((address, port): (Address, u16)) -> SocketAddr {
    SocketAddr::new(address.0, port)
}

/// `nil`, `:all`, or a list.
struct MulticastIf(InterfaceSelection);

impl<'a> Decoder<'a> for MulticastIf {
    fn decode(term: Term<'a>) -> NifResult<Self> {
        if let Ok(names) = term.decode::<Vec<NamedInterface>>() {
            return Ok(Self(InterfaceSelection::Listed(
                names.into_iter().map(Into::into).collect(),
            )));
        }
        match term.decode::<Atom>()? {
            word if word == rustler::types::atom::nil() => Ok(Self(InterfaceSelection::Routed)),
            word if word == atoms::all() => Ok(Self(InterfaceSelection::All)),
            _ => Err(Error::BadArg),
        }
    }
}

#[derive(NifUntaggedEnum)]
#[rustler(decode)]
enum NamedInterface {
    Name(String),
    Address(Address),
}

impl From<NamedInterface> for InterfaceSelector {
    fn from(named: NamedInterface) -> Self {
        match named {
            NamedInterface::Name(name) => Self::Name(name),
            NamedInterface::Address(address) => Self::Address(address.0),
        }
    }
}

/// The options, as `NativeGossip.Options` has checked and completed them.
#[derive(NifMap)]
#[rustler(decode)]
pub(crate) struct Options<'a> {
    port: u16,
    if_addr: Address,
    multicast_if: MulticastIf,
    multicast_addr: Address,
    multicast_ttl: u8,
    broadcast_only: bool,
    secret: Vec<Binary<'a>>,
    seal: bool,
    authentication: AuthenticationAtom,
    cluster: Option<String>,
    allow: Vec<String>,
    heartbeat_interval: u64,
    max_peers: usize,
    receive_limit: u32,
}

impl Options<'_> {
    /// Each field is named, so that the compiler asks for one that is new.
    pub(crate) fn config(&self, refresh_interval: Option<Duration>) -> Config {
        Config {
            secrets: self.secret.iter().map(|secret| Secret(secret.to_vec())).collect(),
            seal: self.seal,
            authentication: match self.authentication {
                AuthenticationAtom::Compatible => Authentication::Compatible,
                AuthenticationAtom::Required => Authentication::Required,
            },
            cluster: self.cluster.clone(),
            allow: self.allow.iter().map(|glob| Glob::new(glob)).collect(),
            heartbeat_interval: Duration::from_millis(self.heartbeat_interval),
            max_peers: self.max_peers,
            refresh_interval,
        }
    }

    pub(crate) fn network(self) -> NetworkConfig {
        NetworkConfig {
            port: self.port,
            if_addr: self.if_addr.0,
            multicast_if: self.multicast_if.0,
            multicast_addr: self.multicast_addr.0,
            multicast_ttl: self.multicast_ttl,
            broadcast_only: self.broadcast_only,
            receive_limit: self.receive_limit,
        }
    }
}

#[derive(NifUnitEnum)]
enum AuthenticationAtom {
    Compatible,
    Required,
}

/// Which names sign: a count, and one for each secret.
#[derive(NifMap)]
#[rustler(encode)]
pub(crate) struct ReadinessMap {
    unsigned: usize,
    signed: Vec<usize>,
}

impl From<Readiness> for ReadinessMap {
    fn from(Readiness { unsigned, signed }: Readiness) -> Self {
        Self { unsigned, signed }
    }
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

/// What is asked of the loop.
#[derive(NifUnitEnum)]
pub(crate) enum QuestionAtom {
    Status,
    Peers,
}

impl From<QuestionAtom> for Question {
    fn from(atom: QuestionAtom) -> Self {
        match atom {
            QuestionAtom::Status => Self::Status,
            QuestionAtom::Peers => Self::Peers,
        }
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

/// The atom of a node name. It is in the atom table for ever: the budget of new names bounds how
/// many there will be.
pub(crate) fn node_atom(env: rustler::Env<'_>, node: &NodeName) -> NifResult<Atom> {
    Atom::from_str(env, node.as_str())
}
