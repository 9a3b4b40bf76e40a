//! Events as terms: `{name, fields}`. `NativeGossip.Events` makes telemetry and sentences of them.

use std::net::{IpAddr, SocketAddr};

use native_gossip_core::{
    Event, Fault, InterfaceAddress, InterfaceSelector, Refusal,
    event::{MissingReason, ScanStep, SocketStep, SystemError},
};
use rustler::{Atom, Encoder, Env, NifMap, NifResult, Term};

mod keys {
    rustler::atoms! {
        fault, node, interface, cause, packets, source, group, name, index, address, step, code, text,
        wanted, reason, target, failing, taken, lost, missing, of,
        some, off_ms, by_ms
    }
}

/// The names of all that an event can tell, for a test of their sentences.
#[derive(NifMap)]
#[rustler(encode)]
pub(crate) struct Names {
    events: Vec<Atom>,
    faults: Vec<Atom>,
    refusals: Vec<Atom>,
    socket_steps: Vec<Atom>,
    scan_steps: Vec<Atom>,
    missing_reasons: Vec<Atom>,
}

impl Names {
    pub(crate) fn all(env: Env<'_>) -> NifResult<Self> {
        let atoms = |names: &mut dyn Iterator<Item = &'static str>| {
            names.map(|name| Atom::from_str(env, name)).collect::<NifResult<Vec<_>>>()
        };
        Ok(Self {
            events: atoms(&mut Event::NAMES.iter().copied())?,
            faults: atoms(&mut Fault::NAMES.iter().copied())?,
            refusals: atoms(&mut Refusal::ALL.iter().map(|cause| cause.name()))?,
            socket_steps: atoms(&mut SocketStep::ALL.iter().map(|step| step.name()))?,
            scan_steps: atoms(&mut ScanStep::ALL.iter().map(|step| step.name()))?,
            missing_reasons: atoms(&mut MissingReason::ALL.iter().map(|reason| reason.name()))?,
        })
    }
}

/// The fields of an event, each under its name.
pub(crate) struct Fields<'a> {
    env: Env<'a>,
    map: NifResult<Term<'a>>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(env: Env<'a>) -> Self {
        Self { env, map: Ok(Term::map_new(env)) }
    }

    pub(crate) fn with(self, key: Atom, value: impl Encoder) -> Self {
        let value = value.encode(self.env);
        Self { env: self.env, map: self.map.and_then(|map| map.map_put(key, value)) }
    }

    pub(crate) fn named(self, key: Atom, name: &str) -> NifResult<Self> {
        let name = Atom::from_str(self.env, name)?;
        Ok(self.with(key, name))
    }

    fn error(self, error: &SystemError) -> Self {
        self.with(keys::code(), error.code).with(keys::text(), &error.text)
    }

    fn address(self, key: Atom, address: IpAddr) -> Self {
        let term = address_term(self.env, address);
        self.with(key, term)
    }

    fn socket_address(self, key: Atom, address: SocketAddr) -> Self {
        let term = socket_address_term(self.env, address);
        self.with(key, term)
    }

    fn interface(self, interface: &InterfaceAddress) -> NifResult<Self> {
        let term = interface_term(self.env, interface)?;
        Ok(self.with(keys::interface(), term))
    }
}

/// A fault as a map.
pub(crate) fn fault_term<'a>(env: Env<'a>, fault: &Fault) -> NifResult<Term<'a>> {
    with_fault(Fields::new(env), fault)?.map
}

