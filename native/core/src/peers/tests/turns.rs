//! Who has its turn when: which side dials first, and the queue.

use std::time::Duration;

use super::*;
use crate::budget::{
    ATTEMPTS_AT_ONCE, ATTEMPTS_OF_ONE_SOURCE, ATTEMPTS_OF_RETRIES, FRESH_ATTEMPTS,
    FRESH_ATTEMPTS_OF_RETRIES,
};

/// Hears a peer that dials first.
pub(super) fn hear_later_side(peers: &mut Peers, now: Time, n: usize) {
    hear_later_side_from(peers, now, address(n), n);
}

fn hear_later_side_from(peers: &mut Peers, now: Time, source: IpAddr, n: usize) {
    let both = ["a@host", "y@host"].map(|name| NodeName::parse(name).expect("a node name"));
    let by = both.into_iter().find(|name| !order::dials_first(name, &node(n)));
    let by = &by.expect("one of the two");
    let heard = Heard {
        node: &node(n),
        source,
        by,
        longest_gap: GAP,
        is_leaving: false,
        manner: Manner::default(),
    };
    peers.see(now, heard).expect("within the budgets");
}

#[test]
fn who_does_not_dial_first_waits_a_moment_for_the_other_side() {
    for (known, patience) in [(0, 30), (9, 120), (100, 700)] {
        let mut peers = peers(4096);
        (1000..1000 + known).for_each(|n| {
            meet(&mut peers, secs(0), n);
        });
        hear_later_side(&mut peers, secs(1), 1);
        let ready = secs(1) + Duration::from_millis(patience);
        assert_eq!(announced(&mut peers, secs(1)), []);
        assert_eq!(peers.next_turn(), Some(ready));
        hear_later_side(&mut peers, millis(1010), 1);
        assert_eq!(
            announced(&mut peers, ready),
            [node(1)],
            "it is heard no earlier than it speaks"
        );
    }
}

#[test]
fn who_does_not_dial_first_waits_again_after_each_connection_that_is_made() {
    let mut peers = peers(4096);
    hear_later_side(&mut peers, secs(1), 1);
    hear_later_side(&mut peers, secs(1), 2);
    report(&mut peers, millis(1039), 1, Report::Connected);
    assert_eq!(announced(&mut peers, millis(1040)), []);
    assert_eq!(peers.next_turn(), Some(millis(1079)));
    report(&mut peers, millis(1060), 1, Report::Connected);
    assert_eq!(announced(&mut peers, millis(1079)), [node(2)], "it was connected already");
}

#[test]
fn who_does_not_dial_first_waits_while_our_own_attempts_are_promising() {
    for (reported, until) in [(None, 2040), (Some(Report::Unreachable), 1040)] {
        let mut peers = peers(4096);
        hear(&mut peers, secs(0), 1).expect("room");
        assert_eq!(announced(&mut peers, secs(0)), [node(1)]);
        hear_later_side(&mut peers, secs(1), 2);
        reported.into_iter().for_each(|what| {
            report(&mut peers, secs(1), 1, what);
        });
        assert_eq!(announced(&mut peers, secs(1)), []);
        assert_eq!(peers.next_turn(), Some(millis(until)));
        assert_eq!(announced(&mut peers, millis(until)), [node(2)]);
    }
}

#[test]
fn who_does_not_dial_first_waits_for_no_retry_and_for_nobody_who_is_connected() {
    for before in [Report::Unreachable, Report::Connected] {
        let mut peers = peers(4096);
        hear(&mut peers, secs(0), 1).expect("room");
        assert_eq!(announced(&mut peers, secs(0)), [node(1)]);
        report(&mut peers, secs(0), 1, before);
        peers.reports_lost(secs(1));
        hear(&mut peers, secs(1), 1).expect("it is known");
        assert_eq!(announced(&mut peers, secs(1)), [node(1)], "once more");
        hear_later_side(&mut peers, secs(1), 2);
        assert_eq!(announced(&mut peers, millis(1039)), []);
        assert_eq!(announced(&mut peers, millis(1040)), [node(2)]);
    }
}

