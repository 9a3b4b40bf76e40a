//! What the design promises, told apart from the engine and in the plainest way.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use native_gossip_core::{
    NodeName, Report, Time,
    budget::{
        ATTEMPTS_AT_ONCE, ATTEMPTS_OF_ONE_SOURCE, ATTEMPTS_OF_RETRIES, FRESH_ATTEMPTS,
        FRESH_ATTEMPTS_OF_RETRIES,
    },
};

use crate::grid::Grid;

const REPORT_TIMEOUT: Duration = Duration::from_secs(30);
const LASTING: Duration = Duration::from_secs(30);
const FORGIVEN: Duration = Duration::from_secs(60);
const MISSED: Duration = Duration::from_secs(60);
const FRESH: Duration = Duration::from_millis(200);
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// Who does not dial first waits for at least this time. When exactly the wait ends, the fuzzer's model tells.
const SHORTEST_DELAY: Duration = Duration::from_millis(20);
/// It waits for at most this time, or twice as long as connecting takes.
const LONGEST_DELAY: Duration = Duration::from_secs(3);
/// What takes longer to connect counts as this long.
const SLOWEST: Duration = Duration::from_secs(6);

/// Four of the longest gaps of a cluster of at most 500.
const SILENCE: Duration = Duration::from_secs(20);

/// A pair that can hear each other has met after this time. The longest that a peer is left alone is
/// after an attempt that brought no report, or after many that failed. The rest is eighteen
/// heartbeats at the longest gap of five seconds: with 40 % of them lost, one time in ten million
/// none arrives.
pub(crate) const MEETING_TIMEOUT: Duration = Duration::from_secs(30 + 90);

/// What an engine and its peer are to each other.
#[derive(Clone)]
struct Pair {
    heard_at: Option<Time>,
    /// Heard from here on, it may ask for an announcement, and why.
    permitted: (Time, &'static str),
    /// When it was heard first since then, and from where.
    asked: Option<(Time, IpAddr)>,
    announced: Option<Time>,
    is_in_flight: bool,
    connected_since: Option<Time>,
    /// When a connection ended last.
    down_at: Option<Time>,
    failures: u32,
}

/// An attempt that an engine has to count: announced, and not reported on.
struct Attempt {
    peer: usize,
    source: IpAddr,
    is_retry: bool,
    began: Time,
}

/// Who asked for an announcement, and certainly so: the jitter of a back-off is over.
struct Wait {
    since: Time,
    source: IpAddr,
    is_retry: bool,
    is_delayed: bool,
}

/// Places that are taken.
#[derive(Clone, Copy, Default)]
struct Places {
    all: usize,
    fresh: usize,
    of_source: usize,
    retries: usize,
    fresh_retries: usize,
}

pub(crate) struct Rules {
    size: usize,
    pairs: Grid<Pair>,
    /// Whether the first leaves it to the second to dial first.
    defers: Grid<bool>,
    /// Heard from here on, it asks for an announcement. By peer and then by engine, because one
    /// packet is heard by many, and for all of them.
    due: Grid<Time>,
    attempts: Vec<Vec<Attempt>>,
    /// How long the attempts of each take at whose end the peer is connected: the last one, or half of those before.
    connect_time: Vec<Duration>,
    waiting: Vec<BTreeMap<usize, Wait>>,
    /// Announcements by what permitted them.
    pub(crate) announcements: BTreeMap<&'static str, u64>,
    /// The most attempts in flight: all, fresh, of one source, retries.
    pub(crate) most_attempts: [usize; 4],
    pub(crate) longest_wait: Duration,
}

impl Rules {
    pub(crate) fn new(names: &[NodeName]) -> Self {
        let size = names.len();
        let mut defers = Grid::new(size, false);
        for one in 0..size {
            for other in 0..size {
                defers[(one, other)] = defers_to(&names[one], &names[other]);
            }
        }
        Self {
            size,
            pairs: Grid::new(size, Pair::of_strangers()),
            defers,
            due: Grid::new(size, Time::ZERO),
            attempts: (0..size).map(|_| Vec::new()).collect(),
            connect_time: vec![Duration::ZERO; size],
            waiting: (0..size).map(|_| BTreeMap::new()).collect(),
            announcements: BTreeMap::new(),
            most_attempts: [0; 4],
            longest_wait: Duration::ZERO,
        }
    }