/// `{name, fields}`.
pub(crate) fn encode<'a>(env: Env<'a>, event: &Event) -> NifResult<Term<'a>> {
    let name = Atom::from_str(env, event.name())?;
    let fields = Fields::new(env);
    let fields = match event {
        Event::HeartbeatSent => fields,
        Event::HeartbeatReceived { node, source, interface, loss } => fields
            .with(keys::node(), node.as_str())
            .socket_address(keys::source(), *source)
            .with(keys::interface(), interface)
            .with(keys::taken(), loss.map(|loss| loss.received))
            .with(keys::lost(), loss.map(|loss| loss.missing)),
        Event::PacketsRefused { cause, packets, source, interface } => fields
            .named(keys::cause(), cause.name())?
            .with(keys::packets(), packets)
            .socket_address(keys::source(), *source)
            .with(keys::interface(), interface),
        Event::GroupJoined(group, interface)
        | Event::GroupLeft(group, interface)
        | Event::PeersSilent(group, interface) => {
            fields.address(keys::group(), *group).interface(interface)?
        }
        Event::PeerConnected(node) | Event::PeerUnreachable(node) | Event::NameShared(node) => {
            fields.with(keys::node(), node.as_str())
        }
        Event::ClockOff { node, off_ms } | Event::Unproven { node, off_ms } => {
            fields.with(keys::node(), node.as_str()).with(keys::off_ms(), off_ms)
        }
        Event::ClockMoved { node, by_ms, off_ms } => fields
            .with(keys::node(), node.as_str())
            .with(keys::by_ms(), by_ms)
            .with(keys::off_ms(), off_ms),
        Event::ClockStepped { by_ms } => fields.with(keys::by_ms(), by_ms),
        Event::FaultRaised(fault) | Event::FaultCleared(fault) => with_fault(fields, fault)?,
    };
    Ok((name, fields.map?).encode(env))
}

fn with_fault<'a>(fields: Fields<'a>, fault: &Fault) -> NifResult<Fields<'a>> {
    let fields = fields.named(keys::fault(), fault.name())?;
    Ok(match fault {
        Fault::Socket { step, address, error } => fields
            .named(keys::step(), step.name())?
            .socket_address(keys::address(), *address)
            .error(error),
        Fault::Scan { step, error } => fields.named(keys::step(), step.name())?.error(error),
        Fault::InterfaceMissing { group, wanted, reason } => {
            let wanted = wanted_term(fields.env, wanted);
            fields
                .address(keys::group(), *group)
                .with(keys::wanted(), wanted)
                .named(keys::reason(), reason.name())?
        }
        Fault::NoInterface { group } | Fault::LoopbackOnly { group } => {
            fields.address(keys::group(), *group)
        }
        Fault::Join { group, interface, error } => {
            fields.address(keys::group(), *group).interface(interface)?.error(error)
        }
        Fault::JoinLimit { group, missing, of, some, error } => {
            let some = some.iter().map(|interface| interface_term(fields.env, interface));
            let some = some.collect::<NifResult<Vec<_>>>()?;
            let fields = fields.address(keys::group(), *group).with(keys::missing(), missing);
            fields.with(keys::of(), of).with(keys::some(), some).error(error)
        }
        Fault::NoEcho { group, interface } => {
            fields.address(keys::group(), *group).interface(interface)?
        }
        Fault::SendBy { target, interface, error } => {
            fields.socket_address(keys::target(), *target).interface(interface)?.error(error)
        }
        Fault::SendTo { target, error } => {
            fields.socket_address(keys::target(), *target).error(error)
        }
        Fault::Seeds { failing, of, some, error } => {
            let some: Vec<_> =
                some.iter().map(|seed| socket_address_term(fields.env, *seed)).collect();
            let fields = fields.with(keys::failing(), failing).with(keys::of(), of);
            fields.with(keys::some(), some).error(error)
        }
    })
}

/// `{:address, address}` or `{:name, name}`.
fn wanted_term<'a>(env: Env<'a>, wanted: &InterfaceSelector) -> Term<'a> {
    match wanted {
        InterfaceSelector::Address(address) => {
            (keys::address(), address_term(env, *address)).encode(env)
        }
        InterfaceSelector::Name(name) => (keys::name(), name).encode(env),
    }
}

/// A map of the name, the index and the address.
fn interface_term<'a>(env: Env<'a>, interface: &InterfaceAddress) -> NifResult<Term<'a>> {
    let fields = Fields::new(env)
        .with(keys::name(), &interface.name)
        .with(keys::index(), interface.index)
        .address(keys::address(), interface.address);
    fields.map
}

/// `{address, port}`.
pub(crate) fn socket_address_term(env: Env<'_>, address: SocketAddr) -> Term<'_> {
    (address_term(env, address.ip()), address.port()).encode(env)
}

/// An address, as `:inet` has it: a tuple of four or eight integers.
pub(crate) fn address_term(env: Env<'_>, address: IpAddr) -> Term<'_> {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            (a, b, c, d).encode(env)
        }
        IpAddr::V6(address) => {
            let parts = address.segments().map(|part| part.encode(env));
            rustler::types::tuple::make_tuple(env, &parts)
        }
    }
}
