//! What is known of a name that signs.

use std::time::Duration;

use super::incarnation::{DRIFT, Incarnation, SeqVerdict};
use crate::{Now, Time, packet::Claim};

/// Incarnations of one name. It has one at a time; where two BEAMs have one name, or start again and
/// again, a few more are told apart.
const INCARNATIONS: usize = 4;

/// That two BEAMs have one name is told again after this time.
const SHARING_TOLD: Duration = Duration::from_secs(3600);

/// What the numbers of heartbeats tell of those that did not come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Heartbeats taken.
    pub received: u64,
    /// Numbers left out, and not filled since.
    pub missing: u64,
    /// Heartbeats that were overtaken.
    pub late: u64,
    /// Copies that came by another way.
    pub copies: u64,
    /// Those of them that were sent to an address of this host, as to a seed, and not to the group.
    pub direct_copies: u64,
}

impl Loss {
    /// The part of the numbers that did not come, in percent.
    pub fn percent(&self) -> f64 {
        let all = self.received + self.missing;
        if all == 0 { 0.0 } else { 100.0 * self.missing as f64 / all as f64 }
    }
}

#[derive(Debug, Default)]
pub(super) struct Known {
    incarnations: Vec<Incarnation>,
    /// The incarnation of the last heartbeat that was ahead of the others, and is not a recorded one.
    current: u64,
    /// When it was heard last by what is not a recorded one.
    pub(super) heard_at: Option<Time>,
    /// The place of the secret that it signed with then.
    pub(super) secret_index: usize,
    pub(super) loss: Loss,
    /// How far its clock differs from ours, in milliseconds, where that was told.
    pub(super) clock_told: Option<i64>,
    sharing_told: Option<Time>,
}

impl Known {
    /// Where a heartbeat stands, if its incarnation is known.
    pub(super) fn place(&self, now: Now, claim: &Claim) -> Option<SeqVerdict> {
        let id = claim.signed.incarnation;
        let its = self.incarnations.iter().find(|incarnation| incarnation.id == id);
        its.map(|incarnation| incarnation.place(now, claim))
    }

    /// The incarnation that was heard last.
    pub(super) fn latest(&self) -> Option<&Incarnation> {
        self.incarnations.iter().max_by_key(|incarnation| incarnation.heard_at)
    }

    /// The incarnation that speaks for it: no recorded one, where there is another.
    pub(super) fn speaking(&self) -> Option<&Incarnation> {
        let current = self.incarnations.iter().find(|incarnation| incarnation.id == self.current);
        current.or_else(|| self.latest())
    }

    /// A new incarnation speaks, in the place of the longest-silent one where there is no other. Says what
    /// we were when that one echoed us last.
    pub(super) fn begin(&mut self, incarnation: Incarnation) -> Option<u64> {
        let mut echoed = None;
        if self.incarnations.len() >= INCARNATIONS {
            let ages = self.incarnations.iter().enumerate();
            let longest = ages.min_by_key(|(_, known)| known.heard_at).map(|(place, _)| place);
            if let Some(place) = longest {
                echoed = self.incarnations.remove(place).echoed;
            }
        }
        if incarnation.is_proven {
            self.current = incarnation.id;
        }
        self.incarnations.push(incarnation);
        self.loss.received += 1;
        echoed
    }

    /// A heartbeat above the highest of its incarnation was taken, with this many numbers left out. Says
    /// whether another incarnation spoke within this time: one that ended is silent, and this one is not.
    pub(super) fn ahead(
        &mut self,
        now: Now,
        claim: &Claim,
        (gap, has_moved): (u32, bool),
        is_proven: bool,
        within: Duration,
    ) -> bool {
        self.loss.received += 1;
        self.loss.missing += u64::from(gap);
        let id = claim.signed.incarnation;
        let other = self.incarnations.iter().find(|i| i.id == self.current && i.id != id);
        let is_other_there = other.is_some_and(|other| now.time - other.heard_at <= within);
        let Some(its) = self.incarnations.iter_mut().find(|i| i.id == id) else { return false };
        its.advance(now, claim, is_proven, has_moved);
        if its.is_proven {
            self.current = id;
        }
        its.is_proven && is_other_there
    }

    /// A heartbeat that was overtaken was taken.
    pub(super) fn late(&mut self, claim: &Claim, echoed: Option<u64>) {
        if let Some(its) = self.note_echo(claim, echoed) {
            its.fill(claim);
        }
        self.loss.received += 1;
        self.loss.late += 1;
        self.loss.missing = self.loss.missing.saturating_sub(1);
    }

    /// A copy came. It may be of a twin with the numbers of the first, and say what that did not.
    pub(super) fn copied(&mut self, claim: &Claim, echoed: Option<u64>) {
        self.note_echo(claim, echoed);
        self.loss.copies += 1;
    }

    /// The incarnation of a heartbeat, with what it echoed last, where it is known.
    fn note_echo(&mut self, claim: &Claim, echoed: Option<u64>) -> Option<&mut Incarnation> {
        let id = claim.signed.incarnation;
        let its = self.incarnations.iter_mut().find(|i| i.id == id)?;
        its.echoed = echoed.or(its.echoed);
        Some(its)
    }

    /// A heartbeat above the highest was taken that echoed this incarnation of ours. Says whether its own
    /// is proven: only then its name signs, and it is no recorded one.
    pub(super) fn believe(&mut self, now: Time, claim: &Claim, echoed: Option<u64>) -> bool {
        let is_proven = self.note_echo(claim, echoed).is_some_and(|its| its.is_proven);
        if is_proven {
            (self.heard_at, self.secret_index) = (Some(now), claim.secret_index);
        }
        is_proven
    }

    pub(super) fn is_heard_within(&self, now: Time, within: Duration) -> bool {
        self.heard_at.is_some_and(|heard_at| now - heard_at <= within)
    }

    /// Takes note that the clock of a new incarnation differs by this much, in milliseconds, and says
    /// whether that is to be told. It counts as told then.
    pub(super) fn note_clock(&mut self, off: i64, is_fresh: bool) -> bool {
        let is_far = |told: i64| u128::from(told.abs_diff(off)) > DRIFT.as_millis();
        let is_news = !is_fresh && self.clock_told.is_none_or(is_far);
        if is_fresh || is_news {
            self.clock_told = is_news.then_some(off);
        }
        is_news
    }

    /// Takes note that two BEAMs have this name, and says whether that is to be told. It counts as told
    /// then.
    pub(super) fn note_sharing(&mut self, now: Time) -> bool {
        is_sharing_due(&mut self.sharing_told, now)
    }

    /// Whether one of its incarnations echoed this one of ours.
    pub(super) fn has_echoed(&self, us: u64) -> bool {
        self.incarnations.iter().any(|incarnation| incarnation.echoed == Some(us))
    }

    /// Whether the stamps of all that was received differ from our clock by more than this, and will.
    pub(super) fn is_stale(&self, now: Now, fresh: Duration) -> bool {
        self.incarnations.iter().all(|incarnation| {
            incarnation.is_older_than(now, fresh) || incarnation.is_far_ahead(now)
        })
    }
}

/// Whether to tell now that two BEAMs have one name, which was `told` then: once an hour. It counts as
/// told now, if so.
pub(super) fn is_sharing_due(told: &mut Option<Time>, now: Time) -> bool {
    let is_due = told.is_none_or(|told| now - told >= SHARING_TOLD);
    if is_due {
        *told = Some(now);
    }
    is_due
}
