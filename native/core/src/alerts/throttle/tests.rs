use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::InterfaceAddress;

const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(233, 252, 1, 32));

fn secs(s: u64) -> Time {
    Time::after(Duration::from_secs(s))
}

#[test]
fn a_refusal_is_logged_at_once_and_then_after_doubling_pauses_with_its_count() {
    let mut throttle = RefusalThrottle::default();
    let days = 30;
    let lines: Vec<_> = (0..days * 86_400)
        .filter_map(|s| throttle.note(secs(s), Refusal::Malformed).map(|n| (s, n)))
        .collect();
    assert_eq!(lines.get(..4), Some(&[(0, 1), (60, 60), (180, 120), (420, 240)][..]));
    assert!(lines.len() < 12 + 30, "{} lines", lines.len());
}

#[test]
fn causes_are_logged_apart() {
    let mut throttle = RefusalThrottle::default();
    for &cause in Refusal::ALL {
        assert_eq!(throttle.note(Time::ZERO, cause), Some(1), "{cause}");
        assert_eq!(throttle.note(Time::ZERO, cause), None, "{cause}");
    }
}

fn join(name: &str) -> Event {
    let address = Ipv4Addr::LOCALHOST.into();
    Event::GroupJoined(GROUP, InterfaceAddress { name: name.into(), index: 1, address })
}

fn leave(name: &str) -> Event {
    let address = Ipv4Addr::LOCALHOST.into();
    Event::GroupLeft(GROUP, InterfaceAddress { name: name.into(), index: 1, address })
}

/// The lines of a day about an interface that is joined and left in turns, after these times.
fn lines(joined_for: u64, left_for: u64) -> Vec<(u64, bool)> {
    let mut throttle = ChangeThrottle::default();
    let mut lines = Vec::new();
    for s in 0..86_400 {
        let phase = s % (joined_for + left_for);
        let event = match phase {
            0 => throttle.note(secs(s), "eth0", join("eth0")),
            phase if phase == joined_for => throttle.note(secs(s), "eth0", leave("eth0")),
            _ => None,
        };
        let told = event.into_iter().chain(throttle.lasting(secs(s)));
        lines.extend(told.map(|event| (s, matches!(event, Event::GroupJoined(..)))));
    }
    lines
}

#[test]
fn of_a_loose_cable_the_first_times_are_logged_and_then_that_the_interface_is_left() {
    let all = [(0, true), (3, false), (6, true), (9, false), (12, true), (15, false)];
    assert_eq!(lines(3, 3), all);
}

#[test]
fn an_interface_that_comes_and_goes_slowly_is_logged_when_it_stays_longer_and_longer() {
    let lines = lines(600, 600);
    let joined: Vec<_> = lines.iter().filter(|(_, is_join)| *is_join).map(|(s, _)| *s).collect();
    let paused = [60, 240].into_iter().zip(3..).map(|(pause, n)| 1200 * n + pause);
    let expected: Vec<_> = [0, 1200, 2400].into_iter().chain(paused).collect();
    assert_eq!(joined, expected);
    assert_eq!(lines.len(), 2 * joined.len());
}

#[test]
fn an_interface_that_is_left_is_logged_at_once_whatever_was_before() {
    let mut throttle = ChangeThrottle::default();
    for s in 0..1000 {
        throttle.note(secs(s), "eth0", join("eth0"));
        throttle.note(secs(s), "eth0", leave("eth0"));
    }
    throttle.note(secs(1000), "eth0", join("eth0"));
    assert_eq!(throttle.lasting(secs(1059)), []);
    assert_eq!(throttle.lasting(secs(1060)), [join("eth0")]);
    assert_eq!(throttle.note(secs(1061), "eth0", leave("eth0")), Some(leave("eth0")));
}

#[test]
fn interfaces_are_logged_apart_and_those_that_change_no_more_take_little_memory() {
    let mut throttle = ChangeThrottle::default();
    for n in 0..1000 {
        let name = format!("eth{n}");
        assert!(throttle.note(secs(60 * n), &name, join(&name)).is_some());
    }
    assert_eq!(throttle.0.len(), REMEMBERED);
    throttle.note(secs(60_000) + CALM, "eth0", join("eth0"));
    assert_eq!(throttle.0.len(), 1);
}

#[test]
fn what_comes_again_and_again_is_logged_after_growing_pauses_until_it_is_calm() {
    let mut repeats = Repeats::default();
    let mut logged = |seconds: std::ops::Range<u64>| -> Vec<_> {
        seconds.filter(|s| repeats.take(secs(*s))).collect()
    };
    assert_eq!(logged(0..1200), [0, 1, 2, 62, 302]);
    assert!(logged(1200..86_400).len() < 10);
    let calm = 86_399 + CALM.as_secs();
    assert_eq!(logged(calm..calm + 50), [0, 1, 2].map(|s| calm + s));
}

#[test]
fn ten_peers_that_cannot_be_reached_and_ten_findings_are_logged_in_a_minute() {
    for mut throttle in [MinuteThrottle::unreachable(), MinuteThrottle::findings()] {
        let logged: Vec<_> = (0..121).filter(|s| throttle.take(secs(*s))).collect();
        assert_eq!(
            logged,
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 120]
        );
    }
}
