//! Peers that said that they are about to stop.

use super::{turns::hear_later_side, *};

fn leave(peers: &mut Peers, now: Time, n: usize) {
    let node = node(n);
    let by = &me(&node);
    let heard = Heard {
        node: &node,
        source: address(n),
        by,
        longest_gap: GAP,
        is_leaving: true,
        manner: Manner::default(),
    };
    assert_eq!(peers.see(now, heard), Ok(None));
}

#[test]
fn a_peer_that_leaves_is_not_announced_until_it_speaks_otherwise() {
    let mut peers = peers(8);
    leave(&mut peers, secs(0), 1);
    assert_eq!(announced(&mut peers, secs(0)), []);
    meet(&mut peers, secs(1), 1);
    leave(&mut peers, secs(100), 1);
    assert!(peers.is_connected(&node(1)), "nobody is disconnected");
    report(&mut peers, secs(101), 1, Report::Down);
    (102..200).for_each(|s| leave(&mut peers, secs(s), 1));
    assert_eq!(announced(&mut peers, secs(200)), []);
    assert!(is_announced(&mut peers, secs(201), 1));
}

#[test]
fn a_peer_that_leaves_waits_for_its_turn_no_more() {
    let mut peers = peers(8);
    hear(&mut peers, secs(0), 1).expect("within the budgets");
    leave(&mut peers, secs(0), 1);
    assert_eq!(announced(&mut peers, secs(0)), []);
    assert!(is_announced(&mut peers, secs(1), 1));
    report(&mut peers, secs(1), 1, Report::Unreachable);
    hear(&mut peers, secs(60), 1).expect("within the budgets");
    leave(&mut peers, secs(60), 1);
    assert_eq!(announced(&mut peers, secs(60)), []);
    // The attempts that failed are not forgotten: the next pause is the second.
    assert!(is_announced(&mut peers, secs(61), 1));
    report(&mut peers, secs(61), 1, Report::Unreachable);
    assert!(!is_announced(&mut peers, millis(62_400), 1));
}

/// Its attempt is in flight still, and is no newer for that.
#[test]
fn while_a_peer_that_leaves_is_in_flight_others_wait_for_the_newest_attempt() {
    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    assert!(is_announced(&mut peers, millis(1900), 2));
    hear_later_side(&mut peers, millis(1900), 3);
    leave(&mut peers, millis(1950), 1);
    assert_eq!(announced(&mut peers, millis(3949)), []);
    assert_eq!(announced(&mut peers, millis(3950)), [node(3)]);
}

#[test]
fn a_peer_that_leaves_during_a_pause_is_not_tried_when_it_ends() {
    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    report(&mut peers, secs(0), 1, Report::Unreachable);
    hear(&mut peers, millis(100), 1).expect("known");
    leave(&mut peers, millis(200), 1);
    assert_eq!(announced(&mut peers, secs(10)), []);
    assert!(is_announced(&mut peers, secs(11), 1));
}

#[test]
fn a_connected_peer_that_is_asked_about_again_and_leaves_stays_connected() {
    let mut peers = Peers::new(8, Some(length(5)));
    meet(&mut peers, secs(0), 1);
    hear(&mut peers, secs(5), 1).expect("within the budgets");
    leave(&mut peers, secs(5), 1);
    assert_eq!((announced(&mut peers, secs(5)), peers.connected()), (vec![], 1));
}

#[test]
fn a_name_that_is_new_and_leaves_takes_no_place() {
    let mut peers = peers(1);
    (1..100).for_each(|n| leave(&mut peers, secs(0), n));
    assert!(is_announced(&mut peers, secs(0), 200));
}

#[test]
fn a_peer_that_left_is_not_missed() {
    let mut peers = peers(8);
    for n in [1, 2] {
        meet(&mut peers, secs(0), n);
    }
    leave(&mut peers, secs(40), 1);
    report(&mut peers, secs(41), 1, Report::Down);
    assert!(!peers.is_missing_somebody(secs(41)));
    report(&mut peers, secs(41), 2, Report::Down);
    assert!(peers.is_missing_somebody(secs(41)));
    leave(&mut peers, secs(42), 2);
    assert!(!peers.is_missing_somebody(secs(42)));
}
