use std::collections::BTreeSet;

use super::*;
use crate::network::fake::{GROUP, PORT, error, interface};

fn target() -> SocketAddr {
    SocketAddr::new(GROUP, PORT)
}

fn eth0() -> InterfaceAddress {
    interface("eth0", 2, [10, 0, 0, 1])
}

/// Every fault.
fn faults() -> Vec<Fault> {
    let (group, interface, error) = (GROUP, eth0(), error());
    let wanted = InterfaceSelector::Name("eth0".into());
    let reason = MissingReason::Down;
    let step = SocketStep::Bind;
    let some = vec![eth0()];
    vec![
        Fault::Socket { step, address: target(), error: error.clone() },
        Fault::Scan { step: ScanStep::Route, error: error.clone() },
        Fault::InterfaceMissing { group, wanted, reason },
        Fault::NoInterface { group },
        Fault::LoopbackOnly { group },
        Fault::Join { group, interface: interface.clone(), error: error.clone() },
        Fault::JoinLimit { group, missing: 1, of: 2, some, error: error.clone() },
        Fault::NoEcho { group, interface: interface.clone() },
        Fault::SendBy { target: target(), interface, error: error.clone() },
        Fault::SendTo { target: target(), error: error.clone() },
        Fault::Seeds { failing: 1, of: 1, some: vec![target()], error },
    ]
}

#[test]
fn no_two_events_have_one_name_and_no_two_faults() {
    for names in [Event::NAMES, Fault::NAMES] {
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}

#[test]
fn a_variant_has_its_name_whatever_fields_it_has() {
    assert_eq!(Event::HeartbeatSent.name(), "heartbeat_sent");
    assert_eq!(Event::GroupJoined(GROUP, eth0()).name(), "group_joined");
    assert_eq!(Event::ClockStepped { by_ms: 1 }.name(), "clock_stepped");
}

#[test]
fn faults_of_different_kinds_are_of_different_components() {
    let names: Vec<_> = faults().iter().map(Fault::name).collect();
    assert_eq!(names, Fault::NAMES);
    let components: BTreeSet<_> = faults().iter().map(Fault::component).collect();
    assert_eq!(components.len(), names.len());
}

#[test]
fn an_error_of_the_system_is_shown_in_its_own_words() {
    assert_eq!(error().to_string(), "not permitted");
}

#[test]
fn the_same_error_of_an_interface_is_no_news_where_its_index_and_address_are_others() {
    let other = || interface("eth0", 7, [10, 0, 0, 9]);
    let (group, target) = (GROUP, target());
    let join = |interface, error| Fault::Join { group, interface, error };
    let send = |interface, error| Fault::SendBy { target, interface, error };
    let unlike = || SystemError { code: Some(1), text: "another".into() };
    assert!(!join(other(), error()).is_news_after(&join(eth0(), error())));
    assert!(!send(other(), error()).is_news_after(&send(eth0(), error())));
    assert!(join(other(), unlike()).is_news_after(&join(eth0(), error())));
    assert!(send(other(), unlike()).is_news_after(&send(eth0(), error())));
    let no_echo = |interface| Fault::NoEcho { group, interface };
    assert!(!no_echo(other()).is_news_after(&no_echo(eth0())));
}

#[test]
fn of_many_that_fail_alike_twice_as_many_are_news() {
    let limit = |missing| Fault::JoinLimit {
        group: GROUP,
        missing,
        of: 40,
        some: vec![eth0()],
        error: error(),
    };
    let seeds = |failing| Fault::Seeds { failing, of: 40, some: vec![target()], error: error() };
    for (now, before, is_news) in [(3, 3, false), (2, 3, false), (5, 3, false), (6, 3, true)] {
        assert_eq!(limit(now).is_news_after(&limit(before)), is_news, "{now} after {before}");
        assert_eq!(seeds(now).is_news_after(&seeds(before)), is_news, "{now} after {before}");
    }
}