#[test]
fn who_does_not_dial_first_waits_longer_where_attempts_take_long() {
    let mut peers = peers(4096);
    hear(&mut peers, secs(0), 1).expect("room");
    assert_eq!(announced(&mut peers, secs(0)), [node(1)]);
    hear_later_side(&mut peers, millis(1900), 2);
    report(&mut peers, millis(1950), 1, Report::Connected);
    // Somebody is always being connected.
    for ms in (1960..5800).step_by(20) {
        report(&mut peers, millis(ms), 1, Report::Down);
        report(&mut peers, millis(ms), 1, Report::Connected);
        assert_eq!(announced(&mut peers, millis(ms)), []);
    }
    assert_eq!(peers.next_turn(), Some(millis(5800)), "after twice 1.95 s");
    assert_eq!(announced(&mut peers, millis(5800)), [node(2)]);
}

#[test]
fn who_was_connected_by_the_other_side_is_not_announced() {
    let mut peers = peers(8);
    hear_later_side(&mut peers, secs(1), 1);
    let change = report(&mut peers, millis(1010), 1, Report::Connected);
    assert_eq!(change, Some(PeerChange::Connected));
    assert_eq!(announced(&mut peers, secs(2)), []);
    assert_eq!(peers.next_turn(), None);
    assert!(peers.is_connected(&node(1)));
}

#[test]
fn who_failed_and_who_is_known_from_a_list_alone_waits_for_no_other_side() {
    let mut listed = Peers::new(8, Some(length(5)));
    hear_later_side(&mut listed, secs(0), 1);
    assert_eq!(announced(&mut listed, secs(0)), [node(1)]);

    let mut peers = peers(8);
    assert!(is_announced(&mut peers, secs(0), 1));
    report(&mut peers, secs(0), 1, Report::Unreachable);
    hear_later_side(&mut peers, secs(1), 1);
    assert_eq!(announced(&mut peers, secs(1)), [node(1)]);
}

#[test]
fn sixteen_fresh_attempts_are_in_flight_and_the_next_peer_has_its_turn_when_one_ends() {
    let mut peers = peers(100);
    (0..20).for_each(|n| {
        hear(&mut peers, secs(0), n).expect("room");
    });
    let expected: Vec<_> = (0..FRESH_ATTEMPTS).map(node).collect();
    assert_eq!(announced(&mut peers, secs(0)), expected);
    report(&mut peers, millis(1), 3, Report::Unreachable);
    assert_eq!(announced(&mut peers, millis(1)), [node(16)]);
    report(&mut peers, millis(2), 4, Report::Connected);
    assert_eq!(announced(&mut peers, millis(2)), [node(17)]);
}

#[test]
fn who_waits_keeps_its_place_whatever_comes_late() {
    let mut peers = peers(100);
    (0..18).for_each(|n| {
        hear(&mut peers, secs(0), n).expect("room");
    });
    announced(&mut peers, secs(0));
    report(&mut peers, secs(0), 16, Report::Down);
    hear(&mut peers, secs(0), 16).expect("known");
    assert_eq!(announced(&mut peers, millis(200)), [node(16), node(17)]);
}

#[test]
fn an_attempt_that_takes_longer_than_usual_keeps_nobody_waiting() {
    let mut peers = peers(4096);
    (0..1000).for_each(|n| {
        hear(&mut peers, secs(0), n).expect("room");
    });
    for round in 0..16 {
        let now = millis(200 * round);
        assert_eq!(announced(&mut peers, now).len(), FRESH_ATTEMPTS, "{round}");
        assert_eq!(announced(&mut peers, now + Duration::from_millis(199)), [], "{round}");
        if round < 15 {
            assert_eq!(peers.next_turn(), Some(millis(200 * (round + 1))));
        }
    }
    assert_eq!(16 * FRESH_ATTEMPTS, ATTEMPTS_AT_ONCE);
    assert_eq!(announced(&mut peers, secs(29)), [], "all places are taken");
    assert_eq!(peers.next_turn(), Some(secs(30)));
    assert_eq!(announced(&mut peers, secs(30)).len(), FRESH_ATTEMPTS);
}

#[test]
fn a_host_that_names_a_thousand_peers_keeps_another_one_waiting_for_one_turn() {
    let mut peers = peers(4096);
    let crowded = address(5000);
    (0..1000).for_each(|n| {
        hear_from(&mut peers, secs(0), crowded, &node(n)).expect("room");
    });
    let first = announced(&mut peers, secs(0));
    assert_eq!(first, (0..FRESH_ATTEMPTS).map(node).collect::<Vec<_>>());
    hear(&mut peers, secs(0), 2000).expect("room");
    hear(&mut peers, secs(0), 2001).expect("room");
    (0..4).for_each(|n| {
        report(&mut peers, millis(1), n, Report::Connected);
    });
    let next = announced(&mut peers, millis(1));
    assert_eq!(next, [node(16), node(2000), node(2001), node(17)]);
}

