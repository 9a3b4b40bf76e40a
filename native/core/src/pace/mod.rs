//! When this node sends, and how much at most.
//!
//! Whatever one packet makes a node send, a large cluster sends ten thousand times, and every node
//! receives all of it. So each cause has a bound that grows with the cluster. They are counted in
//! shares: a share is the time in which each node may send one heartbeat if all of them together are
//! to send [`CLUSTER_HEARTBEATS_PER_SECOND`].
//!
//! | cause | bound |
//! |---|---|
//! | the schedule: always, and denser where heartbeats get lost or somebody is missing | one a share in the mean |
//! | answers: somebody wants to hear us, or waits for an echo | one in four shares in the long run, and what follows is a share later |
//! | bursts: we have reason to think that nobody knows us | four in four shares |
//!
//! Nothing else makes a node send, and a share is the same for all who hear the same nodes. So there
//! is no load at which heartbeats cause more heartbeats than get lost by them.
//!
//! The module is public so that ten thousand nodes can be simulated without their tables of peers.

mod answers;
mod bursts;
mod crowd;
mod overload;

use std::time::Duration;

use rand_core::Rng;

use self::{
    answers::Answers,
    bursts::{BURST, Bursts},
    crowd::Crowd,
};
pub use self::{
    answers::Asks,
    crowd::Mark,
    overload::{Backlog, Overload},
};
use crate::{Time, budget::CLUSTER_HEARTBEATS_PER_SECOND, time::random_below};

/// The longest gap while more arrives than is looked at: of the heartbeats a part is lost with the
/// rest, and a newcomer that hears one of twenty would otherwise wait for a minute.
const FLOODED_INTERVAL: Duration = Duration::from_millis(700);

/// Of what is looked at under a flood, heartbeats are a quarter at most: else the denser schedule would
/// be the flood that keeps it dense.
const PART_OF_HEARTBEATS: f64 = 4.0;

/// A flood that was noticed counts for this time. It is noticed each second while it lasts.
const FLOODED: Duration = Duration::from_secs(2);

/// The longest gap while a peer is missing: the partition that took it may heal at any moment, and
/// the first heartbeat that gets through brings all others, as answers.
const MISSING_INTERVAL: Duration = Duration::from_secs(2);

/// The state machine. Every call takes the time of the moment, which must not run backwards.
#[derive(Clone, Debug)]
pub struct Pace {
    interval: Duration,
    /// When the schedule has the next heartbeat, while there is one.
    scheduled: Option<Time>,
    sent_at: Option<Time>,
    bursts: Bursts,
    answers: Answers,
    crowd: Crowd,
    connected: usize,
    longest_gap: Duration,
    is_missing_somebody: bool,
    flood: Option<Flood>,
    /// Heartbeats of the last burst that are left; 0 when it is over.
    last: Option<u8>,
}

/// A flood that was noticed, and how many datagrams a second are looked at.
#[derive(Clone, Copy, Debug)]
struct Flood {
    until: Time,
    receive_limit: u32,
}

