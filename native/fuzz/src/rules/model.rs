//! What an engine must make of its peers, told a second time and in the plainest way.

use std::{net::IpAddr, time::Duration};

use native_gossip_core::{
    Refusal, Report, Time,
    budget::{ATTEMPTS_AT_ONCE, ATTEMPTS_OF_ONE_SOURCE, ATTEMPTS_OF_RETRIES, NEW_NAME_INTERVAL},
};

const REPORT_TIMEOUT: Duration = Duration::from_secs(30);
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// The peers that an engine remembers, each by its number, at most `max_peers` of them. That the
/// engine remembers no more shows in what it says of a peer that was forgotten here.
pub(super) struct Model {
    pub(super) peers: Vec<Peer>,
    max_peers: usize,
    new_names: TokenBucket,
    of_sources: Vec<(IpAddr, TokenBucket)>,
    taken_in: u32,
    /// Who was announced and not reported on, by whose packet, whether it had failed before, and
    /// until when a report is waited for.
    in_flight: Vec<(usize, IpAddr, bool, Time)>,
}

pub(super) struct Peer {
    pub(super) node: usize,
    heard_at: Time,
    /// Heard before the first, it is not announced; from the second on, it is; and between them
    /// it depends on the jitter of the back-off.
    pub(super) announced: (Time, Time),
    connected: bool,
    failures: u32,
}

impl Model {
    pub(super) fn new(max_peers: usize) -> Self {
        Self {
            peers: Vec::new(),
            max_peers,
            new_names: TokenBucket::new(max_peers),
            of_sources: Vec::new(),
            taken_in: 0,
            in_flight: Vec::new(),
        }
    }

    /// A heartbeat of `node` arrived. `verdict` is what the engine said: whether to announce it.
    pub(super) fn heard(
        &mut self,
        now: Time,
        source: IpAddr,
        node: usize,
        verdict: Result<bool, Refusal>,
    ) {
        self.in_flight.retain(|(.., ends)| *ends > now);
        let others = || self.in_flight.iter().filter(|(other, ..)| *other != node);
        let of_source = others().filter(|(_, named_by, ..)| *named_by == source).count();
        let retries = others().filter(|(_, _, had_failed, _)| *had_failed).count();
        let has_failed = self.peers.iter().any(|peer| peer.node == node && peer.failures > 0);
        let may_attempt = others().count() < ATTEMPTS_AT_ONCE
            && of_source < ATTEMPTS_OF_ONE_SOURCE
            && (!has_failed || retries < ATTEMPTS_OF_RETRIES);
        let announcement = if may_attempt { Ok(true) } else { Err(Refusal::OverLimit) };

        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == node) {
            let (never_before, always_from) = peer.announced;
            let is_early = now < always_from && verdict == Ok(false);
            let is_late = now >= never_before && verdict == announcement;
            assert!(is_early || is_late, "peer {node} in {:?}: {verdict:?}", now..always_from);
            peer.heard_at = now;
        } else {
            let may_come = self.has_room() && may_attempt && self.is_allowed(now, source);
            let expected = if may_come { Ok(true) } else { Err(Refusal::OverLimit) };
            assert_eq!(verdict, expected, "peer {node} is new");
            if may_come {
                self.take_in(now, source, node);
            }
        }
        if verdict == Ok(true) {
            self.announced(now, source, node, has_failed);
        }
    }

    fn announced(&mut self, now: Time, source: IpAddr, node: usize, has_failed: bool) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == node) {
            peer.announced = at(now + REPORT_TIMEOUT);
        }
        self.in_flight.retain(|(other, ..)| *other != node);
        self.in_flight.push((node, source, has_failed, now + REPORT_TIMEOUT));
    }

    fn take_in(&mut self, now: Time, source: IpAddr, node: usize) {
        self.make_room();
        self.new_names.take(now);
        self.of(source).take(now);
        self.taken_in += 1;
        self.peers.push(Peer {
            node,
            heard_at: now,
            announced: at(now),
            connected: false,
            failures: 0,
        });
        assert!(self.peers.len() <= self.max_peers);
        let refilled = now.since_zero().as_nanos() / NEW_NAME_INTERVAL.as_nanos();
        assert!(u128::from(self.taken_in) <= self.max_peers as u128 + refilled);
    }

    pub(super) fn reported(&mut self, now: Time, node: usize, report: Report) {
        self.in_flight.retain(|(other, ..)| *other != node);
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == node) else { return };
        peer.connected = report == Report::Connected;
        match report {
            Report::Connected => peer.announced = at(now + REFRESH_INTERVAL),
            Report::Down => peer.announced = at(now),
            Report::Unreachable => {
                let pause = Duration::from_secs(1) * 2u32.pow(peer.failures.min(5));
                let pause = pause.min(LONGEST_BACK_OFF);
                peer.announced = (now + pause * 3 / 4, now + pause);
            }
        }
        peer.failures = if report == Report::Unreachable { peer.failures + 1 } else { 0 };
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

    /// Whether it may be forgotten: nobody is connected or connecting to it.
    fn is_idle(&self, peer: &Peer) -> bool {
        !peer.connected && self.in_flight.iter().all(|(node, ..)| *node != peer.node)
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

fn at(time: Time) -> (Time, Time) {
    (time, time)
}

/// So many at once, and one more every [`NEW_NAME_INTERVAL`].
struct TokenBucket {
    spare: u32,
    full_at: Time,
}

impl TokenBucket {
    fn new(at_once: usize) -> Self {
        Self { spare: at_once as u32 - 1, full_at: Time::ZERO }
    }

    fn is_left(&self, now: Time) -> bool {
        self.full_at <= now + NEW_NAME_INTERVAL * self.spare
    }

    fn take(&mut self, now: Time) {
        self.full_at = self.full_at.max(now) + NEW_NAME_INTERVAL;
    }
}
