//! What a node makes of signed heartbeats beside what they say: alerts, liveness, and its own end.

use super::*;
use crate::{
    Secret,
    packet::{Form, Label, Signed, Trailer},
};

fn signing() -> Host {
    let config = Config { secrets: vec![Secret(b"a secret".to_vec())], ..Config::default() };
    let mut host = Host::with(config, |_| {}).after_joining();
    host.live(secs(1));
    host
}

/// A heartbeat of a peer whose clock is off by this much, in milliseconds.
fn heartbeat(seq: u32, off: u64) -> Vec<u8> {
    let ring = Keyring::new(&[Secret(b"a secret".to_vec())], None);
    let signed = Some(Signed { incarnation: 7, seq, echoes: Default::default() });
    let (stamp, label) = (WallTime::from_millis(off), Label::default());
    let trailer = Trailer { is_leaving: false, stamp, label, signed };
    packet::encode_with(&name("peer@host"), &trailer, &ring, Form::Sealed([7; 16]))
}

/// Does what is due, at any time of these seconds.
fn pass(host: &mut Host, seconds: std::ops::Range<u64>) {
    for ms in seconds.start * 1000..seconds.end * 1000 {
        host.advance(millis(ms));
        host.check(millis(ms));
    }
}

#[test]
fn what_a_heartbeat_tells_of_a_clock_is_told_once() {
    let mut host = signing();
    for seq in 1..10 {
        host.node.receive(secs(2), &from(9), &heartbeat(seq, 780_000)).expect("for this node");
    }
    let told = Event::Unproven { node: name("peer@host"), off_ms: 780_000 };
    assert_eq!(host.node.take_events(), [told]);
}

#[test]
fn a_step_of_our_own_clock_is_told() {
    let mut host = signing();
    host.advance(secs(1));
    let at = host.node.deadline().expect("the burst goes on");
    host.advance(Now { time: at, wall: WallTime::from_millis(7_200_000) });
    let passed = i64::try_from(at.since_zero().as_millis()).expect("short");
    let by_ms = 7_200_000 - (passed - 1000);
    assert_eq!(host.node.take_events(), [Event::ClockStepped { by_ms }]);
}

#[test]
fn a_copy_counts_as_heard_on_the_interface_that_it_came_by() {
    let mut host = signing();
    host.network = FakeNetwork::of(&[eth0(), interface("eth1", 3, [10, 1, 0, 1])]);
    host.advance(secs(3));
    host.node.receive(secs(3), &from(9), &heartbeat(1, 0));
    host.node.report(secs(3), &name("peer@host"), Report::Connected);
    let by = |last| [from(last), meta([10, 1, 0, last], Some(3))];
    // Each comes by both interfaces. So each is missed where nothing comes any more.
    let mut silent = Vec::new();
    for seq in 2..20 {
        for meta in by(9) {
            let now = secs(u64::from(seq) * 2);
            let received = host.node.receive(now, &meta, &heartbeat(seq, 0));
            let is_first = meta.interface == Some(2);
            assert_eq!(matches!(received, Some(Received::Peer(_))), is_first, "{received:?}");
            assert_eq!(matches!(received, Some(Received::Copy(_))), !is_first);
            silent.extend(host.check(now));
        }
    }
    assert_eq!(silent, [""; 0]);
    let direct = RecvMeta { destination: Some([10, 0, 0, 1].into()), ..from(9) };
    assert!(matches!(
        host.node.receive(secs(39), &direct, &heartbeat(19, 0)),
        Some(Received::Copy(_))
    ));
    let loss = host.node.engine.loss(&name("peer@host")).expect("it signs");
    assert_eq!((loss.received, loss.copies, loss.direct_copies), (19, 19, 1));
    let rejoined = host.check(secs(60));
    assert_eq!(rejoined.len(), 4, "{rejoined:?}");
}

#[test]
fn a_copy_is_told_with_the_address_that_it_came_from_itself() {
    let mut host = signing();
    host.node.set_debug(true);
    host.node.take_events();
    let sources = [[10, 0, 0, 9], [10, 1, 0, 9]];
    for source in sources {
        host.node.receive(secs(2), &meta(source, Some(2)), &heartbeat(1, 0));
    }
    let told = host.node.take_events().into_iter().filter_map(|event| match event {
        Event::HeartbeatReceived { source, .. } => Some(source),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), sources.map(|source| meta(source, None).source));
    assert_eq!(host.node.counters().copied, 1);
}

#[test]
fn who_is_about_to_stop_sends_a_last_burst_and_goes_on_to_receive() {
    let mut host = signing();
    pass(&mut host, 1..20);
    let before = host.node.counters();
    host.node.drain(secs(20));
    pass(&mut host, 20..200);
    assert_eq!(host.node.counters().sent, before.sent + 4);
    host.node.receive(secs(200), &from(9), &heartbeat(1, 0));
    assert_eq!(host.node.counters().accepted, before.accepted + 1);
    assert_eq!(host.announced(secs(201)), []);
    assert_eq!(host.node.engine.loss(&name("peer@host")).map(|loss| loss.received), Some(1));
    assert_eq!(host.node.readiness(secs(201)).signed, [1]);
}
