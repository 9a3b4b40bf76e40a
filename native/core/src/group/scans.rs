//! When the interfaces are scanned: soon after the system says that they have changed, and every now
//! and then whatever it says.

use std::time::Duration;

use crate::{InterfaceNews, Time};

/// Pause between two scans where the system does not tell of changes, or where something is amiss that
/// a change of which it does not tell may mend. A scan costs no more than a few packets do.
pub(super) const SCAN_INTERVAL: Duration = Duration::from_secs(2);

/// The same where all is well and the system tells of changes: it may have been wrong.
pub(super) const RARE_SCAN_INTERVAL: Duration = Duration::from_secs(30);

/// A scan follows this time after something could not be sent: an interface may have gone.
pub(super) const RESCAN_DELAY: Duration = Duration::from_millis(250);

/// From the first word of a change to its scan: an interface that comes up, or is made again, is told of in several
/// pieces, and what is in between is to be left alone.
const NEWS_DELAY: Duration = Duration::from_millis(50);

/// Between two scans because of changes, for each address that the first one found: where a thousand containers
/// start for minutes, scans take a hundredth of a core. One takes 5 to 9 µs an address on Linux.
const NEWS_PAUSE_PER_ADDRESS: Duration = Duration::from_millis(1);

pub(super) struct Scans {
    at: Time,
    made_at: Option<Time>,
    /// Whether the system tells of changes, and when it told of the first since the last scan.
    are_told: bool,
    told_at: Option<Time>,
    /// Between the last scan and the next one that a change brings.
    news_pause: Duration,
}

impl Scans {
    /// The first one is due at once.
    pub(super) fn new() -> Self {
        Self {
            at: Time::ZERO,
            made_at: None,
            are_told: false,
            told_at: None,
            news_pause: Duration::ZERO,
        }
    }

    /// When the next one is due.
    pub(super) fn at(&self) -> Time {
        self.at
    }

    /// Takes note of what the system says.
    pub(super) fn note(&mut self, now: Time, news: InterfaceNews) {
        self.are_told = news != InterfaceNews::NotTold;
        match news {
            InterfaceNews::NotTold => {
                let usual = self.made_at.map_or(now, |at| at + SCAN_INTERVAL);
                self.at = self.at.min(usual);
            }
            InterfaceNews::Unchanged => {}
            InterfaceNews::Changed => {
                let told_at = *self.told_at.get_or_insert(now);
                let soonest = self.made_at.map_or(now, |at| at + self.news_pause);
                self.at = self.at.min(soonest.max(told_at + NEWS_DELAY));
            }
        }
    }

    /// One is to follow at once.
    pub(super) fn request(&mut self, now: Time) {
        self.at = now;
    }

    /// Something could not be sent.
    pub(super) fn send_failed(&mut self, now: Time) {
        self.at = self.at.min(now + RESCAN_DELAY);
    }

    /// Whether one is due, which is to be made then.
    pub(super) fn begin(&mut self, now: Time) -> bool {
        if now < self.at {
            return false;
        }
        (self.at, self.made_at, self.told_at) = (now + SCAN_INTERVAL, Some(now), None);
        true
    }

    /// Takes note of how many addresses the scan found: the pause until the next one grows with them.
    pub(super) fn found(&mut self, addresses: usize) {
        let addresses = u32::try_from(addresses).unwrap_or(u32::MAX);
        self.news_pause = NEWS_PAUSE_PER_ADDRESS.saturating_mul(addresses).min(SCAN_INTERVAL);
    }

