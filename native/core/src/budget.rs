//! What strangers may cost us. Each bound stands here once, with its reason.

use crate::{Refusal, Time};

/// Longest datagram that is read, in bytes. A heartbeat is at most 300 bytes; 1500 is what an
/// Ethernet frame carries.
pub const MAX_DATAGRAM: usize = 1500;

/// A new name costs the BEAM an atom, for ever. So after `max_peers` of them at once, one more is
/// taken in only so often: a forger gains 8,640 atoms a day of the 1,048,576 that a BEAM has.
pub const NEW_NAME_EVERY: Time = Time::from_secs(10);

/// Connects under way: peers announced of which nothing was reported yet. A host that accepts and
/// never answers holds a connect for seven seconds, so one at a time would keep every other peer
/// waiting; and each is a process. A peer beyond it is announced when it is heard again.
pub const CONNECTS_AT_ONCE: usize = 16;

/// Heartbeats that the whole cluster sends in a second, about: at 1,000 nodes a gap of five
/// seconds would cost every one of them 400 packets a second.
pub const CLUSTER_HEARTBEATS_PER_SECOND: u32 = 200;

/// The time of a [`receive`](Allowance::receive) allowance's refill. Shorter, and the loop would
/// wake more often than it saves; longer, and the kernel's buffer would overflow meanwhile.
const RECEIVE_WINDOW: Time = Time::from_millis(10);

/// So much at once, and refilled by one in every `interval`.
#[derive(Clone, Debug)]
pub struct Allowance {
    capacity: u64,
    left: u64,
    interval: Time,
    refilled: Time,
}

impl Allowance {
    /// Names that may be taken in: `max_peers` at once, then one every [`NEW_NAME_EVERY`].
    pub fn new_names(max_peers: usize) -> Self {
        Self::new(max_peers as u64, NEW_NAME_EVERY)
    }

    fn new(capacity: u64, interval: Time) -> Self {
        Self { capacity, left: capacity, interval, refilled: Time::ZERO }
    }

    /// Takes one, if there is one left.
    pub fn take(&mut self, now: Time) -> bool {
        self.refill(now);
        let taken = self.left > 0;
        self.left -= u64::from(taken);
        taken
    }

    fn refill(&mut self, now: Time) {
        let passed = now.saturating_sub(self.refilled);
        let gained =
            u64::try_from(passed.as_nanos() / self.interval.as_nanos()).unwrap_or(u64::MAX);
        if self.left.saturating_add(gained) >= self.capacity {
            self.left = self.capacity;
            self.refilled = now;
        } else {
            self.left += gained;
            self.refilled +=
                self.interval.saturating_mul(u32::try_from(gained).unwrap_or(u32::MAX));
        }
    }
}

/// Datagrams that are looked at: `limit` a second, handed out in windows of 10 ms.
#[derive(Clone, Debug)]
pub struct ReceiveLimit {
    per_second: u32,
    /// Hundredths of datagrams: what a window leaves of a fraction goes to the next.
    left: u32,
    window_ends: Time,
}

impl ReceiveLimit {
    const WINDOWS: u32 = 1000 / RECEIVE_WINDOW.subsec_millis();

    /// At most `limit` datagrams a second.
    pub fn new(limit: u32) -> Self {
        Self { per_second: limit, left: 0, window_ends: Time::ZERO }
    }

    /// Takes one.
    ///
    /// # Errors
    /// The time at which the next window begins, where this one is used up.
    pub fn take(&mut self, now: Time) -> Result<(), Time> {
        if now >= self.window_ends {
            self.left = self.left % Self::WINDOWS + self.per_second;
            self.window_ends = now + RECEIVE_WINDOW;
        }
        match self.left.checked_sub(Self::WINDOWS) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.window_ends),
        }
    }
}

/// Pause between two log lines about refused packets of one cause, and the longest: two clusters
/// that share a group refuse each other's packets for ever, and that is news only at first.
const LOG_PAUSE: (Time, Time) = (Time::from_secs(60), Time::from_secs(86_400));

