//! Two engines that sign, and what they make of each other.

use super::*;
use crate::{Authentication, Secret, WallTime};

const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// A clock that is right, in milliseconds, and two that are wrong: 13 minutes behind, and 1970.
const RIGHT: u64 = 1_790_000_000_000;
const WRONG: [u64; 2] = [RIGHT - 780_000, 5];

/// This many milliseconds after the start, by a wall clock that showed this at the start.
fn by(clock: u64, millis: u64) -> Now {
    let time = Time::after(Duration::from_millis(millis));
    Now { time, wall: WallTime::from_millis(clock + millis) }
}

fn at(millis: u64) -> Now {
    by(RIGHT, millis)
}

fn signing() -> Config {
    Config { secrets: vec![Secret(b"a secret".to_vec())], ..Config::default() }
}

fn required() -> Config {
    Config { authentication: Authentication::Required, ..signing() }
}

fn engine(text: &str, config: Config) -> Engine<StdRng> {
    let seed = text.bytes().fold(0, |seed: u64, byte| seed * 31 + u64::from(byte));
    let mut engine = Engine::new(config, StdRng::seed_from_u64(seed));
    engine.set_identity(Time::ZERO, Some(name(text)));
    engine
}

/// The heartbeats that are due by then, each with its time.
fn beats(engine: &mut Engine<StdRng>, clock: u64, until: u64) -> Vec<(u64, Vec<u8>)> {
    let due = |engine: &Engine<StdRng>| {
        let due = engine.deadline()?.since_zero();
        u64::try_from(due.as_nanos().div_ceil(1_000_000)).ok()
    };
    let mut sent = Vec::new();
    while let Some(millis) = due(engine).filter(|millis| *millis <= until) {
        sent.extend(engine.heartbeat(by(clock, millis)).map(|packet| (millis, packet)));
    }
    sent
}

/// The first heartbeat of a node.
fn first(text: &str, config: Config) -> Vec<u8> {
    beats(&mut engine(text, config), RIGHT, 0).swap_remove(0).1
}

#[test]
fn with_a_secret_every_heartbeat_is_signed_sealed_or_plain() {
    for seal in [true, false] {
        let mut sender = engine("peer@host", Config { seal, ..signing() });
        let mut hearer = engine("me@host", required());
        for (millis, packet) in beats(&mut sender, RIGHT, 10_000) {
            assert_eq!(packet.starts_with(b"heartbeat::"), !seal);
            let received = hearer.receive(at(millis), SOURCE, &packet);
            let Received::Peer(heartbeat) = received else { panic!("{received:?}") };
            assert_eq!(heartbeat.claim.map(|claim| claim.secret_index), Some(0));
            assert!(matches!(hearer.receive(at(millis), SOURCE, &packet), Received::Copy(_)));
        }
        let counters = hearer.counters();
        assert_eq!(counters.accepted, sender.counters().sent);
        assert_eq!((counters.copied, counters.accepted_unsigned), (counters.accepted, 0));
    }
}

#[test]
fn without_a_secret_a_heartbeat_is_as_ever_and_with_a_cluster_it_has_a_label_alone() {
    let packet = first("peer@host", Config::default());
    assert_eq!(packet, packet::encode(&name("peer@host"), &Keyring::default(), [0; 16]));
    let labelled = || Config { cluster: Some("production".into()), ..Config::default() };
    let with_label = first("peer@host", labelled());
    assert_eq!(with_label.len(), packet.len() + 21);
    let hear = |config, packet: &[u8]| engine("me@host", config).receive(at(0), SOURCE, packet);
    assert!(matches!(hear(labelled(), &with_label), Received::Peer(_)));
    assert!(matches!(hear(labelled(), &packet), Received::Peer(_)), "it carries no label");
    let other = Received::Refused(Refusal::Cluster);
    assert_eq!(hear(Config::default(), &with_label), other);
}

#[test]
fn a_node_without_secrets_takes_what_is_plain_and_signed() {
    let packet = first("peer@host", Config { seal: false, ..signing() });
    let received = engine("me@host", Config::default()).receive(at(0), SOURCE, &packet);
    assert!(matches!(received, Received::Peer(Heartbeat { claim: None, .. })), "{received:?}");
}

#[test]
fn our_own_heartbeat_is_the_echo_and_what_is_not_signed_under_our_name_is_not_ours() {
    let mut me = engine("me@host", signing());
    let (_, packet) = beats(&mut me, RIGHT, 0).swap_remove(0);
    assert_eq!(me.receive(at(1), SOURCE, &packet), Received::Echo);
    let ring = Keyring::new(&signing().secrets, None);
    let forged = packet::encode(&name("me@host"), &ring, [0; 16]);
    assert_eq!(me.receive(at(1), SOURCE, &forged), Received::Refused(Refusal::Unsigned));
    let mut other = Engine::new(signing(), StdRng::seed_from_u64(77));
    other.set_identity(at(2).time, Some(name("me@host")));
    let (_, packet) = beats(&mut other, RIGHT, 2).swap_remove(0);
    assert_eq!(me.receive(at(2), SOURCE, &packet), Received::Refused(Refusal::Twin));
    assert_eq!(me.take_pending_events(), [Event::NameShared(name("me@host"))]);
}