    /// A node's engine begins without a past.
    pub(crate) fn restarted(&mut self, node: usize) {
        self.attempts[node].clear();
        self.waiting[node].clear();
        self.connect_time[node] = Duration::ZERO;
        for peer in 0..self.size {
            self.pairs[(node, peer)] = Pair::of_strangers();
            self.due[(peer, node)] = Time::ZERO;
        }
    }

    /// A heartbeat was heard. Returns whether it is to be answered.
    pub(crate) fn heard(&mut self, now: Time, to: usize, peer: usize, source: IpAddr) -> bool {
        let is_due = now >= self.due[(peer, to)];
        let pair = &mut self.pairs[(to, peer)];
        let was_silent = pair.heard_at.is_none_or(|at| at + SILENCE <= now);
        pair.heard_at = Some(now);
        let is_connected = pair.connected_since.is_some();
        let is_retry = pair.failures > 0 && !is_connected;
        // Who speaks during a pause is tried when it ends.
        let is_pause = is_retry && !pair.is_in_flight && now < self.due[(peer, to)];
        if now >= pair.permitted.0 || is_pause {
            pair.asked.get_or_insert((now, source));
        }
        let is_delayed = !is_retry && !is_connected && self.defers[(to, peer)];
        if (is_due || is_pause) && !self.waiting[to].contains_key(&peer) {
            pair.is_in_flight = false;
            self.attempts[to].retain(|attempt| attempt.peer != peer);
            let since = now.max(self.due[(peer, to)]);
            self.waiting[to].insert(peer, Wait { since, source, is_retry, is_delayed });
        }
        let is_missed = pair.down_at.is_some_and(|at| now < at + MISSED);
        was_silent || !is_connected && (!is_retry || is_missed)
    }

    /// None is announced more often than the design allows, and no more attempts are in flight.
    pub(crate) fn announced(&mut self, now: Time, to: usize, peer: usize) {
        let wait = self.waiting[to].remove(&peer);
        let pair = &mut self.pairs[(to, peer)];
        let (from, why) = pair.permitted;
        let Some((_, source)) = pair.asked.take().filter(|_| now >= from) else {
            unreachable!(
                "over-announced: n{peer} to n{to} at {now:?}, permitted from {from:?} by the \
                 {why}; last announced at {:?}, {} failures",
                pair.announced, pair.failures
            )
        };
        if let Some(wait) = wait {
            let is_early = wait.is_delayed && now < wait.since + SHORTEST_DELAY;
            assert!(!is_early, "n{to} does not wait for n{peer} at {now:?}");
            self.longest_wait = self.longest_wait.max(now - wait.since);
        }
        *self.announcements.entry(why).or_default() += 1;
        pair.permitted = (now + REPORT_TIMEOUT, "want of a report");
        self.due[(peer, to)] = now + REPORT_TIMEOUT;
        (pair.announced, pair.is_in_flight) = (Some(now), true);
        let is_retry = pair.failures > 0 && pair.connected_since.is_none();

        self.attempts[to].push(Attempt { peer, source, is_retry, began: now });
        let taken = self.places(now, to, source);
        let counts = [taken.all, taken.fresh, taken.of_source, taken.retries];
        for (most, count) in self.most_attempts.iter_mut().zip(counts) {
            *most = count.max(*most);
        }
        assert!(
            taken.all <= ATTEMPTS_AT_ONCE
                && taken.fresh <= FRESH_ATTEMPTS
                && taken.of_source <= ATTEMPTS_OF_ONE_SOURCE
                && taken.retries <= ATTEMPTS_OF_RETRIES
                && (!is_retry || taken.fresh_retries <= FRESH_ATTEMPTS_OF_RETRIES),
            "over budget: n{to} at {now:?} has attempts in flight (all, fresh, of {source}, \
             retries): {counts:?}"
        );
    }

    /// Who asked is kept waiting by the other side, for a moment, or by attempts alone.
    pub(crate) fn nobody_is_passed_over(&mut self, now: Time, to: usize) {
        for (peer, wait) in self.waiting[to].iter().filter(|(_, wait)| now >= wait.since) {
            let taken = self.places(now, to, wait.source);
            let has_place = taken.all < ATTEMPTS_AT_ONCE
                && taken.fresh < FRESH_ATTEMPTS
                && taken.of_source < ATTEMPTS_OF_ONE_SOURCE
                && (!wait.is_retry
                    || taken.retries < ATTEMPTS_OF_RETRIES
                        && taken.fresh_retries < FRESH_ATTEMPTS_OF_RETRIES);
            let longest = LONGEST_DELAY.max(2 * self.connect_time[to]);
            let defers = wait.is_delayed && now < wait.since + longest;
            assert!(
                !has_place || defers,
                "passed over: n{peer} by n{to} at {now:?}, which waits since {:?} for {}",
                wait.since,
                self.pairs[(to, *peer)].permitted.1
            );
        }
    }

