use super::*;

#[test]
fn one_that_is_heard_and_not_reached_is_not_told_to_be_reached() {
    let mut host = Host::with([1]);
    host.dead = vec![1];
    for s in 0..200 {
        host.heartbeat(secs(s));
        host.seeds.heard(secs(s), [10, 0, 0, 1].into());
    }
    assert_eq!(host.told(), [Event::FaultRaised(fault(&[1], 1, unreachable()))]);
}

#[test]
fn what_cannot_be_sent_is_told_after_fifteen_seconds_and_its_end_when_nothing_is_lost_for_four() {
    let mut host = Host::with([1, 2]);
    host.refuse(&[1]);
    host.run(0, 14);
    assert_eq!(host.told(), []);
    host.run(14, 20);
    assert_eq!(host.told(), [Event::FaultRaised(fault(&[1], 2, error()))]);
    host.refuse(&[]);
    host.run(20, 24);
    assert_eq!(host.told(), []);
    host.run(24, 26);
    assert_eq!(host.told(), [Event::FaultCleared(fault(&[1], 2, error()))]);
}

#[test]
fn that_a_seed_is_reached_is_known_without_another_heartbeat() {
    let mut host = Host::with([1]);
    host.refuse(&[1]);
    host.run(0, 20);
    host.refuse(&[]);
    host.heartbeat(secs(20));
    assert_eq!(host.told(), [Event::FaultRaised(fault(&[1], 1, error()))]);
    let looked = host.seeds.deadline().expect("it is to be looked at");
    host.act(looked);
    assert!(looked <= secs(35));
    assert_eq!(host.told(), [Event::FaultCleared(fault(&[1], 1, error()))]);
    assert_eq!(host.seeds.deadline(), None);
}

#[test]
fn what_is_over_within_fifteen_seconds_is_not_worth_a_line() {
    let mut host = Host::with([1]);
    host.refuse(&[1]);
    host.run(0, 14);
    host.refuse(&[]);
    host.run(14, 100);
    assert_eq!(host.told(), []);
}

#[test]
fn seeds_that_fail_alike_share_a_line_and_it_is_over_when_none_does() {
    let mut host = Host::with([1, 2, 3, 4, 5, 6]);
    host.dead = vec![1];
    host.refuse(&[2, 3, 4, 5]);
    host.run(0, 40);
    let (dead, refused) = (fault(&[1], 6, unreachable()), fault(&[2, 3, 4, 5], 6, error()));
    assert_eq!(host.told(), [refused.clone(), dead].map(Event::FaultRaised));
    host.refuse(&[3]);
    host.run(40, 100);
    assert_eq!(host.told(), []);
    host.refuse(&[]);
    host.run(100, 106);
    assert_eq!(host.told(), [Event::FaultCleared(refused)]);
}

#[test]
fn twice_as_many_that_fail_are_worth_another_line_and_no_fewer() {
    let mut host = Host::with([1, 2, 3, 4]);
    host.refuse(&[1, 2]);
    host.run(0, 100);
    host.refuse(&[1, 2, 3]);
    host.run(100, 200);
    host.refuse(&[1, 2, 3, 4]);
    host.run(200, 300);
    let told = [&[1, 2][..], &[1, 2, 3, 4]].map(|n| Event::FaultRaised(fault(n, 4, error())));
    assert_eq!(host.told(), told);
}

#[test]
fn seeds_that_fail_in_another_way_are_not_told_to_be_reached() {
    let (at_first, later) = (fault(&[1, 2], 3, unreachable()), fault(&[1, 2], 3, refused()));
    let mut host = Host::with([1, 2, 3]);
    host.dead = vec![1, 2];
    host.run(0, 100);
    assert_eq!(host.told(), [Event::FaultRaised(at_first)]);
    host.how = refused();
    host.run(100, 300);
    assert_eq!(host.told(), [Event::FaultRaised(later.clone())]);
    host.dead.clear();
    host.run(300, 400);
    assert_eq!(host.told(), [Event::FaultCleared(later)]);
}

