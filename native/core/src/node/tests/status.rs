//! What a node says of itself and of its peers when it is asked.

use super::*;
use crate::{
    Secret,
    event::MissingReason,
    network::fake::limit,
    packet::{Form, Label, Signed, Trailer},
    status::{HeartbeatForm, PeerState, PeerStatus},
};

const SECRETS: [&[u8]; 2] = [b"a secret", b"an old secret"];

fn alive() -> Host {
    let mut host = Host::joined();
    host.live(secs(1));
    host
}

fn secrets() -> Vec<Secret> {
    SECRETS.iter().map(|secret| Secret(secret.to_vec())).collect()
}

/// A node that signs and takes what is plain.
fn signing() -> Host {
    let config = Config { secrets: secrets(), seal: false, ..Config::default() };
    let mut host = Host::with(config, |_| {}).after_joining();
    host.live(secs(1));
    host
}

/// A heartbeat under the second secret, of a clock that shows this many milliseconds.
fn signed(seq: u32, clock: u64, form: Form, is_leaving: bool) -> Vec<u8> {
    let ring = Keyring::new(&secrets()[1..], None);
    let signed = Some(Signed { incarnation: 7, seq, echoes: Default::default() });
    let (stamp, label) = (WallTime::from_millis(clock), Label::default());
    packet::encode_with(
        &name("peer@host"),
        &Trailer { is_leaving, stamp, label, signed },
        &ring,
        form,
    )
}

/// Does what is due, at any tenth of these seconds.
fn pass(host: &mut Host, seconds: std::ops::Range<u64>) {
    for ms in (seconds.start * 1000..seconds.end * 1000).step_by(100) {
        host.advance(millis(ms));
        host.check(millis(ms));
    }
}

fn peer(host: &Host, now: Now) -> PeerStatus {
    let mut peers = host.node.peers(now);
    assert_eq!(peers.len(), 1);
    peers.remove(0)
}

#[test]
fn a_peer_says_where_it_was_heard_from_by_which_interface_and_how_long_ago() {
    let mut host = alive();
    host.receive(secs(2), &from(9), "peer@host");
    let peer = peer(&host, secs(5));
    assert_eq!(peer.node, name("peer@host"));
    assert_eq!(peer.source, Some(from(9).source));
    assert_eq!(peer.interface.as_deref(), Some("eth0"));
    assert_eq!(peer.heard_ago, Duration::from_secs(3));
    assert_eq!((peer.form, peer.secret_index), (HeartbeatForm::Plain, None));
    assert_eq!((peer.loss, peer.clock_off_ms), (None, None));
}

#[test]
fn a_peer_that_signs_says_with_which_secret_what_was_lost_and_how_far_its_clock_is_off() {
    let forms =
        [(Form::Plain, HeartbeatForm::Signed), (Form::Sealed([7; 16]), HeartbeatForm::Sealed)];
    for (form, expected) in forms {
        let mut host = signing();
        for seq in [1, 2, 5, 6] {
            let clock = 4000 + 1000 * u64::from(seq);
            let at = secs(u64::from(seq));
            host.node.receive(at, &from(9), &signed(seq, clock, form, false));
        }
        // What a wall clock shows that runs from zero.
        let now = Now { time: secs(8).time, wall: WallTime::from_millis(8000) };
        let peer = peer(&host, now);
        assert_eq!((peer.form, peer.secret_index), (expected, Some(1)));
        let loss = peer.loss.expect("it signs");
        assert_eq!((loss.received, loss.missing), (4, 2));
        assert!((loss.percent() - 100.0 / 3.0).abs() < 1e-9);
        assert_eq!(peer.clock_off_ms, Some(4000));
    }
}

#[test]
fn a_peer_that_seals_and_does_not_sign_is_told_from_one_that_does() {
    let mut host = signing();
    let ring = Keyring::new(&secrets(), None);
    let datagram = packet::encode(&name("peer@host"), &ring, [0; 16]);
    host.node.receive(secs(2), &from(9), &datagram);
    let peer = peer(&host, secs(2));
    assert_eq!((peer.form, peer.secret_index), (HeartbeatForm::SealedUnsigned, Some(0)));
    assert_eq!(peer.loss, None);
}