    pub(crate) fn reported(&mut self, now: Time, by: usize, peer: usize, report: Report) {
        let pair = &mut self.pairs[(by, peer)];
        if pair.heard_at.is_none() {
            return;
        }
        let since = pair.connected_since;
        if report == Report::Down && since.is_some() {
            pair.down_at = Some(now);
        }
        let enough = if pair.failures == 0 { LASTING } else { FORGIVEN };
        let mut jitter = Duration::ZERO;
        let (from, why) = match report {
            Report::Connected => {
                pair.connected_since = since.or(Some(now));
                if let Some(began) = pair.announced.filter(|_| pair.is_in_flight && since.is_none())
                {
                    let before = self.connect_time[by];
                    self.connect_time[by] = SLOWEST.min(now - began).max(before / 2);
                }
                (Time::after(Duration::MAX), "end of all time")
            }
            Report::Down if since.is_some_and(|since| since + enough <= now) => {
                (pair.connected_since, pair.failures) = (None, 0);
                (now, "end of the connection")
            }
            Report::Down if since.is_none() && !pair.is_in_flight => return,
            Report::Down | Report::Unreachable => {
                if report == Report::Down && since.is_some_and(|since| since + LASTING <= now) {
                    pair.failures -= 1;
                }
                let pause = FIRST_BACK_OFF.saturating_mul(2u32.saturating_pow(pair.failures));
                let pause = pause.min(LONGEST_BACK_OFF);
                jitter = pause / 4;
                (pair.connected_since, pair.failures) = (None, pair.failures + 1);
                (now + (pause - jitter), "back-off")
            }
        };
        (pair.permitted, pair.asked, pair.is_in_flight) = ((from, why), None, false);
        self.due[(peer, by)] = from + jitter;
        self.waiting[by].remove(&peer);
        self.attempts[by].retain(|attempt| attempt.peer != peer);
    }

    /// An engine learns that reports were lost: it may ask about whom it takes to be connected.
    pub(crate) fn reports_lost(&mut self, now: Time, by: usize) {
        for peer in 0..self.size {
            let pair = &mut self.pairs[(by, peer)];
            let waits = self.waiting[by].contains_key(&peer);
            if pair.connected_since.is_some() && !pair.is_in_flight && !waits {
                (pair.permitted, pair.asked) = ((now, "loss of reports"), None);
                self.due[(peer, by)] = now;
            }
        }
    }

    /// Whether one of the two was announced to the other lately.
    pub(crate) fn was_announced(&self, now: Time, one: usize, other: usize) -> bool {
        [(one, other), (other, one)]
            .into_iter()
            .filter_map(|pair| self.pairs[pair].announced)
            .any(|at| at + MEETING_TIMEOUT >= now)
    }

    fn places(&self, now: Time, to: usize, source: IpAddr) -> Places {
        let mut taken = Places::default();
        for attempt in &self.attempts[to] {
            if attempt.began + REPORT_TIMEOUT <= now {
                continue;
            }
            let is_fresh = now < attempt.began + FRESH;
            taken.all += 1;
            taken.fresh += usize::from(is_fresh);
            taken.of_source += usize::from(attempt.source == source);
            taken.retries += usize::from(attempt.is_retry);
            taken.fresh_retries += usize::from(attempt.is_retry && is_fresh);
        }
        taken
    }
}

/// The smaller of two names dials first if both have an even number of odd bytes or both an odd one,
/// else the larger.
fn defers_to(one: &NodeName, other: &NodeName) -> bool {
    let is_odd = |name: &NodeName| name.as_str().bytes().filter(|byte| byte % 2 == 1).count() % 2;
    if is_odd(one) == is_odd(other) {
        one.as_str() > other.as_str()
    } else {
        one.as_str() < other.as_str()
    }
}

impl Pair {
    fn of_strangers() -> Self {
        Self {
            heard_at: None,
            permitted: (Time::ZERO, "first heartbeat"),
            asked: None,
            announced: None,
            is_in_flight: false,
            connected_since: None,
            down_at: None,
            failures: 0,
        }
    }
}