/// Who names a node that is there, among a thousand that are not, does not keep it waiting: its own
/// heartbeat takes it to a shorter line, from which nobody takes it back.
#[test]
fn who_was_named_by_a_crowded_source_has_its_turn_as_soon_as_it_speaks_itself() {
    type Hear = fn(&mut Peers, IpAddr);
    let first_side: Hear = |peers, source| {
        hear_from(peers, secs(0), source, &node(2000)).expect("room");
    };
    let later_side: Hear = |peers, source| hear_later_side_from(peers, secs(0), source, 2000);
    for hear_from_each in [first_side, later_side] {
        let mut peers = peers(4096);
        let crowded = address(5000);
        (0..1000).for_each(|n| {
            hear_from(&mut peers, secs(0), crowded, &node(n)).expect("room");
        });
        assert_eq!(announced(&mut peers, secs(0)).len(), FRESH_ATTEMPTS);
        for source in [crowded, address(2000), crowded] {
            hear_from_each(&mut peers, source);
        }
        // As long as these may succeed, the other side is given time to dial.
        (0..FRESH_ATTEMPTS).for_each(|n| {
            report(&mut peers, secs(0), n, Report::Unreachable);
        });
        assert!(announced(&mut peers, secs(1)).contains(&node(2000)));
    }
}

#[test]
fn who_failed_and_is_named_by_a_crowded_source_is_tried_again_as_soon_as_it_speaks_itself() {
    let mut peers = peers(4096);
    let crowded = address(5000);
    let hear_all = |peers: &mut Peers, now| {
        for n in 0..200 {
            hear_from(peers, now, crowded, &node(n)).expect("room");
        }
    };
    hear_all(&mut peers, secs(0));
    for n in 0..200 {
        report(&mut peers, secs(0), n, Report::Unreachable);
    }
    hear_all(&mut peers, secs(2));
    assert_eq!(announced(&mut peers, secs(2)).len(), FRESH_ATTEMPTS_OF_RETRIES);
    hear(&mut peers, secs(2), 199).expect("known");
    hear_all(&mut peers, secs(2));
    assert!(announced(&mut peers, secs(3)).contains(&node(199)));
}

#[test]
fn a_quarter_of_the_attempts_is_of_one_source_and_others_have_the_rest() {
    let mut peers = peers(4096);
    let crowded = address(5000);
    (0..100).for_each(|n| {
        hear_from(&mut peers, secs(0), crowded, &node(n)).expect("room");
    });
    let taken: usize = (0..20).map(|n| announced(&mut peers, millis(200 * n)).len()).sum();
    assert_eq!(taken, ATTEMPTS_OF_ONE_SOURCE);
    assert!(is_announced(&mut peers, secs(5), 2000));
    report(&mut peers, secs(7), 0, Report::Unreachable);
    assert_eq!(announced(&mut peers, secs(7)), [node(ATTEMPTS_OF_ONE_SOURCE)]);
}

#[test]
fn retries_leave_places_to_peers_that_did_not_fail_and_wait_for_those_that_did_not() {
    let mut peers = peers(4096);
    let failing = 0..300;
    for n in failing.clone() {
        assert!(is_announced(&mut peers, secs(0), n));
        report(&mut peers, secs(0), n, Report::Unreachable);
    }
    for n in failing.clone() {
        hear(&mut peers, secs(9), n).expect("known");
    }
    assert_eq!(announced(&mut peers, secs(9)).len(), FRESH_ATTEMPTS_OF_RETRIES);
    for n in 2000..2020 {
        hear(&mut peers, secs(9), n).expect("room");
    }
    let others: Vec<_> = (2000..2004).map(node).collect();
    assert_eq!(announced(&mut peers, secs(9)), others);
    report(&mut peers, secs(9), 2000, Report::Connected);
    assert_eq!(announced(&mut peers, secs(9)), [node(2004)]);

    let retried = |peers: &mut Peers, now| {
        announced(peers, now)
            .iter()
            .filter(|name| failing.clone().any(|n| node(n) == **name))
            .count()
    };
    let retried: usize = (1..50).map(|n| retried(&mut peers, secs(9) + GAP * n / 25)).sum();
    assert_eq!(retried + FRESH_ATTEMPTS_OF_RETRIES, ATTEMPTS_OF_RETRIES);
    assert!(is_announced(&mut peers, secs(20), 3000));
}
