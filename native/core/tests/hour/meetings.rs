//! Who can hear whom, since when, and whether they have met.

use std::time::Duration;

use native_gossip_core::Time;

use crate::{Hour, Timer, rules::MEETING_TIMEOUT, secs, simulation::Link};

const CHECK_INTERVAL: Duration = secs(10);

/// What two nodes can do, whichever comes first.
#[derive(Clone, Default)]
pub(crate) struct Pair {
    can_connect: bool,
    /// Since when each of them hears the other.
    hear_since: Option<Time>,
    /// Since when they can connect besides.
    meet_since: Option<Time>,
    has_met: bool,
}

impl Hour {
    pub(crate) fn can_connect(&self, one: usize, other: usize) -> bool {
        let partition = |node: usize| self.network.links[node].partition;
        let connects = |node: usize| self.is_alive[node] && self.host(node).interface.connects();
        connects(one) && connects(other) && partition(one) == partition(other)
    }

    fn hear_each_other(&self, one: usize, other: usize) -> bool {
        let links = &self.network.links;
        let partition = links[one].partition == links[other].partition;
        let talks = |node: usize| self.is_alive[node] && links[node].hears && links[node].is_heard;
        talks(one) && talks(other) && partition
    }

    /// Something has changed: packets go other ways, connections break, pairs begin to meet anew.
    pub(crate) fn reconsider(&mut self) {
        for node in 0..self.size() {
            let host = self.host(node);
            let (hears, is_heard) = (host.interface.hears(), host.interface.is_heard());
            let partition = self.partitions[host.segment];
            self.network.links[node] = Link { hears, is_heard, partition };
        }
        let now = self.network.now;
        let since = |was: Option<Time>, is: bool| is.then(|| was.unwrap_or(now));
        for one in 0..self.size() {
            for other in one + 1..self.size() {
                let can_connect = self.can_connect(one, other);
                let hear = self.hear_each_other(one, other);
                let pair = &mut self.pairs[(one, other)];
                let is_parted = pair.can_connect && !can_connect;
                pair.can_connect = can_connect;
                pair.hear_since = since(pair.hear_since, hear);
                pair.meet_since = since(pair.meet_since, hear && can_connect);
                pair.has_met &= pair.meet_since.is_some();
                if is_parted {
                    self.lose_later(one, other, false);
                    self.lose_later(other, one, false);
                }
            }
        }
    }

    /// For the summary alone: how long those have waited that are connected now.
    pub(crate) fn note_meeting(&mut self, one: usize, other: usize) {
        let pair = &mut self.pairs[(one.min(other), one.max(other))];
        if let Some(since) = pair.meet_since
            && !std::mem::replace(&mut pair.has_met, true)
        {
            self.waits.push(self.network.now - since);
        }
    }

    /// Who has been able to hear each other for long enough has met, or is kept by a firewall and
    /// still announced. Two behind firewalls wait for their connects, which all fail slowly.
    pub(crate) fn check(&mut self) {
        let now = self.network.now;
        let is_over =
            |since: Option<Time>| since.is_some_and(|since| since + MEETING_TIMEOUT <= now);
        for one in 0..self.size() {
            for other in one + 1..self.size() {
                let pair = &self.pairs[(one, other)];
                if is_over(pair.meet_since) {
                    assert!(
                        self.are_connected(one, other),
                        "not met: n{one} and n{other} hear each other since {:?} and are not \
                         connected at {now:?}",
                        pair.meet_since
                    );
                    self.count("pairs found connected");
                } else if is_over(pair.hear_since) && self.one_connects(one, other) {
                    assert!(
                        self.rules.was_announced(now, one, other),
                        "not announced: n{one} and n{other} hear each other since {:?} and neither \
                         was announced lately at {now:?}",
                        pair.hear_since
                    );
                    self.count("pairs behind a firewall found announced");
                }
            }
        }
        self.timers.push(std::cmp::Reverse((now + CHECK_INTERVAL, Timer::Check)));
    }

    pub(crate) fn check_everybody_has_met(&self) {
        for one in 0..self.size() {
            for other in one + 1..self.size() {
                assert!(
                    self.are_connected(one, other),
                    "not met: n{one} and n{other} are not connected after a calm of {MEETING_TIMEOUT:?}"
                );
            }
        }
    }

    fn are_connected(&self, one: usize, other: usize) -> bool {
        self.is_connected[(one, other)] && self.is_connected[(other, one)]
    }

    fn one_connects(&self, one: usize, other: usize) -> bool {
        self.host(one).interface.connects() || self.host(other).interface.connects()
    }
}
