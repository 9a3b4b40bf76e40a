//! Who can hear whom, since when, and whether they have met.

use std::{ops::Range, time::Duration};

use native_gossip_core::Time;

use crate::{Hour, Timer, rules::MEETING_TIMEOUT, secs, segments, simulation::host::ETH0};

const CHECK_INTERVAL: Duration = secs(10);

const LANS: usize = 2;

/// What a node reaches, and is reached by, as things are. By LAN: the partition.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reach {
    hears: [Option<usize>; LANS],
    is_heard: [Option<usize>; LANS],
    connects: Option<usize>,
}

/// What two nodes can do, whichever comes first.
#[derive(Clone, Default)]
pub(crate) struct Pair {
    can_connect: bool,
    /// Since when each of them hears the other.
    hear_since: Option<Time>,
    /// Since when they can connect besides.
    meet_since: Option<Time>,
    has_met: bool,
    /// When one of them lost the connection last.
    lost_at: Option<Time>,
}

impl Hour {
    pub(crate) fn can_connect(&self, one: usize, other: usize) -> bool {
        let connects = |node: usize| self.reach[node].connects;
        connects(one).is_some() && connects(one) == connects(other)
    }

    /// Whether one hears the other: on the network, or within their host.
    fn hears(&self, one: usize, other: usize) -> bool {
        let (hears, is_heard) = (&self.reach[one].hears, &self.reach[other].is_heard);
        let is_near = self.net.host_of[one] == self.net.host_of[other];
        hears.iter().zip(is_heard).any(|(to, from)| to.is_some() && to == from)
            || is_near && self.hears_nearby(one, other)
    }

    fn hear_each_other(&self, one: usize, other: usize) -> bool {
        self.hears(one, other) && self.hears(other, one)
    }

    fn hears_nearby(&self, one: usize, other: usize) -> bool {
        let host_number = self.net.host_of[one];
        let host = &self.net.hosts[host_number];
        let socket = |node: usize| self.net.socket_of[node];
        let are_up = self.is_alive[one] && self.is_alive[other];
        let is_flooded = self.ailing[host_number].is_flooded;
        let is_by = |slot: usize| {
            let is_filtered = host.nics[slot].is_filtered;
            host.sends(socket(other), slot) && host.is_member(socket(one), slot) && !is_filtered
        };
        are_up && !is_flooded && (0..host.nics.len()).any(is_by)
    }

    fn reach(&self, node: usize) -> Reach {
        let mut reach = Reach::default();
        let host_number = self.net.host_of[node];
        let (host, ailing) = (&self.net.hosts[host_number], &self.ailing[host_number]);
        if !self.is_alive[node] {
            return reach;
        }
        let socket = self.net.socket_of[node];
        for slot in self.slots(host_number) {
            let nic = &host.nics[slot];
            let Some(place) = nic.place else { continue };
            let partition = Some(self.net.lans.partition(place));
            if host.listens(socket, slot) && !ailing.is_flooded {
                reach.hears[place.lan] = partition;
            }
            if host.sends(socket, slot) && !nic.is_mute {
                reach.is_heard[place.lan] = partition;
            }
            // The names of the nodes are those of their first interfaces.
            if slot == ETH0 && nic.is_there && nic.is_up && !ailing.is_firewalled {
                reach.connects = partition;
            }
        }
        reach
    }

    /// Something has changed for everybody.
    pub(crate) fn reconsider_all(&mut self) {
        debug_assert_eq!(segments().len(), LANS);
        for node in 0..self.size() {
            self.reach[node] = self.reach(node);
        }
        for one in 0..self.size() {
            (one + 1..self.size()).for_each(|other| self.reconsider_pair(one, other));
        }
        (0..self.net.hosts.len()).for_each(|host| self.reconsider_ears(host));
    }

    /// Something has changed on a host: packets go other ways, connections break, pairs begin to
    /// meet again.
    pub(crate) fn reconsider(&mut self, host: usize) {
        let nodes: Range<usize> = self.net.nodes_of(host);
        for node in nodes.clone() {
            self.reach[node] = self.reach(node);
        }
        for node in nodes {
            for other in (0..self.size()).filter(|other| *other != node) {
                self.reconsider_pair(node.min(other), node.max(other));
            }
        }
        self.reconsider_ears(host);
    }

    fn reconsider_pair(&mut self, one: usize, other: usize) {
        let now = self.net.now;
        let since = |was: Option<Time>, is: bool| is.then(|| was.unwrap_or(now));
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

    pub(crate) fn note_loss(&mut self, one: usize, other: usize) {
        self.pairs[(one.min(other), one.max(other))].lost_at = Some(self.net.now);
    }

    /// For the summary alone: how long those have waited that are connected now.
    pub(crate) fn note_meeting(&mut self, one: usize, other: usize) {
        let pair = &mut self.pairs[(one.min(other), one.max(other))];
        if let Some(since) = pair.meet_since
            && !std::mem::replace(&mut pair.has_met, true)
        {
            self.waits.push(self.net.now - since);
        }
    }

    /// Who has been able to hear each other for long enough has met, or is kept by a firewall and
    /// still announced. Two behind firewalls wait for their attempts, which all fail slowly.
    pub(crate) fn check(&mut self) {
        let now = self.net.now;
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
                } else if is_over(
                    pair.hear_since.map(|since| since.max(pair.lost_at.unwrap_or(since))),
                ) && self.one_connects(one, other)
                    && !self.are_connected(one, other)
                {
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
        (0..self.size()).for_each(|node| self.check_node(node));
        self.after(CHECK_INTERVAL, Timer::Check);
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
        self.connects(one) || self.connects(other)
    }

    fn connects(&self, node: usize) -> bool {
        self.reach[node].connects.is_some()
    }
}