/// Log lines about refused packets: for each cause one at once, and one more, with the number of
/// packets since, after a pause that doubles from a minute to a day.
#[derive(Clone, Debug, Default)]
pub struct RefusalLog {
    causes: [Unsaid; Refusal::ALL.len()],
}

#[derive(Clone, Debug)]
struct Unsaid {
    packets: u64,
    next: Time,
    pause: Time,
}

impl Default for Unsaid {
    fn default() -> Self {
        Self { packets: 0, next: Time::ZERO, pause: LOG_PAUSE.0 }
    }
}

impl RefusalLog {
    /// Takes note of a refused packet. Returns how many there were since the last line, if it is
    /// time for another.
    pub fn note(&mut self, now: Time, cause: Refusal) -> Option<u64> {
        let unsaid = self.causes.get_mut(cause as usize).filter(|_| cause != Refusal::Own)?;
        unsaid.packets += 1;
        if now < unsaid.next {
            return None;
        }
        unsaid.next = now + unsaid.pause;
        unsaid.pause = (unsaid.pause * 2).min(LOG_PAUSE.1);
        Some(std::mem::take(&mut unsaid.packets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_names_are_refused_once_the_allowance_is_used_up() {
        let mut names = Allowance::new_names(3);
        let taken = (0..10).filter(|_| names.take(Time::ZERO)).count();
        assert_eq!(taken, 3);
    }

    #[test]
    fn one_name_comes_back_in_ten_seconds_and_never_more_than_the_capacity() {
        let mut names = Allowance::new_names(3);
        while names.take(Time::ZERO) {}
        assert!(!names.take(Time::from_millis(9_999)));
        assert!(names.take(Time::from_millis(10_000)));
        assert!(!names.take(Time::from_millis(19_999)));
        assert!(names.take(Time::from_millis(20_000)));
        let year = Time::from_secs(365 * 86_400);
        assert_eq!((0..10).filter(|_| names.take(year)).count(), 3);
    }

    #[test]
    fn no_second_holds_more_datagrams_than_the_limit() {
        for per_second in [1, 99, 100, 101, 12_345, 20_000] {
            let mut limit = ReceiveLimit::new(per_second);
            let micros = 0..3_000_000u64;
            let taken = micros.filter(|n| limit.take(Time::from_micros(*n)).is_ok()).count();
            assert_eq!(taken, 3 * per_second as usize, "{per_second}");
        }
    }

    #[test]
    fn a_used_up_window_says_when_the_next_begins() {
        let mut limit = ReceiveLimit::new(100);
        let now = Time::from_secs(7);
        assert_eq!(limit.take(now), Ok(()));
        assert_eq!(limit.take(now), Err(now + RECEIVE_WINDOW));
        assert_eq!(limit.take(now + RECEIVE_WINDOW), Ok(()));
    }

    #[test]
    fn a_cause_is_logged_at_once_and_then_ever_more_rarely_with_its_count() {
        let mut log = RefusalLog::default();
        let days = 30;
        let lines: Vec<_> = (0..days * 86_400)
            .filter_map(|s| log.note(Time::from_secs(s), Refusal::Malformed).map(|n| (s, n)))
            .collect();
        assert_eq!(lines.get(..4), Some(&[(0, 1), (60, 60), (180, 120), (420, 240)][..]));
        assert!(lines.len() < 12 + 30, "{} lines", lines.len());
    }

    #[test]
    fn causes_are_logged_apart_and_the_echo_never() {
        let mut log = RefusalLog::default();
        for cause in Refusal::ALL {
            let line = log.note(Time::ZERO, cause);
            assert_eq!(line, (cause != Refusal::Own).then_some(1), "{cause}");
            assert_eq!(log.note(Time::ZERO, cause), None, "{cause}");
        }
    }
}
