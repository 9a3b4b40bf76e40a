use std::{net::SocketAddr, time::Duration};

use super::{throttle::CALM, *};
use crate::{
    InterfaceSelector,
    event::{MissingReason, SocketStep, SystemError},
};

const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(233, 252, 1, 32));

fn secs(s: u64) -> Time {
    Time::after(Duration::from_secs(s))
}

/// A fault of the socket.
fn fault_of(text: &str) -> Fault {
    let address = SocketAddr::new([0, 0, 0, 0].into(), 45_892);
    let error = SystemError { code: None, text: text.into() };
    Fault::Socket { step: SocketStep::Bind, address, error }
}

fn fault() -> Fault {
    fault_of("no route")
}

fn missing(name: &str) -> Fault {
    let (wanted, reason) = (InterfaceSelector::Name(name.into()), MissingReason::NoSuchName);
    Fault::InterfaceMissing { group: GROUP, wanted, reason }
}

/// What is told when the socket fails (true) or works (false) at these seconds.
fn told(of: &[(u64, bool)]) -> Vec<(u64, bool)> {
    let mut alerts = Alerts::default();
    let mut told = Vec::new();
    for (s, fails) in of {
        match fails {
            true => alerts.raise(secs(*s), fault()),
            false => alerts.clear(&Component::Socket),
        }
        let is_raised = |event| matches!(event, Event::FaultRaised(_));
        told.extend(alerts.take().into_iter().map(|event| (*s, is_raised(event))));
    }
    told
}

#[test]
fn a_fault_is_told_once_and_its_end_once() {
    let of = [(0, true), (1, true), (1000, true), (1001, false), (1002, false)];
    assert_eq!(told(&of), [(0, true), (1001, false)]);
}

#[test]
fn what_works_from_the_start_is_not_worth_a_word() {
    assert_eq!(told(&[(0, false), (1, false)]), []);
}

#[test]
fn a_fault_that_comes_and_goes_is_told_once_a_minute() {
    let of: Vec<_> = (0..120).map(|s| (s, s % 2 == 0)).collect();
    assert_eq!(told(&of), [(0, true), (1, false), (60, true), (61, false)]);
}

#[test]
fn a_fault_that_came_back_within_the_minute_and_stays_is_told_after_it() {
    let of = [(0, true), (1, false), (2, true), (59, true), (60, true), (61, true)];
    assert_eq!(told(&of), [(0, true), (1, false), (60, true)]);
}

#[test]
fn causes_that_take_turns_are_told_once_a_minute_and_one_that_stays_after_it() {
    let mut alerts = Alerts::default();
    for s in 0..100 {
        alerts.raise(secs(s as u64), fault_of(["no route", "not permitted"][s % 2]));
    }
    assert_eq!(alerts.take().len(), 2);
    alerts.raise(secs(101), fault_of("too long"));
    assert!(alerts.is_empty());
    alerts.raise(secs(120), fault_of("too long"));
    alerts.raise(secs(121), fault_of("too long"));
    assert_eq!(alerts.take().len(), 1);
}

#[test]
fn a_component_that_goes_and_comes_back_with_a_fault_is_told_of_once_a_minute_too() {
    let mut alerts = Alerts::default();
    for s in 0..120 {
        alerts.raise(secs(s), fault());
        alerts.forget(secs(s), |component| *component == Component::Socket);
    }
    assert_eq!(alerts.take(), [Event::FaultRaised(fault()), Event::FaultRaised(fault())]);
    alerts.forget(secs(119), |_| false);
    assert_eq!(alerts.records.len(), 1);
    alerts.forget(secs(119) + CALM, |_| false);
    assert!(alerts.records.is_empty());
}

#[test]
fn the_end_of_a_fault_is_told_whatever_its_cause_was_in_the_end() {
    let mut alerts = Alerts::default();
    alerts.raise(secs(0), fault());
    alerts.raise(secs(1), fault_of("not permitted"));
    alerts.clear(&Component::Socket);
    assert_eq!(alerts.take(), [Event::FaultRaised(fault()), Event::FaultCleared(fault())]);
}