    /// Takes note that the scan found all as it should be, or has made it so.
    pub(super) fn found_nothing_amiss(&mut self, now: Time) {
        if self.are_told {
            self.at = now + RARE_SCAN_INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Time {
        Time::after(Duration::from_millis(ms))
    }

    /// The milliseconds at which there is a scan, where the system has this to say at each.
    fn scans(
        scans: &mut Scans,
        millis: std::ops::Range<u64>,
        news: impl Fn(u64) -> InterfaceNews,
    ) -> Vec<u64> {
        let is_made = |n: &u64| {
            scans.note(ms(*n), news(*n));
            let is_made = scans.begin(ms(*n));
            if is_made {
                scans.found_nothing_amiss(ms(*n));
            }
            is_made
        };
        millis.filter(is_made).collect()
    }

    const UNCHANGED: fn(u64) -> InterfaceNews = |_| InterfaceNews::Unchanged;
    const NOT_TOLD: fn(u64) -> InterfaceNews = |_| InterfaceNews::NotTold;

    #[test]
    fn who_is_told_of_changes_scans_rarely() {
        assert_eq!(scans(&mut Scans::new(), 0..90_000, UNCHANGED), [0, 30_000, 60_000]);
        assert_eq!(scans(&mut Scans::new(), 0..6_000, NOT_TOLD), [0, 2_000, 4_000]);
    }

    #[test]
    fn who_is_told_no_more_scans_as_if_never_told() {
        let mut told = Scans::new();
        assert_eq!(scans(&mut told, 0..500, UNCHANGED), [0]);
        assert_eq!(scans(&mut told, 500..5_000, NOT_TOLD), [2_000, 4_000]);
        assert_eq!(scans(&mut told, 5_000..40_000, UNCHANGED), [6_000, 36_000]);
        assert_eq!(scans(&mut told, 60_000..63_000, NOT_TOLD), [60_000, 62_000]);
    }

    #[test]
    fn while_something_is_amiss_it_is_looked_at_as_if_nothing_was_told() {
        let mut amiss = Scans::new();
        let made = (0..6_000).filter(|n| {
            amiss.note(ms(*n), InterfaceNews::Unchanged);
            amiss.begin(ms(*n))
        });
        assert_eq!(made.collect::<Vec<_>>(), [0, 2_000, 4_000]);
    }

    #[test]
    fn a_change_brings_a_scan_after_a_moment_and_one_in_several_pieces_one_as_well() {
        let changes = |at: &'static [u64]| {
            move |n| match at.contains(&n) {
                true => InterfaceNews::Changed,
                false => InterfaceNews::Unchanged,
            }
        };
        let mut host = Scans::new();
        assert_eq!(scans(&mut host, 0..1_000, UNCHANGED), [0]);
        assert_eq!(scans(&mut host, 1_000..9_000, changes(&[7_000])), [7_050]);
        let in_pieces = changes(&[9_000, 9_001, 9_007, 9_049]);
        assert_eq!(scans(&mut host, 9_000..30_000, in_pieces), [9_050]);
        assert_eq!(scans(&mut host, 30_000..60_000, UNCHANGED), [39_050]);
    }

    #[test]
    fn a_host_that_changes_without_end_is_scanned_the_more_rarely_the_more_there_is_to_find() {
        for (addresses, pause) in [(0, 51), (2, 51), (1000, 1000), (10_000, 2000)] {
            let mut host = Scans::new();
            host.found(addresses);
            let made = scans(&mut host, 0..20_000, |_| InterfaceNews::Changed);
            let is_apart = |pair: &[u64]| pair[1] - pair[0] == pause;
            assert!(made.len() > 9 && made.windows(2).all(is_apart), "{addresses}: {made:?}");
        }
    }

    #[test]
    fn the_last_of_many_changes_is_scanned_for() {
        for last in [999, 1_000, 1_001, 5_000, 5_999] {
            let mut host = Scans::new();
            let news = |n| match n <= last {
                true => InterfaceNews::Changed,
                false => InterfaceNews::Unchanged,
            };
            let made = scans(&mut host, 0..20_000, news);
            let after = made.iter().find(|at| **at >= last).expect("a scan");
            assert!(after - last <= 2_000, "{after} after {last}");
        }
    }
}
