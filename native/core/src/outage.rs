//! Times in which nothing could be sent to somebody.

use std::time::Duration;

use crate::Time;

/// After an outage of 5 s others may think that we are gone, or not know of us yet, and are told at
/// once. After a shorter one the next heartbeat will do: where every other packet fails, each would
/// else be followed by several.
const LONG: Duration = Duration::from_secs(5);

/// What worked for 20 s is not expected to fail again. Where every other packet fails it works for
/// less.
const CALM: Duration = Duration::from_secs(20);

/// Scans that follow each other faster count as one.
const LEAST_APART: Duration = Duration::from_millis(250);

/// Since when, if it lasts, and when something failed last.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    since: Option<Time>,
    failed_at: Time,
    /// Scans at which it lasted, of this outage and those shortly before, and the last of them.
    scans: u32,
    counted_at: Option<Time>,
}

impl Outage {
    /// Takes note of a heartbeat that was sent. Says whether it was the first one after a long
    /// outage.
    pub(crate) fn sent(&mut self, now: Time) -> bool {
        self.since.take().is_some_and(|since| now - since >= LONG)
    }

    /// Takes note of a heartbeat that could not be sent.
    pub(crate) fn failed(&mut self, now: Time) {
        self.since.get_or_insert(now);
        self.failed_at = now;
    }

    /// Whether it lasts.
    pub(crate) fn lasts(&self) -> bool {
        self.since.is_some()
    }

    /// Takes note of a scan of the interfaces, and says whether to try again.
    ///
    /// A new address cannot be sent from for a second or two, while the system looks for others who
    /// have it. So heartbeats that failed are sent again after 1, 2, 4, 8 … scans.
    pub(crate) fn note_scan(&mut self, now: Time) -> bool {
        if self.since.is_some() {
            // Where the system tells of changes, they follow each other faster.
            if self.counted_at.is_some_and(|at| now < at + LEAST_APART) {
                return false;
            }
            self.counted_at = Some(now);
            self.scans = self.scans.saturating_add(1);
            return self.scans.is_power_of_two();
        }
        if now - self.failed_at >= CALM {
            self.scans = 0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Time {
        Time::after(Duration::from_secs(s))
    }

    fn sent(outage: &mut Outage, s: u64, works: bool) -> bool {
        if works {
            return outage.sent(secs(s));
        }
        outage.failed(secs(s));
        false
    }

    /// The scans, one every two seconds, at which it is tried again.
    fn retried(outage: &mut Outage, from: u64, scans: u64) -> Vec<u64> {
        (1..=scans).filter(|scan| outage.note_scan(secs(from + 2 * scan))).collect()
    }

    #[test]
    fn an_outage_counts_from_its_first_failure_and_only_where_it_was_long() {
        let mut outage = Outage::default();
        assert!(!sent(&mut outage, 0, true));
        assert!(!sent(&mut outage, 1, false));
        assert!(!sent(&mut outage, 5, false));
        assert!(sent(&mut outage, 6, true));
        assert!(!sent(&mut outage, 7, false));
        assert!(!sent(&mut outage, 11, true));
    }

    #[test]
    fn what_cannot_be_sent_is_tried_again_after_doubling_numbers_of_scans() {
        let mut outage = Outage::default();
        assert_eq!(retried(&mut outage, 0, 40), []);
        sent(&mut outage, 100, false);
        assert_eq!(retried(&mut outage, 100, 40), [1, 2, 4, 8, 16, 32]);
    }

    #[test]
    fn where_every_other_packet_fails_nothing_is_tried_again_for_long() {
        let mut outage = Outage::default();
        let retried = (0..1000).filter(|s| {
            sent(&mut outage, *s, s % 2 == 0);
            outage.note_scan(secs(*s))
        });
        assert_eq!(retried.count(), 9);
    }

    #[test]
    fn twenty_seconds_after_the_last_failure_the_next_one_is_the_first() {
        let mut outage = Outage::default();
        sent(&mut outage, 100, false);
        assert_eq!(retried(&mut outage, 100, 3), [1, 2]);
        sent(&mut outage, 107, true);
        assert_eq!(retried(&mut outage, 107, 5), []);
        sent(&mut outage, 118, false);
        assert_eq!(retried(&mut outage, 118, 2), [1]);
        sent(&mut outage, 123, true);
        assert_eq!(retried(&mut outage, 123, 10), []);
        sent(&mut outage, 144, false);
        assert_eq!(retried(&mut outage, 144, 2), [1, 2]);
    }

    #[test]
    fn scans_that_follow_each_other_within_a_quarter_of_a_second_count_as_one() {
        let at = |millis| Time::after(Duration::from_millis(millis));
        let mut outage = Outage::default();
        outage.failed(at(0));
        let counted: Vec<_> =
            (0..2000).step_by(50).filter(|ms| outage.note_scan(at(*ms))).collect();
        assert_eq!(counted, [0, 250, 750, 1750]);
    }
}
