//! Who we are to others: an incarnation, and the number of its last heartbeat.

use std::{collections::VecDeque, time::Duration};

use rand_core::Rng;

use super::clocks::in_range;
use crate::{Now, Refusal, Time, WallTime, packet::Claim};

/// Our wall clock may step by this much against the monotonic one between two heartbeats. Half of what
/// others let it differ by: those who know us learn of a larger step by a new incarnation.
const STEP: Duration = Duration::from_secs(30);

/// Earlier incarnations by which our own heartbeats are known: their echoes are milliseconds behind.
const REMEMBERED: usize = 4;

/// Heartbeats of ours whose stamps are remembered: what comes back is milliseconds behind, and a burst
/// has five.
const STAMPS: usize = 16;

/// What a heartbeat of ours says of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beat {
    pub(super) incarnation: u64,
    pub(super) seq: u32,
    /// By how much our wall clock stepped since the last one, in milliseconds, if too far.
    pub(super) stepped: Option<i64>,
}

/// Between two incarnations of ours that make echoes void: to those whose clock differs we are new.
const RENEWED: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Ourselves {
    incarnation: u64,
    earlier: VecDeque<u64>,
    seq: u32,
    /// The wall clock less the monotonic one at the last heartbeat, in milliseconds.
    offset: Option<i128>,
    /// The stamps of the last heartbeats of this incarnation, the latest first, and the highest of those
    /// before them: a clock may go back a little.
    stamps: VecDeque<WallTime>,
    highest_before: WallTime,
    /// When echoes of us were made void.
    renewed_at: Option<Time>,
    /// The wall clock at our first heartbeat.
    since: Option<WallTime>,
}

impl Ourselves {
    pub(super) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// We start, or start again.
    pub(super) fn restart(&mut self, rng: &mut impl Rng) {
        self.renew(rng);
        (self.offset, self.since) = (None, None);
    }

    /// We become another incarnation, so that what echoed this one proves nothing more. Says whether; it is
    /// too early where that was a moment ago.
    pub(super) fn make_void(&mut self, now: Time, rng: &mut impl Rng) -> bool {
        let is_due = self.renewed_at.is_none_or(|at| now - at >= RENEWED);
        if is_due {
            self.renewed_at = Some(now);
            self.renew(rng);
        }
        is_due
    }

    fn renew(&mut self, rng: &mut impl Rng) {
        if self.seq > 0 {
            self.earlier.truncate(REMEMBERED - 1);
            self.earlier.push_front(self.incarnation);
        }
        let mut random = [0; 8];
        rng.fill_bytes(&mut random);
        (self.incarnation, self.seq) = (u64::from_be_bytes(random), 0);
        self.stamps.clear();
        self.highest_before = WallTime::default();
    }

    /// The next heartbeat of ours, sent now.
    pub(super) fn beat(&mut self, now: Now, rng: &mut impl Rng) -> Beat {
        let elapsed = i128::try_from(now.time.since_zero().as_millis()).unwrap_or(i128::MAX / 2);
        let offset = i128::from(now.wall.millis()) - elapsed;
        let step = self.offset.map_or(0, |before| offset - before);
        let stepped = (step.unsigned_abs() > STEP.as_millis()).then(|| in_range(step));
        if stepped.is_some() || self.seq == u32::MAX {
            self.renew(rng);
        }
        self.offset = Some(offset);
        self.stamps.push_front(now.wall);
        if self.stamps.len() > STAMPS {
            self.highest_before =
                self.stamps.pop_back().max(Some(self.highest_before)).unwrap_or_default();
        }
        self.since.get_or_insert(now.wall);
        self.seq += 1;
        Beat { incarnation: self.incarnation, seq: self.seq, stepped }
    }

    /// Judges a heartbeat that has our name. Where it is of another node, it is a twin of ours.
    pub(super) fn judge(&self, claim: &Claim, is_fresh: bool) -> Result<(), Refusal> {
        let signed = &claim.signed;
        if signed.incarnation == self.incarnation {
            return if self.is_ours(claim) { Ok(()) } else { Err(Refusal::Twin) };
        }
        if self.earlier.contains(&signed.incarnation) {
            return Ok(());
        }
        // An earlier life of ours stopped before this one began.
        match (is_fresh, self.since.is_some_and(|since| claim.stamp > since)) {
            (false, _) => Err(Refusal::Stale),
            (true, false) => Err(Refusal::Replayed),
            (true, true) => Err(Refusal::Twin),
        }
    }

    /// Whether one of our incarnation is ours. A machine that runs from a snapshot of ours counts on from the
    /// same number, and its stamps are others.
    fn is_ours(&self, claim: &Claim) -> bool {
        let Some(behind) = self.seq.checked_sub(claim.signed.seq) else { return false };
        let behind = usize::try_from(behind).unwrap_or(usize::MAX);
        match self.stamps.get(behind) {
            Some(stamp) => claim.stamp == *stamp,
            None => claim.stamp <= self.highest_before,
        }
    }
}