/// When each of two nodes believes the other, of which one has this clock. Each hears what the other
/// sends, but for the packets that are lost, by their numbers.
fn believed_at(clock: u64, is_lost: impl Fn(usize) -> bool) -> [Option<u64>; 2] {
    let mut nodes = [engine("right@host", required()), engine("wrong@host", required())];
    let clocks = [RIGHT, clock];
    let (mut believed, mut sent) = ([None; 2], 0);
    for millis in 0..30_000 {
        for (from, to) in [(0, 1), (1, 0)] {
            for (_, packet) in beats(&mut nodes[from], clocks[from], millis) {
                sent += 1;
                if is_lost(sent) {
                    continue;
                }
                let received = nodes[to].receive(by(clocks[to], millis), SOURCE, &packet);
                if matches!(received, Received::Peer(_)) {
                    believed[to].get_or_insert(millis);
                }
            }
        }
    }
    believed
}

#[test]
fn nodes_whose_clocks_differ_believe_each_other_within_a_second_also_where_a_third_is_lost() {
    for clock in WRONG {
        let believed = believed_at(clock, |_| false);
        assert!(believed.iter().all(|at| at.is_some_and(|at| at < 1000)), "{believed:?}");
        for lost in 0..3 {
            let believed = believed_at(clock, |sent| sent % 3 == lost);
            assert!(believed.iter().all(|at| at.is_some_and(|at| at < 15_000)), "{believed:?}");
        }
    }
}

#[test]
fn a_stale_heartbeat_is_answered_within_200_ms_and_once_a_second_at_most() {
    let mut me = engine("me@host", required());
    beats(&mut me, RIGHT, 5000);
    let ring = Keyring::new(&signing().secrets, None);
    let mut answers = Vec::new();
    for millis in 5000..15_000 {
        let signed =
            Some(packet::Signed { incarnation: millis, seq: 1, echoes: Default::default() });
        let (stamp, label) = (WallTime::from_millis(5), Label::default());
        let trailer = Trailer { is_leaving: false, stamp, label, signed };
        let packet = packet::encode_with(&name("peer@host"), &trailer, &ring, Form::Plain);
        let refused = Received::Refused(Refusal::Stale);
        assert_eq!(me.receive(at(millis), SOURCE, &packet), refused);
        answers.extend(beats(&mut me, RIGHT, millis).into_iter().map(|(at, _)| at));
    }
    assert!(answers[0] <= 5200, "{answers:?}");
    // One a second, and what the schedule has besides.
    assert!((9..=16).contains(&answers.len()), "{answers:?}");
}

#[test]
fn who_is_about_to_stop_says_so_four_times_within_a_second_and_is_silent_then() {
    let (mut me, mut hearer) = (engine("me@host", signing()), engine("peer@host", signing()));
    beats(&mut me, RIGHT, 20_000);
    let greeting = beats(&mut hearer, RIGHT, 20_000);
    me.drain(at(20_000).time);
    let last = beats(&mut me, RIGHT, 21_000);
    assert_eq!(last.len(), 4);
    assert_eq!(me.deadline(), None);
    for (millis, packet) in &last {
        let received = hearer.receive(at(*millis), SOURCE, packet);
        let Received::Peer(heartbeat) = received else { panic!("{received:?}") };
        assert!(heartbeat.claim.is_some_and(|claim| claim.is_leaving));
    }
    assert_eq!(hearer.next_announcement(at(22_000).time), None);
    // Whatever happens.
    me.burst(at(22_000).time);
    me.drain(at(22_000).time);
    me.receive(at(22_000), SOURCE, &greeting[0].1);
    me.set_identity(at(23_000).time, None);
    me.set_identity(at(23_000).time, Some(name("me@host")));
    assert_eq!((me.deadline(), me.next_announcement(at(24_000).time)), (None, None));
}

#[test]
fn who_is_about_to_stop_and_does_not_sign_is_silent_at_once() {
    let mut me = engine("me@host", Config::default());
    me.drain(at(0).time);
    assert_eq!((me.deadline(), me.heartbeat(at(0))), (None, None));
}

