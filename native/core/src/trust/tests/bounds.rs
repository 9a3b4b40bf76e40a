//! What is kept, what is forgotten, and who we are ourselves.

use super::*;

#[test]
fn four_incarnations_of_a_name_are_known_and_the_longest_silent_one_makes_room() {
    let mut table = Table::new(Authentication::Compatible);
    for n in 0..4 {
        table.hear(at(n), &claim(n, 1, 0)).expect("fresh");
    }
    table.hear(at(5), &claim(0, 2, 5)).expect("the next");
    table.hear(at(6), &claim(4, 1, 6)).expect("fresh");
    assert_eq!(table.hear(at(7), &claim(0, 2, 5)), Ok(Acceptance::Copy));
    assert_eq!(table.hear(at(7), &claim(1, 1, 0)), Ok(Acceptance::Fresh), "it is forgotten");
}

#[test]
fn our_own_numbers_count_from_1_and_a_step_of_our_clock_begins_another_incarnation() {
    let mut table = Table::new(Authentication::Required);
    let first = table.trust.incarnation();
    let beats = [table.beat(at(0)), table.beat(at(1000)), table.beat(clocks(2000, 32_000))];
    assert_eq!(
        beats.map(|beat| (beat.incarnation, beat.seq)),
        [(first, 1), (first, 2), (first, 3)]
    );
    table.hear(clocks(2000, 32_000), &claim(7, 1, 0)).expect("fresh");
    let beat = table.beat(clocks(3000, 63_001));
    assert!(beat.incarnation != first);
    assert_eq!((beat.seq, &beat.echoes[..]), (1, &[7][..]), "whom we know is echoed");
    assert_eq!(table.told(), Some(Event::ClockStepped { by_ms: 30_001 }));
    table.trust.restart(&mut table.rng);
    assert!(![first, beat.incarnation].contains(&table.trust.incarnation()));
    // Whatever the clock shows at a start is no step.
    assert_eq!(table.beat(clocks(4000, 900_000_000)).seq, 1);
    assert_eq!(table.told(), None);
}

#[test]
fn what_has_our_name_is_our_echo_or_of_a_twin_or_of_our_past() {
    let mut table = Table::new(Authentication::Required);
    let us = table.trust.incarnation();
    let hear = |table: &mut Table, millis, claim: Claim| {
        let judged = table.trust.hear_ourselves(at(millis), &peer(), &claim);
        (judged, table.told().is_some())
    };
    table.beat(at(1000));
    table.beat(at(2000));
    assert_eq!(hear(&mut table, 2001, claim(us, 2, 2000)), (Ok(()), false));
    assert_eq!(hear(&mut table, 2001, claim(us, 1, 1000)), (Ok(()), false));
    // Two machines from one snapshot, of which the other sent this number at another time, or more.
    assert_eq!(hear(&mut table, 2001, claim(us, 2, 1999)), (Err(Refusal::Twin), true));
    assert_eq!(hear(&mut table, 2001, claim(us, 3, 2000)), (Err(Refusal::Twin), false));
    assert_eq!(hear(&mut table, 2001, claim(5, 9, 2001)), (Err(Refusal::Twin), false));
    assert_eq!(hear(&mut table, 2001, claim(5, 9, 900)), (Err(Refusal::Replayed), false));
    assert_eq!(hear(&mut table, 2001, claim(5, 9, -70_000)), (Err(Refusal::Stale), false));
    assert_eq!(hear(&mut table, 3_700_000, claim(5, 9, 3_700_000)), (Err(Refusal::Twin), true));
    table.trust.restart(&mut table.rng);
    assert_eq!(hear(&mut table, 2002, claim(us, 2, 2000)), (Ok(()), false));
}