#[test]
fn a_peer_goes_through_its_states() {
    let mut host = alive();
    let state = |host: &Host, now| peer(host, now).state;
    host.receive(secs(2), &from(9), "peer@host");
    assert_eq!(state(&host, secs(2)), PeerState::Waiting);
    assert_eq!(host.announced(secs(3)), [name("peer@host")]);
    assert_eq!(state(&host, secs(3)), PeerState::Announced);
    host.node.report(secs(4), &name("peer@host"), Report::Unreachable);
    let PeerState::BackingOff { remaining, failures: 1 } = state(&host, secs(4)) else {
        panic!("{:?}", state(&host, secs(4)))
    };
    assert!((750..=1000).contains(&remaining.as_millis()), "{remaining:?}");
    host.node.report(secs(5), &name("peer@host"), Report::Connected);
    assert_eq!(state(&host, secs(5)), PeerState::Connected);
    host.node.report(secs(500), &name("peer@host"), Report::Down);
    assert_eq!(state(&host, secs(500)), PeerState::Down);
}

#[test]
fn a_peer_that_leaves_is_leaving_while_it_is_connected_and_has_left_then() {
    let mut host = signing();
    host.node.receive(secs(2), &from(9), &signed(1, 0, Form::Plain, false));
    host.node.report(secs(2), &name("peer@host"), Report::Connected);
    host.node.receive(secs(3), &from(9), &signed(2, 1000, Form::Plain, true));
    assert_eq!(peer(&host, secs(3)).state, PeerState::Leaving);
    host.node.report(secs(4), &name("peer@host"), Report::Down);
    assert_eq!(peer(&host, secs(4)).state, PeerState::Left);
    let counts = host.node.status(secs(4)).peers;
    assert_eq!(counts.iter().map(|(_, n)| n).sum::<usize>(), 1);
    assert!(counts.contains(&("left", 1)));
}

#[test]
fn a_node_says_who_it_is_how_it_sends_and_that_it_is_about_to_stop() {
    let host = Host::with(Config { secrets: secrets(), ..Config::default() }, |_| {});
    let before = host.node.status(secs(0));
    assert_eq!(before.identity, None);
    assert!(!before.socket.is_open && before.socket.fault.is_none());
    let mut host = host.after_joining();
    host.live(secs(1));
    let status = host.node.status(secs(1));
    assert_eq!(status.identity, Some(name("me@host")));
    assert_eq!(status.form, HeartbeatForm::Sealed);
    assert!(status.incarnation.is_some() && !status.is_draining && !status.is_overloaded);
    assert_eq!(status.longest_gap, Duration::from_secs(5));
    assert_eq!(status.socket.target, SocketAddr::new(GROUP, PORT));
    host.node.drain(secs(2));
    assert!(host.node.status(secs(2)).is_draining);
    assert_eq!(signing().node.status(secs(1)).form, HeartbeatForm::Signed);
    let plain = alive().node.status(secs(1));
    assert_eq!((plain.form, plain.incarnation), (HeartbeatForm::Plain, None));
}

#[test]
fn of_each_cause_of_a_refusal_the_last_source_is_kept() {
    let mut host = alive();
    for last in [7, 8] {
        host.node.receive(secs(2), &from(last), b"noise");
    }
    let status = host.node.status(secs(5));
    let [last] = status.last_refused.as_slice() else { panic!("{:?}", status.last_refused) };
    assert_eq!((last.cause, last.source), (Refusal::Malformed, from(8).source));
    assert_eq!((last.interface.as_deref(), last.ago), (Some("eth0"), Duration::from_secs(3)));
    assert_eq!(status.counters.refused(Refusal::Malformed), 2);
}

#[test]
fn a_membership_tells_when_it_had_its_echo_and_when_others_were_heard() {
    let mut host = alive();
    let membership = |host: &Host, now| host.node.status(now).memberships.remove(0);
    let before = membership(&host, secs(1));
    assert!(before.is_joined && before.echoed_ago.is_none() && before.heard_ago.is_none());
    assert_eq!((before.name.as_deref(), before.index), (Some("eth0"), Some(2)));
    host.receive(secs(2), &from(1), "me@host");
    host.receive(secs(3), &from(9), "peer@host");
    let after = membership(&host, secs(5));
    assert_eq!(after.echoed_ago, Some(Duration::from_secs(3)));
    assert_eq!(after.heard_ago, Some(Duration::from_secs(2)));
    assert_eq!(host.node.status(secs(5)).echoed_ago, Some(Duration::from_secs(3)));
}