#[test]
fn what_can_be_sent_again_and_is_lost_is_not_told_to_be_reached() {
    let mut host = Host::with([1, 2]);
    host.refuse(&[1, 2]);
    host.run(0, 40);
    host.told();
    host.refuse(&[]);
    host.dead = vec![1, 2];
    host.run(40, 200);
    assert_eq!(host.told(), [Event::FaultRaised(fault(&[1, 2], 2, unreachable()))]);
}

#[test]
fn a_fault_is_over_in_silence_where_a_seed_that_was_told_of_fails_in_another_way() {
    let mut host = Host::with([1, 2]);
    host.refuse(&[1, 2]);
    host.run(0, 40);
    assert_eq!(host.told(), [Event::FaultRaised(fault(&[1, 2], 2, error()))]);
    host.refuse(&[2]);
    host.dead = vec![1];
    host.run(40, 200);
    assert_eq!(host.told(), [Event::FaultRaised(fault(&[1], 2, unreachable()))]);
    host.refuse(&[]);
    host.run(200, 300);
    assert_eq!(host.told(), []);
    host.dead.clear();
    host.run(300, 400);
    assert_eq!(host.told(), [Event::FaultCleared(fault(&[1], 2, unreachable()))]);
}

#[test]
fn errors_that_take_turns_are_one_fault_and_those_that_last_are_told_after_doubling_times() {
    for (lasts, turns, lines) in [(10, 360, 1), (100, 36, 2), (300, 12, 4), (4000, 9, 9)] {
        let mut host = Host::with([1]);
        host.dead = vec![1];
        for turn in 0..turns {
            host.how = if turn % 2 == 0 { unreachable() } else { refused() };
            host.run(turn * lasts, (turn + 1) * lasts);
        }
        let told = host.told();
        assert!(told.iter().all(|event| matches!(event, Event::FaultRaised(_))), "{lasts} s");
        assert_eq!(told.len(), lines, "each lasts for {lasts} s");
    }
}

#[test]
fn before_anything_is_told_the_last_error_counts() {
    let mut host = Host::with([1]);
    host.dead = vec![1];
    host.run(0, 4);
    host.how = refused();
    host.run(4, 40);
    assert_eq!(host.told(), [Event::FaultRaised(fault(&[1], 1, refused()))]);
}

#[test]
fn a_seed_that_stays_keeps_its_outage_and_its_fault_and_that_of_one_that_goes_is_forgotten() {
    for (stays, told) in [(1, vec![Event::FaultCleared(fault(&[1], 2, error()))]), (2, vec![])] {
        let mut host = Host::with([1, 2]);
        host.refuse(&[1]);
        host.run(0, 40);
        host.told();
        host.replace(secs(40), [stays]);
        host.replace(secs(41), [1, 2]);
        host.refuse(&[]);
        host.run(42, 48);
        assert_eq!(host.told(), told);
    }
}

#[test]
fn of_a_seed_that_leaves_the_list_nothing_is_told_to_be_over() {
    let mut host = Host::with([1, 2]);
    host.dead = vec![1];
    host.refuse(&[2]);
    host.run(0, 40);
    let raised = [fault(&[2], 2, error()), fault(&[1], 2, unreachable())].map(Event::FaultRaised);
    assert_eq!(host.told(), raised);
    assert!(host.replace(secs(40), [2]));
    host.run(40, 80);
    assert_eq!(host.told(), []);
    // The other one fails still, and is told of when it does no more.
    host.refuse(&[]);
    host.run(80, 100);
    assert_eq!(host.told(), [Event::FaultCleared(fault(&[2], 2, error()))]);
}

#[test]
fn while_another_seed_fails_alike_the_fault_stays() {
    let mut host = Host::with([1, 2, 3]);
    host.refuse(&[1, 2]);
    host.run(0, 40);
    let told = fault(&[1, 2], 3, error());
    assert_eq!(host.told(), [Event::FaultRaised(told.clone())]);
    assert!(host.replace(secs(40), [2, 3]));
    host.run(40, 80);
    assert_eq!(host.told(), []);
    host.refuse(&[]);
    host.run(80, 100);
    assert_eq!(host.told(), [Event::FaultCleared(told)]);
}