#[test]
fn a_full_table_forgets_a_name_only_where_what_is_recorded_of_it_would_be_stale() {
    let mut table = Table::of(Authentication::Required, 2);
    let hear = |table: &mut Table, n: u32, now: Now, claim: &Claim| {
        table.trust.hear(now, &name(&format!("n{n}@host")), claim, GAP)
    };
    let first = |n: u32| claim(n.into(), 1, n.into());
    for n in 0..4 {
        assert_eq!(hear(&mut table, n, at(n.into()), &first(n)), Ok(Acceptance::Fresh));
    }
    // While a replay could be believed, or a name counts as one that signs, it stays.
    for millis in [0, 60_000, 60_001, 120_000] {
        let stamp = i64::try_from(millis).expect("small");
        let refused = hear(&mut table, 9, at(millis), &claim(9, 1, stamp));
        assert_eq!(refused, Err(Refusal::OverLimit), "{millis}");
    }
    // Those that are known are taken all the time.
    assert_eq!(hear(&mut table, 0, at(119_000), &claim(0, 2, 119_000)), Ok(Acceptance::Next));
    // A clock that is set back makes stamps fresh again, and nobody is forgotten.
    let back = clocks(121_000, 30_000);
    assert_eq!(hear(&mut table, 9, back, &claim(9, 1, 30_000)), Err(Refusal::OverLimit));
    assert_eq!(hear(&mut table, 9, at(121_000), &claim(9, 1, 121_000)), Ok(Acceptance::Fresh));
    let replays: Vec<_> = (0..4).map(|n| hear(&mut table, n, at(121_100), &first(n))).collect();
    let (stale, replayed) = (Err(Refusal::Stale), Err(Refusal::Replayed));
    assert_eq!(replays, [replayed, stale, replayed, replayed]);
}

#[test]
fn whoever_echoed_what_we_are_is_not_forgotten_while_we_are_it() {
    let mut table = Table::of(Authentication::Required, 1);
    assert_eq!(table.hear_echo(at(0), claim(7, 1, -900_000)), Ok(Acceptance::Echoed));
    let other = table.trust.hear(at(0), &name("other@host"), &claim(8, 1, -60_000), GAP);
    assert_eq!(other, Ok(Acceptance::Fresh));
    let next = |table: &mut Table, n: u64, millis: u64| {
        let stamp = i64::try_from(millis).expect("small");
        table.trust.hear(at(millis), &name(&format!("n{n}@host")), &claim(n, 1, stamp), GAP)
    };
    assert_eq!(next(&mut table, 1, 500_000), Ok(Acceptance::Fresh), "in the place of the other");
    assert_eq!(next(&mut table, 2, 500_000), Err(Refusal::OverLimit));
    assert_eq!(table.hear_echo(at(500_000), claim(7, 1, -900_000)), Err(Refusal::Replayed));
    table.trust.restart(&mut table.rng);
    assert_eq!(next(&mut table, 2, 500_000), Ok(Acceptance::Fresh));
}

#[test]
fn names_that_do_not_sign_take_no_place_of_those_that_do_and_are_bounded() {
    let mut table = Table::of(Authentication::Compatible, 3);
    table.hear(at(0), &Claim { secret_index: 1, ..claim(7, 1, 0) }).expect("fresh");
    for n in 0..1000 {
        table.trust.note_unsigned(at(n).time, &name(&format!("n{n}@host")));
    }
    let readiness = |table: &Table, millis| table.trust.readiness(at(millis).time, 2);
    assert_eq!(readiness(&table, 1000), Readiness { unsigned: 3, signed: vec![0, 1] });
    assert_eq!(table.hear(at(1000), &claim(7, 1, 0)), Ok(Acceptance::Copy));
}

#[test]
fn a_name_counts_for_a_day_as_what_it_was_last() {
    let mut table = knowing(Authentication::Compatible);
    let readiness = |table: &Table, millis| table.trust.readiness(at(millis).time, 2);
    let day = 86_400_000;
    let expected = |unsigned, signed: [usize; 2]| Readiness { unsigned, signed: signed.into() };
    assert_eq!(readiness(&table, day), expected(0, [1, 0]));
    assert_eq!(readiness(&table, day + 1), expected(0, [0, 0]));
    table.trust.note_unsigned(at(200_000).time, &peer());
    assert_eq!(readiness(&table, 200_000), expected(1, [0, 0]));
    assert_eq!(readiness(&table, 200_001 + day), expected(0, [0, 0]));
    table.hear(at(300_000), &Claim { secret_index: 1, ..claim(7, 2, 300_000) }).expect("the next");
    assert_eq!(readiness(&table, 300_000), expected(0, [0, 1]));
}

