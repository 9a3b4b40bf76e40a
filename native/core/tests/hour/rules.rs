//! What the design promises, told apart from the engine and in the plainest way.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use native_gossip_core::{
    Report, Time,
    budget::{ATTEMPTS_AT_ONCE, ATTEMPTS_OF_ONE_SOURCE, ATTEMPTS_OF_RETRIES},
};

use crate::grid::Grid;

const REPORT_TIMEOUT: Duration = Duration::from_secs(30);
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// A pair that can hear each other has met after this time. The longest that a peer is left alone is
/// the minute after it was connected, where the report that it went down was lost. The rest is
/// eighteen heartbeats at the longest gap of five seconds: with 40 % of them lost, one time in ten
/// million none arrives; some of those that do find all attempts in flight.
pub(crate) const MEETING_TIMEOUT: Duration = Duration::from_secs(60 + 90);

/// What an engine and its peer are to each other.
#[derive(Clone)]
struct Pair {
    /// The next announcement is permitted from here on, and why.
    permitted: (Time, &'static str),
    announced: Option<Time>,
    failures: u32,
}

/// An attempt that an engine has to count: announced, and not reported on.
struct Attempt {
    peer: usize,
    source: IpAddr,
    is_retry: bool,
    ends: Time,
}

pub(crate) struct Rules {
    size: usize,
    pairs: Grid<Pair>,
    /// The next announcement is due from here on: the jitter of a back-off is the engine's business.
    /// By peer and then by engine, because one packet is heard by many, and for all of them.
    due: Grid<Time>,
    attempts: Vec<Vec<Attempt>>,
    /// Announcements by what permitted them.
    pub(crate) announcements: BTreeMap<&'static str, u64>,
    /// The most attempts in flight: all, of one source, retries.
    pub(crate) most_attempts: [usize; 3],
    pub(crate) put_off: u64,
}

impl Rules {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            pairs: Grid::new(size, Pair::of_strangers()),
            due: Grid::new(size, Time::ZERO),
            attempts: (0..size).map(|_| Vec::new()).collect(),
            announcements: BTreeMap::new(),
            most_attempts: [0; 3],
            put_off: 0,
        }
    }

    /// A node's engine begins without a past.
    pub(crate) fn restarted(&mut self, node: usize) {
        self.attempts[node].clear();
        for peer in 0..self.size {
            self.pairs[(node, peer)] = Pair::of_strangers();
            self.due[(peer, node)] = Time::ZERO;
        }
    }

    /// None is announced more often than the design allows, and no more attempts are in flight.
    pub(crate) fn announced(&mut self, now: Time, to: usize, peer: usize, source: IpAddr) {
        let pair = &mut self.pairs[(to, peer)];
        let (from, why) = pair.permitted;
        assert!(
            now >= from,
            "over-announced: n{peer} to n{to} at {now:?}, {:?} before the {why} permits it; last \
             announced at {:?}, {} failures",
            from - now,
            pair.announced,
            pair.failures
        );
        *self.announcements.entry(why).or_default() += 1;
        pair.permitted = (now + REPORT_TIMEOUT, "want of a report");
        self.due[(peer, to)] = now + REPORT_TIMEOUT;
        pair.announced = Some(now);
        let is_retry = pair.failures > 0;

        let attempts = &mut self.attempts[to];
        attempts.retain(|attempt| attempt.peer != peer && attempt.ends > now);
        attempts.push(Attempt { peer, source, is_retry, ends: now + REPORT_TIMEOUT });
        let (all, of_source, retries) = self.count(to, source);
        for (most, count) in self.most_attempts.iter_mut().zip([all, of_source, retries]) {
            *most = count.max(*most);
        }
        assert!(
            all <= ATTEMPTS_AT_ONCE
                && of_source <= ATTEMPTS_OF_ONE_SOURCE
                && (!is_retry || retries <= ATTEMPTS_OF_RETRIES),
            "over budget: n{to} at {now:?} has {all} attempts in flight, {of_source} of {source}, \
             {retries} retries"
        );
    }

    /// Who is heard when its announcement is due is announced.
    pub(crate) fn not_announced(&self, now: Time, to: usize, peer: usize) {
        let due = self.due[(peer, to)];
        assert!(
            now < due,
            "passed over: n{peer} by n{to} at {now:?}, due since {due:?} for {}",
            self.pairs[(to, peer)].permitted.1
        );
    }

    /// A peer is kept waiting by attempts alone: of names there are fewer than are taken in at once.
    pub(crate) fn put_off(&mut self, now: Time, to: usize, peer: usize, source: IpAddr) {
        self.put_off += 1;
        self.attempts[to].retain(|attempt| attempt.peer != peer && attempt.ends > now);
        let (all, of_source, retries) = self.count(to, source);
        assert!(
            all >= ATTEMPTS_AT_ONCE
                || of_source >= ATTEMPTS_OF_ONE_SOURCE
                || self.pairs[(to, peer)].failures > 0 && retries >= ATTEMPTS_OF_RETRIES,
            "put off without need: n{peer} by n{to} at {now:?}, {all} attempts in flight, \
             {of_source} of {source}, {retries} retries"
        );
    }

    pub(crate) fn reported(&mut self, now: Time, by: usize, peer: usize, report: Report) {
        self.attempts[by].retain(|attempt| attempt.peer != peer);
        let pair = &mut self.pairs[(by, peer)];
        if pair.announced.is_none() {
            return;
        }
        let failures = pair.failures;
        pair.failures = 0;
        let mut jitter = Duration::ZERO;
        let (from, why) = match report {
            Report::Connected => (now + REFRESH_INTERVAL, "refresh"),
            Report::Down => (now, "end of the connection"),
            Report::Unreachable => {
                pair.failures = failures + 1;
                let pause = FIRST_BACK_OFF.saturating_mul(2u32.saturating_pow(failures));
                let pause = pause.min(LONGEST_BACK_OFF);
                jitter = pause / 4;
                (now + (pause - jitter), "back-off")
            }
        };
        pair.permitted = (from, why);
        self.due[(peer, by)] = from + jitter;
    }

    /// Whether one of the two was announced to the other lately.
    pub(crate) fn was_announced(&self, now: Time, one: usize, other: usize) -> bool {
        [(one, other), (other, one)]
            .into_iter()
            .filter_map(|pair| self.pairs[pair].announced)
            .any(|at| at + MEETING_TIMEOUT >= now)
    }

    fn count(&self, to: usize, source: IpAddr) -> (usize, usize, usize) {
        let attempts = &self.attempts[to];
        let of_source = attempts.iter().filter(|attempt| attempt.source == source).count();
        let retries = attempts.iter().filter(|attempt| attempt.is_retry).count();
        (attempts.len(), of_source, retries)
    }
}

impl Pair {
    fn of_strangers() -> Self {
        Self { permitted: (Time::ZERO, "first heartbeat"), announced: None, failures: 0 }
    }
}
