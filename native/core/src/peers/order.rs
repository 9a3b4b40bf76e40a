//! Which of two nodes dials first. Where both do, each makes a connection and one of the two is
//! thrown away: that costs a quarter to a third of the time in which a cluster forms.

use std::time::Duration;

use crate::{NodeName, Time};

/// How long the other one waits. It must hear us, connect, and be seen to have: among few nodes that
/// takes milliseconds; among many that start together on one machine, up to a second. Too short, and
/// both dial; too long, and a node that cannot dial, or has not heard us, holds the connection up.
const PATIENCE: Duration = Duration::from_millis(20);
const PATIENCE_PER_PEER: Duration = Duration::from_millis(10);
const LONGEST_PATIENCE: Duration = Duration::from_millis(700);

/// While this node is being connected to others, the other side is busy too, most likely. So the wait
/// starts again after each connection, and while a first attempt of our own may still succeed. It lasts for
/// this time at most. Without that, both sides of nearly every pair dial where 60 nodes start together on
/// two cores.
const LONGEST_DELAY: Duration = Duration::from_secs(3);

/// Where our own attempts are slow, it lasts for twice the time that they take. One that takes longer counts as
/// this long: a hundred nodes that start together on two cores need about six seconds for all connections.
const SLOWEST: Duration = Duration::from_secs(6);

/// How long to wait for the other side, where this many peers are known.
fn patience(peers: usize) -> Duration {
    let peers = u32::try_from(peers).unwrap_or(u32::MAX);
    (PATIENCE + PATIENCE_PER_PEER.saturating_mul(peers)).min(LONGEST_PATIENCE)
}

/// What this node has seen of how long it takes to connect.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// When a connection was made last.
    connected_at: Time,
    /// How long our own attempts take at whose end the peer is connected, whoever dialled: the last one, or half
    /// of what was longer before it. One that is quick by chance does not say that all others are.
    connect_time: Duration,
}

impl Progress {
    /// A peer is connected that was not before; an attempt of ours began then, if there is one.
    pub(super) fn connected(&mut self, now: Time, began: Option<Time>) {
        self.connected_at = now;
        if let Some(began) = began {
            self.connect_time = (now - began).min(SLOWEST).max(self.connect_time / 2);
        }
    }
}

/// Until when the other side is given its moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    length: Duration,
    /// For whoever began to wait later, from then on.
    counts_from: Time,
    /// How long anybody waits at most.
    longest: Duration,
}

impl Patience {
    /// Where this many peers are known, and first attempts of our own may succeed until then.
    pub(super) fn new(peers: usize, progress: Progress, promising_until: Time) -> Self {
        Self {
            length: patience(peers),
            counts_from: progress.connected_at.max(promising_until),
            longest: LONGEST_DELAY.max(2 * progress.connect_time),
        }
    }

    /// For a peer that waits since then.
    pub(super) fn ends(self, since: Time) -> Time {
        (since.max(self.counts_from) + self.length).min(since + self.longest)
    }
}

/// Whether `one` dials first, and not `other`: the smaller name where the bytes of both together
/// have an even sum, else the larger one. So each node dials about half of its peers.
pub(super) fn dials_first(one: &NodeName, other: &NodeName) -> bool {
    let is_odd = |node: &NodeName| node.as_str().bytes().fold(0, |sum, byte| sum ^ byte) & 1 == 1;
    (one.as_str() < other.as_str()) == (is_odd(one) == is_odd(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: usize) -> NodeName {
        NodeName::parse(&format!("n{n}@host")).expect("a node name")
    }

    #[test]
    fn of_two_nodes_one_dials_first_and_each_node_to_about_half_of_the_others() {
        for one in 0..50 {
            let others = || (0..50).filter(|other| *other != one);
            for other in others() {
                let both = [(one, other), (other, one)];
                let first = both.map(|(one, other)| dials_first(&node(one), &node(other)));
                assert_eq!(first.iter().filter(|dials| **dials).count(), 1, "{one} {other}");
            }
            let dials = others().filter(|other| dials_first(&node(one), &node(*other))).count();
            assert!((15..=35).contains(&dials), "{one} dials {dials} of 49");
        }
    }

    #[test]
    fn the_smaller_name_dials_first_where_the_sum_of_both_is_even() {
        // "n1@host" has an odd sum, and "n2@host" an even one.
        for (one, other, dials) in [(1, 2, false), (1, 3, true), (2, 4, true), (2, 3, false)] {
            assert_eq!(dials_first(&node(one), &node(other)), dials, "{one} {other}");
        }
    }

    fn millis(ms: u64) -> Time {
        Time::after(Duration::from_millis(ms))
    }

    #[test]
    fn the_other_side_is_given_its_moment_again_while_all_are_busy_for_three_seconds_at_most() {
        let connected = |ms| Progress { connected_at: millis(ms), ..Progress::default() };
        let after_connection = |at| Patience::new(10, connected(at), Time::ZERO).ends(millis(1000));
        let after_attempt =
            |at| Patience::new(10, Progress::default(), millis(at)).ends(millis(1000));
        let moments = [0, 999, 1001, 3000, 3900];
        let ends = [1120, 1120, 1121, 3120, 4000].map(millis);
        assert_eq!(moments.map(after_connection), ends);
        assert_eq!(moments.map(after_attempt), ends);
    }

    #[test]
    fn where_attempts_take_long_it_is_given_twice_as_long_up_to_twelve_seconds() {
        let ends = |took: u64| {
            let mut progress = Progress::default();
            progress.connected(millis(100_000), Some(millis(100_000 - took)));
            Patience::new(10, progress, Time::ZERO).ends(millis(1000))
        };
        assert_eq!(
            [5, 1500, 1501, 4000, 6001, 90_000].map(ends),
            [4000, 4000, 4002, 9000, 13_000, 13_000].map(millis)
        );
    }

    #[test]
    fn attempts_are_as_slow_as_the_last_one_or_half_as_slow_as_before() {
        let mut progress = Progress::default();
        let attempts = [
            (5000, Some(0)),
            (5001, Some(5000)),
            (5002, None),
            (9002, Some(5002)),
            (9003, Some(9002)),
        ];
        let take = attempts.map(|(ended, began)| {
            progress.connected(millis(ended), began.map(millis));
            progress.connect_time
        });
        assert_eq!(take, [5000, 2500, 2500, 4000, 2000].map(Duration::from_millis));
        assert_eq!(progress.connected_at, millis(9003));
    }

    #[test]
    fn the_patience_grows_with_the_cluster_to_700_ms() {
        assert_eq!(
            [0, 5, 60, usize::MAX].map(patience),
            [20, 70, 620, 700].map(Duration::from_millis)
        );
    }
}
