//! What a node receives, and what it makes of what it does not.

use super::*;

/// A node that looks at one datagram in 10 ms, is connected to a peer that it heard at 1 s, and of
/// whose second the limit is reached at 8 s.
fn limited() -> Host {
    let mut host = Host::with(Config::default(), |network| network.receive_limit = 100);
    host.advance(secs(0));
    host.live(secs(1));
    host.meet(secs(1), "peer@host");
    host.run(secs(8).time);
    assert!(host.node.begin_receive(secs(8)));
    assert!(host.node.begin_receive(secs(8)), "nothing came");
    host.node.receive(secs(8), &from(9), b"noise");
    assert!(!host.node.begin_receive(secs(8)));
    host
}

#[test]
fn beyond_the_receive_limit_nothing_is_received_until_the_next_window() {
    let mut host = limited();
    assert_eq!(host.node.deadline(), Some(millis(8010).time));
    assert!(!host.node.begin_receive(millis(8009)));
    assert_eq!(host.node.deadline(), Some(millis(8010).time));
    assert!(host.node.begin_receive(millis(8010)));
}

#[test]
fn a_limit_that_is_reached_is_no_reason_to_send_and_hides_no_silence() {
    let mut host = limited();
    let sent = host.node.counters().sent;
    assert!(host.node.begin_receive(millis(8010)));
    assert_eq!(host.check(millis(8010)), [""; 0], "there was nothing more");
    assert_eq!(host.check(millis(13_500)), ["leave on eth0", "join on eth0"]);
    assert_eq!(host.node.counters().sent, sent);
}

#[test]
fn what_was_left_unread_may_have_been_a_peer() {
    let mut host = limited();
    assert!(host.node.begin_receive(millis(8010)));
    host.node.receive(millis(8010), &from(9), b"noise");
    assert!(!host.node.begin_receive(millis(8010)));
    assert!(host.node.begin_receive(millis(8020)));
    assert_eq!(host.check(millis(20_509)), [""; 0]);
    assert_eq!(host.check(millis(20_510)), ["leave on eth0", "join on eth0"]);
}

#[test]
fn what_waits_to_be_received_is_not_missing() {
    let mut host = limited();
    for ms in [8010, 20_510] {
        assert!(host.node.begin_receive(millis(ms)));
        host.node.receive(millis(ms), &from(9), b"noise");
        assert!(!host.node.begin_receive(millis(ms)));
    }
    assert_eq!(host.check(millis(20_519)), [""; 0]);
    assert!(host.node.deadline() <= Some(millis(20_520).time));
}

#[test]
fn a_flood_makes_a_node_send_more_often_and_a_spike_does_not() {
    for (flood, heartbeats) in [(400, 0..=1), (10_000, 15..=40)] {
        let interval = Duration::from_secs(1000);
        let config = Config { heartbeat_interval: interval, ..Config::default() };
        let mut host = Host::with(config, |network| network.receive_limit = 100).after_joining();
        host.live(secs(1));
        host.run(secs(10).time);
        let sent = host.node.counters().sent;
        for ms in 10_000..20_000 {
            host.advance(millis(ms));
            let is_flooded = ms < 10_000 + flood;
            while host.node.begin_receive(millis(ms)) && is_flooded {
                host.node.receive(millis(ms), &from(9), b"noise");
            }
        }
        let sent = host.node.counters().sent - sent;
        assert!(heartbeats.contains(&sent), "{sent}");
        assert_eq!(host.node.status(millis(20_000)).is_overloaded, flood == 10_000);
        assert!(!host.node.status(secs(30)).is_overloaded);
    }
}

#[test]
fn a_pause_ends_with_the_socket_that_was_to_be_received_from() {
    let mut host = Host::with(Config::default(), |network| network.receive_limit = 1);
    host.advance(secs(0));
    assert!(!host.node.begin_receive(secs(1)));
    host.node.receive_failed(secs(1), &mut host.network, error());
    host.advance(millis(1250));
    assert_eq!(host.node.deadline(), Some(millis(3250).time), "the next scan");
}

#[test]
fn as_many_may_be_received_at_once_as_the_limit_has_left() {
    let mut host = Host::with(Config::default(), |network| network.receive_limit = 1000);
    host.advance(secs(0));
    assert!(host.node.begin_receive(secs(1)));
    assert_eq!(host.node.receive_budget(), 10);
    host.node.receive(secs(1), &from(9), b"noise");
    assert_eq!(host.node.receive_budget(), 9);
}
