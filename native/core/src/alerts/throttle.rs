//! What bounds the lines of the log. Every bound on what is said stands here, with its reason.

use std::{collections::BTreeMap, time::Duration};

use crate::{Refusal, Time};

/// Of each component one fault is logged in this time, whatever comes and goes, and its end.
pub(super) const FAULT_INTERVAL: Duration = Duration::from_secs(60);

/// Changes of one interface that are logged in a minute: a loose cable is not to fill the log.
const CHANGES_A_MINUTE: u32 = 10;

/// Peers that cannot be reached, of which the log tells in a minute: whoever forges names must not
/// fill it.
const UNREACHABLE_A_MINUTE: u32 = 10;

/// Clocks and names of which the log tells in a minute: where our own clock is wrong, all others are off.
const FINDINGS_A_MINUTE: u32 = 10;

/// Pause between two log lines about refused packets of one cause, and the longest: two clusters
/// that share a group refuse each other's packets for ever, and that is news only at first.
const REFUSAL_PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(86_400));

const MINUTE: Duration = Duration::from_secs(60);

/// A minute that begins with the first line, and the lines in it.
#[derive(Clone, Copy, Debug)]
struct Minute {
    since: Time,
    count: u32,
}

impl Minute {
    fn new(now: Time) -> Self {
        Self { since: now, count: 0 }
    }

    fn is_over(&self, now: Time) -> bool {
        now >= self.since + MINUTE
    }

    fn take(&mut self, most: u32) -> bool {
        let is_left = self.count < most;
        self.count += u32::from(is_left);
        is_left
    }
}

/// Lines about interfaces that change, each by its name.
#[derive(Debug, Default)]
pub(super) struct ChangeThrottle(BTreeMap<String, Minute>);

impl ChangeThrottle {
    /// Whether another change of this interface may be logged now. It counts as logged then.
    pub(super) fn take(&mut self, now: Time, interface: &str) -> bool {
        self.0.retain(|_, minute| !minute.is_over(now));
        let minute = self.0.entry(interface.to_owned()).or_insert_with(|| Minute::new(now));
        minute.take(CHANGES_A_MINUTE)
    }
}

/// Lines of one kind, whatever they are about.
#[derive(Debug)]
pub(super) struct MinuteThrottle {
    minute: Minute,
    most: u32,
}

impl MinuteThrottle {
    /// About peers that cannot be reached.
    pub(super) fn unreachable() -> Self {
        Self { minute: Minute::new(Time::ZERO), most: UNREACHABLE_A_MINUTE }
    }

    /// About what heartbeats tell of clocks and names.
    pub(super) fn findings() -> Self {
        Self { minute: Minute::new(Time::ZERO), most: FINDINGS_A_MINUTE }
    }

    /// Whether another line may be logged now. It counts as logged then.
    pub(super) fn take(&mut self, now: Time) -> bool {
        if self.minute.is_over(now) {
            self.minute = Minute::new(now);
        }
        self.minute.take(self.most)
    }
}

/// Lines about refused packets: for each cause one at once, and one more, with the number of
/// packets since, after a pause that doubles from a minute to a day.
#[derive(Debug, Default)]
pub(super) struct RefusalThrottle {
    causes: [Unlogged; Refusal::ALL.len()],
}

#[derive(Debug)]
struct Unlogged {
    packets: u64,
    next: Time,
    pause: Duration,
}

impl Default for Unlogged {
    fn default() -> Self {
        Self { packets: 0, next: Time::ZERO, pause: REFUSAL_PAUSE.0 }
    }
}

impl RefusalThrottle {
    /// Takes note of a refused packet. Returns how many there were since the last line, if it is
    /// time for another.
    pub(super) fn note(&mut self, now: Time, cause: Refusal) -> Option<u64> {
        let unlogged = self.causes.get_mut(cause as usize)?;
        unlogged.packets += 1;
        if now < unlogged.next {
            return None;
        }
        unlogged.next = now + unlogged.pause;
        unlogged.pause = (unlogged.pause * 2).min(REFUSAL_PAUSE.1);
        Some(std::mem::take(&mut unlogged.packets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Time {
        Time::after(Duration::from_secs(s))
    }

    #[test]
    fn a_refusal_is_logged_at_once_and_then_after_doubling_pauses_with_its_count() {
        let mut throttle = RefusalThrottle::default();
        let days = 30;
        let lines: Vec<_> = (0..days * 86_400)
            .filter_map(|s| throttle.note(secs(s), Refusal::Malformed).map(|n| (s, n)))
            .collect();
        assert_eq!(lines.get(..4), Some(&[(0, 1), (60, 60), (180, 120), (420, 240)][..]));
        assert!(lines.len() < 12 + 30, "{} lines", lines.len());
    }

    #[test]
    fn causes_are_logged_apart() {
        let mut throttle = RefusalThrottle::default();
        for &cause in Refusal::ALL {
            assert_eq!(throttle.note(Time::ZERO, cause), Some(1), "{cause}");
            assert_eq!(throttle.note(Time::ZERO, cause), None, "{cause}");
        }
    }

    #[test]
    fn ten_changes_of_each_interface_are_logged_in_a_minute() {
        let mut throttle = ChangeThrottle::default();
        let mut logged =
            |s| ["e", "f"].into_iter().filter(|name| throttle.take(secs(s), name)).count();
        let counts: Vec<_> = (0..121).map(&mut logged).collect();
        assert_eq!(counts.iter().sum::<usize>(), 42);
        assert_eq!(counts[..11], [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0]);
        assert_eq!((counts[59], counts[60], counts[120]), (0, 2, 2));
    }

    #[test]
    fn interfaces_that_change_no_more_take_no_memory() {
        let mut throttle = ChangeThrottle::default();
        (0..1000).for_each(|n| assert!(throttle.take(secs(60 * n), &format!("eth{n}"))));
        assert_eq!(throttle.0.len(), 1);
    }

    #[test]
    fn ten_peers_that_cannot_be_reached_and_ten_findings_are_logged_in_a_minute() {
        for mut throttle in [MinuteThrottle::unreachable(), MinuteThrottle::findings()] {
            let logged: Vec<_> = (0..121).filter(|s| throttle.take(secs(*s))).collect();
            assert_eq!(
                logged,
                [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 120]
            );
        }
    }
}
