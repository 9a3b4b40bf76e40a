use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::NodeName;

const INTERVAL: Duration = Duration::from_secs(5);
const ZERO: Time = Time::ZERO;

/// The default `receive_limit`.
const LIMIT: u32 = 200_000;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn secs(s: u64) -> Time {
    Time::after(Duration::from_secs(s))
}

/// The pace of a node that is alive, and connected to this many peers.
fn pace(connected: usize) -> Pace {
    let mut pace = Pace::new(INTERVAL);
    pace.connected(connected);
    pace.start(ZERO);
    pace
}

/// Its times of sending until then, while this happens before each look at it, which there is every
/// 10 ms besides.
fn times(
    pace: &mut Pace,
    from: Time,
    until: Time,
    rng: &mut StdRng,
    mut happens: impl FnMut(&mut Pace, Time, &mut StdRng),
) -> Vec<Time> {
    let mut times = Vec::new();
    let mut now = from;
    while now < until {
        happens(pace, now, rng);
        if pace.due().is_some_and(|due| due <= now) {
            pace.sent(now, rng);
            times.push(now);
        }
        let look = now + Duration::from_millis(10);
        now = pace.due().map_or(look, |due| due.min(look)).max(now + Duration::from_micros(1));
    }
    times
}

fn nothing(_: &mut Pace, _: Time, _: &mut StdRng) {}

/// What a whole cluster sends in a second, if to each of its nodes this happens all the time.
fn rate(nodes: usize, happens: impl FnMut(&mut Pace, Time, &mut StdRng)) -> f64 {
    let mut rng = rng(nodes as u64);
    let mut pace = pace(nodes - 1);
    // Of large clusters a node sends seldom, and a few shares are many seconds.
    let seconds = 1000 + nodes as u64 * 10;
    times(&mut pace, ZERO, secs(60), &mut rng, nothing);
    let sent = times(&mut pace, secs(60), secs(60 + seconds), &mut rng, happens);
    sent.len() as f64 / seconds as f64 * nodes as f64
}

#[test]
fn nothing_is_due_before_the_start_and_after_a_stop() {
    let mut pace = Pace::new(INTERVAL);
    pace.answer(ZERO, Asks::Newcomer, &mut rng(0));
    pace.burst(ZERO, &mut rng(0));
    pace.flooded(ZERO, LIMIT, &mut rng(0));
    assert_eq!(pace.due(), None);
    pace.start(secs(1));
    assert_eq!(pace.due(), Some(secs(1)));
    pace.stop();
    assert_eq!(pace.due(), None);
}

#[test]
fn four_heartbeats_leave_within_the_first_second_and_the_second_of_them_within_30_ms() {
    for seed in 0..100 {
        let mut rng = rng(seed);
        let mut pace = Pace::new(Duration::from_secs(100_000));
        pace.start(secs(3));
        let times = times(&mut pace, secs(3), secs(10), &mut rng, nothing);
        assert_eq!(times.len(), 4);
        assert_eq!(times[0], secs(3));
        assert!(times[1] <= secs(3) + Duration::from_millis(30));
        assert!(times[3] < secs(4));
    }
}

#[test]
fn gaps_are_spread_over_the_interval_and_never_longer() {
    let mut rng = rng(1);
    let mut pace = pace(8);
    let times = times(&mut pace, ZERO, secs(20_000), &mut rng, nothing);
    let gaps: Vec<_> = times.windows(2).skip(3).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap <= INTERVAL));
    let mean = gaps.iter().sum::<Duration>() / u32::try_from(gaps.len()).expect("few");
    assert!(mean > INTERVAL * 9 / 20 && mean < INTERVAL * 11 / 20, "{mean:?}");
}

#[test]
fn a_large_cluster_sends_about_two_hundred_packets_a_second() {
    for nodes in [500, 1000, 4000, 10_000] {
        let rate = rate(nodes, nothing);
        assert!((150.0..250.0).contains(&rate), "{rate} of {nodes}");
    }
}

#[test]
fn whatever_arrives_a_cluster_sends_little_more_than_two_hundred_packets_a_second() {
    for nodes in [10, 40, 100, 200, 1000, 4000, 10_000] {
        let rate = rate(nodes, |pace, now, rng| {
            pace.answer(now, Asks::Newcomer, rng);
            pace.flooded(now, LIMIT, rng);
        });
        assert!(rate < 270.0, "{rate} of {nodes}");
    }
}

#[test]
fn what_comes_and_goes_makes_a_cluster_send_no_more_than_what_stays() {
    for nodes in [10, 40, 100, 200, 1000, 4000, 10_000] {
        let rate = rate(nodes, |pace, now, rng| {
            let second = now.since_zero().as_secs();
            if second % 3 == 0 {
                pace.flooded(now, LIMIT, rng);
            }
            pace.missing(now, second % 2 == 0, rng);
        });
        assert!(rate < 270.0, "{rate} of {nodes}");
    }
}

