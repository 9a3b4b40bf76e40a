//! What recorded heartbeats cannot do.

use super::*;

const DAY: u64 = 86_400_000;

#[test]
fn what_is_late_says_nothing_of_its_name() {
    let mut table = Table::new(Authentication::Compatible);
    assert_eq!(table.hear(at(0), &claim(7, 100, 0)), Ok(Acceptance::Fresh));
    table.trust.note_unsigned(at(DAY).time, &peer());
    let before = table.trust.readiness(at(DAY).time, 2);
    for seq in 37..100 {
        let late = Claim { secret_index: 1, is_leaving: true, ..claim(7, seq, -500_000) };
        assert_eq!(table.hear(at(DAY), &late), Ok(Acceptance::Late));
    }
    assert_eq!(table.hear_unsigned(at(DAY + 1), &peer()), Ok(()));
    assert_eq!(table.trust.readiness(at(DAY).time, 2), before);
    assert!(!table.trust.is_leaving(&peer()));
}

#[test]
fn what_is_unproven_keeps_no_unsigned_name_out_and_counts_for_none_that_signs() {
    let mut table = Table::new(Authentication::Compatible);
    table.trust.note_unsigned(at(DAY).time, &peer());
    let before = table.trust.readiness(at(DAY).time, 1);
    for n in 0..100_u32 {
        let millis = DAY + 100 + u64::from(n) * 500;
        table.hear(at(millis), &claim(7, 5 + n, i64::from(n) * 2500)).expect("unproven");
        assert_eq!(table.hear_unsigned(at(millis + 400), &peer()), Ok(()));
        assert_eq!(table.trust.readiness(at(millis).time, 1), before);
    }
}

#[test]
fn a_clock_that_moved_proves_nothing_until_it_proves_itself() {
    let mut table = knowing(Authentication::Compatible);
    let unsigned = |table: &mut Table, ms| table.hear_unsigned(at(ms), &peer());
    for seq in 2..9 {
        let recorded = claim(7, seq, i64::from(seq) * 1000);
        assert_eq!(table.hear(at(DAY), &recorded), Ok(Acceptance::Next));
    }
    assert_eq!(unsigned(&mut table, DAY + 1), Ok(()));
    assert_eq!(table.hear_echo(at(DAY + 2), claim(7, 9, 9000)), Ok(Acceptance::Next));
    assert_eq!(unsigned(&mut table, DAY + 3), Err(Refusal::Unsigned));
}

#[test]
fn what_is_unproven_makes_nobody_leave_and_nobody_stay() {
    let mut table = knowing(Authentication::Compatible);
    let recorded = |seq, is_leaving| Claim { is_leaving, ..claim(5, seq, -900_000) };
    assert_eq!(table.hear(at(1000), &recorded(1, true)), Ok(Acceptance::Unproven));
    assert!(!table.trust.is_leaving(&peer()));
    let leaving = Claim { is_leaving: true, ..claim(7, 2, 2000) };
    assert_eq!(table.hear(at(2000), &leaving), Ok(Acceptance::Next));
    assert_eq!(table.hear(at(3000), &recorded(2, false)), Ok(Acceptance::Next));
    assert!(table.trust.is_leaving(&peer()));
}

#[test]
fn who_echoed_us_and_was_forgotten_for_others_is_not_believed_again_by_that_echo() {
    let mut table = Table::new(Authentication::Required);
    let hour = 3_600_000;
    let us = table.trust.incarnation();
    let echo = |boot: u64| {
        let mut claim = claim(10 + boot, 2, -1000 * hour);
        claim.signed.echoes = [us].into_iter().collect();
        claim
    };
    // A board without a clock starts five times.
    for boot in 0..5 {
        table.trust.renew_if_spent(at(boot * 600_000).time, &mut table.rng);
        assert_eq!(table.trust.incarnation(), us);
        assert_eq!(table.hear(at(boot * 600_000), &echo(boot)), Ok(Acceptance::Echoed));
    }
    table.trust.renew_if_spent(at(2_400_001).time, &mut table.rng);
    let renewed = table.trust.incarnation();
    assert!(renewed != us);
    let beat = table.beat(at(2_400_001));
    assert_eq!((beat.seq, beat.echoes.contains(&14)), (1, true), "whom we know is echoed");
    assert_eq!(table.hear(at(30 * DAY), &echo(0)), Err(Refusal::Stale));
    for boot in 1..5 {
        assert_eq!(table.hear(at(30 * DAY), &echo(boot)), Err(Refusal::Replayed));
    }
    // Nobody who echoed what we are now was forgotten.
    table.trust.renew_if_spent(at(31 * DAY).time, &mut table.rng);
    assert_eq!(table.trust.incarnation(), renewed);
}

#[test]
fn an_echo_in_a_copy_counts_as_one_when_its_node_is_forgotten() {
    let mut table = Table::new(Authentication::Required);
    let us = table.trust.incarnation();
    for seq in [1, 2] {
        table.hear(at(u64::from(seq)), &claim(10, seq, 0)).expect("fresh");
    }
    // A machine from a snapshot has sent the first number too, and what it sent echoes us.
    assert_eq!(table.hear_echo(at(10), claim(10, 1, 5)), Ok(Acceptance::Copy));
    for n in 11..15 {
        table.hear(at(n), &claim(n, 1, 0)).expect("fresh");
    }
    table.trust.renew_if_spent(at(20).time, &mut table.rng);
    assert_ne!(table.trust.incarnation(), us);
}

#[test]
fn echoes_are_made_void_once_a_minute_at_most() {
    let mut table = Table::new(Authentication::Required);
    let mut renewed = Vec::new();
    for second in 0..180 {
        let us = table.trust.incarnation();
        table.hear_echo(at(second * 1000), claim(second, 1, -9_000_000)).expect("an echo");
        table.trust.renew_if_spent(at(second * 1000).time, &mut table.rng);
        renewed.extend((table.trust.incarnation() != us).then_some(second));
    }
    assert_eq!(renewed, [4, 64, 124]);
}
