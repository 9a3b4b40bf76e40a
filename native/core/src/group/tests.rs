use super::{
    scans::{RARE_SCAN_INTERVAL, RESCAN_DELAY, SCAN_INTERVAL},
    *,
};
use crate::{
    InterfaceNews,
    context::Effects,
    event::MissingReason,
    network::fake::{FakeNetwork, GROUP, PORT, error, interface, meta},
};

mod choosing;
mod hearing;
mod sending;

/// A group, and all that it acts with.
struct Host {
    group: Group,
    network: FakeNetwork,
    effects: Effects,
}

impl Host {
    fn with(
        multicast_if: InterfaceSelection,
        group: IpAddr,
        interfaces: &[InterfaceAddress],
    ) -> Self {
        let config = NetworkConfig {
            port: PORT,
            if_addr: [0, 0, 0, 0].into(),
            multicast_if,
            multicast_addr: group,
            multicast_ttl: 1,
            broadcast_only: false,
            receive_limit: 1000,
        };
        let (group, network) = (Group::new(&config, true), FakeNetwork::of(interfaces));
        Self { group, network, effects: Effects::default() }
    }

    /// A host that has joined on these interfaces at 0 s, and told so.
    fn joined(interfaces: &[InterfaceAddress]) -> Self {
        let mut host = Self::with(InterfaceSelection::All, GROUP, interfaces);
        host.reconcile(secs(0));
        host.bursts();
        host.told();
        host.network.take_calls();
        host
    }

    fn reconcile(&mut self, now: Time) {
        self.group.reconcile(&mut self.effects.context(now, &mut self.network));
    }

    fn send(&mut self, now: Time) {
        self.group.send(&mut self.effects.context(now, &mut self.network), b"heartbeat");
    }

    /// What is called because of what is not heard, while this node is connected.
    fn check(&mut self, now: Time, connected: &NodeName) -> Vec<String> {
        let context = &mut self.effects.context(now, &mut self.network);
        self.group.check_liveness(context, SILENCE, |node| node == connected);
        self.network.take_calls()
    }

    fn told(&mut self) -> Vec<Event> {
        self.effects.alerts.take()
    }

    /// Whether a burst was asked for, where one may be sent.
    fn bursts(&mut self) -> bool {
        self.effects.take_burst()
    }
}

const SILENCE: Duration = Duration::from_secs(10);

fn secs(s: u64) -> Time {
    Time::after(Duration::from_secs(s))
}

fn eth0() -> InterfaceAddress {
    interface("eth0", 2, [10, 0, 0, 1])
}

fn eth1() -> InterfaceAddress {
    interface("eth1", 3, [10, 1, 0, 1])
}

fn target() -> SocketAddr {
    SocketAddr::new(GROUP, PORT)
}

fn join_fault() -> Fault {
    Fault::Join { group: GROUP, interface: eth0(), error: error() }
}

#[test]
fn the_group_is_joined_on_each_interface_which_is_told_and_worth_a_burst() {
    let mut host = Host::with(InterfaceSelection::All, GROUP, &[eth0(), eth1()]);
    host.reconcile(secs(0));
    assert_eq!(host.network.take_calls(), ["join on eth0", "join on eth1"]);
    let told = [eth0(), eth1()].map(|interface| Event::GroupJoined(GROUP, interface));
    assert_eq!(host.told(), told);
    assert!(host.bursts());
}

#[test]
fn interfaces_are_scanned_every_two_seconds() {
    let mut host = Host::with(InterfaceSelection::All, GROUP, &[eth0()]);
    assert_eq!(host.group.deadline(), secs(0));
    for s in 0..10 {
        host.reconcile(secs(s));
    }
    assert_eq!(host.network.scans, 5);
    assert_eq!(host.group.deadline(), secs(10));
}

#[test]
fn a_change_that_is_told_is_followed_soon_and_where_all_is_well_scans_are_rare() {
    let mut host = Host::with(InterfaceSelection::All, GROUP, &[eth0()]);
    host.network.news = InterfaceNews::Unchanged;
    host.reconcile(secs(0));
    assert_eq!(host.group.deadline(), secs(0) + RARE_SCAN_INTERVAL);
    host.network.has(&[eth0(), eth1()]);
    host.network.take_calls();
    host.reconcile(secs(7));
    assert_eq!(host.network.take_calls(), [""; 0]);
    host.network.news = InterfaceNews::Changed;
    host.reconcile(secs(7));
    let told = host.group.deadline();
    assert!(told <= secs(7) + Duration::from_millis(50));
    host.reconcile(told);
    assert_eq!(host.network.take_calls(), ["join on eth1"]);
    host.network.news = InterfaceNews::NotTold;
    host.reconcile(secs(9));
    assert_eq!(host.group.deadline(), told + SCAN_INTERVAL);
}