#[test]
fn bursts_without_end_double_what_a_cluster_sends_and_no_more() {
    for nodes in [10, 40, 100, 200, 1000, 4000, 10_000] {
        let rate = rate(nodes, |pace, now, rng| {
            pace.burst(now, rng);
            pace.answer(now, Asks::Newcomer, rng);
        });
        assert!(rate < 420.0, "{rate} of {nodes}");
    }
}

#[test]
fn bursts_are_at_least_a_second_apart_and_twenty_ms_for_each_node() {
    for (nodes, least) in [(1, 1000), (50, 1000), (100, 2000), (1000, 20_000)] {
        let mut rng = rng(4);
        let mut pace = Pace::new(Duration::from_secs(100_000));
        pace.connected(nodes - 1);
        pace.start(ZERO);
        let sent = times(&mut pace, ZERO, secs(200), &mut rng, |pace, now, rng| {
            pace.burst(now, rng);
        });
        let begins: Vec<_> = sent.chunks(4).map(|burst| burst[0]).collect();
        let least = Duration::from_millis(least);
        assert!(begins.len() > 3);
        for pair in begins.windows(2) {
            assert!((least..=least * 8 / 5).contains(&(pair[1] - pair[0])), "{pair:?} {nodes}");
        }
    }
}

#[test]
fn the_first_burst_of_a_large_cluster_begins_at_any_moment_of_a_share() {
    let mut begins: Vec<_> = (0..200)
        .map(|seed| {
            let mut rng = rng(seed);
            let mut pace = pace(999);
            times(&mut pace, ZERO, secs(100), &mut rng, nothing);
            let (share, of_others) = (pace.share(secs(100)), pace.share_of_others(secs(100)));
            pace.bursts.request(secs(100), share, of_others, &mut rng);
            pace.bursts.due().expect("a burst") - secs(100)
        })
        .collect();
    begins.sort();
    assert!(begins[0] < Duration::from_millis(500));
    assert!(begins[199] > Duration::from_millis(4500) && begins[199] < Duration::from_secs(5));
}

#[test]
fn an_answer_comes_within_a_millisecond_for_each_other_node() {
    for (others, within) in [(1, 1), (4, 4), (200, 200), (4000, 4000)] {
        for seed in 0..100 {
            let mut rng = rng(seed);
            let mut pace = pace(others);
            times(&mut pace, ZERO, secs(100), &mut rng, nothing);
            pace.answer(secs(100), Asks::Newcomer, &mut rng);
            let answer = pace.due().expect("an answer");
            assert!(answer <= secs(100) + Duration::from_millis(within));
        }
    }
}

#[test]
fn who_asks_before_the_answer_is_sent_asks_for_no_other_and_who_asks_later_gets_one_too() {
    let mut rng = rng(5);
    let mut pace = Pace::new(Duration::from_secs(100_000));
    pace.connected(9);
    pace.start(ZERO);
    // Nodes that start one after the other, within 300 ms.
    let sent = times(&mut pace, secs(10), secs(20), &mut rng, |pace, now, rng| {
        if now >= secs(15) && now < secs(15) + Duration::from_millis(300) {
            pace.answer(now, Asks::Newcomer, rng);
        }
    });
    let answers: Vec<_> = sent.into_iter().filter(|at| *at >= secs(15)).collect();
    let last = answers.last().copied().expect("an answer");
    assert!(last >= secs(15) + Duration::from_millis(290), "{answers:?}");
    assert!(last <= secs(15) + Duration::from_millis(350), "{answers:?}");
    // Half a share of ten nodes, and the time over which ten answers are spread.
    assert!((9..=12).contains(&answers.len()), "{answers:?}");
    assert!(answers.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(25)));
}

#[test]
fn two_who_keep_asking_each_other_answer_twenty_one_times_and_then_once_a_second() {
    let mut rng = rng(6);
    let mut pace = pace(1);
    times(&mut pace, ZERO, secs(10), &mut rng, nothing);
    let asked = |pace: &mut Pace, now, rng: &mut StdRng| pace.answer(now, Asks::Newcomer, rng);
    let first = times(&mut pace, secs(10), secs(11), &mut rng, asked).len();
    assert!((21..=23).contains(&first), "{first}");
    let then = times(&mut pace, secs(11), secs(111), &mut rng, asked).len();
    assert!((95..=125).contains(&then), "{then}");
}

#[test]
fn while_a_peer_is_missing_a_small_cluster_sends_more_often_and_a_large_one_does_not() {
    let missing =
        |nodes: usize| rate(nodes, |pace, now, rng| pace.missing(now, true, rng)) / nodes as f64;
    assert!((0.9..1.1).contains(&missing(6)), "{}", missing(6));
    assert!((0.4..0.6).contains(&missing(400)), "{}", missing(400));
    assert!((0.04..0.06).contains(&missing(4000)), "{}", missing(4000));
}

#[test]
fn under_a_flood_a_small_cluster_sends_three_times_a_second() {
    let rate = rate(2, |pace, now, rng| pace.flooded(now, LIMIT, rng)) / 2.0;
    assert!((2.6..3.1).contains(&rate), "{rate}");
}

