use std::collections::BTreeSet;

use super::*;
use crate::network::fake::{GROUP, PORT, error, interface};

fn target() -> SocketAddr {
    SocketAddr::new(GROUP, PORT)
}

fn eth0() -> Interface {
    interface("eth0", 2, [10, 0, 0, 1])
}

/// Every fault with its name.
fn faults() -> [(Fault, &'static str); 11] {
    let (group, interface, error) = (GROUP, eth0(), error());
    let wanted = InterfaceName::Name("eth0".into());
    let reason = MissingReason::Down;
    let step = SocketStep::Bind;
    let socket = Fault::Socket { step, address: target(), error: error.clone() };
    let scan = Fault::Scan { step: ScanStep::Route, error: error.clone() };
    let join = Fault::Join { group, interface: interface.clone(), error: error.clone() };
    let some = vec![eth0()];
    let limit = Fault::JoinLimit { group, missing: 1, of: 2, some, error: error.clone() };
    let no_echo = Fault::NoEcho { group, interface: interface.clone() };
    let send_by = Fault::SendBy { target: target(), interface, error: error.clone() };
    [
        (socket, "socket"),
        (scan, "scan"),
        (Fault::InterfaceMissing { group, wanted, reason }, "interface_missing"),
        (Fault::NoInterface { group }, "no_interface"),
        (Fault::LoopbackOnly { group }, "loopback_only"),
        (join, "join"),
        (limit, "join_limit"),
        (no_echo, "no_echo"),
        (send_by, "send_by"),
        (Fault::SendTo { target: target(), error: error.clone() }, "send_to"),
        (Fault::Seeds { failing: 1, of: 1, some: vec![target()], error }, "seeds"),
    ]
}

#[test]
fn every_event_has_its_name() {
    let node = || NodeName::parse("a@host").expect("a node name");
    let fault = || Fault::NoInterface { group: GROUP };
    let (cause, source) = (Refusal::Name, target());
    let refused = Event::PacketsRefused { cause, packets: 1, source, interface: None };
    let names = [
        (Event::HeartbeatSent, "heartbeat_sent"),
        (Event::HeartbeatReceived { node: node(), interface: None }, "heartbeat_received"),
        (refused, "packets_refused"),
        (Event::GroupJoined(GROUP, eth0()), "group_joined"),
        (Event::GroupLeft(GROUP, eth0()), "group_left"),
        (Event::PeersSilent(GROUP, eth0()), "peers_silent"),
        (Event::PeerConnected(node()), "peer_connected"),
        (Event::PeerUnreachable(node()), "peer_unreachable"),
        (Event::ClockOff { node: node(), off_ms: 1 }, "clock_off"),
        (Event::Unproven { node: node(), off_ms: 1 }, "unproven"),
        (Event::ClockMoved { node: node(), by_ms: 1, off_ms: 1 }, "clock_moved"),
        (Event::ClockStepped { by_ms: 1 }, "clock_stepped"),
        (Event::NameShared(node()), "name_shared"),
        (Event::FaultRaised(fault()), "fault_raised"),
        (Event::FaultCleared(fault()), "fault_cleared"),
    ];
    for (event, name) in names {
        assert_eq!(event.name(), name);
    }
}

#[test]
fn every_fault_has_its_name() {
    for (fault, name) in faults() {
        assert_eq!(fault.name(), name);
    }
}

#[test]
fn faults_of_different_kinds_are_of_different_components() {
    let components: BTreeSet<_> = faults().iter().map(|(fault, _)| fault.component()).collect();
    assert_eq!(components.len(), faults().len());
}

#[test]
fn an_error_of_the_system_is_shown_in_its_own_words() {
    assert_eq!(error().to_string(), "not permitted");
}
