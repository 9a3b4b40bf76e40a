//! When the next heartbeat is due.

use std::time::Duration;

use rand_core::Rng;

use crate::{Time, budget::CLUSTER_HEARTBEATS_PER_SECOND, time::random_below};

/// Heartbeats of a burst after the first: some packets are always lost, and one that meets its
/// peers a whole interval later is what users call a slow start.
const BURST_MORE: u8 = 2;

/// Gap within a burst: 200 to 500 ms, so that a burst is over within a second.
const BURST_GAP: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(300));

/// A heartbeat that was brought forward is sent within this time, spread at random so that all
/// who heard the new node do not answer at once.
const ANSWER_SPREAD: Duration = Duration::from_millis(200);

/// A heartbeat is brought forward once in this time at most.
const ANSWER_INTERVAL: Duration = Duration::from_secs(1);

/// The times at which heartbeats are sent: a burst, then random gaps.
#[derive(Debug)]
pub(crate) struct Schedule {
    interval: Duration,
    due: Option<Time>,
    burst_left: u8,
    may_answer_at: Time,
}

impl Schedule {
    /// A schedule on which nothing is due until there is a burst.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, due: None, burst_left: 0, may_answer_at: Time::ZERO }
    }

    /// A heartbeat at once and two more within a second.
    pub(crate) fn burst(&mut self, now: Time) {
        self.due = Some(now);
        self.burst_left = BURST_MORE;
    }

    /// Nothing is due any more.
    pub(crate) fn stop(&mut self) {
        self.due = None;
    }

    /// Somebody new was heard, and wants to hear us.
    pub(crate) fn answer(&mut self, now: Time, rng: &mut impl Rng) {
        if let Some(due) = self.due
            && now >= self.may_answer_at
        {
            self.due = Some(due.min(now + random_below(rng, ANSWER_SPREAD)));
            self.may_answer_at = now + ANSWER_INTERVAL;
        }
    }

    /// When the next heartbeat is due, if ever.
    pub(crate) fn due(&self) -> Option<Time> {
        self.due
    }

    /// A heartbeat is sent now; the next one follows. `nodes` is the size of the cluster.
    pub(crate) fn sent(&mut self, now: Time, nodes: usize, rng: &mut impl Rng) {
        let gap = if self.burst_left > 0 {
            self.burst_left -= 1;
            BURST_GAP.0 + random_below(rng, BURST_GAP.1)
        } else {
            random_below(rng, self.longest_gap(nodes)).max(Duration::from_millis(1))
        };
        self.due = Some(now + gap);
    }

    /// The longest gap in a cluster of this size. The mean is half of it.
    pub(crate) fn longest_gap(&self, nodes: usize) -> Duration {
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        let cluster_gap =
            Duration::from_secs(2).saturating_mul(nodes) / CLUSTER_HEARTBEATS_PER_SECOND;
        self.interval.max(cluster_gap)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);

    /// The gaps of the heartbeats that follow the burst.
    fn gaps(nodes: usize, rng: &mut StdRng) -> Vec<Duration> {
        let mut schedule = Schedule::new(INTERVAL);
        schedule.burst(Time::ZERO);
        let mut times = Vec::new();
        for _ in 0..10_000 {
            let due = schedule.due().expect("a running schedule has a next heartbeat");
            times.push(due);
            schedule.sent(due, nodes, rng);
        }
        times.windows(2).map(|pair| pair[1] - pair[0]).skip(BURST_MORE.into()).collect()
    }

    #[test]
    fn nothing_is_due_before_the_first_burst_and_after_a_stop() {
        let mut schedule = Schedule::new(INTERVAL);
        assert_eq!(schedule.due(), None);
        schedule.answer(Time::ZERO, &mut StdRng::seed_from_u64(0));
        assert_eq!(schedule.due(), None);
        schedule.burst(Time::ZERO);
        schedule.stop();
        assert_eq!(schedule.due(), None);
    }

    #[test]
    fn three_heartbeats_leave_within_the_first_second() {
        for seed in 0..100 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut schedule = Schedule::new(INTERVAL);
            let start = Time::after(Duration::from_secs(3));
            schedule.burst(start);
            assert_eq!(schedule.due(), Some(start));
            for _ in 0..BURST_MORE {
                schedule.sent(schedule.due().expect("due"), 1, &mut rng);
            }
            assert!(schedule.due().expect("due") <= start + Duration::from_secs(1));
        }
    }

    #[test]
    fn gaps_are_spread_over_the_interval_and_never_longer() {
        let gaps = gaps(8, &mut StdRng::seed_from_u64(1));
        assert!(gaps.iter().all(|gap| *gap <= INTERVAL));
        let mean = gaps.iter().sum::<Duration>() / u32::try_from(gaps.len()).expect("few");
        assert!(mean > INTERVAL * 9 / 20 && mean < INTERVAL * 11 / 20, "{mean:?}");
    }

    #[test]
    fn a_large_cluster_sends_about_two_hundred_packets_a_second() {
        let nodes = 4000;
        let gaps = gaps(nodes, &mut StdRng::seed_from_u64(2));
        let total = gaps.iter().sum::<Duration>().as_secs_f64();
        let rate = nodes as f64 * gaps.len() as f64 / total;
        assert!((190.0..210.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_new_peer_is_answered_within_200_ms_at_most_once_a_second() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut schedule = Schedule::new(Duration::from_secs(1000));
        schedule.burst(Time::ZERO);
        (0..=BURST_MORE)
            .for_each(|_| schedule.sent(Time::after(Duration::from_secs(1)), 1, &mut rng));

        let now = Time::after(Duration::from_secs(2));
        schedule.answer(now, &mut rng);
        assert!(schedule.due().expect("due") < now + ANSWER_SPREAD);
        schedule.sent(now + ANSWER_SPREAD, 1, &mut rng);
        let next = schedule.due();
        let early = ANSWER_INTERVAL - Duration::from_nanos(1);
        schedule.answer(now + early, &mut rng);
        assert_eq!(schedule.due(), next);
        schedule.answer(now + ANSWER_INTERVAL, &mut rng);
        assert!(schedule.due().expect("due") < now + ANSWER_INTERVAL + ANSWER_SPREAD);
    }
}
