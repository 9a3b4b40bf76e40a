use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::budget::{ATTEMPTS_AT_ONCE, ATTEMPTS_OF_ONE_SOURCE, ATTEMPTS_OF_RETRIES};

fn node(n: usize) -> NodeName {
    NodeName::parse(&format!("n{n}@host")).expect("a node name")
}

fn secs(s: u64) -> Time {
    Time::after(length(s))
}

fn length(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

/// Hears a peer from an address of its own.
fn hear(peers: &mut Peers, now: Time, node: &NodeName) -> Result<Sighting, Refusal> {
    let last = node.as_str().bytes().fold(0, u8::wrapping_add);
    peers.see(now, IpAddr::from([10, 0, 0, last]), node)
}

/// Hears a peer to which a connection attempt succeeds.
fn meet(peers: &mut Peers, now: Time, node: &NodeName) -> Result<(), Refusal> {
    hear(peers, now, node)?;
    peers.report(now, node, Report::Connected, &mut rng());
    Ok(())
}

fn announced_of(peers: &mut Peers, now: Time, n: usize) -> bool {
    hear(peers, now, &node(n)).is_ok_and(|heard| heard.announce)
}

fn announced(peers: &mut Peers, now: Time) -> bool {
    hear(peers, now, &node(1)).expect("within the budgets").announce
}

#[test]
fn a_peer_is_announced_once_until_something_is_reported() {
    let mut peers = Peers::new(8);
    assert_eq!(hear(&mut peers, secs(0), &node(1)), Ok(Sighting { is_new: true, announce: true }));
    assert!((1..30).all(|s| !announced(&mut peers, secs(s))));
}

#[test]
fn a_peer_without_a_report_is_announced_again_after_30_s() {
    let mut peers = Peers::new(8);
    announced(&mut peers, secs(0));
    assert!(announced(&mut peers, secs(30)));
    assert!(!announced(&mut peers, secs(31)));
}

#[test]
fn a_connected_peer_is_refreshed_after_60_s() {
    let mut peers = Peers::new(8);
    announced(&mut peers, secs(0));
    peers.report(secs(1), &node(1), Report::Connected, &mut rng());
    assert!((2..61).all(|s| !announced(&mut peers, secs(s))));
    assert!(announced(&mut peers, secs(61)));
}

#[test]
fn a_peer_that_went_down_is_announced_when_it_is_heard_again() {
    let mut peers = Peers::new(8);
    announced(&mut peers, secs(0));
    peers.report(secs(1), &node(1), Report::Connected, &mut rng());
    peers.report(secs(2), &node(1), Report::Down, &mut rng());
    assert!(announced(&mut peers, secs(2)));
}

#[test]
fn the_back_off_doubles_from_1_s_to_30_s_and_a_connection_ends_it() {
    let mut peers = Peers::new(8);
    let mut rng = rng();
    let mut now = secs(0);
    announced(&mut peers, now);
    for longest in [1, 2, 4, 8, 16, 30, 30, 30] {
        peers.report(now, &node(1), Report::Unreachable, &mut rng);
        let early = length(longest) * 3 / 4 - Duration::from_nanos(1);
        assert!(!announced(&mut peers, now + early), "{longest}");
        now += length(longest);
        assert!(announced(&mut peers, now), "{longest}");
    }
    peers.report(now, &node(1), Report::Connected, &mut rng);
    peers.report(now, &node(1), Report::Unreachable, &mut rng);
    assert!(announced(&mut peers, now + length(1)));
}

#[test]
fn only_a_change_of_what_a_peer_is_to_us_is_news() {
    use Report::{Connected, Down, Unreachable};
    let mut peers = Peers::new(8);
    announced(&mut peers, secs(0));
    let reports =
        [Unreachable, Unreachable, Connected, Connected, Down, Unreachable, Unreachable, Connected];
    let mut news = Vec::new();
    for report in reports {
        news.push(peers.report(secs(1), &node(1), report, &mut rng()));
        // A peer that is announced again meanwhile is what it was.
        hear(&mut peers, secs(1000), &node(1)).expect("within the budgets");
    }
    let (connected, unreachable) = (Some(PeerChange::Connected), Some(PeerChange::Unreachable));
    let expected = [unreachable, None, connected, None, None, unreachable, None, connected];
    assert_eq!(news, expected);
    assert_eq!(peers.report(secs(1), &node(9), Connected, &mut rng()), None);
}

#[test]
fn a_report_about_a_stranger_changes_nothing() {
    let mut peers = Peers::new(8);
    peers.report(secs(0), &node(1), Report::Connected, &mut rng());
    assert_eq!(peers.connected(), 0);
    assert!(announced(&mut peers, secs(0)));
}

#[test]
fn the_longest_silent_peer_that_is_not_connected_makes_room() {
    let mut peers = Peers::new(3);
    for n in 0..3 {
        hear(&mut peers, secs(n as u64), &node(n)).expect("room");
    }
    peers.report(secs(3), &node(0), Report::Connected, &mut rng());
    assert!(hear(&mut peers, secs(40), &node(9)).expect("a token by now").is_new);
    let known: Vec<_> = peers.table.keys().cloned().collect();
    assert_eq!(known, [node(0), node(2), node(9)]);
}

#[test]
fn a_table_of_connected_peers_takes_nobody_in() {
    let mut peers = Peers::new(2);
    for n in 0..2 {
        meet(&mut peers, secs(0), &node(n)).expect("room");
    }
    assert_eq!(hear(&mut peers, secs(1000), &node(9)), Err(Refusal::OverLimit));
}

#[test]
fn forged_names_use_up_the_tokens_and_no_more() {
    let mut peers = Peers::new(100);
    let mut refuse = |n: &usize| {
        let heard = hear(&mut peers, secs(0), &node(*n));
        peers.report(secs(0), &node(*n), Report::Unreachable, &mut rng());
        heard.is_ok()
    };
    let taken = (0..10_000).filter(&mut refuse).count();
    assert_eq!(taken, 100);
    assert_eq!(peers.table.len(), 100);
}

#[test]
fn sixteen_attempts_are_in_flight_and_the_next_peer_waits_until_it_is_heard_again() {
    let mut peers = Peers::new(100);
    for n in 0..ATTEMPTS_AT_ONCE {
        assert!(hear(&mut peers, secs(0), &node(n)).expect("room").announce);
    }
    assert_eq!(hear(&mut peers, secs(0), &node(50)), Err(Refusal::OverLimit));
    peers.report(secs(1), &node(3), Report::Unreachable, &mut rng());
    assert_eq!(hear(&mut peers, secs(1), &node(50)), Ok(Sighting { is_new: true, announce: true }));
    assert_eq!(hear(&mut peers, secs(3), &node(3)), Err(Refusal::OverLimit));
    peers.report(secs(3), &node(50), Report::Connected, &mut rng());
    assert!(hear(&mut peers, secs(3), &node(3)).expect("room").announce);
}

#[test]
fn half_of_the_attempts_in_flight_are_to_peers_of_one_source_and_others_have_the_rest() {
    let mut peers = Peers::new(100);
    let silent = IpAddr::from([10, 0, 0, 200]);
    let taken = (0..50).filter(|n| peers.see(secs(0), silent, &node(*n)).is_ok()).count();
    assert_eq!(taken, ATTEMPTS_OF_ONE_SOURCE);
    assert!(hear(&mut peers, secs(0), &node(60)).expect("room").announce);
    peers.report(secs(7), &node(0), Report::Unreachable, &mut rng());
    assert!(peers.see(secs(7), silent, &node(70)).expect("room").announce);
    assert_eq!(peers.see(secs(7), silent, &node(71)), Err(Refusal::OverLimit));
}

#[test]
fn retries_leave_some_attempts_to_peers_that_did_not_fail() {
    let mut peers = Peers::new(100);
    for n in 0..30 {
        hear(&mut peers, secs(0), &node(n)).expect("room");
        peers.report(secs(0), &node(n), Report::Unreachable, &mut rng());
    }
    let retried = (0..30).filter(|n| hear(&mut peers, secs(9), &node(*n)).is_ok()).count();
    assert_eq!(retried, ATTEMPTS_OF_RETRIES);
    let new = (50..80).filter(|n| hear(&mut peers, secs(9), &node(*n)).is_ok()).count();
    assert_eq!(new, ATTEMPTS_AT_ONCE - ATTEMPTS_OF_RETRIES);
    peers.report(secs(9), &node(50), Report::Connected, &mut rng());
    assert_eq!(
        (0..30).filter(|n| announced_of(&mut peers, secs(9), *n)).count(),
        0,
        "a place that a peer left which did not fail is for another of its kind"
    );
}

#[test]
fn an_attempt_that_is_never_reported_on_makes_way_after_30_s() {
    let mut peers = Peers::new(100);
    for n in 0..ATTEMPTS_AT_ONCE {
        hear(&mut peers, secs(0), &node(n)).expect("room");
    }
    assert_eq!(hear(&mut peers, secs(29), &node(50)), Err(Refusal::OverLimit));
    assert!(hear(&mut peers, secs(30), &node(50)).expect("room").announce);
}

#[test]
fn a_name_that_must_wait_for_an_attempt_costs_no_token() {
    let mut peers = Peers::new(ATTEMPTS_AT_ONCE + 1);
    for n in 0..ATTEMPTS_AT_ONCE {
        hear(&mut peers, secs(0), &node(n)).expect("room");
    }
    assert!((100..200).all(|n| hear(&mut peers, secs(0), &node(n)) == Err(Refusal::OverLimit)));
    peers.report(secs(0), &node(0), Report::Connected, &mut rng());
    assert!(hear(&mut peers, secs(0), &node(50)).expect("a token").announce);
}

#[test]
fn a_peer_that_is_being_connected_to_is_not_forgotten() {
    let mut peers = Peers::new(ATTEMPTS_AT_ONCE);
    for n in 0..ATTEMPTS_AT_ONCE {
        hear(&mut peers, secs(0), &node(n)).expect("room");
    }
    peers.report(secs(10), &node(9), Report::Unreachable, &mut rng());
    hear(&mut peers, secs(10), &node(50)).expect("the place of the only one that is idle");
    let others = (0..ATTEMPTS_AT_ONCE).filter(|n| *n != 9);
    for n in others {
        let sighting = Sighting { is_new: false, announce: false };
        assert_eq!(hear(&mut peers, secs(12), &node(n)), Ok(sighting), "{n}");
    }
    assert_eq!(hear(&mut peers, secs(12), &node(9)), Err(Refusal::OverLimit));
}

#[test]
fn while_every_peer_of_a_full_table_is_being_connected_to_nobody_new_is_taken_in() {
    let mut peers = Peers::new(2);
    for n in 0..2 {
        hear(&mut peers, secs(0), &node(n)).expect("room");
    }
    assert_eq!(hear(&mut peers, secs(29), &node(9)), Err(Refusal::OverLimit));
    assert!(hear(&mut peers, secs(30), &node(9)).expect("an idle one makes room").is_new);
}