#[test]
fn of_missing_interfaces_each_is_told_to_be_missing_and_then_to_be_there() {
    let (one, other) = (missing("a"), missing("b"));
    let mut alerts = Alerts::default();
    alerts.reconcile_missing(secs(0), vec![one.clone(), other.clone()]);
    alerts.reconcile_missing(secs(2), vec![other.clone()]);
    alerts.reconcile_missing(secs(4), vec![other.clone()]);
    let [raised_one, raised_other] = [one.clone(), other].map(Event::FaultRaised);
    assert_eq!(alerts.take(), [raised_one, raised_other, Event::FaultCleared(one)]);
}

#[test]
fn a_host_that_has_other_interfaces_than_the_loopback_again_is_told_so() {
    for fault in [Fault::NoInterface { group: GROUP }, Fault::LoopbackOnly { group: GROUP }] {
        let mut alerts = Alerts::default();
        alerts.reconcile_missing(secs(0), vec![fault.clone()]);
        alerts.reconcile_missing(secs(2), vec![]);
        assert_eq!(alerts.take(), [Event::FaultRaised(fault.clone()), Event::FaultCleared(fault)]);
    }
}

#[test]
fn a_missing_interface_has_nothing_to_do_with_other_faults() {
    let mut alerts = Alerts::default();
    alerts.raise(secs(0), fault());
    alerts.reconcile_missing(secs(2), vec![]);
    assert_eq!(alerts.take(), [Event::FaultRaised(fault())]);
}

#[test]
fn heartbeats_are_told_only_with_debug() {
    let node = NodeName::parse("a@host").expect("a node name");
    let source = SocketAddr::from(([10, 0, 0, 9], 45_892));
    let mut alerts = Alerts::default();
    let mut told = |debug| {
        alerts.set_debug(debug);
        alerts.sent();
        alerts.received(&node, source, || Some("eth0".into()), || None);
        alerts.take()
    };
    assert_eq!(told(false), []);
    let interface = Some("eth0".into());
    let received = Event::HeartbeatReceived { node: node.clone(), source, interface, loss: None };
    assert_eq!(told(true), [Event::HeartbeatSent, received]);
}

#[test]
fn of_many_peers_that_cannot_be_reached_ten_are_told_in_a_minute_and_every_connected_one() {
    let mut alerts = Alerts::default();
    for n in 0..40 {
        let node = NodeName::parse(&format!("n{n}@host")).expect("a node name");
        alerts.unreachable(secs(0), &node);
        alerts.connected(&node);
    }
    let told = alerts.take();
    let unreachable = told.iter().filter(|event| matches!(event, Event::PeerUnreachable(_)));
    assert_eq!((unreachable.count(), told.len()), (10, 50));
}

#[test]
fn of_many_clocks_that_are_off_ten_are_told_in_a_minute() {
    let mut alerts = Alerts::default();
    for off_ms in 0..40 {
        let node = NodeName::parse("a@host").expect("a node name");
        alerts.found(secs(0), Event::ClockOff { node, off_ms });
    }
    assert_eq!(alerts.take().len(), 10);
}

#[test]
fn a_connected_peer_may_be_told_later_and_whatever_else_may_not() {
    let node = NodeName::parse("a@host").expect("a node name");
    let mut alerts = Alerts::default();
    alerts.connected(&node);
    assert!(!alerts.are_pressing());
    alerts.unreachable(secs(0), &node);
    assert!(alerts.are_pressing());
}

/// The lines of a day in which a fault comes and goes, after these times.
fn lines_of_a_day(there_for: u64, away_for: u64) -> Vec<(u64, bool)> {
    let mut alerts = Alerts::default();
    let mut lines = Vec::new();
    for s in 0..86_400 {
        match s % (there_for + away_for) < there_for {
            true => alerts.raise(secs(s), fault()),
            false => alerts.clear(&Component::Socket),
        }
        alerts.tell_lasting(secs(s));
        let is_raised = |event| matches!(event, Event::FaultRaised(_));
        lines.extend(alerts.take().into_iter().map(|event| (s, is_raised(event))));
    }
    lines
}