impl Pace {
    /// A pace at which nothing is due before the [start](Self::start). `interval` is the longest gap
    /// between two heartbeats in a small cluster.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            scheduled: None,
            sent_at: None,
            bursts: Bursts::default(),
            answers: Answers::default(),
            crowd: Crowd::new(),
            connected: 0,
            longest_gap: longest_gap(interval, 0),
            is_missing_somebody: false,
            flood: None,
            last: None,
        }
    }

    /// We are alive from now on: a burst begins at once. Not, where we are about to stop.
    pub fn start(&mut self, now: Time) {
        if self.last.is_none() {
            self.begin(now);
        }
    }

    /// We are about to stop: after a last burst, which begins at once, or without it, nothing is due
    /// any more. Whoever is not alive sends none.
    pub fn drain(&mut self, now: Time, with_burst: bool) {
        if self.last.is_some() {
            return;
        }
        let is_alive = self.scheduled.is_some();
        self.last = Some(if with_burst && is_alive { BURST } else { 0 });
        match self.last {
            Some(0) => self.stop(),
            _ => self.begin(now),
        }
    }

    /// Whether we are about to stop.
    pub fn is_draining(&self) -> bool {
        self.last.is_some()
    }

    fn begin(&mut self, now: Time) {
        self.scheduled = Some(now);
        self.bursts.start(now);
        self.answers = Answers::default();
    }

    /// Nothing is due any more, whatever happens.
    pub fn stop(&mut self) {
        self.scheduled = None;
    }

    /// We have reason to think that nobody knows us.
    pub fn burst(&mut self, now: Time, rng: &mut impl Rng) {
        self.bursts.request(now, self.share(now), self.share_of_others(now), rng);
    }

    /// Somebody wants to hear us.
    pub fn answer(&mut self, now: Time, asks: Asks, rng: &mut impl Rng) {
        self.answers.request(now, asks, self.others(now), self.share(now), rng);
    }

    /// A heartbeat of this node was received.
    pub fn heard(&mut self, now: Time, node: Mark) {
        self.crowd.heard(now, node, self.crowd_period());
    }

    /// So many peers are connected from now on.
    pub fn connected(&mut self, peers: usize) {
        if peers != self.connected {
            self.connected = peers;
            self.longest_gap = longest_gap(self.interval, peers);
        }
    }

    /// Whether a peer that went down is not back from now on.
    pub fn missing(&mut self, now: Time, is_missing_somebody: bool, rng: &mut impl Rng) {
        let is_news = is_missing_somebody && !self.is_missing_somebody;
        self.is_missing_somebody = is_missing_somebody;
        if is_news {
            self.hurry(now, rng);
        }
    }

    /// More arrives than is looked at: `receive_limit` datagrams a second.
    pub fn flooded(&mut self, now: Time, receive_limit: u32, rng: &mut impl Rng) {
        let is_news = self.flood(now).is_none();
        self.flood = Some(Flood { until: now + FLOODED, receive_limit });
        if is_news {
            self.hurry(now, rng);
        }
    }

    /// When the next heartbeat is due, if ever.
    pub fn due(&self) -> Option<Time> {
        let scheduled = self.scheduled?;
        [self.bursts.due(), self.answers.due()]
            .into_iter()
            .flatten()
            .min()
            .map_or(Some(scheduled), |extra| Some(extra.min(scheduled)))
    }

    /// A heartbeat is sent now; the next one follows.
    pub fn sent(&mut self, now: Time, rng: &mut impl Rng) {
        let is_scheduled = self.scheduled.is_some_and(|at| at <= now);
        self.bursts.sent(now, rng);
        self.answers.sent(now, self.share(now));
        let longest = self.longest_gap_now(now);
        // What was sent in between takes the place of what was to come next. Where all nodes do it at
        // each moment at which they may, they send no more than by the schedule alone.
        let least = if is_scheduled { Duration::ZERO } else { self.share(now).min(longest / 2) };
        let gap = least + random_below(rng, longest - least);
        self.scheduled = Some(now + gap.max(Duration::from_millis(1)));
        self.sent_at = Some(now);
        self.last = self.last.map(|left| left.saturating_sub(1));
        if self.last == Some(0) {
            self.stop();
        }
    }

    /// The longest that a node of this cluster lets pass between two heartbeats. The mean is half of
    /// it.
    ///
    /// By the nodes that are connected, because anybody can make up others.
    pub fn longest_gap(&self) -> Duration {
        self.longest_gap
    }

    /// Whether more arrives than is looked at.
    pub fn is_flooded(&self, now: Time) -> bool {
        self.flood(now).is_some()
    }

    /// The longest gap of our own from now on: a shorter one where there is reason.
    pub fn longest_gap_now(&self, now: Time) -> Duration {
        let dense = match (self.flood(now), self.is_missing_somebody) {
            (Some(flood), _) => FLOODED_INTERVAL.max(self.gap_that_fits(now, flood.receive_limit)),
            (None, true) => MISSING_INTERVAL,
            (None, false) => return self.longest_gap(),
        };
        dense.max(2 * self.share(now)).min(self.longest_gap())
    }

    /// The schedule has become denser: the next heartbeat comes as if it had been before. Not before
    /// a share has passed, for what becomes denser again and again.
    fn hurry(&mut self, now: Time, rng: &mut impl Rng) {
        let share = self.share(now);
        let from = self.sent_at.map_or(now, |sent_at| now.max(sent_at + share));
        let latest = from + random_below(rng, self.longest_gap_now(now));
        self.scheduled = self.scheduled.map(|at| at.min(latest));
    }

    fn flood(&self, now: Time) -> Option<Flood> {
        self.flood.filter(|flood| now < flood.until)
    }

    /// The longest gap at which the heartbeats of all nodes are no flood themselves.
    fn gap_that_fits(&self, now: Time, receive_limit: u32) -> Duration {
        let per_node = f64::from(receive_limit) / PART_OF_HEARTBEATS / (self.others(now) + 1.0);
        // The mean is half of the longest.
        Duration::try_from_secs_f64(2.0 / per_node).unwrap_or(Duration::MAX)
    }

    /// How many other nodes there are: those that are connected, or were heard lately. Of ten
    /// thousand that start together a node is connected to none, and hears them all.
    fn others(&self, now: Time) -> f64 {
        self.crowd.size(now, self.crowd_period()).max(self.connected as f64)
    }

    /// In this time each node is heard, unless its packets are lost.
    fn crowd_period(&self) -> Duration {
        2 * self.longest_gap()
    }

    /// The time in which each node of the cluster may send one heartbeat.
    fn share(&self, now: Time) -> Duration {
        share(self.others(now) + 1.0)
    }

    /// The share without our own part: nothing, where we are alone.
    fn share_of_others(&self, now: Time) -> Duration {
        share(self.others(now))
    }
}

/// The longest gap of a node that is connected to this many peers.
fn longest_gap(interval: Duration, connected: usize) -> Duration {
    let nodes = u32::try_from(connected + 1).unwrap_or(u32::MAX);
    let two_shares = Duration::from_secs(2).saturating_mul(nodes) / CLUSTER_HEARTBEATS_PER_SECOND;
    interval.max(two_shares)
}

fn share(nodes: f64) -> Duration {
    Duration::from_secs_f64(nodes / f64::from(CLUSTER_HEARTBEATS_PER_SECOND))
}

#[cfg(test)]
mod tests;