#[test]
fn heartbeats_are_a_quarter_at_most_of_what_is_looked_at_under_a_flood() {
    for (nodes, receive_limit) in [(1, 1), (2, 5), (10, 20), (100, 200)] {
        let flooded = |pace: &mut Pace, now: Time, rng: &mut StdRng| {
            pace.flooded(now, receive_limit, rng);
        };
        let (rate, scheduled) = (rate(nodes, flooded), rate(nodes, nothing));
        let most = scheduled.max(f64::from(receive_limit) / 4.0) * 1.1;
        assert!(rate < most, "{rate} of {nodes}");
    }
}

#[test]
fn a_burst_that_was_put_off_for_a_crowd_comes_nearer_when_it_has_gone() {
    let mut rng = rng(1);
    let mut pace = pace(4);
    times(&mut pace, ZERO, secs(60), &mut rng, nothing);
    for n in 0..20_000 {
        let name = NodeName::parse(&format!("n{n}@host")).expect("a node name");
        pace.heard(secs(60), Mark::from(&name));
    }
    pace.burst(secs(60), &mut rng);
    assert!(pace.bursts.due().is_some_and(|due| due > secs(90)));
    pace.burst(secs(120), &mut rng);
    assert!(pace.bursts.due().is_some_and(|due| due < secs(121)));
}

#[test]
fn a_node_that_hears_many_and_is_connected_to_none_answers_as_one_of_many() {
    let name = |n| NodeName::parse(&format!("n{n}@host")).expect("a node name");
    let crowd: Vec<_> = (0..4000).map(|n| Mark::from(&name(n))).collect();
    let mut rng = rng(7);
    let mut pace = pace(0);
    let hear = |pace: &mut Pace, now: Time| {
        crowd.iter().for_each(|node| pace.heard(now, *node));
    };
    hear(&mut pace, ZERO);
    times(&mut pace, ZERO, secs(5), &mut rng, nothing);
    let asked = |pace: &mut Pace, now: Time, rng: &mut StdRng| {
        hear(pace, now);
        pace.answer(now, Asks::Newcomer, rng);
    };
    let answers = times(&mut pace, secs(5), secs(65), &mut rng, asked).len();
    // Those of the schedule, and three at most in 60 s.
    assert!((20..35).contains(&answers), "{answers}");
    assert_eq!(pace.longest_gap(), INTERVAL);
}

#[test]
fn who_is_not_connected_yet_and_asks_again_and_again_takes_no_answer_from_a_newcomer() {
    let mut rng = rng(8);
    let mut pace = pace(1);
    times(&mut pace, ZERO, secs(10), &mut rng, nothing);
    let again = |pace: &mut Pace, now, rng: &mut StdRng| pace.answer(now, Asks::Again, rng);
    let answers = times(&mut pace, secs(10), secs(20), &mut rng, again).len();
    assert!((10..=15).contains(&answers), "{answers}");
    pace.answer(secs(20), Asks::Newcomer, &mut rng);
    assert!(pace.due().expect("an answer") <= secs(20) + Duration::from_millis(11));
}

#[test]
fn an_echo_is_given_within_200_ms_whatever_newcomers_used_up_and_once_a_second() {
    for others in [1, 20, 200] {
        let mut rng = rng(9);
        let mut pace = Pace::new(Duration::from_secs(100_000));
        pace.connected(others);
        pace.start(ZERO);
        times(&mut pace, ZERO, secs(20), &mut rng, |pace, now, rng| {
            pace.answer(now, Asks::Newcomer, rng);
        });
        pace.answer(secs(20), Asks::Echo, &mut rng);
        let due = pace.due().expect("an echo");
        assert!(due <= secs(20) + Duration::from_millis(740), "{due:?} of {others}");
        let asked = |pace: &mut Pace, now, rng: &mut StdRng| pace.answer(now, Asks::Echo, rng);
        let echoes = times(&mut pace, secs(20), secs(30), &mut rng, asked);
        assert!(echoes.len() <= 11, "{echoes:?} of {others}");
    }
}

#[test]
fn echoes_without_end_make_a_cluster_send_no_more_than_its_share() {
    for nodes in [10, 100, 1000, 10_000] {
        let rate = rate(nodes, |pace, now, rng| {
            pace.answer(now, Asks::Echo, rng);
            pace.answer(now, Asks::Newcomer, rng);
        });
        assert!(rate < 270.0, "{rate} of {nodes}");
    }
}

#[test]
fn after_whatever_was_sent_the_next_heartbeat_is_due_within_the_longest_gap() {
    let mut rng = rng(1);
    for peers in [0, 9, 999] {
        let mut pace = pace(peers);
        let mut now = ZERO;
        for n in 0..1000 {
            // Every other one is sent before its time, as an answer is.
            let due = pace.due().expect("it is alive");
            now = if n % 2 == 0 { due } else { now + (due - now) / 2 };
            pace.sent(now, &mut rng);
            assert!(pace.scheduled.is_some_and(|at| at <= now + pace.longest_gap()), "{peers}");
        }
    }
}
