mod leaving;
mod news;
mod turns;

use std::{collections::BTreeSet, time::Duration};

use rand::{SeedableRng, rngs::StdRng};

use super::*;

const GAP: Duration = Duration::from_secs(5);

fn node(n: usize) -> NodeName {
    NodeName::parse(&format!("n{n}@host")).expect("a node name")
}

/// A node that waits for no other to dial: its name is before all of theirs, or after.
fn me(peer: &NodeName) -> NodeName {
    let names = ["a@host", "y@host"].map(|name| NodeName::parse(name).expect("a node name"));
    names.into_iter().find(|name| order::dials_first(name, peer)).expect("one of the two")
}

fn secs(s: u64) -> Time {
    Time::after(length(s))
}

fn millis(ms: u64) -> Time {
    Time::after(Duration::from_millis(ms))
}

fn length(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

fn peers(capacity: usize) -> Peers {
    Peers::new(capacity, None)
}

/// An address of its own for each peer.
fn address(n: usize) -> IpAddr {
    IpAddr::from(u32::try_from(n).expect("few").to_be_bytes())
}

fn hear_from(
    peers: &mut Peers,
    now: Time,
    source: IpAddr,
    node: &NodeName,
) -> Result<Option<Asks>, Refusal> {
    peers.see(
        now,
        Heard {
            node,
            source,
            by: &me(node),
            longest_gap: GAP,
            is_leaving: false,
            manner: Manner::default(),
        },
    )
}

fn hear(peers: &mut Peers, now: Time, n: usize) -> Result<Option<Asks>, Refusal> {
    hear_from(peers, now, address(n), &node(n))
}

/// All whose turn it is.
fn announced(peers: &mut Peers, now: Time) -> Vec<NodeName> {
    std::iter::from_fn(|| peers.next_announcement(now)).collect()
}

fn report(peers: &mut Peers, now: Time, n: usize, report: Report) -> Option<PeerChange> {
    peers.report(now, &node(n), report, &mut rng())
}

/// Whether a peer that is heard is announced.
fn is_announced(peers: &mut Peers, now: Time, n: usize) -> bool {
    hear(peers, now, n).expect("within the budgets");
    announced(peers, now).contains(&node(n))
}

/// Hears a peer to which a connection attempt succeeds.
fn meet(peers: &mut Peers, now: Time, n: usize) {
    assert!(is_announced(peers, now, n));
    report(peers, now, n, Report::Connected);
}

#[test]
fn a_peer_is_announced_once_until_something_is_reported() {
    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    assert!((1..30).all(|s| !is_announced(&mut peers, secs(s), 1)));
}

#[test]
fn a_peer_without_a_report_is_announced_again_after_30_s() {
    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    assert!(is_announced(&mut peers, secs(30), 1));
    assert!(!is_announced(&mut peers, secs(31), 1));
}

#[test]
fn a_connected_peer_is_announced_again_at_the_pace_of_a_list_that_may_forget_it() {
    let mut peers = Peers::new(8, Some(length(5)));
    meet(&mut peers, secs(1), 1);
    for round in 0..10 {
        assert!((2..6).all(|s| !is_announced(&mut peers, secs(5 * round + s), 1)));
        assert!(is_announced(&mut peers, secs(5 * round + 6), 1));
        assert_eq!(peers.connected(), 1);
        assert_eq!(report(&mut peers, secs(5 * round + 6), 1, Report::Connected), None);
    }
}

#[test]
fn where_each_end_of_a_connection_is_reported_it_is_never_asked_for() {
    let mut peers = peers(8);
    meet(&mut peers, secs(1), 1);
    assert!((2..10_000).all(|s| !is_announced(&mut peers, secs(s), 1)));
}

#[test]
fn after_reports_were_lost_who_is_connected_is_asked_for_once() {
    let mut peers = peers(8);
    meet(&mut peers, secs(1), 1);
    peers.reports_lost(secs(9));
    assert_eq!(peers.connected(), 1);
    assert!(is_announced(&mut peers, secs(9), 1));
    report(&mut peers, secs(9), 1, Report::Connected);
    assert!((10..1000).all(|s| !is_announced(&mut peers, secs(s), 1)));
}

#[test]
fn a_peer_that_went_down_after_30_s_is_announced_when_it_is_heard_again() {
    let mut peers = peers(8);
    meet(&mut peers, secs(1), 1);
    report(&mut peers, secs(31), 1, Report::Down);
    assert!(is_announced(&mut peers, secs(31), 1));
}

#[test]
fn a_connection_that_lasted_less_than_30_s_counts_as_a_failed_attempt() {
    let mut peers = peers(8);
    let mut now = secs(0);
    for pause in [1, 2, 4, 8, 16, 30, 30] {
        meet(&mut peers, now, 1);
        now += Duration::from_millis(29_999);
        // What is said once more is no other connection.
        report(&mut peers, now, 1, Report::Connected);
        report(&mut peers, now, 1, Report::Down);
        assert_eq!(peers.connected(), 0);
        let early = length(pause) * 3 / 4 - Duration::from_nanos(1);
        assert!(!is_announced(&mut peers, now + early, 1), "{pause}");
        now += length(pause);
    }
    assert!(is_announced(&mut peers, now, 1));
}

#[test]
fn a_connection_that_lasted_30_s_leaves_the_pause_as_it_was_and_one_of_60_s_ends_it() {
    let mut peers = peers(8);
    let mut now = secs(0);
    for (lasts, pause) in [(1, 1), (1, 2), (1, 4), (30, 4), (59, 4), (1, 8), (60, 0), (1, 1)] {
        meet(&mut peers, now, 1);
        now += length(lasts);
        report(&mut peers, now, 1, Report::Down);
        if pause > 0 {
            let early = length(pause) * 3 / 4 - Duration::from_nanos(1);
            assert!(!is_announced(&mut peers, now + early, 1), "{lasts} {pause}");
        }
        now += length(pause);
    }
    assert!(is_announced(&mut peers, now, 1));
}

#[test]
fn an_attempt_whose_connection_went_down_at_once_has_failed() {
    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    assert_eq!(report(&mut peers, secs(0), 1, Report::Down), None);
    assert!(!is_announced(&mut peers, millis(749), 1));
    assert!(is_announced(&mut peers, secs(1), 1));
}

#[test]
fn the_back_off_doubles_from_1_s_to_30_s() {
    let mut peers = peers(8);
    let mut now = secs(0);
    assert!(is_announced(&mut peers, now, 1));
    for longest in [1, 2, 4, 8, 16, 30, 30, 30] {
        report(&mut peers, now, 1, Report::Unreachable);
        let early = length(longest) * 3 / 4 - Duration::from_nanos(1);
        assert!(!is_announced(&mut peers, now + early, 1), "{longest}");
        now += length(longest);
        assert!(is_announced(&mut peers, now, 1), "{longest}");
    }
}

#[test]
fn only_a_change_of_what_a_peer_is_to_us_is_news() {
    use Report::{Connected, Down, Unreachable};
    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    let (connected, unreachable) = (Some(PeerChange::Connected), Some(PeerChange::Unreachable));
    let reports = [
        (Unreachable, unreachable),
        (Unreachable, None),
        (Connected, connected),
        (Connected, None),
        (Down, None),
        (Unreachable, unreachable),
        (Unreachable, None),
        (Connected, connected),
        (Unreachable, unreachable),
    ];
    for (n, (by, news)) in (0..).zip(reports) {
        assert_eq!(report(&mut peers, secs(1000 * n), 1, by), news, "{n}");
        // A peer that is announced again meanwhile is what it was.
        is_announced(&mut peers, secs(1000 * n + 999), 1);
    }
    assert_eq!(report(&mut peers, secs(9000), 9, Connected), None);
}

#[test]
fn a_report_about_a_stranger_changes_nothing() {
    let mut peers = peers(8);
    report(&mut peers, secs(0), 1, Report::Connected);
    assert_eq!(peers.connected(), 0);
    assert!(is_announced(&mut peers, secs(0), 1));
}

#[test]
fn the_longest_silent_peer_that_is_not_connected_makes_room() {
    let mut peers = peers(3);
    for n in 0..3 {
        assert!(is_announced(&mut peers, secs(n as u64), n));
    }
    report(&mut peers, secs(3), 0, Report::Connected);
    assert!(hear(&mut peers, secs(40), 9).expect("a token by now").is_some());
    let known: BTreeSet<_> = peers.table.keys().cloned().collect();
    assert_eq!(known, [0, 2, 9].map(node).into());
}

#[test]
fn a_table_of_connected_peers_takes_nobody_in() {
    let mut peers = peers(2);
    (0..2).for_each(|n| meet(&mut peers, secs(0), n));
    assert_eq!(hear(&mut peers, secs(1000), 9), Err(Refusal::OverLimit));
}

#[test]
fn while_every_peer_of_a_full_table_waits_or_is_being_connected_to_nobody_new_is_taken_in() {
    let mut peers = peers(2);
    hear(&mut peers, secs(0), 0).expect("room");
    assert!(is_announced(&mut peers, secs(0), 1));
    hear(&mut peers, secs(0), 0).expect("room");
    assert_eq!(hear(&mut peers, secs(29), 9), Err(Refusal::OverLimit));
    assert!(hear(&mut peers, secs(30), 9).expect("an idle one makes room").is_some());
}

#[test]
fn forged_names_use_up_the_tokens_and_no_more() {
    let mut peers = peers(100);
    let mut refuse = |n: &usize| {
        let heard = hear(&mut peers, secs(0), *n);
        announced(&mut peers, secs(0));
        report(&mut peers, secs(0), *n, Report::Unreachable);
        heard.is_ok()
    };
    let taken = (0..10_000).filter(&mut refuse).count();
    assert_eq!(taken, 100);
    assert_eq!(peers.table.len(), 100);
}

#[test]
fn names_that_prove_to_be_nodes_keep_no_others_of_their_host_out() {
    let mut peers = peers(100);
    let host = address(1);
    let taken = |peers: &mut Peers, names: std::ops::Range<usize>| {
        names.filter(|n| hear_from(peers, secs(0), host, &node(*n)).is_ok()).count()
    };
    assert_eq!(taken(&mut peers, 0..50), 25);
    for n in 0..25 {
        report(&mut peers, secs(0), n, Report::Connected);
        report(&mut peers, secs(0), n, Report::Down);
        report(&mut peers, secs(0), n, Report::Connected);
    }
    assert_eq!(taken(&mut peers, 25..100), 25);
}

#[test]
fn a_heartbeat_of_a_known_peer_is_never_refused() {
    let mut peers = Peers::new(500, Some(length(5)));
    meet(&mut peers, secs(0), 0);
    (1..500).for_each(|n| {
        hear(&mut peers, secs(0), n).expect("room");
    });
    announced(&mut peers, secs(0));
    for s in 0..100 {
        assert!(hear(&mut peers, secs(s), 0).is_ok(), "connected, and to be asked for again");
        assert!(hear(&mut peers, secs(s), 499).is_ok(), "waiting");
    }
}

#[test]
fn a_peer_that_is_not_connected_yet_should_hear_us_and_one_that_is_or_failed_need_not() {
    let asks = |peers: &mut Peers, now| hear(peers, now, 1).expect("room");
    let mut peers = peers(8);
    assert_eq!(asks(&mut peers, secs(0)), Some(Asks::Newcomer), "new");
    announced(&mut peers, secs(0));
    assert_eq!(asks(&mut peers, secs(1)), Some(Asks::Again), "being connected to");
    report(&mut peers, secs(1), 1, Report::Unreachable);
    assert!((2..100).all(|s| asks(&mut peers, secs(s)).is_none()), "failed");
    announced(&mut peers, secs(100));
    report(&mut peers, secs(100), 1, Report::Connected);
    assert!((100..200).all(|s| asks(&mut peers, secs(s)).is_none()), "connected");
    report(&mut peers, secs(200), 1, Report::Down);
    assert_eq!(asks(&mut peers, secs(200)), Some(Asks::Newcomer), "back");
}

#[test]
fn who_went_down_should_hear_us_when_it_is_back_however_short_the_connection_was() {
    let asks = |peers: &mut Peers, now| hear(peers, now, 1).expect("known");
    let mut peers = peers(8);
    meet(&mut peers, secs(0), 1);
    report(&mut peers, secs(1), 1, Report::Down);
    assert_eq!(asks(&mut peers, millis(1_100)), Some(Asks::Newcomer), "back, in a back-off");
    assert_eq!(asks(&mut peers, millis(1_200)), Some(Asks::Again), "missed");
    report(&mut peers, secs(2), 1, Report::Unreachable);
    assert_eq!(asks(&mut peers, millis(60_999)), Some(Asks::Newcomer), "silent");
    assert_eq!(asks(&mut peers, secs(61)), None, "missed no more");
    report(&mut peers, secs(62), 1, Report::Connected);
    assert_eq!(asks(&mut peers, secs(62)), None);
}

#[test]
fn who_speaks_during_a_pause_has_its_turn_when_the_pause_ends() {
    for spoke in [0, 300] {
        let mut peers = peers(8);
        assert!(is_announced(&mut peers, secs(0), 1));
        report(&mut peers, secs(0), 1, Report::Unreachable);
        assert_eq!(peers.next_turn(), Some(secs(0)));
        assert_eq!(announced(&mut peers, millis(spoke)), []);
        assert_eq!(peers.next_turn(), None, "nobody has spoken");
        hear(&mut peers, millis(spoke), 1).expect("known");
        assert_eq!(announced(&mut peers, millis(spoke)), []);
        let turn = peers.next_turn().expect("the end of the pause");
        assert!((millis(750)..=secs(1)).contains(&turn), "{turn:?}");
        assert_eq!(announced(&mut peers, turn), [node(1)]);
    }
}

#[test]
fn who_spoke_during_a_pause_may_be_forgotten_for_another_one() {
    let mut peers = peers(1);
    assert!(is_announced(&mut peers, secs(0), 1));
    // After the fifth, a pause is longer than 10 s, after which there is another token.
    for _ in 0..5 {
        report(&mut peers, secs(0), 1, Report::Unreachable);
    }
    hear(&mut peers, millis(100), 1).expect("known");
    hear(&mut peers, secs(10), 2).expect("a token by now");
    assert_eq!(announced(&mut peers, secs(10)), [node(2)]);
    assert_eq!(peers.next_turn(), None);
}

#[test]
fn whoever_was_silent_for_four_of_its_longest_gaps_should_hear_us() {
    let mut peers = peers(8);
    meet(&mut peers, secs(0), 1);
    let mut answer = |now| hear(&mut peers, now, 1).expect("known").is_some();
    assert!(!answer(millis(19_999)));
    assert!(answer(millis(39_999)));
    assert!(!answer(millis(59_998)));
}

#[test]
fn who_went_down_is_missed_until_it_is_back_and_for_a_minute_at_most() {
    let mut peers = peers(8);
    (1..=2).for_each(|n| meet(&mut peers, secs(0), n));
    assert!(!peers.is_missing_somebody(secs(100)));
    report(&mut peers, secs(100), 1, Report::Down);
    report(&mut peers, secs(130), 2, Report::Down);
    assert!(peers.is_missing_somebody(secs(159)));
    report(&mut peers, secs(159), 2, Report::Connected);
    assert!(peers.is_missing_somebody(secs(159)));
    assert!(!peers.is_missing_somebody(secs(160)));
    report(&mut peers, secs(160), 1, Report::Down);
    assert!(!peers.is_missing_somebody(secs(160)), "it was not connected");
}
