//! What is measured. A case makes packets, which is not measured, and takes one after the other, which is.
//!
//! Names, seeds and clocks are fixed, so that each run does the same. Heartbeats come 5 ms apart, as in a
//! large settled cluster.

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use native_gossip_core::{
    Authentication, Config, Engine, NodeName, Now, Received, Refusal, Report, Secret, Time,
    WallTime,
    budget::NEW_NAME_INTERVAL,
    packet::{self, Form, Keyring, Label, Signed, Trailer},
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const BEAT_INTERVAL: Duration = Duration::from_millis(5);

pub struct Case {
    pub group: &'static str,
    pub name: String,
    /// Makes all that has to be there before.
    pub prepare: Box<dyn Fn() -> Subject>,
}

/// Takes a packet.
pub type Take = dyn FnMut(&[u8]);

pub struct Subject {
    /// Makes the next packet.
    pub make: Box<dyn FnMut() -> Vec<u8>>,
    /// Takes it: this is measured.
    pub take: Box<Take>,
}

#[derive(Clone, Copy)]
enum Manner {
    Plain,
    Sealed,
    Signed,
    SealedAndSigned,
}
use Manner::{Plain, Sealed, SealedAndSigned, Signed as SignedAlone};

/// All cases. An engine that is not alive judges packets and knows no peers, so of a case without peers the
/// packet is all that is measured.
pub fn all() -> Vec<Case> {
    let unsealed = || Config { seal: false, ..config(1) };
    let required = || Config { authentication: Authentication::Required, ..config(1) };
    let labelled = || Config { cluster: Some("ours".into()), ..config(1) };
    let mut cases = vec![
        case("decode", "plain", || accept(config(0), Senders::new(1, Plain, 0))),
        case("open", "first secret", || accept(config(1), Senders::new(1, Sealed, 0))),
        case("open", "last of 8 secrets", || accept(config(8), Senders::new(1, Sealed, 7))),
        case("verify", "signed", move || accept(unsealed(), Senders::new(1, SignedAlone, 0))),
        case("verify", "sealed and signed", || {
            accept(config(1), Senders::new(1, SealedAndSigned, 0))
        }),
        case("refuse", "noise", || refuse(config(1), noise(), Refusal::Undecryptable)),
        case("refuse", "undecryptable", || {
            refuse(config(1), beats(Senders::new(1, Sealed, 1)), Refusal::Undecryptable)
        }),
        case("refuse", "unsigned", move || {
            refuse(required(), beats(Senders::new(1, Sealed, 0)), Refusal::Unsigned)
        }),
        case("refuse", "other label", move || {
            refuse(labelled(), beats(Senders::new(1, SealedAndSigned, 0)), Refusal::Cluster)
        }),
        case("send", "sealed", || send(Sealed)),
        case("send", "sealed and signed", || send(SealedAndSigned)),
        case("hear", "plain", || hear(100, Plain)),
        case("hear", "sealed", || hear(100, Sealed)),
        case("hear", "sealed and signed", || hear(100, SealedAndSigned)),
    ];
    for peers in [10, 1000, 100_000] {
        cases.push(case("peers", format!("one of {peers}"), move || hear(peers, Plain)));
        cases.push(case("peers", format!("new among {peers}"), move || take_in(peers)));
    }
    cases
}

fn case(
    group: &'static str,
    name: impl Into<String>,
    prepare: impl Fn() -> Subject + 'static,
) -> Case {
    Case { group, name: name.into(), prepare: Box::new(prepare) }
}

/// Heartbeats that are taken.
fn accept(config: Config, senders: Senders) -> Subject {
    let mut receiver = Receiver::new(config);
    Subject { make: beats(senders), take: Box::new(move |packet| receiver.accept(packet)) }
}

/// Packets that are refused for this cause.
fn refuse(config: Config, make: Box<dyn FnMut() -> Vec<u8>>, cause: Refusal) -> Subject {
    let mut receiver = Receiver::new(config);
    let take = move |packet: &[u8]| match receiver.receive(packet) {
        // Under a wrong key the padding of one in 256 comes out even.
        Received::Refused(Refusal::Malformed) if cause == Refusal::Undecryptable => {}
        received => assert_eq!(received, Received::Refused(cause)),
    };
    Subject { make, take: Box::new(take) }
}

/// A heartbeat is made.
fn send(manner: Manner) -> Subject {
    let mut senders = Senders::new(1, manner, 0);
    Subject { make: Box::new(Vec::new), take: Box::new(move |_| drop(black_box(senders.beat()))) }
}

/// Heartbeats of connected peers.
fn hear(peers: usize, manner: Manner) -> Subject {
    let secrets = if matches!(manner, Plain) { 0 } else { 1 };
    let mut senders = Senders::new(peers, manner, 0);
    let config = Config { max_peers: peers, ..config(secrets) };
    let mut receiver = Receiver::connected_to(&mut senders, config);
    Subject { make: beats(senders), take: Box::new(move |packet| receiver.accept(packet)) }
}

/// A new name is heard and announced, and cannot be connected to. It takes the place of the one before.
fn take_in(peers: usize) -> Subject {
    let config = Config { max_peers: peers + 1, ..config(0) };
    let mut receiver = Receiver::connected_to(&mut Senders::new(peers, Plain, 0), config);
    let mut places = peers..;
    let make = move || {
        let place = places.next().unwrap_or_default();
        packet::encode(&name(place), &Keyring::default(), [0; 16])
    };
    let take = move |packet: &[u8]| {
        receiver.accept(packet);
        receiver.time += NEW_NAME_INTERVAL;
        let now = receiver.now().time;
        let node = receiver.engine.next_announcement(now).expect("a new name is announced");
        receiver.engine.report(now, &node, Report::Unreachable);
    };
    Subject { make: Box::new(make), take: Box::new(take) }
}

fn beats(mut senders: Senders) -> Box<dyn FnMut() -> Vec<u8>> {
    Box::new(move || senders.beat())
}

fn noise() -> Box<dyn FnMut() -> Vec<u8>> {
    let mut rng = rng();
    Box::new(move || {
        let mut packet = vec![0; 120];
        rng.fill_bytes(&mut packet);
        packet
    })
}

/// With the first of our secrets.
fn config(secrets: usize) -> Config {
    Config { secrets: (0..secrets).map(secret).collect(), ..Config::default() }
}

fn secret(place: usize) -> Secret {
    Secret(format!("correct horse battery staple {place}").into_bytes())
}

fn name(place: usize) -> NodeName {
    NodeName::parse(&format!("app-{place}@10.0.0.1")).expect("a name of a node")
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn at(elapsed: Duration) -> Now {
    let wall = 1_790_000_000_000 + u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    Now { time: Time::after(elapsed), wall: WallTime::from_millis(wall) }
}

/// A node.
struct Receiver {
    engine: Engine<StdRng>,
    time: Duration,
}

impl Receiver {
    fn new(config: Config) -> Self {
        Self { engine: Engine::new(config, rng()), time: Duration::ZERO }
    }

    /// A node that is alive, and connected to all of them.
    fn connected_to(senders: &mut Senders, config: Config) -> Self {
        let mut receiver = Self::new(config);
        receiver.engine.set_identity(receiver.now().time, NodeName::parse("me@10.0.0.2").ok());
        for _ in 0..senders.names.len() {
            let Received::Peer(heartbeat) = receiver.receive(&senders.beat()) else {
                panic!("a heartbeat of a peer is refused")
            };
            receiver.engine.report(receiver.now().time, &heartbeat.node, Report::Connected);
        }
        receiver
    }

    fn now(&self) -> Now {
        at(self.time)
    }

    fn receive(&mut self, packet: &[u8]) -> Received {
        self.time += BEAT_INTERVAL;
        self.engine.receive(self.now(), SOURCE, packet)
    }

    fn accept(&mut self, packet: &[u8]) {
        let received = self.receive(packet);
        assert!(matches!(received, Received::Peer(_)), "{received:?}");
    }
}

/// Nodes of which one after the other sends a heartbeat.
struct Senders {
    names: Vec<NodeName>,
    manner: Manner,
    keyring: Keyring,
    rng: StdRng,
    sent: usize,
    time: Duration,
}

impl Senders {
    fn new(nodes: usize, manner: Manner, secret_index: usize) -> Self {
        let keyring = Keyring::new(&[secret(secret_index)], None);
        let names = (0..nodes).map(name).collect();
        Self { names, manner, keyring, rng: rng(), sent: 0, time: Duration::ZERO }
    }

    fn beat(&mut self) -> Vec<u8> {
        let place = self.sent % self.names.len();
        let node = self.names.get(place).expect("one of the names");
        let seq = u32::try_from(self.sent / self.names.len() + 1).unwrap_or(u32::MAX);
        let signed = Signed { incarnation: place as u64, seq, echoes: Default::default() };
        self.sent += 1;
        self.time += BEAT_INTERVAL;
        let trailer = Trailer {
            is_leaving: false,
            stamp: at(self.time).wall,
            label: Label::default(),
            signed: Some(signed),
        };
        let iv = self.rng.random();
        match self.manner {
            Plain => packet::encode(node, &Keyring::default(), iv),
            Sealed => packet::encode(node, &self.keyring, iv),
            SignedAlone => packet::encode_with(node, &trailer, &self.keyring, Form::Plain),
            SealedAndSigned => packet::encode_with(node, &trailer, &self.keyring, Form::Sealed(iv)),
        }
    }
}
