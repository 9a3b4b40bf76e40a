//! Who is of this host, where addresses are those of IPv6 and an interface has several; and who is
//! kept in mind.

use std::net::SocketAddr;

use native_gossip_core::{Event, Report};

use crate::{
    SCAN,
    echoing::{Echoing, address, name},
    simulation::{
        PORT,
        mesh::{millis, secs},
    },
};

/// No interface is missed.
const NONE: [u32; 0] = [];

/// The interfaces that are rejoined in half a minute after somebody was heard from this address on
/// this interface, and nobody else.
fn missed_after(source: &str, interface: u32) -> Vec<u32> {
    let mut echoing = Echoing::new();
    echoing.hear("other", source, interface);
    echoing.report("other", Report::Connected);
    echoing.pass(secs(30));
    echoing.left()
}

#[test]
fn each_interface_is_joined_by_the_address_that_lasts() {
    let joined = Echoing::new().joined();
    assert_eq!(joined, [(2, address("fe80::1")), (3, address("fe80::2"))]);
}

#[test]
fn a_host_whose_link_local_address_is_one_of_ours_on_another_interface_is_another_host() {
    assert_eq!(missed_after("fe80::2", 2), [2]);
    assert_eq!(missed_after("fe80::2", 3), NONE);
}

#[test]
fn what_has_any_other_address_of_ours_is_ours_whatever_it_came_by() {
    assert_eq!(missed_after("2001:db8::2", 2), NONE);
    assert_eq!(missed_after("2001:db8::2", 3), NONE);
    assert_eq!(missed_after("2001:db8::3", 3), [3]);
}

#[test]
fn a_heartbeat_is_told_with_the_name_of_the_interface_that_it_came_by() {
    let mut echoing = Echoing::new();
    echoing.node.set_debug(true);
    echoing.node.take_events();
    let received = |interface: Option<&str>| {
        let interface = interface.map(str::to_owned);
        Event::HeartbeatReceived {
            node: name("other"),
            source: SocketAddr::new(address("fe80::9"), PORT),
            interface,
            loss: None,
        }
    };
    for (index, named) in [(2, Some("eth2")), (3, Some("eth3")), (4, None)] {
        echoing.hear("other", "fe80::9", index);
        assert_eq!(echoing.node.take_events(), [received(named)]);
    }
}

/// Whether the group is rejoined once these were heard, in this order, while those that end in `!`
/// were not connected; and the one that is still connected is this.
fn is_missed(heard: &[String], connected: &str) -> bool {
    let mut echoing = Echoing::new();
    for node in heard {
        let is_connected = !node.ends_with('!');
        let node = node.trim_end_matches('!');
        if is_connected {
            // It is known, and connected, before it is heard on the interface in question.
            echoing.hear(node, "fe80::9", 3);
            echoing.report(node, Report::Connected);
        }
        echoing.hear(node, "fe80::9", 2);
        echoing.pass(millis(10));
    }
    for node in heard.iter().filter(|node| *node != connected) {
        echoing.report(node.trim_end_matches('!'), Report::Down);
    }
    echoing.pass(millis(12_500) + SCAN);
    echoing.left().contains(&2)
}

fn nodes(numbers: std::ops::Range<usize>, mark: &str) -> Vec<String> {
    numbers.map(|n| format!("n{n}{mark}")).collect()
}

#[test]
fn of_the_peers_that_were_heard_the_last_eight_are_missed() {
    let heard = nodes(0..20, "");
    let missed: Vec<_> = heard.iter().filter(|node| is_missed(&heard, node)).collect();
    assert_eq!(missed, nodes(12..20, "").iter().collect::<Vec<_>>());
}

#[test]
fn who_is_not_connected_takes_no_place_of_one_who_is() {
    let heard = [nodes(0..8, ""), nodes(8..30, "!")].concat();
    assert!(nodes(0..8, "").iter().all(|node| is_missed(&heard, node)));
}
