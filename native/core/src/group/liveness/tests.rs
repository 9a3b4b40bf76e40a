use super::*;

const SILENCE: Duration = Duration::from_secs(10);

fn secs(s: u64) -> Time {
    Time::after(Duration::from_secs(s))
}

fn other() -> NodeName {
    NodeName::parse("other@host").expect("a node name")
}

fn stranger(n: usize) -> NodeName {
    NodeName::parse(&format!("stranger{n}@host")).expect("a node name")
}

/// What is done at this time, while the other node is connected.
fn check(liveness: &mut Liveness, now: Time) -> Option<Action> {
    liveness.check(now, SILENCE, |node| *node == other())
}

/// What is done about each of these heartbeats, one a second, that bring no echo.
fn without_echo(heartbeats: u64) -> Vec<Option<Action>> {
    let mut liveness = Liveness::default();
    let missed = |s| {
        liveness.sent(secs(s));
        check(&mut liveness, secs(s) + ECHO_TIMEOUT)
    };
    (0..heartbeats).map(missed).collect()
}

/// When something is done about silence, in these seconds.
fn met(liveness: &mut Liveness, seconds: std::ops::Range<u64>) -> Vec<u64> {
    seconds.filter(|s| check(liveness, secs(*s)).is_some()).collect()
}

#[test]
fn a_membership_with_its_echo_needs_nothing() {
    let mut liveness = Liveness::default();
    for s in 0..1000 {
        liveness.sent(secs(s));
        liveness.echoed(secs(s));
        assert_eq!(check(&mut liveness, secs(s) + ECHO_TIMEOUT), None);
    }
}

#[test]
fn a_missing_echo_is_asked_for_twice_then_the_group_is_rejoined() {
    let again = Some(Action::SendAgain);
    assert_eq!(
        without_echo(5),
        [again, again, Some(Action::Rejoin(RejoinReason::NoEcho)), None, None]
    );
}

#[test]
fn an_echo_is_not_missing_before_half_a_second() {
    let mut liveness = Liveness::default();
    liveness.sent(secs(0));
    assert_eq!(liveness.deadline(), Some(Time::after(ECHO_TIMEOUT)));
    assert_eq!(check(&mut liveness, Time::after(ECHO_TIMEOUT - Duration::from_nanos(1))), None);
}

#[test]
fn what_does_not_help_is_done_after_doubling_numbers_of_rounds_and_never_given_up() {
    let rejoined: Vec<_> = (1..).zip(without_echo(400)).collect();
    let rejoined =
        rejoined.iter().filter(|(_, action)| *action == Some(Action::Rejoin(RejoinReason::NoEcho)));
    let after: Vec<u64> = rejoined.map(|(heartbeat, _)| *heartbeat).collect();
    assert_eq!(after, [3, 6, 12, 24, 48, 96, 192, 288, 384]);
}

#[test]
fn an_echo_ends_what_was_missing_before() {
    let mut liveness = Liveness::default();
    for s in 0..2 {
        liveness.sent(secs(s));
        check(&mut liveness, secs(s) + ECHO_TIMEOUT);
    }
    liveness.echoed(secs(0));
    liveness.sent(secs(2));
    assert_eq!(check(&mut liveness, secs(3)), Some(Action::SendAgain));
}

#[test]
fn silence_counts_only_after_another_was_heard_and_while_it_is_connected() {
    let mut liveness = Liveness::default();
    assert_eq!(met(&mut liveness, 0..1000), []);
    liveness.heard(secs(1000), &other(), true);
    assert_eq!(liveness.check(secs(1010), SILENCE, |_| false), None);
    assert_eq!(met(&mut liveness, 1001..1020), [1010]);
}

#[test]
fn the_end_of_a_silence_is_waited_for_once() {
    let mut liveness = Liveness::default();
    check(&mut liveness, secs(0));
    assert_eq!(liveness.deadline(), None, "nobody to be missed");
    liveness.heard(secs(1), &other(), true);
    assert_eq!(liveness.deadline(), Some(secs(11)));
    assert_eq!(liveness.check(secs(11), SILENCE, |_| false), None);
    assert_eq!(liveness.deadline(), None, "until it is connected again");
    assert!(check(&mut liveness, secs(12)).is_some());
    assert_eq!(liveness.deadline(), Some(secs(12 + 20)));
    for n in 2..=u64::from(SILENCE_REJOINS_MOST) {
        let due = liveness.deadline().expect("a silence");
        assert!(check(&mut liveness, due).is_some(), "{n}");
    }
    assert_eq!(liveness.deadline(), None, "it is not the membership");
}