#[test]
fn whoever_is_filtered_or_in_another_cluster_takes_no_place() {
    let elsewhere = Config { cluster: Some("other".into()), ..required() };
    let only = Config { allow: vec![Glob::new("web@*")], ..required() };
    let cases = [
        (required(), first("peer@host", elsewhere), Refusal::Cluster),
        (only, first("peer@host", required()), Refusal::Filtered),
    ];
    for (config, packet, cause) in cases {
        let mut me = engine("me@host", config);
        assert_eq!(me.receive(at(0), SOURCE, &packet), Received::Refused(cause));
        assert_eq!(me.next_announcement(at(1000).time), None);
        assert_eq!((me.readiness(at(0).time).signed, me.loss(&name("peer@host"))), (vec![0], None));
    }
}

#[test]
fn our_own_echo_is_heard_where_our_name_is_not_allowed() {
    let mut me = engine("me@host", Config { allow: vec![Glob::new("web@*")], ..signing() });
    let (_, packet) = beats(&mut me, RIGHT, 0).swap_remove(0);
    assert_eq!(me.receive(at(0), SOURCE, &packet), Received::Echo);
}

#[test]
fn readiness_tells_who_signs_and_with_which_secret() {
    let secrets = |of: &[&str]| of.iter().map(|s| Secret(s.as_bytes().to_vec())).collect();
    let config = |of: &[&str]| Config { secrets: secrets(of), seal: false, ..Config::default() };
    let mut me = engine("me@host", config(&["new", "old"]));
    let nodes: [(&str, &[&str]); 4] =
        [("a@host", &["old"]), ("b@host", &["new"]), ("c@host", &["new", "old"]), ("d@host", &[])];
    for (name, secrets) in nodes {
        let packet = first(name, config(secrets));
        assert!(matches!(me.receive(at(0), SOURCE, &packet), Received::Peer(_)), "{name}");
    }
    let readiness = me.readiness(at(0).time);
    assert_eq!((readiness.unsigned, readiness.signed), (1, vec![2, 1]));
    assert_eq!(me.counters().accepted_unsigned, 1);
}

#[test]
fn who_is_not_alive_counts_nobody_as_unsigned() {
    let config = Config { seal: false, max_peers: 64, ..signing() };
    let mut me = Engine::new(config, StdRng::seed_from_u64(5));
    for n in 0..100 {
        let packet = first(&format!("f{n}@host"), Config::default());
        assert!(matches!(me.receive(at(1), SOURCE, &packet), Received::Peer(_)));
    }
    assert_eq!(me.readiness(at(2).time).unsigned, 0);
}

#[test]
fn what_is_late_is_announced_by_nobody() {
    let mut sender = engine("peer@host", signing());
    let sent = beats(&mut sender, RIGHT, 120_000);
    let mut me = engine("me@host", required());
    let (ms, last) = sent.last().cloned().expect("a heartbeat");
    assert!(matches!(me.receive(at(ms), SOURCE, &last), Received::Peer(_)));
    assert_eq!(me.next_announcement(at(ms + 500).time), Some(name("peer@host")));
    me.report(at(ms + 600).time, &name("peer@host"), Report::Connected);
    me.report(at(ms + 900_000).time, &name("peer@host"), Report::Down);
    let days = 3 * 86_400_000;
    for (_, recorded) in &sent[sent.len() - 10..sent.len() - 1] {
        let received = me.receive(at(days), [10, 9, 9, 9].into(), recorded);
        assert!(matches!(received, Received::Peer(_)), "{received:?}");
    }
    assert_eq!(me.next_announcement(at(days + 60_000).time), None);
}

#[test]
fn a_copy_by_its_own_address_helps_whose_name_came_first_by_a_crowded_one() {
    let (relay, own): (IpAddr, IpAddr) = ([10, 0, 0, 99].into(), [10, 1, 7, 1].into());
    let mut me = engine("me@host", Config { max_peers: 64, ..required() });
    for n in 0..16 {
        let packet = first(&format!("n{n}@host"), signing());
        assert!(matches!(me.receive(at(1), relay, &packet), Received::Peer(_)));
    }
    let packet = first("fresh@host", signing());
    let refused = Received::Refused(Refusal::OverLimit);
    assert_eq!(me.receive(at(2), relay, &packet), refused);
    assert!(matches!(me.receive(at(3), relay, &packet), Received::Copy(_)));
    assert!(matches!(me.receive(at(4), own, &packet), Received::Peer(_)));
    assert!(matches!(me.receive(at(5), own, &packet), Received::Copy(_)));
}

#[test]
fn whoever_gets_a_name_again_is_another_incarnation() {
    let mut engine = engine("me@host", signing());
    let before = engine.trust.incarnation();
    engine.set_identity(at(1).time, Some(name("me@host")));
    assert_eq!(engine.trust.incarnation(), before, "it is the same name");
    engine.set_identity(at(2).time, None);
    engine.set_identity(at(3).time, Some(name("me@host")));
    assert_ne!(engine.trust.incarnation(), before);
}
