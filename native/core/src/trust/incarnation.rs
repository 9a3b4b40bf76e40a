//! One life of a peer: which of its heartbeats were received, and how far its clock is from ours.

use std::time::Duration;

use super::clocks::in_range;
use crate::{
    Now, Time,
    packet::{Claim, Mac},
};

/// Numbers below the highest that are told apart: at the shortest gap of 10 ms they came within 0.6 s,
/// and no network delays a heartbeat longer and delivers it.
const WINDOW: u32 = 64;

/// A copy comes by another way: another interface, or a seed's address. After this time it is none.
const COPIED: Duration = Duration::from_secs(2);

/// A clock may move by this much against ours between two heartbeats, unnoticed.
pub(super) const DRIFT: Duration = Duration::from_secs(60);

/// No clock is a year ahead of one that is right: ours shows the time since it got power.
const FAR: Duration = Duration::from_secs(365 * 86_400);

/// What is kept of an incarnation.
#[derive(Clone, Debug)]
pub(super) struct Incarnation {
    pub(super) id: u64,
    highest: u32,
    /// Bit n says whether the number n below the highest was received.
    window: u64,
    /// The sender's wall clock less our monotonic one, in nanoseconds.
    offset: i128,
    /// When the highest was received.
    pub(super) heard_at: Time,
    /// Of the highest.
    mac: Mac,
    /// A heartbeat of it proved to be new: it is no recorded one that was taken all the same.
    pub(super) is_proven: bool,
    /// What we were when it echoed us last.
    pub(super) echoed: Option<u64>,
}

/// Where a heartbeat stands among those of its incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeqVerdict {
    /// Above the highest.
    Ahead {
        /// Numbers left out.
        gap: u32,
        /// How far the sender's clock moved against ours, in milliseconds, if further than it may.
        moved: Option<i64>,
    },
    /// Below the highest, and not received before.
    Late,
    Copy,
    Replay,
    /// The number of the highest, and another heartbeat.
    Twin,
}

impl Incarnation {
    /// An incarnation that is heard for the first time.
    pub(super) fn new(now: Now, claim: &Claim, is_proven: bool) -> Self {
        Self {
            id: claim.signed.incarnation,
            highest: claim.signed.seq,
            window: 1,
            offset: offset(now, claim),
            heard_at: now.time,
            mac: claim.mac,
            is_proven,
            echoed: None,
        }
    }

    /// Changes nothing.
    pub(super) fn place(&self, now: Now, claim: &Claim) -> SeqVerdict {
        let seq = claim.signed.seq;
        if seq > self.highest {
            let moved = offset(now, claim) - self.offset;
            let is_far = moved.unsigned_abs() > DRIFT.as_nanos();
            let moved = is_far.then(|| in_range(moved / 1_000_000));
            return SeqVerdict::Ahead { gap: seq - self.highest - 1, moved };
        }
        let below = self.highest - seq;
        if below == 0 && claim.mac != self.mac {
            SeqVerdict::Twin
        } else if below >= WINDOW {
            SeqVerdict::Replay
        } else if self.window >> below & 1 == 0 {
            SeqVerdict::Late
        } else if now.time - self.heard_at <= COPIED {
            SeqVerdict::Copy
        } else {
            SeqVerdict::Replay
        }
    }

    /// One above the highest was taken.
    pub(super) fn advance(&mut self, now: Now, claim: &Claim, is_proven: bool, has_moved: bool) {
        let ahead = claim.signed.seq - self.highest;
        self.window = self.window.checked_shl(ahead).unwrap_or(0) | 1;
        self.highest = claim.signed.seq;
        self.offset = offset(now, claim);
        self.heard_at = now.time;
        self.mac = claim.mac;
        // A clock that moved may be that of a recording, and what follows it is measured by it.
        self.is_proven = is_proven || self.is_proven && !has_moved;
    }

    /// One below the highest was taken.
    pub(super) fn fill(&mut self, claim: &Claim) {
        self.window |= 1 << (self.highest - claim.signed.seq);
    }

    /// How far its clock is ahead of ours, in milliseconds.
    pub(super) fn off(&self, now: Now) -> i64 {
        let (time, wall) = (nanos(now.time.since_zero()), i128::from(now.wall.millis()));
        in_range((self.offset + time) / 1_000_000 - wall)
    }

    /// In nanoseconds since 1970.
    fn highest_stamp(&self) -> i128 {
        self.offset + nanos(self.heard_at.since_zero())
    }

    /// Whether the stamps of all that was received are older than this by our wall clock.
    pub(super) fn is_older_than(&self, now: Now, age: Duration) -> bool {
        self.highest_stamp() + nanos(age) < i128::from(now.wall.millis()) * 1_000_000
    }

    /// Whether its stamps are so far ahead of our wall clock that ours is wrong: once it is set right,
    /// whatever was received minutes ago is old, unless the sender's clock is minutes ahead.
    pub(super) fn is_far_ahead(&self, now: Now) -> bool {
        self.highest_stamp() > i128::from(now.wall.millis()) * 1_000_000 + nanos(FAR)
    }
}

fn offset(now: Now, claim: &Claim) -> i128 {
    i128::from(claim.stamp.millis()) * 1_000_000 - nanos(now.time.since_zero())
}

fn nanos(length: Duration) -> i128 {
    i128::try_from(length.as_nanos()).unwrap_or(i128::MAX / 2)
}
