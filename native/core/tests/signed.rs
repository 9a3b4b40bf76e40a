//! Signed packets that another implementation made, with verdicts; and what becomes of one of them when
//! anything of it is changed.

#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod receiver;

use std::collections::BTreeMap;

use native_gossip_core::{
    Authentication, Config, Glob, NodeName, Now, Received, Refusal, WallTime,
    packet::{self, Form, Label, Signed, Trailer},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use receiver::{Receiver, after, keyring, secrets};
use serde::Deserialize;

const SECRET: &str = "correct horse battery staple";

#[derive(Deserialize)]
struct Scenario {
    scenario: String,
    secrets: Vec<String>,
    cluster: Option<String>,
    authentication: String,
    seal: bool,
    #[serde(default)]
    allow: Vec<String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    at: u64,
    packet: String,
    expect: String,
}

impl Scenario {
    fn receiver(&self) -> Receiver {
        let of: Vec<_> = self.secrets.iter().map(String::as_str).collect();
        Receiver::with(Config {
            secrets: secrets(&of),
            cluster: self.cluster.clone(),
            authentication: match self.authentication.as_str() {
                "required" => Authentication::Required,
                _ => Authentication::Compatible,
            },
            seal: self.seal,
            allow: self.allow.iter().map(|glob| Glob::new(glob)).collect(),
            ..Config::default()
        })
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// As `decode` prints it.
fn verdict(received: &Received) -> String {
    match received {
        Received::Peer(heartbeat) => format!("node {}", heartbeat.node),
        Received::Copy(heartbeat) => format!("copy {}", heartbeat.node),
        Received::Refused(cause) => format!("reject {cause}"),
        Received::Echo => "echo".into(),
    }
}

#[test]
fn every_scenario_goes_as_it_is_told() {
    let read = |text| serde_json::from_str::<Vec<Scenario>>(text).expect("scenarios");
    let given = read(include_str!("vectors/signed.json"));
    // Made by test/support/signed_vectors.ex, which test/signed_vectors_test.exs compares with the file.
    let ours = read(include_str!("vectors/signed_elixir.json"));
    assert!(given.len() >= 38 && ours.len() >= 22, "the files have lost some");
    for scenario in given.into_iter().chain(ours) {
        let mut receiver = scenario.receiver();
        let first = scenario.steps[0].at;
        for (number, Step { at, packet, expect }) in scenario.steps.iter().enumerate() {
            let now = Now { wall: WallTime::from_millis(*at), ..after(at - first) };
            let verdict = verdict(&receiver.receive(now, &bytes(packet)));
            let is_as_told = match expect.as_str() {
                "reject" => verdict.starts_with("reject "),
                expect => verdict == expect,
            };
            assert!(is_as_told, "{}, {number}: {verdict}, not {expect}", scenario.scenario);
        }
    }
}

/// A receiver that takes signed heartbeats alone.
fn required(seal: bool) -> Receiver {
    let authentication = Authentication::Required;
    Receiver::with(Config {
        secrets: secrets(&[SECRET]),
        seal,
        authentication,
        ..Config::default()
    })
}

fn node() -> NodeName {
    NodeName::parse("app@10.0.0.1").expect("a node name")
}

fn trailer(echoes: Vec<u64>) -> Trailer {
    let signed = Some(Signed { incarnation: 7, seq: 1, echoes: echoes.into_iter().collect() });
    Trailer { is_leaving: false, stamp: after(0).wall, label: Label::default(), signed }
}

fn packet(form: Form) -> Vec<u8> {
    packet::encode_with(&node(), &trailer(vec![3, 4]), &keyring(&[SECRET]), form)
}

/// Where the trailer of a plain packet begins: behind the term.
fn trailer_at() -> usize {
    packet::encode(&node(), &keyring(&[]), [0; 16]).len()
}

fn refusal(packet: &[u8], seal: bool) -> Result<NodeName, Refusal> {
    required(seal).node(packet)
}

#[test]
fn the_packet_that_is_changed_here_is_taken_unchanged() {
    for form in [Form::Plain, Form::Sealed([7; 16])] {
        assert_eq!(refusal(&packet(form), true), Ok(node()));
    }
}

#[test]
fn each_field_of_a_plain_packet_is_refused_under_its_name_when_a_bit_of_it_is_flipped() {
    let (whole, at) = (packet(Form::Plain), trailer_at());
    for seal in [false, true] {
        for bit in 0..whole.len() * 8 {
            let (byte, mut flipped) = (bit / 8, whole.clone());
            flipped[byte] ^= 1 << (bit % 8);
            let refused = refusal(&flipped, seal).expect_err("changed");
            let expected: &[Refusal] = match byte {
                // The prelude, by which a packet that cannot be opened is plain.
                0..11 => &[Refusal::Undecryptable],
                // The term is malformed, or it is another name, which nobody signed.
                _ if byte < at => &[Refusal::Malformed, Refusal::Signature],
                _ => match byte - at {
                    0 | 1 | 4 => &[Refusal::Malformed],
                    // Version 0; of a later one nothing is known, and nothing believed.
                    2 if flipped[byte] == 0 => &[Refusal::Malformed],
                    2 if seal => &[Refusal::Unsealed],
                    2 => &[Refusal::Unsigned],
                    // Not signed, and longer than that.
                    3 if bit % 8 == 0 => &[Refusal::Malformed],
                    13..21 => &[Refusal::Cluster],
                    // More echoes than there is room for.
                    33 => &[Refusal::Malformed, Refusal::Signature],
                    _ => &[Refusal::Signature],
                },
            };
            assert!(expected.contains(&refused), "byte {byte}, bit {bit}: {refused}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let (plain, sealed) = (packet(Form::Plain), packet(Form::Sealed([7; 16])));
    for len in 0..plain.len() {
        let expected = match len {
            0..11 => Refusal::Undecryptable,
            _ if len == trailer_at() => Refusal::Unsigned,
            _ => Refusal::Malformed,
        };
        assert_eq!(refusal(&plain[..len], false), Err(expected), "{len}");
    }
    for len in 0..sealed.len() {
        let refused = refusal(&sealed[..len], true).expect_err("cut");
        assert!([Refusal::Undecryptable, Refusal::Malformed].contains(&refused), "{len} {refused}");
    }
}

#[test]
fn every_flipped_bit_of_a_sealed_packet_is_refused() {
    let whole = packet(Form::Sealed([7; 16]));
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(refusal(&flipped, true).is_err(), "{bit}");
    }
}

/// Whoever knows the AES key, and no MAC key, as of a node that does not sign.
#[test]
fn of_forged_packets_none_is_taken() {
    let mut rng = StdRng::seed_from_u64(1);
    let (mut receiver, ring) = (required(true), keyring(&[SECRET]));
    let other = keyring(&["another secret"]);
    let mut causes = BTreeMap::new();
    for n in 0..20_000_u64 {
        let iv: [u8; 16] = rng.random();
        let name = NodeName::parse(&format!("n{}@host", n % 100)).expect("a node name");
        let mut forged = match n % 4 {
            0 => packet::encode(&name, &ring, iv),
            1 => packet::encode_with(&name, &trailer(vec![]), &other, Form::Plain),
            2 => packet::encode_with(&name, &trailer(vec![]), &other, Form::Sealed(iv)),
            _ => packet(Form::Plain),
        };
        if n % 4 == 3 {
            let at = forged.len() - 1 - rng.random_range(0..16);
            forged[at] ^= rng.random_range(1..=u8::MAX);
        }
        let verdict = receiver.receive(after(n), &forged);
        let Received::Refused(cause) = verdict else { panic!("{n} is taken: {verdict:?}") };
        *causes.entry(cause.name()).or_insert(0) += 1;
    }
    let causes: Vec<_> = causes.keys().copied().collect();
    // Of those sealed under another secret one in 256 opens as noise.
    assert_eq!(causes, ["malformed", "signature", "undecryptable", "unsigned"]);
}

#[test]
fn what_breaks_several_rules_is_refused_for_the_first() {
    let ring = keyring(&[SECRET]);
    let cluster = Some("production".to_owned());
    let config = Config {
        secrets: secrets(&[SECRET]),
        authentication: Authentication::Required,
        cluster,
        allow: vec![Glob::new("web@*")],
        ..Config::default()
    };
    let receive = |packet: &[u8]| Receiver::with(config.clone()).node(packet);
    let ours = Label::of(Some("production"));
    let wrong = Trailer { stamp: WallTime::from_millis(5), ..trailer(vec![]) };
    let labelled = Trailer { label: ours, ..wrong.clone() };
    // Another label, plain or not signed, no MAC of ours, a name that is not allowed, a wrong clock.
    let plain = |trailer: &Trailer| packet::encode_with(&node(), trailer, &ring, Form::Plain);
    assert_eq!(receive(&plain(&Trailer { signed: None, ..wrong.clone() })), Err(Refusal::Cluster));
    assert_eq!(receive(&plain(&wrong)), Err(Refusal::Cluster));
    let bare = plain(&Trailer { signed: None, ..labelled.clone() });
    assert_eq!(receive(&bare), Err(Refusal::Unsealed));
    assert_eq!(receive(&plain(&labelled)), Err(Refusal::Signature));
    let ring = native_gossip_core::packet::Keyring::new(&config.secrets, Some("production"));
    let signed = packet::encode_with(&node(), &labelled, &ring, Form::Plain);
    assert_eq!(receive(&signed), Err(Refusal::Filtered));
    let web = NodeName::parse("web@host").expect("a node name");
    let signed = packet::encode_with(&web, &labelled, &ring, Form::Plain);
    assert_eq!(receive(&signed), Err(Refusal::Stale));
    let in_time = Trailer { stamp: after(0).wall, ..labelled };
    let signed = packet::encode_with(&web, &in_time, &ring, Form::Plain);
    assert_eq!(receive(&signed), Ok(web));
    let sealed = packet::encode(&node(), &ring, [7; 16]);
    assert_eq!(receive(&sealed), Err(Refusal::Filtered));
}
