use super::*;

/// A heartbeat has no echo after this time.
const ECHO: Duration = Duration::from_millis(500);

fn other() -> NodeName {
    NodeName::parse("other@host").expect("a node name")
}

/// What is called where a heartbeat is sent at each of these seconds and no echo comes; except of
/// what `hear` makes known.
fn without_echo(host: &mut Host, sent: u64, hear: impl Fn(&mut Host)) -> Vec<String> {
    let mut calls = Vec::new();
    for s in 0..sent {
        host.send(secs(s));
        hear(host);
        host.network.take_calls();
        calls.extend(host.check(secs(s) + ECHO, &other()));
    }
    calls
}

fn echo(host: &mut Host, meta: &RecvMeta) {
    host.group.echoed(secs(0), meta, &mut host.effects.alerts);
}

fn no_echo(interface: InterfaceAddress) -> Fault {
    Fault::NoEcho { group: GROUP, interface }
}

/// What is called after a silence that began when the other node was heard like this.
fn silent_after(host: &mut Host, meta: &RecvMeta) -> Vec<String> {
    host.group.heard(secs(0), &other(), true, meta);
    host.check(secs(0) + SILENCE, &other())
}

#[test]
fn an_echo_is_waited_for_half_a_second_and_asked_for_with_a_burst() {
    let mut host = Host::joined(&[eth0()]);
    host.send(secs(1));
    assert_eq!(host.group.deadline(), secs(1) + ECHO);
    assert_eq!(host.check(secs(1) + ECHO, &other()), ["send by eth0"]);
    assert!(host.bursts());
    assert_eq!(host.group.deadline(), secs(1) + ECHO, "and the interfaces are scanned");
}

#[test]
fn where_no_echo_comes_three_times_the_group_is_rejoined_and_that_is_a_fault_until_one_comes() {
    let mut host = Host::joined(&[eth0(), eth1()]);
    let hear = |host: &mut Host| echo(host, &meta([10, 1, 0, 1], Some(3)));
    assert_eq!(without_echo(&mut host, 3, hear), ["leave on eth0", "join on eth0"]);
    assert_eq!(host.told(), [Event::FaultRaised(no_echo(eth0()))]);
    echo(&mut host, &meta([10, 0, 0, 1], Some(2)));
    assert_eq!(host.told(), [Event::FaultCleared(no_echo(eth0()))]);
}

#[test]
fn an_echo_without_an_interface_may_have_come_by_each() {
    let mut host = Host::joined(&[eth0(), eth1()]);
    let hear = |host: &mut Host| echo(host, &meta([10, 0, 0, 1], None));
    assert_eq!(without_echo(&mut host, 9, hear), [""; 0]);
}

#[test]
fn what_was_not_sent_to_the_group_is_no_echo_of_it() {
    let to = |destination| RecvMeta { destination, ..meta([10, 0, 0, 1], Some(2)) };
    let mut host = Host::joined(&[eth0()]);
    let seed = to(Some([10, 0, 0, 1].into()));
    let rejoined = ["leave on eth0", "join on eth0"];
    assert_eq!(without_echo(&mut host, 3, |host| echo(host, &seed)), rejoined);
    let mut host = Host::joined(&[eth0()]);
    assert_eq!(without_echo(&mut host, 3, |host| echo(host, &to(None))), [""; 0]);
}

#[test]
fn what_cannot_be_rejoined_is_joined_by_a_scan_at_once() {
    let mut host = Host::joined(&[eth0()]);
    host.network.refuse(&["join on eth0"]);
    let mut rejoined = |now| {
        host.send(secs(now));
        host.network.take_calls();
        host.check(secs(now) + ECHO, &other())
    };
    assert_eq!([rejoined(1), rejoined(2)], [[""; 0], [""; 0]]);
    assert_eq!(rejoined(3), ["leave on eth0", "join on eth0"]);
    let now = secs(3) + ECHO;
    assert_eq!(host.group.deadline(), now);
    host.network.refuse(&[]);
    host.reconcile(now);
    assert_eq!(host.network.take_calls(), ["join on eth0"]);
}