#[test]
fn an_interface_that_is_not_joined_is_a_membership_with_the_fault_that_keeps_it() {
    let address = [10, 9, 9, 9].into();
    let names = ["eth0", "eth9"].map(|name| crate::InterfaceSelector::Name(name.into()));
    let [wanted_eth0, wanted_eth9] = names;
    let wanted = [wanted_eth0, wanted_eth9, crate::InterfaceSelector::Address(address)];
    let mut host = Host::with(Config::default(), |network| {
        network.multicast_if = InterfaceSelection::Listed(wanted.to_vec());
    });
    host.network.refuse(&["join on eth0"]);
    host.advance(secs(0));
    let status = host.node.status(secs(4));
    let group = GROUP;
    let join = Fault::Join { group, interface: eth0(), error: error() };
    let reason = MissingReason::NoSuchName;
    let missing = Fault::InterfaceMissing { group, wanted: wanted[1].clone(), reason };
    let told = status.memberships.iter().map(|m| (m.name.as_deref(), m.address));
    let expected =
        [(Some("eth0"), Some(eth0().address)), (None, Some(address)), (Some("eth9"), None)];
    assert!(told.eq(expected), "{:?}", status.memberships);
    assert!(status.memberships.iter().all(|membership| !membership.is_joined));
    assert_eq!(status.memberships[0].faults, [join]);
    assert_eq!(status.memberships[2].faults, [missing]);
    assert_eq!(status.faults.len(), 3);
    assert!(status.faults.iter().all(|lasting| lasting.since == Duration::from_secs(4)));
}

#[test]
fn beyond_the_systems_limit_a_membership_says_so() {
    let mut host = Host::with(Config::default(), |_| {});
    host.network = FakeNetwork::of(&[eth0(), interface("eth1", 3, [10, 1, 0, 1])]);
    host.network.most_memberships = Some(1);
    host.advance(secs(0));
    let memberships = host.node.status(secs(0)).memberships;
    assert_eq!(memberships.iter().filter(|m| m.is_joined).count(), 1);
    let [Fault::JoinLimit { error, .. }] = memberships[1].faults.as_slice() else {
        panic!("{:?}", memberships[1])
    };
    assert_eq!(*error, limit());
}

#[test]
fn a_heartbeat_that_cannot_be_sent_is_counted_and_a_fault_until_one_is() {
    let mut host = alive();
    host.network.refuse(&["send by eth0"]);
    pass(&mut host, 1..20);
    let status = host.node.status(secs(20));
    assert!(status.send_failures > 2 && status.send_failures == status.counters.sent, "{status:?}");
    assert!(matches!(status.memberships[0].faults.as_slice(), [Fault::SendBy { .. }]));
    assert!(status.faults[0].since > Duration::from_secs(15));
    host.network.refuse(&[]);
    pass(&mut host, 20..40);
    let status = host.node.status(secs(40));
    // Of what is sent nothing comes back here.
    assert!(matches!(status.memberships[0].faults.as_slice(), [Fault::NoEcho { .. }]));
    assert!(status.send_failures < status.counters.sent);
}

#[test]
fn a_socket_that_cannot_be_opened_says_since_when_and_why_and_has_joined_nothing() {
    let mut host = alive();
    host.node.receive_failed(secs(3), &mut host.network, error());
    let status = host.node.status(secs(5));
    assert!(!status.socket.is_open && !status.memberships[0].is_joined);
    let fault = status.socket.fault.expect("why");
    assert_eq!(fault.fault, socket_fault(SocketStep::Receive));
    assert_eq!(fault.since, Duration::from_secs(2));
    host.advance(secs(6));
    assert!(host.node.status(secs(6)).socket.is_open);
}

#[test]
fn with_broadcasts_alone_there_is_no_membership_and_an_echo_counts() {
    let mut host = Host::with(Config::default(), |network| {
        (network.broadcast_only, network.multicast_addr) = (true, [10, 0, 0, 255].into());
    });
    host.advance(secs(0));
    host.live(secs(1));
    let meta = RecvMeta { source: from(1).source, destination: None, interface: Some(2) };
    host.receive(secs(1), &meta, "me@host");
    let status = host.node.status(secs(2));
    assert!(status.socket.is_broadcast && status.memberships.is_empty());
    assert_eq!(status.echoed_ago, Some(Duration::from_secs(1)));
}

#[test]
fn a_socket_says_whether_it_is_given_what_is_sent_to_its_groups() {
    for hears_groups in [true, false] {
        let mut host = alive();
        let network = Host::network_config();
        host.node = Node::new(Config::default(), &network, hears_groups, StdRng::seed_from_u64(1));
        assert_eq!(host.node.status(secs(1)).socket.hears_groups, hears_groups);
    }
}