#[test]
fn what_no_change_that_is_told_may_mend_is_looked_at_as_if_nothing_was_told() {
    let usual = secs(100) + SCAN_INTERVAL;
    for refused in ["join on eth0", "interfaces", "route"] {
        let mut host = Host::with(InterfaceSelection::Routed, GROUP, &[eth0()]);
        host.network.news = InterfaceNews::Unchanged;
        host.network.refuse(&[refused]);
        host.reconcile(secs(100));
        assert_eq!(host.group.deadline(), usual, "{refused}");
    }
    let missing = InterfaceSelection::Listed(vec![crate::InterfaceSelector::Name("eth7".into())]);
    for (wanted, interfaces) in [(InterfaceSelection::All, &[][..]), (missing, &[eth0()][..])] {
        let mut host = Host::with(wanted, GROUP, interfaces);
        host.network.news = InterfaceNews::Unchanged;
        host.reconcile(secs(100));
        assert_eq!(host.group.deadline(), usual);
    }
    let mut host = Host::joined(&[eth0()]);
    host.network.news = InterfaceNews::Unchanged;
    host.network.refuse(&["send by eth0"]);
    host.send(secs(99));
    host.reconcile(secs(100));
    assert_eq!(host.group.deadline(), usual);
}

#[test]
fn a_membership_that_is_there_is_neither_left_nor_joined() {
    let mut host = Host::joined(&[eth0()]);
    host.reconcile(secs(2));
    assert_eq!((host.network.take_calls(), host.told()), (vec![], vec![]));
    assert!(!host.bursts());
}

#[test]
fn an_interface_that_comes_is_joined_and_one_that_goes_is_left() {
    let mut host = Host::joined(&[eth0()]);
    host.network.has(&[eth1()]);
    host.reconcile(secs(2));
    assert_eq!(host.network.take_calls(), ["leave on eth0", "join on eth1"]);
    let told = [Event::GroupLeft(GROUP, eth0()), Event::GroupJoined(GROUP, eth1())];
    assert_eq!(host.told(), told);
    assert!(host.bursts());
}

#[test]
fn an_interface_with_another_address_or_index_is_rejoined() {
    for changed in [interface("eth0", 2, [10, 0, 0, 9]), interface("eth0", 7, [10, 0, 0, 1])] {
        let mut host = Host::joined(&[eth0()]);
        host.network.has(std::slice::from_ref(&changed));
        host.reconcile(secs(2));
        assert_eq!(host.network.take_calls(), ["leave on eth0", "join on eth0"]);
        let told = [Event::GroupLeft(GROUP, eth0()), Event::GroupJoined(GROUP, changed)];
        assert_eq!(host.told(), told);
    }
}

#[test]
fn an_interface_that_was_removed_and_is_back_the_same_is_rejoined() {
    let mut host = Host::joined(&[eth0(), eth1()]);
    host.network.removed = vec![eth1().index];
    // A scan that fails makes nobody forget it.
    host.network.refuse(&["interfaces"]);
    host.reconcile(secs(2));
    host.network.refuse(&[]);
    host.told();
    host.reconcile(secs(4));
    assert_eq!(host.network.take_calls(), ["leave on eth1", "join on eth1"]);
    let host_told = host.told();
    let told = [Event::GroupLeft(GROUP, eth1()), Event::GroupJoined(GROUP, eth1())];
    assert!(told.iter().all(|event| host_told.contains(event)));
    host.reconcile(secs(6));
    assert_eq!(host.network.take_calls(), [""; 0]);
}

#[test]
fn a_join_that_fails_is_a_fault_and_tried_at_each_scan_until_it_works() {
    let mut host = Host::with(InterfaceSelection::All, GROUP, &[eth0(), eth1()]);
    host.network.refuse(&["join on eth0"]);
    host.reconcile(secs(0));
    assert!(host.told().contains(&Event::FaultRaised(join_fault())));
    host.network.take_calls();
    host.reconcile(secs(2));
    assert_eq!(host.network.take_calls(), ["join on eth0"]);
    host.network.refuse(&[]);
    host.reconcile(secs(4));
    let joined = Event::GroupJoined(GROUP, eth0());
    assert_eq!(host.told(), [Event::FaultCleared(join_fault()), joined]);
}

