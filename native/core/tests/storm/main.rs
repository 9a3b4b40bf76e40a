//! Disturbed clusters: whatever happens to them, they soon send no more than before.
//!
//! The whole table, up to ten thousand nodes, is printed by the example `storm`.

#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod air;
mod disturbance;
mod newcomer;
mod paced;
mod whole;

use std::{ops::Range, time::Duration};

use air::{Air, Host, Sender};
use disturbance::{Disturbance, Outcome, disturb};
use paced::Paced;
use proptest::{prelude::*, sample::select};
use whole::Whole;

/// The default `receive_limit`.
const LIMIT: u32 = 200_000;

fn outcome<H: Host>(hosts: Vec<H>, jitter: u64, disturbance: Disturbance, secs: u64) -> Outcome {
    let air = Air::new(hosts, Duration::from_millis(jitter), 1);
    disturb(air, disturbance, Duration::from_secs(secs))
}

#[test]
fn whatever_disturbs_a_cluster_it_is_quiet_within_ten_seconds() {
    for size in [2, 10, 100, 400] {
        for (jitter, disturbance) in [1, 20, 100].into_iter().zip(Disturbance::ALL.chunks(2)) {
            for disturbance in disturbance {
                let outcome = outcome(Paced::all(size, LIMIT), jitter, *disturbance, 60);
                let quiet_after = outcome.quiet_after();
                assert!(quiet_after <= Some(10) && quiet_after.is_some(), "{size}: {outcome:?}");
                // A burst of each, and the answers while they meet.
                assert!((outcome.peak() as usize) < size * 4 + 1200, "{size}: {outcome:?}");
            }
        }
    }
}

#[test]
fn nodes_that_may_receive_little_send_no_more_for_it() {
    for (size, limit) in [(1, 1), (2, 5), (5, 10), (10, 20), (60, 200)] {
        for disturbance in Disturbance::ALL {
            let outcome = outcome(Whole::all(size, limit), 1, disturbance, 90);
            let (rate, most) = (outcome.rate(30, 90), outcome.settled * 1.25 + 0.5);
            assert!(rate < most, "{rate} of {size} with {limit}: {disturbance:?}");
        }
    }
}

/// Whether this host has not heard all others.
fn misses_somebody(number: usize, host: &Paced, size: usize) -> bool {
    let others = (0..size).filter(|other| *other != number);
    others.map(|other| Sender::Host(other as u16)).any(|other| host.is_news(other))
}

#[test]
fn nodes_that_start_together_have_all_heard_each_other_soon_after_the_last_has_started() {
    for (size, millis) in [(5, 50), (10, 60), (30, 150), (60, 300)] {
        for spread in [50, 100, 300, 600, 1000] {
            let mut air = Air::new(Paced::all(size, LIMIT), Duration::from_millis(1), 1);
            for n in 0..size {
                air.start(n..n + 1);
                air.run(Duration::from_millis(spread / size as u64));
            }
            let started = air.now;
            while air.hosts.iter().enumerate().any(|(n, host)| misses_somebody(n, host, size)) {
                air.run(Duration::from_millis(1));
            }
            let took = (air.now - started).as_millis();
            assert!(took <= millis, "{size} nodes in {spread} ms after {took} ms");
        }
    }
}

#[test]
fn all_hear_a_newcomer_at_once_and_it_hears_them_in_their_answers() {
    for (size, millis) in [(2, 10), (10, 1000), (100, 1000), (400, 2500)] {
        let met = newcomer::meet(size, LIMIT, Duration::from_millis(1));
        let settled = ((size - 1) as f64 * 0.4).min(200.0);
        assert!((met.settled - settled).abs() < 0.2 + settled / 10.0, "{size}: {met:?}");
        assert!(met.heard_by_all <= Some(Duration::from_millis(2)), "{size}: {met:?}");
        assert!(met.heard_by_all.is_some(), "{size}: {met:?}");
        assert!(met.heard.iter().all(Option::is_some), "{size}: {met:?}");
        assert!(met.heard[2] <= Some(Duration::from_millis(millis)), "{size}: {met:?}");
    }
}

