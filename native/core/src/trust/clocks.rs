//! Stamps against our clock.

use std::time::Duration;

use crate::{Now, packet::Claim};

/// A stamp may differ from our clock by this much: clocks that somebody keeps right differ by less,
/// and what was recorded is older.
pub(super) const FRESH: Duration = Duration::from_secs(60);

pub(super) fn is_fresh(now: Now, claim: &Claim) -> bool {
    u128::from(claim.stamp.millis().abs_diff(now.wall.millis())) <= FRESH.as_millis()
}

/// How far the sender's clock is from ours, in milliseconds.
pub(super) fn off(now: Now, claim: &Claim) -> i64 {
    in_range(i128::from(claim.stamp.millis()) - i128::from(now.wall.millis()))
}

/// Milliseconds, or as many of them as can be told.
pub(super) fn in_range(millis: i128) -> i64 {
    i64::try_from(millis).unwrap_or(if millis < 0 { i64::MIN } else { i64::MAX })
}
