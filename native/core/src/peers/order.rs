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
/// starts again after each connection, and lasts for this time at most. Without that, both sides of
/// nearly every pair dial where 60 nodes start together on two cores.
const LONGEST_DELAY: Duration = Duration::from_secs(3);

/// How long to wait for the other side, where this many peers are known.
fn patience(peers: usize) -> Duration {
    let peers = u32::try_from(peers).unwrap_or(u32::MAX);
    (PATIENCE + PATIENCE_PER_PEER.saturating_mul(peers)).min(LONGEST_PATIENCE)
}

/// Until when the other side is given its moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    length: Duration,
    /// When a connection was made last.
    connected_at: Time,
}

impl Patience {
    /// Where this many peers are known, and the last connection was made at this time.
    pub(super) fn new(peers: usize, connected_at: Time) -> Self {
        Self { length: patience(peers), connected_at }
    }

    /// For a peer that waits since then.
    pub(super) fn ends(self, since: Time) -> Time {
        let latest = since + LONGEST_DELAY;
        (since.max(self.connected_at) + self.length).min(latest)
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

    #[test]
    fn the_other_side_is_given_its_moment_anew_after_each_connection_for_three_seconds_at_most() {
        let millis = |ms| Time::after(Duration::from_millis(ms));
        let ends = |connected_at| Patience::new(10, millis(connected_at)).ends(millis(1000));
        assert_eq!(
            [0, 999, 1001, 3000, 3900].map(ends),
            [1120, 1120, 1121, 3120, 4000].map(millis)
        );
    }

    #[test]
    fn the_patience_grows_with_the_cluster_to_700_ms() {
        assert_eq!(
            [0, 5, 60, usize::MAX].map(patience),
            [20, 70, 620, 700].map(Duration::from_millis)
        );
    }
}