#[test]
fn silence_that_lasts_is_met_after_doubling_times_and_five_times_at_most() {
    let mut liveness = Liveness::default();
    liveness.heard(secs(0), &other(), true);
    assert_eq!(met(&mut liveness, 0..100_000), [10, 30, 70, 150, 310]);
    // Whoever is heard then may be missed again, once, and after a long time.
    for from in [100_000, 200_000] {
        liveness.heard(secs(from), &other(), true);
        assert_eq!(met(&mut liveness, from..from + 100_000), [from + 160]);
    }
}

#[test]
fn silence_is_news_only_after_somebody_was_heard() {
    let mut liveness = Liveness::default();
    let mut met = |s| check(&mut liveness, secs(s));
    let silent = |is_first| Some(Action::Rejoin(RejoinReason::PeersSilent { is_first }));
    assert_eq!(met(5), None);
    liveness.heard(secs(5), &other(), true);
    let mut met = |s| check(&mut liveness, secs(s));
    assert_eq!(met(15), silent(true));
    assert_eq!(met(35), silent(false));
    liveness.heard(secs(36), &other(), true);
    let mut met = |s| check(&mut liveness, secs(s));
    assert_eq!(met(76), silent(true));
}

#[test]
fn after_a_time_without_silence_the_next_one_is_met_as_soon() {
    let mut liveness = Liveness::default();
    let mut hear = |from: u64, to: u64| {
        for s in (from..to).step_by(5) {
            liveness.heard(secs(s), &other(), true);
            assert_eq!(met(&mut liveness, s + 1..s + 5), []);
        }
        met(&mut liveness, to..to + 60)
    };
    assert_eq!(hear(0, 100), [105, 125]);
    assert_eq!(hear(200, 300), [305, 325]);
    assert_eq!(hear(400, 450), [485]);
}

#[test]
fn a_time_without_silence_is_longer_than_eighty_seconds_and_no_gap_in_it_than_ten() {
    for (gap, last, met_after) in [(10, 180, 20), (10, 190, 10), (11, 199, 20)] {
        let mut liveness = Liveness::default();
        liveness.heard(secs(0), &other(), true);
        assert_eq!(met(&mut liveness, 0..29), [10]);
        for s in (100..=last).step_by(gap) {
            liveness.heard(secs(s), &other(), true);
        }
        assert_eq!(met(&mut liveness, last..last + 30), [last + met_after], "{gap}, {last}");
    }
}

#[test]
fn nodes_that_send_rarely_are_soon_not_missed_any_more() {
    let mut liveness = Liveness::default();
    let mut missed = 0;
    let mut now = 0;
    // Gaps of 1 to 30 s, in no order.
    for n in 0..1000 {
        liveness.heard(secs(now), &other(), true);
        let gap = 1 + n * 17 % 30;
        missed += met(&mut liveness, now + 1..now + gap).len();
        now += gap;
    }
    assert!(missed < 5, "{missed}");
}

#[test]
fn one_of_the_last_peers_that_is_connected_is_missed() {
    let mut liveness = Liveness::default();
    liveness.heard(secs(0), &other(), true);
    for n in 0..PEERS - 1 {
        liveness.heard(secs(0), &stranger(n), true);
    }
    assert_eq!(met(&mut liveness, 1..12), [10]);
    liveness.heard(secs(12), &stranger(PEERS), true);
    assert_eq!(met(&mut liveness, 13..100), []);
}

#[test]
fn strangers_take_no_place_of_a_node_that_is_connected() {
    let mut liveness = Liveness::default();
    (0..100).for_each(|n| liveness.heard(secs(0), &stranger(n), false));
    liveness.heard(secs(0), &other(), true);
    (0..100).for_each(|n| liveness.heard(secs(0), &stranger(n), false));
    assert_eq!(met(&mut liveness, 1..12), [10]);
}

#[test]
fn of_nodes_that_are_not_connected_the_first_eight_are_kept_in_mind() {
    for (before, expected) in [(PEERS - 1, vec![10]), (PEERS, vec![])] {
        let mut liveness = Liveness::default();
        (0..before).for_each(|n| liveness.heard(secs(0), &stranger(n), false));
        liveness.heard(secs(0), &other(), false);
        assert_eq!(met(&mut liveness, 1..12), expected);
    }
}

#[test]
fn a_node_that_was_heard_before_it_was_connected_is_missed_too() {
    let mut liveness = Liveness::default();
    liveness.heard(secs(0), &other(), false);
    assert_eq!(met(&mut liveness, 1..12), [10]);
}
