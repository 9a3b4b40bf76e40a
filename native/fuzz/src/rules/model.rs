//! What an engine must make of its peers, told a second time and in the plainest way.

use std::{net::IpAddr, time::Duration};

use native_gossip_core::{
    NodeName, Refusal, Report, Time,
    budget::{
        ATTEMPTS_AT_ONCE, ATTEMPTS_OF_ONE_SOURCE, ATTEMPTS_OF_RETRIES, FRESH_ATTEMPTS,
        FRESH_ATTEMPTS_OF_RETRIES, NEW_NAME_INTERVAL,
    },
};

use super::token_bucket::TokenBucket;

const REPORT_TIMEOUT: Duration = Duration::from_secs(30);
const LASTING: Duration = Duration::from_secs(30);
const FORGIVEN: Duration = Duration::from_secs(60);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
const LONGEST_DELAY: Duration = Duration::from_secs(3);
const SLOWEST: Duration = Duration::from_secs(6);
const FRESH: Duration = Duration::from_millis(200);
const PROMISING: Duration = Duration::from_secs(2);

/// The peers that an engine remembers, each by its number, at most `max_peers` of them. That the
/// engine remembers no more shows in what it says of a peer that was forgotten here.
pub(super) struct Model {
    pub(super) peers: Vec<Peer>,
    pub(super) in_flight: Vec<Attempt>,
    max_peers: usize,
    refresh_interval: Option<Duration>,
    /// What all randomness of the engine comes to.
    dice: u64,
    new_names: TokenBucket,
    of_sources: Vec<(IpAddr, TokenBucket)>,
    taken_in: u32,
    /// The lines in which peers wait, those of retries and those of others, in the order of turns.
    lines: Vec<Line>,
    /// When a connection was made last.
    connected_at: Time,
    /// How long attempts take that lead to a connection: the last one, or half of those before.
    connect_time: Duration,
}

pub(super) struct Peer {
    pub(super) node: usize,
    heard_at: Time,
    /// From when on it asks for an attempt when it is heard, if ever.
    pub(super) asks_from: Option<Time>,
    waits: Option<Wait>,
    /// Announced, and neither reported on nor heard after that became due.
    is_announced: bool,
    is_in_flight: bool,
    connected_since: Option<Time>,
    failures: u32,
    /// Where it was heard from while it was left alone after a failure.
    heard_in_pause: Option<IpAddr>,
    /// Whose token it has, until it is connected.
    named_by: Option<IpAddr>,
}

#[derive(Clone, Copy)]
struct Wait {
    since: Time,
    source: IpAddr,
    is_retry: bool,
    /// Not while the other side may dial.
    is_in_line: bool,
}

/// Peers that one source named.
struct Line {
    is_retry: bool,
    source: IpAddr,
    nodes: Vec<usize>,
}

/// Announced, and not reported on.
pub(super) struct Attempt {
    pub(super) node: usize,
    source: IpAddr,
    is_retry: bool,
    /// To a peer that is new, or whose connection ended.
    is_first: bool,
    began: Time,
}

impl Peer {
    /// Whether it waits for the other side, or for the end of its pause.
    fn is_to_wait(&self) -> bool {
        self.heard_in_pause.is_some() || self.waits.is_some_and(|wait| !wait.is_in_line)
    }
}

impl Model {
    pub(super) fn new(max_peers: usize, refresh_interval: Option<Duration>, dice: u64) -> Self {
        Self {
            // In one piece: one that grows takes up to three times as much at a moment.
            peers: Vec::with_capacity(max_peers),
            in_flight: Vec::new(),
            max_peers,
            refresh_interval,
            dice,
            new_names: TokenBucket::new(max_peers),
            of_sources: Vec::new(),
            taken_in: 0,
            lines: Vec::new(),
            connected_at: Time::ZERO,
            connect_time: Duration::ZERO,
        }
    }