#[test]
fn of_a_fault_that_comes_and_goes_all_day_the_last_line_says_that_it_is_there() {
    let of = [(0, true), (3, false), (60, true), (63, false), (120, true)];
    assert_eq!(lines_of_a_day(3, 3), of);
}

#[test]
fn a_fault_that_comes_every_few_minutes_or_hours_is_told_some_times_a_day() {
    for (there_for, away_for) in
        [(60, 60), (300, 300), (600, 1200), (1800, 1800), (60, 7200), (7200, 60)]
    {
        let lines = lines_of_a_day(there_for, away_for);
        assert!((2..=30).contains(&lines.len()), "{there_for} and {away_for}: {lines:?}");
        assert_eq!(lines.first(), Some(&(0, true)));
    }
}

#[test]
fn causes_that_take_turns_all_day_are_told_some_times_a_day() {
    let mut alerts = Alerts::default();
    for s in 0..86_400 {
        alerts.raise(secs(s), fault_of(["no route", "not permitted"][(s / 60 % 2) as usize]));
    }
    assert!((5..=20).contains(&alerts.take().len()));
}

#[test]
fn the_cause_of_now_is_known_also_where_it_may_not_be_told() {
    let mut alerts = Alerts::default();
    for s in 0..86_400 {
        alerts.raise(secs(s), fault_of(["no route", "not permitted"][(s / 60 % 2) as usize]));
    }
    alerts.raise(secs(86_400), fault_of("unplugged"));
    let causes: Vec<_> = alerts.faults().map(|(fault, _)| fault.clone()).collect();
    assert_eq!(causes, [fault_of("unplugged")]);
}

#[test]
fn the_end_of_a_fault_that_waits_to_be_told_is_told_also_where_its_record_makes_room() {
    let mut alerts = Alerts::default();
    for n in 0..6 {
        alerts.raise(secs(100 * n), fault());
        alerts.clear(&Component::Socket);
    }
    let told = |events: Vec<Event>| {
        let ends = events.iter().filter(|event| **event == Event::FaultCleared(fault())).count();
        let begins = events.iter().filter(|event| **event == Event::FaultRaised(fault())).count();
        begins - ends
    };
    let before = told(alerts.take());
    for n in 0..=REMEMBERED as u64 {
        alerts.raise(secs(1000 + n), missing(&format!("eth{n}")));
        alerts.forget(secs(1000 + n), |component| *component != Component::Socket);
    }
    let ends = alerts.take().into_iter().filter(|event| *event == Event::FaultCleared(fault()));
    assert_eq!((before, ends.count()), (1, 1));
}

/// A day of a fault whose component comes and goes.
fn after_a_day_of_coming_and_going() -> Alerts {
    let mut alerts = Alerts::default();
    for s in 0..86_400 {
        alerts.raise(secs(s), fault());
        if s % 10 == 9 {
            alerts.forget(secs(s), |component| *component == Component::Socket);
        }
    }
    let lines = alerts.take().len();
    assert!((5..=20).contains(&lines), "{lines}");
    alerts
}

#[test]
fn a_fault_that_stays_after_a_day_of_coming_and_going_is_told_within_half_an_hour() {
    let mut alerts = after_a_day_of_coming_and_going();
    for s in 86_400..86_400 + 1801 {
        alerts.raise(secs(s), fault());
    }
    assert_eq!(alerts.take(), [Event::FaultRaised(fault())]);
}

#[test]
fn a_fault_of_something_else_is_told_at_once_whatever_came_and_went_all_day() {
    let mut alerts = after_a_day_of_coming_and_going();
    alerts.raise(secs(86_400), missing("a"));
    assert_eq!(alerts.take(), [Event::FaultRaised(missing("a"))]);
}

#[test]
fn components_that_come_once_take_little_memory() {
    let mut alerts = Alerts::default();
    for n in 0..1000 {
        alerts.raise(secs(n), missing(&format!("eth{n}")));
        alerts.forget(secs(n), |_| true);
    }
    assert_eq!(alerts.take().len(), 1000);
    assert_eq!(alerts.records.len(), REMEMBERED);
}