#[test]
fn a_spike_makes_no_node_send_more() {
    for size in [10, 100, 400] {
        for limit in [3000, 5000, 20_000, LIMIT] {
            for packets in [300, 2000] {
                let spike = Disturbance::Spike(packets);
                let outcome = outcome(Paced::all(size, limit), 1, spike, 30);
                let rate = outcome.rate(0, 10);
                let most = outcome.settled * 1.25 + 2.0;
                assert!(rate < most, "{rate} of {size} with {limit}");
                assert!(outcome.dropped == 0 || packets > 550, "{outcome:?}");
                assert!(outcome.dropped > 0 || packets < 550, "{outcome:?}");
            }
        }
    }
}

#[test]
fn an_idle_node_sends_no_more_the_fewer_packets_it_may_receive() {
    for limit in [10, 100, 150, 20_000, LIMIT] {
        let outcome = outcome(Whole::all(1, limit), 1, Disturbance::Start, 60);
        assert!(outcome.rate(0, 6) <= 8.0 / 6.0, "{outcome:?}");
        assert!(outcome.rate(10, 60) < 0.7, "{outcome:?}");
    }
}

#[test]
fn whole_nodes_send_as_the_model_says() {
    for disturbance in Disturbance::ALL {
        let whole = outcome(Whole::all(60, LIMIT), 20, disturbance, 60);
        let paced = outcome(Paced::all(60, LIMIT), 20, disturbance, 60);
        for (from, to) in [(0, 10), (10, 60)] {
            let (whole, paced) = (whole.rate(from, to), paced.rate(from, to));
            assert!((whole - paced).abs() < 5.0 + paced / 5.0, "{disturbance:?} {whole} {paced}");
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Spike(usize),
    /// So many packets of strangers in each millisecond, for this many of them.
    Flood(usize, usize),
    Part(usize),
    Heal,
    /// These nodes start, or start again under their names.
    Start(Range<usize>),
    Wait(u64),
}

fn step(size: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..3000_usize).prop_map(Step::Spike),
        (1..50_usize, 1..3000_usize).prop_map(|(packets, millis)| Step::Flood(packets, millis)),
        (1..=size).prop_map(Step::Part),
        Just(Step::Heal),
        (0..size, 1..=size)
            .prop_map(move |(from, count)| Step::Start(from..(from + count).min(size))),
        (1..20_000_u64).prop_map(Step::Wait),
    ]
}

fn disturbances() -> impl Strategy<Value = (usize, u32, u64, Vec<Step>)> {
    (2..150_usize).prop_flat_map(|size| {
        let limit = select(vec![500_u32, 1000, 3000, 5000, 20_000, LIMIT]);
        let jitter = select(vec![1_u64, 20, 100]);
        (Just(size), limit, jitter, prop::collection::vec(step(size), 1..12))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_rate_always_comes_back((size, limit, jitter, steps) in disturbances()) {
        let mut air = Air::new(Paced::all(size, limit), Duration::from_millis(jitter), 2);
        air.start(0..size);
        air.run(Duration::from_secs(5));
        for step in steps {
            match step {
                Step::Spike(packets) => air.spike(packets),
                Step::Flood(packets, millis) => (0..millis).for_each(|_| {
                    air.spike(packets);
                    air.run(Duration::from_millis(1));
                }),
                Step::Part(at) => air.part(at),
                Step::Heal => air.heal(),
                Step::Start(hosts) => air.start(hosts),
                Step::Wait(millis) => air.run(Duration::from_millis(millis)),
            }
        }
        air.heal();
        air.run(Duration::from_secs(60));
        let from = air.sent.len();
        air.run(Duration::from_secs(20));
        let sent: u32 = air.sent[from..].iter().sum();
        let settled = (size as f64 * 0.4).min(200.0);
        prop_assert!(f64::from(sent) / 20.0 < settled * 1.25 + 1.0, "{} in 20 s", sent);
    }
}