    /// A heartbeat of `node` arrived, which dials first or leaves that to us. `verdict` is what the
    /// engine said of it.
    pub(super) fn heard(
        &mut self,
        now: Time,
        source: IpAddr,
        node: usize,
        dials_first: bool,
        verdict: Result<(), Refusal>,
    ) {
        self.pass(now);
        if !self.peers.iter().any(|peer| peer.node == node) {
            let may_come = self.has_room() && self.is_allowed(now, source);
            let expected = if may_come { Ok(()) } else { Err(Refusal::OverLimit) };
            assert_eq!(verdict, expected, "peer {node} is new");
            if !may_come {
                return;
            }
            self.take_in(now, source, node);
        }
        assert_eq!(verdict, Ok(()), "peer {node} is known");
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == node) else { return };
        peer.heard_at = now;
        if let Some(wait) = peer.waits {
            return self.named_again(node, wait, source);
        }
        if peer.asks_from.is_none_or(|from| now < from) {
            let is_pause = peer.failures > 0 && peer.connected_since.is_none();
            if is_pause && !peer.is_announced {
                self.heard_in_pause(node, source);
            }
            return;
        }
        (peer.is_announced, peer.is_in_flight) = (false, false);
        let is_connected = peer.connected_since.is_some();
        let is_retry = peer.failures > 0 && !is_connected;
        let is_first = !is_retry && !is_connected;
        peer.waits = Some(Wait { since: now, source, is_retry, is_in_line: false });
        if !(is_first && dials_first && self.refresh_interval.is_none()) {
            self.stand_in_line(node);
        }
        self.in_flight.retain(|attempt| attempt.node != node);
    }

    /// Whose turn it is.
    pub(super) fn next(&mut self, now: Time) -> Option<usize> {
        self.pass(now);
        let fresh = |attempt: &&Attempt| now < attempt.began + FRESH;
        let retries = || self.in_flight.iter().filter(|attempt| attempt.is_retry);
        let has_place = self.in_flight.len() < ATTEMPTS_AT_ONCE
            && self.in_flight.iter().filter(fresh).count() < FRESH_ATTEMPTS;
        let has_place_for_retry = retries().count() < ATTEMPTS_OF_RETRIES
            && retries().filter(fresh).count() < FRESH_ATTEMPTS_OF_RETRIES;
        let of = |source| self.in_flight.iter().filter(|attempt| attempt.source == source).count();
        let has_turn = |line: &Line| of(line.source) < ATTEMPTS_OF_ONE_SOURCE;
        let place = |is_retry: bool| {
            self.lines.iter().position(|line| line.is_retry == is_retry && has_turn(line))
        };
        let untroubled = if has_place { place(false) } else { None };
        let retry = if has_place && has_place_for_retry { place(true) } else { None };
        let line = self.lines.remove(untroubled.or(retry)?);
        let (node, source, is_retry) = (line.nodes[0], line.source, line.is_retry);
        self.lines.push(line);
        self.leave_line(node);
        let peer = self.peers.iter_mut().find(|peer| peer.node == node)?;
        (peer.is_announced, peer.is_in_flight) = (true, true);
        peer.asks_from = Some(now + REPORT_TIMEOUT);
        let is_first = !is_retry && peer.connected_since.is_none();
        self.in_flight.push(Attempt { node, source, is_retry, is_first, began: now });
        Some(node)
    }

    pub(super) fn reported(&mut self, now: Time, node: usize, report: Report) {
        self.pass(now);
        let (dice, refresh) = (self.dice, self.refresh_interval);
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == node) else { return };
        let since = peer.connected_since;
        let is_late = since.is_none() && !peer.is_announced;
        if !(report == Report::Down && is_late) {
            peer.heard_in_pause = None;
        }
        match report {
            Report::Connected => {
                if peer.is_announced && since.is_none() {
                    // One that was given up is slow in any case.
                    let own = self.in_flight.iter().find(|attempt| attempt.node == node);
                    let took = own.map_or(SLOWEST, |own| SLOWEST.min(now - own.began));
                    self.connect_time = took.max(self.connect_time / 2);
                }
                self.connected_at = if since.is_none() { now } else { self.connected_at };
                peer.connected_since = since.or(Some(now));
                peer.asks_from = refresh.map(|interval| now + interval);
            }
            Report::Down if since.is_some_and(|since| ends_well(now, since, peer.failures)) => {
                (peer.failures, peer.asks_from) = (0, Some(now));
                peer.connected_since = None;
            }
            Report::Down if is_late => return,
            Report::Down | Report::Unreachable => {
                // It made nothing worse and nothing better.
                if report == Report::Down && since.is_some_and(|since| since + LASTING <= now) {
                    peer.failures -= 1;
                }
                let pause = Duration::from_secs(1) * 2u32.pow(peer.failures.min(5));
                let pause = pause.min(LONGEST_BACK_OFF);
                let jitter = Duration::from_nanos(dice % (pause / 4).as_nanos() as u64);
                peer.asks_from = Some(now + (pause - jitter));
                peer.failures += 1;
                peer.connected_since = None;
            }
        }
        (peer.is_announced, peer.is_in_flight) = (false, false);
        let proved = if report == Report::Connected { peer.named_by.take() } else { None };
        proved.into_iter().for_each(|source| self.of(source).give_back());
        self.in_flight.retain(|attempt| attempt.node != node);
        self.leave_line(node);
    }

    pub(super) fn reports_lost(&mut self, now: Time) {
        let is_settled = |peer: &&mut Peer| peer.connected_since.is_some() && peer.waits.is_none();
        let settled = self.peers.iter_mut().filter(is_settled);
        settled.filter(|peer| !peer.is_announced).for_each(|peer| peer.asks_from = Some(now));
    }

    /// Time has passed: some attempts are given up, and some wait for the other side no more.
    fn pass(&mut self, now: Time) {
        let has_expired = |attempt: &Attempt| attempt.began + REPORT_TIMEOUT <= now;
        for expired in self.in_flight.extract_if(.., |attempt| has_expired(attempt)) {
            let peer = self.peers.iter_mut().find(|peer| peer.node == expired.node);
            peer.into_iter().for_each(|peer| peer.is_in_flight = false);
        }
        if self.peers.iter().all(|peer| !peer.is_to_wait()) {
            return;
        }
        let patience = Duration::from_millis(700.min(20 + 10 * self.peers.len() as u64));
        let first = self.in_flight.iter().filter(|attempt| attempt.is_first);
        let from =
            first.map(|attempt| attempt.began + PROMISING).fold(self.connected_at, Time::max);
        let longest = LONGEST_DELAY.max(self.connect_time * 2);
        let end = |wait: &Wait| (wait.since.max(from) + patience).min(wait.since + longest);
        let ends = |wait: &Wait| !wait.is_in_line && end(wait) <= now;
        let mut ended: Vec<_> = self
            .peers
            .iter()
            .filter_map(|peer| peer.waits.filter(ends).map(|wait| (wait.since, peer.node)))
            .collect();
        ended.sort_unstable();
        ended.into_iter().for_each(|(_, node)| self.stand_in_line(node));
        let pauses = self.peers.iter().filter(|peer| peer.heard_in_pause.is_some());
        let mut ended: Vec<_> = pauses
            .filter_map(|peer| peer.asks_from.filter(|at| *at <= now).map(|at| (at, peer.node)))
            .collect();
        ended.sort_unstable();
        for (_, node) in ended {
            let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == node) else { return };
            let Some(source) = peer.heard_in_pause.take() else { return };
            peer.waits = Some(Wait { since: now, source, is_retry: true, is_in_line: false });
            self.stand_in_line(node);
        }
    }

    /// Whether fewer wait in the line of the first source than before a peer in that of the second.
    fn is_shorter(&self, is_retry: bool, one: IpAddr, other: IpAddr) -> bool {
        let length = |source| {
            let is_its = |line: &&Line| (line.is_retry, line.source) == (is_retry, source);
            self.lines.iter().find(is_its).map_or(0, |line| line.nodes.len())
        };
        length(other) > length(one) + 1
    }

    fn heard_in_pause(&mut self, node: usize, source: IpAddr) {
        let Some(place) = self.peers.iter().position(|peer| peer.node == node) else { return };
        let before = self.peers[place].heard_in_pause;
        if before.is_none_or(|before| self.is_shorter(true, source, before)) {
            self.peers[place].heard_in_pause = Some(source);
        }
    }

    /// A peer that waits was named by this source too. It takes the shorter line.
    fn named_again(&mut self, node: usize, wait: Wait, source: IpAddr) {
        if !self.is_shorter(wait.is_retry, source, wait.source) {
            return;
        }
        self.leave_line(node);
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == node) else { return };
        peer.waits = Some(Wait { source, ..wait });
        if wait.is_in_line {
            self.stand_in_line(node);
        }
    }

    fn stand_in_line(&mut self, node: usize) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == node) else { return };
        let Some(wait) = &mut peer.waits else { return };
        wait.is_in_line = true;
        let (is_retry, source) = (wait.is_retry, wait.source);
        let is_its = |line: &&mut Line| (line.is_retry, line.source) == (is_retry, source);
        match self.lines.iter_mut().find(is_its) {
            Some(line) => line.nodes.push(node),
            None => self.lines.push(Line { is_retry, source, nodes: vec![node] }),
        }
    }

    fn leave_line(&mut self, node: usize) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == node) else { return };
        if peer.waits.take().is_some() {
            self.lines.iter_mut().for_each(|line| line.nodes.retain(|other| *other != node));
            self.lines.retain(|line| !line.nodes.is_empty());
        }
    }

    fn take_in(&mut self, now: Time, source: IpAddr, node: usize) {
        self.make_room();
        self.new_names.take(now);
        self.of(source).take(now);
        self.taken_in += 1;
        self.peers.push(Peer {
            node,
            heard_at: now,
            asks_from: Some(now),
            waits: None,
            is_announced: false,
            is_in_flight: false,
            connected_since: None,
            failures: 0,
            heard_in_pause: None,
            named_by: Some(source),
        });
        assert!(self.peers.len() <= self.max_peers);
        let refilled = now.since_zero().as_nanos() / NEW_NAME_INTERVAL.as_nanos();
        assert!(u128::from(self.taken_in) <= self.max_peers as u128 + refilled);
    }

    fn is_allowed(&mut self, now: Time, source: IpAddr) -> bool {
        self.new_names.is_left(now) && self.of(source).is_left(now)
    }

    fn of(&mut self, source: IpAddr) -> &mut TokenBucket {
        let place = self.of_sources.iter().position(|(other, _)| *other == source);
        let place = place.unwrap_or_else(|| {
            self.of_sources.push((source, TokenBucket::new((self.max_peers / 4).max(16))));
            self.of_sources.len() - 1
        });
        &mut self.of_sources[place].1
    }

    fn has_room(&self) -> bool {
        self.peers.len() < self.max_peers || self.peers.iter().any(|peer| self.is_idle(peer))
    }

    /// Whether it may be forgotten: nobody is connected or connecting to it, and it waits for none.
    fn is_idle(&self, peer: &Peer) -> bool {
        peer.connected_since.is_none() && peer.waits.is_none() && !peer.is_in_flight
    }

    fn make_room(&mut self) {
        if self.peers.len() == self.max_peers {
            let idle = self.peers.iter().enumerate().filter(|(_, peer)| self.is_idle(peer));
            let longest = idle.min_by_key(|(_, peer)| (peer.heard_at, peer.node));
            if let Some(place) = longest.map(|(place, _)| place) {
                self.peers.swap_remove(place);
            }
        }
    }
}

/// Whether a connection that ends now is no reason for a pause.
fn ends_well(now: Time, since: Time, failures: u32) -> bool {
    since + if failures == 0 { LASTING } else { FORGIVEN } <= now
}

/// Whether the first of two nodes dials first. It does where its name is the smaller one and as many
/// of the bytes of both are odd as come in pairs, or where neither is so.
pub(super) fn dials_first(one: &NodeName, other: &NodeName) -> bool {
    let odd = |node: &NodeName| node.as_str().bytes().filter(|byte| byte % 2 == 1).count();
    (one.as_str() < other.as_str()) == ((odd(one) + odd(other)).is_multiple_of(2))
}