#[test]
fn faults_of_an_interface_that_has_gone_are_forgotten_and_those_of_others_are_not() {
    for (of_second_scan, is_kept) in [(vec![eth0()], true), (vec![eth1()], false)] {
        let mut host = Host::with(InterfaceSelection::All, GROUP, &[eth0()]);
        host.network.refuse(&["join on eth0"]);
        host.reconcile(secs(0));
        host.network.has(&of_second_scan);
        host.reconcile(secs(2));
        host.network.has(&[eth0()]);
        host.network.refuse(&[]);
        host.reconcile(secs(4));
        let cleared = Event::FaultCleared(join_fault());
        assert_eq!(host.told().contains(&cleared), is_kept);
    }
}

#[test]
fn a_fault_that_is_of_no_interface_is_not_forgotten_with_one() {
    let mut host = Host::joined(&[eth0()]);
    let address = SocketAddr::new([10, 0, 0, 7].into(), PORT);
    let fault = Fault::SendTo { target: address, error: error() };
    host.effects.alerts.raise(secs(0), fault.clone());
    host.told();
    host.reconcile(secs(2));
    host.effects.alerts.clear(&fault.component());
    assert_eq!(host.told(), [Event::FaultCleared(fault)]);
}

#[test]
fn a_scan_that_fails_is_a_fault_that_changes_no_membership_until_it_works() {
    for (call, step) in [("interfaces", ScanStep::Interfaces), ("route", ScanStep::Route)] {
        let mut host = Host::joined(&[eth0()]);
        host.network.refuse(&[call]);
        host.network.has(&[]);
        host.reconcile(secs(2));
        let fault = Fault::Scan { step, error: error() };
        assert_eq!(host.told(), [Event::FaultRaised(fault.clone())]);
        assert_eq!(host.network.take_calls(), [""; 0]);
        assert_eq!(host.group.deadline(), secs(4));
        host.network.refuse(&[]);
        host.network.has(&[eth0()]);
        host.reconcile(secs(4));
        assert_eq!(host.told(), [Event::FaultCleared(fault)]);
    }
}

#[test]
fn of_the_routes_for_ipv6_groups_nobody_asks() {
    let group = "ff02::1:32".parse().expect("an address");
    let address = "fe80::1".parse::<IpAddr>().expect("an address");
    let mut host = Host::with(InterfaceSelection::Routed, group, &[interface("eth0", 2, address)]);
    host.network.refuse(&["route"]);
    host.reconcile(secs(0));
    assert_eq!(host.network.take_calls(), ["join on eth0"]);
}

#[test]
fn the_group_is_joined_where_the_system_routes_it() {
    let mut host = Host::with(InterfaceSelection::Routed, GROUP, &[eth0(), eth1()]);
    host.network.routed = Some([10, 1, 0, 1].into());
    host.reconcile(secs(0));
    assert_eq!(host.network.take_calls(), ["join on eth1"]);
}

#[test]
fn an_interface_that_is_missing_is_a_fault_until_it_is_there() {
    let wanted = crate::InterfaceSelector::Name("eth1".into());
    let mut host = Host::with(InterfaceSelection::Listed(vec![wanted.clone()]), GROUP, &[eth0()]);
    host.reconcile(secs(0));
    let reason = MissingReason::NoSuchName;
    let fault = Fault::InterfaceMissing { group: GROUP, wanted, reason };
    assert_eq!(host.told(), [Event::FaultRaised(fault.clone())]);
    host.network.has(&[eth0(), eth1()]);
    host.reconcile(secs(2));
    let joined = Event::GroupJoined(GROUP, eth1());
    assert_eq!(host.told(), [Event::FaultCleared(fault), joined]);
}

#[test]
fn another_socket_is_a_member_of_nothing_and_joins_at_once() {
    let mut host = Host::joined(&[eth0()]);
    host.group.restart(secs(1));
    assert_eq!(host.group.deadline(), secs(1));
    host.reconcile(secs(1));
    assert_eq!(host.network.take_calls(), ["join on eth0"]);
}

#[test]
fn an_interface_is_named_by_the_index_that_something_came_by() {
    let host = Host::joined(&[eth0(), eth1()]);
    let name = |index| host.group.interface_name(index);
    assert_eq!(name(Some(3)), Some("eth1".into()));
    assert_eq!(name(Some(9)), None);
    assert_eq!(name(None), None);
}
