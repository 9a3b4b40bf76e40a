//! Several heartbeats within a second, for who has reason to think that nobody knows it.

use std::time::Duration;

use rand_core::Rng;

use crate::{Time, time::random_below};

/// Heartbeats of a burst: some packets are always lost, and one that meets its peers a whole interval
/// later is what users call a slow start.
pub(super) const BURST: u8 = 4;

/// Between the first heartbeat and the second: who joined a moment after the first hears the second.
const FIRST_GAP: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(20));

/// Between the others: 200 to 450 ms, so that a burst is over within a second.
const GAP: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(250));

/// Bursts are at least this far apart, and at least as many shares as they have heartbeats. So if all
/// nodes of a large cluster burst without end, they send no more by it than a share each.
const INTERVAL: Duration = Duration::from_secs(1);

/// The burst that is being sent, and the one that is wanted next.
#[derive(Clone, Debug, Default)]
pub(super) struct Bursts {
    /// When the next burst begins.
    wanted: Option<Time>,
    /// When the last one began.
    began: Option<Time>,
    /// When its next heartbeat is due, and how many are left.
    next: Option<Time>,
    left: u8,
}

impl Bursts {
    /// A burst begins at once, whatever was before.
    pub(super) fn start(&mut self, now: Time) {
        *self = Self { wanted: Some(now), ..Self::default() };
    }

    /// A burst begins as soon as it may. What is a reason for one node may be a reason for all at the
    /// same moment, so each waits for a time of its own, up to a share without our own part.
    pub(super) fn request(
        &mut self,
        now: Time,
        share: Duration,
        share_of_others: Duration,
        rng: &mut impl Rng,
    ) {
        let pause = INTERVAL.max(share * u32::from(BURST));
        let allowed_from = self.began.map_or(now, |began| began + pause);
        let (from, spread) =
            if allowed_from <= now { (now, share_of_others) } else { (allowed_from, pause / 2) };
        // One that is wanted already comes as it is, unless the cluster was taken for a larger one.
        if self.wanted.is_none_or(|wanted| wanted > from + spread) {
            self.wanted = Some(from + random_below(rng, spread));
        }
    }

    /// When the next heartbeat of a burst is due, if ever.
    pub(super) fn due(&self) -> Option<Time> {
        [self.wanted, self.next].into_iter().flatten().min()
    }

    /// A heartbeat is sent now, for whatever reason.
    pub(super) fn sent(&mut self, now: Time, rng: &mut impl Rng) {
        let is_due = |at: &mut Time| *at <= now;
        if self.wanted.take_if(is_due).is_some() {
            self.began = Some(now);
            self.left = BURST - 1;
            self.next = Some(now + FIRST_GAP.0 + random_below(rng, FIRST_GAP.1));
        } else if self.next.take_if(is_due).is_some() {
            self.left = self.left.saturating_sub(1);
            self.next = (self.left > 0).then(|| now + GAP.0 + random_below(rng, GAP.1));
        }
    }
}