#[test]
fn what_cannot_be_rejoined_is_told_to_be_left_and_its_fault_is_raised_by_the_scan_at_once() {
    let now = secs(2) + ECHO;
    for is_there in [true, false] {
        let mut host = Host::joined(&[eth0()]);
        host.network.refuse(&["join on eth0"]);
        without_echo(&mut host, 3, |_| {});
        let left = Event::GroupLeft(GROUP, eth0());
        assert_eq!(host.told(), [Event::FaultRaised(no_echo(eth0())), left]);
        if !is_there {
            host.network.has(&[]);
        }
        host.reconcile(now);
        let raised = host.told().contains(&Event::FaultRaised(join_fault()));
        assert_eq!(raised, is_there, "and where the interface has gone no join is missed");
        // At each scan from then on, as any other join that fails.
        host.network.take_calls();
        host.reconcile(now + SCAN_INTERVAL);
        assert_eq!(host.network.take_calls().len(), usize::from(is_there));
    }
}

#[test]
fn a_rejoined_group_sends_a_burst_and_is_a_member_still() {
    let mut host = Host::joined(&[eth0()]);
    without_echo(&mut host, 3, |_| {});
    assert!(host.bursts());
    host.reconcile(secs(4));
    assert_eq!(host.network.take_calls(), [""; 0]);
}

#[test]
fn where_the_socket_is_not_given_what_is_sent_to_groups_nothing_is_missed() {
    let mut host = Host::joined(&[eth0()]);
    host.group.hears = false;
    host.send(secs(1));
    assert_eq!(host.group.deadline(), secs(2));
    assert_eq!(without_echo(&mut host, 9, |_| {}), [""; 0]);
    assert_eq!(host.told(), []);
    assert_eq!(silent_after(&mut host, &meta([10, 0, 0, 9], None)), [""; 0]);
}

#[test]
fn peers_that_are_silent_on_an_interface_are_told_of_and_the_group_is_rejoined_there() {
    let mut host = Host::joined(&[eth0(), eth1()]);
    let calls = silent_after(&mut host, &meta([10, 1, 0, 9], Some(3)));
    assert_eq!(calls, ["leave on eth1", "join on eth1"]);
    assert_eq!(host.told(), [Event::PeersSilent(GROUP, eth1())]);
    assert!(!host.bursts(), "which would make nobody speak");
}

#[test]
fn peers_that_stay_silent_and_connected_cost_four_more_rejoins_and_no_line_and_no_burst() {
    let mut host = Host::joined(&[eth0(), eth1()]);
    silent_after(&mut host, &meta([10, 1, 0, 9], Some(3)));
    host.told();
    let mut calls = Vec::new();
    for s in 11..86_400 {
        calls.extend(host.check(secs(s), &other()));
    }
    assert_eq!(calls, ["leave on eth1", "join on eth1"].repeat(4));
    assert_eq!(host.told(), []);
    assert!(!host.bursts());
}

#[test]
fn nodes_of_this_host_are_heard_whatever_the_network_does_and_not_missed() {
    let mut host = Host::joined(&[eth0(), eth1()]);
    for index in [None, Some(2), Some(3)] {
        assert_eq!(silent_after(&mut host, &meta([10, 0, 0, 1], index)), [""; 0]);
    }
}

#[test]
fn a_link_local_address_is_ours_only_on_the_interface_that_has_it() {
    let address: IpAddr = "fe80::1".parse().expect("an address");
    let interfaces = || [interface("eth0", 2, address), eth1()];
    for (index, is_ours) in [(Some(2), true), (Some(3), false), (None, true)] {
        let mut host = Host::joined(&interfaces());
        host.reconcile(secs(2));
        let calls = silent_after(&mut host, &meta(address, index));
        assert_eq!(calls.is_empty(), is_ours, "{index:?}");
    }
}

#[test]
fn what_was_not_looked_at_may_have_been_an_echo_or_a_peer() {
    let mut host = Host::joined(&[eth0()]);
    host.group.heard(secs(0), &other(), true, &meta([10, 0, 0, 9], Some(2)));
    for s in 0..30 {
        host.send(secs(s));
        host.group.overrun(secs(s));
        host.network.take_calls();
        assert_eq!(host.check(secs(s) + ECHO, &other()), [""; 0], "{s}");
    }
    assert_eq!(host.check(secs(38), &other()), [""; 0]);
    assert_eq!(host.check(secs(39), &other()), ["leave on eth0", "join on eth0"]);
}
