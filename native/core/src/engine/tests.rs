mod signing;

use rand::{SeedableRng, rngs::StdRng};

use super::*;

fn secs(secs: u64) -> Time {
    Time::after(Duration::from_secs(secs))
}

fn name(text: &str) -> NodeName {
    NodeName::parse(text).expect("a node name")
}

/// An engine whose gaps are those of its cluster.
fn hasty() -> Engine<StdRng> {
    let heartbeat_interval = Duration::from_nanos(1);
    let config = Config { heartbeat_interval, ..Config::default() };
    let mut engine = Engine::new(config, StdRng::seed_from_u64(1));
    engine.set_identity(Time::ZERO, Some(name("me@host")));
    engine
}

/// Connects to this many peers.
fn connect(engine: &mut Engine<StdRng>, peers: usize) {
    for n in 0..peers {
        let peer = name(&format!("peer{n}@host"));
        let datagram = packet::encode(&peer, &Keyring::default(), [0; 16]);
        engine.receive(Time::ZERO.into(), [10, 0, 0, 1].into(), &datagram);
        // The other side connected.
        engine.report(Time::ZERO, &peer, Report::Connected);
        assert!(engine.is_connected(&peer));
    }
}

#[test]
fn a_node_is_one_of_the_cluster_with_all_that_it_is_connected_to() {
    for peers in [0, 1, 9] {
        let mut engine = hasty();
        connect(&mut engine, peers);
        let nodes = u32::try_from(peers).expect("few") + 1;
        assert_eq!(engine.longest_gap(), Duration::from_millis(10) * nodes);
        let mut now = Time::ZERO;
        while now < secs(100) {
            assert!(engine.heartbeat(now.into()).is_some());
            let next = engine.deadline().expect("a running engine");
            assert!(next > now);
            now = next;
        }
        let rate = engine.counters().sent as f64 / 100.0;
        let share = 200.0 / f64::from(nodes);
        assert!((share * 0.9..share * 1.1).contains(&rate), "{rate} of {share}");
    }
}

#[test]
fn a_name_that_a_node_has_already_is_no_reason_for_a_burst() {
    let mut engine = hasty();
    engine.heartbeat(Time::ZERO.into());
    let deadline = engine.deadline();
    engine.set_identity(secs(1), Some(name("me@host")));
    assert_eq!(engine.deadline(), deadline);
    engine.set_identity(secs(1), Some(name("other@host")));
    assert_eq!(engine.deadline(), Some(secs(1)));
}

#[test]
fn a_node_that_is_not_alive_has_no_reason_for_a_burst() {
    let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(1));
    engine.burst(secs(1));
    assert_eq!(engine.deadline(), None);
}

#[test]
fn a_heartbeat_is_sent_no_earlier_than_it_is_due() {
    let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(1));
    engine.set_identity(secs(1), Some(name("me@host")));
    assert_eq!(engine.heartbeat(Time::ZERO.into()), None);
    assert!(engine.heartbeat(secs(1).into()).is_some());
    assert_eq!(engine.heartbeat(secs(1).into()), None);
}

#[test]
fn who_is_not_alive_announces_nobody_and_whom_it_has_heard_before_when_it_is_again() {
    let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(1));
    let datagram = packet::encode(&name("peer@host"), &Keyring::default(), [0; 16]);
    engine.receive(Time::ZERO.into(), [10, 0, 0, 1].into(), &datagram);
    assert_eq!(engine.announcement_deadline(), None);
    engine.set_identity(Time::ZERO, Some(name("me@host")));
    engine.receive(Time::ZERO.into(), [10, 0, 0, 1].into(), &datagram);
    assert!(engine.announcement_deadline().is_some());
    engine.set_identity(Time::ZERO, None);
    assert_eq!(engine.announcement_deadline(), None);
    assert_eq!(engine.next_announcement(secs(1)), None);
    engine.set_identity(secs(1), Some(name("me@host")));
    assert_eq!(engine.next_announcement(secs(1)), Some(name("peer@host")));
    assert_eq!(engine.next_announcement(secs(1)), None);
    assert_eq!(engine.counters().announced, 1);
}

#[test]
fn a_new_peer_is_answered_and_one_that_is_connected_is_not() {
    let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(1));
    let mut now = Time::ZERO;
    engine.set_identity(now, Some(name("me@host")));
    for _ in 0..4 {
        engine.heartbeat(now.into());
        now = engine.deadline().expect("a running engine");
    }
    let due = now;
    let datagram = packet::encode(&name("peer@host"), &Keyring::default(), [0; 16]);
    let heard_at = secs(1);
    assert!(due > heard_at + Duration::from_millis(200), "{due:?}");
    engine.receive(heard_at.into(), [10, 0, 0, 1].into(), &datagram);
    let answer = engine.deadline().expect("an answer");
    assert!(answer < heard_at + Duration::from_millis(200));
    engine.heartbeat(answer.into());
    engine.report(answer, &name("peer@host"), Report::Connected);
    let due = engine.deadline();
    engine.receive((heard_at + Duration::from_secs(1)).into(), [10, 0, 0, 1].into(), &datagram);
    assert_eq!(engine.deadline(), due);
}
#[test]
fn a_datagram_of_1500_bytes_is_read_and_a_longer_one_is_refused_unread() {
    let mut engine = hasty();
    let mut receive = |len| engine.receive(secs(1).into(), [10, 0, 0, 1].into(), &vec![0; len]);
    assert_eq!(receive(1500), Received::Refused(Refusal::Malformed));
    assert_eq!(receive(1501), Received::Refused(Refusal::OverLimit));
}

#[test]
fn a_peer_that_goes_down_makes_heartbeats_denser_at_once() {
    let longest_gap_after = |report: Report| {
        let gap_after = |seed| {
            let mut engine = Engine::new(Config::default(), StdRng::seed_from_u64(seed));
            engine.set_identity(Time::ZERO, Some(name("me@host")));
            connect(&mut engine, 1);
            while let Some(at) = engine.deadline().filter(|at| *at < secs(100)) {
                engine.heartbeat(at.into());
            }
            engine.report(secs(100), &name("peer0@host"), report);
            engine.deadline().expect("it is alive") - secs(100)
        };
        (0..50).map(gap_after).max().expect("a gap")
    };
    assert!(longest_gap_after(Report::Down) <= Duration::from_secs(2));
    assert!(longest_gap_after(Report::Connected) > Duration::from_secs(2));
}

#[test]
fn whose_report_may_be_lost_is_announced_again_when_it_is_heard() {
    for is_lost in [false, true] {
        let mut engine = hasty();
        connect(&mut engine, 1);
        if is_lost {
            engine.reports_lost(secs(1));
        }
        let datagram = packet::encode(&name("peer0@host"), &Keyring::default(), [0; 16]);
        engine.receive(secs(2).into(), [10, 0, 0, 1].into(), &datagram);
        assert_eq!(engine.next_announcement(secs(10)).is_some(), is_lost);
    }
}

#[test]
fn each_heartbeat_of_another_that_is_not_signed_is_counted() {
    let mut engine = hasty();
    connect(&mut engine, 3);
    let counters = engine.counters();
    assert_eq!((counters.accepted, counters.accepted_unsigned), (3, 3));
}