#[test]
fn a_clock_that_is_set_back_further_than_can_be_told_is_told_as_set_back() {
    let far = |wall| Now { wall: WallTime::from_millis(wall), ..at(1000) };
    let mut table = Table::new(Authentication::Compatible);
    table.beat(far(u64::MAX));
    table.beat(far(0));
    assert_eq!(table.told(), Some(Event::ClockStepped { by_ms: i64::MIN }));

    let mut ahead = claim(7, 1, 0);
    ahead.stamp = WallTime::from_millis(u64::MAX);
    table.hear(at(1000), &ahead).expect("unproven");
    let back = Claim { stamp: WallTime::from_millis(0), ..claim(7, 2, 0) };
    table.hear(at(1000), &back).expect("moved");
    let found = table.told();
    assert!(matches!(found, Some(Event::ClockMoved { by_ms: i64::MIN, .. })), "{found:?}");
}

/// To a clock that shows 1970 all others are decades ahead, and everybody is taken by an echo.
#[test]
fn where_our_clock_shows_1970_names_that_are_gone_make_room_too() {
    let mut table = Table::of(Authentication::Required, 2);
    let decades = 1_700_000_000_000;
    let hear = |table: &mut Table, n: u32, seq: u32, millis: u64| {
        let mut claim = claim(n.into(), seq, decades + i64::try_from(millis).expect("small"));
        claim.signed.echoes = [table.trust.incarnation()].into_iter().collect();
        table.trust.hear(at(millis), &name(&format!("n{n}@host")), &claim, GAP)
    };
    for n in 0..4 {
        assert_eq!(hear(&mut table, n, 1, n.into()), Ok(Acceptance::Echoed));
    }
    assert_eq!(hear(&mut table, 0, 2, 119_000), Ok(Acceptance::Next));
    // They echoed what we are: we have to become another before they may be forgotten.
    assert_eq!(hear(&mut table, 4, 1, 121_000), Err(Refusal::OverLimit));
    let before = table.trust.incarnation();
    table.trust.renew_if_spent(at(121_000).time, &mut table.rng);
    assert_ne!(table.trust.incarnation(), before);
    assert_eq!(hear(&mut table, 4, 2, 121_001), Ok(Acceptance::Echoed));
    // Recordings are refused, of the one that was forgotten and of one that was not.
    let mut recorded = |n: u64, seq, stamp: i64| {
        let node = name(&format!("n{n}@host"));
        table.trust.hear(at(121_002), &node, &claim(n, seq, decades + stamp), GAP)
    };
    let verdicts = [recorded(1, 1, 1), recorded(0, 2, 119_000)];
    assert_eq!(verdicts, [Err(Refusal::Stale), Err(Refusal::Replayed)]);
}

#[test]
fn a_twin_that_lags_behind_us_is_no_echo_of_ours() {
    let mut table = Table::new(Authentication::Required);
    let us = table.trust.incarnation();
    for n in 1..=100 {
        table.beat(at(1000 * n));
    }
    let hear = |table: &mut Table, seq: u32, stamp: i64| {
        table.trust.hear_ourselves(at(100_001), &peer(), &claim(us, seq, stamp))
    };
    for seq in 1..=100 {
        assert_eq!(hear(&mut table, seq, 1000 * i64::from(seq)), Ok(()));
    }
    // A machine from our snapshot that runs some heartbeats behind, and one that runs many behind.
    assert_eq!(hear(&mut table, 98, 99_999), Err(Refusal::Twin));
    assert_eq!(hear(&mut table, 10, 99_999), Err(Refusal::Twin));
}
