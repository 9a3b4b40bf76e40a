//! Time, which is passed in: nothing in this crate asks a clock.

use std::{
    ops::{Add, AddAssign, Sub},
    time::Duration,
};

use rand_core::Rng;

/// A moment of the monotonic clock: how long after a moment of the caller's choice. It never runs
/// backwards, and it is no length of time: that is a [`Duration`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Duration);

/// A moment of the wall clock, in milliseconds since 1970 (UTC). People and programs set it, so it
/// may be wrong and may step either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(u64);

/// The moment at which something happens, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// What deadlines and lengths of time are counted by.
    pub time: Time,
    /// What can be compared with the clocks of other hosts: the stamps of signed heartbeats are.
    pub wall: WallTime,
}

impl Time {
    /// The moment from which the others are counted.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment that lies this long after [`ZERO`](Self::ZERO).
    pub const fn after(since_zero: Duration) -> Self {
        Self(since_zero)
    }

    /// How long after [`ZERO`](Self::ZERO) this is.
    pub const fn since_zero(self) -> Duration {
        self.0
    }
}

impl WallTime {
    /// The moment this many milliseconds after the beginning of 1970 (UTC).
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the beginning of 1970 (UTC).
    pub const fn millis(self) -> u64 {
        self.0
    }
}

impl From<Time> for Now {
    /// A moment at which nobody looks at the wall clock.
    fn from(time: Time) -> Self {
        Self { time, wall: WallTime::default() }
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, length: Duration) {
        *self = *self + length;
    }
}

impl Sub for Time {
    type Output = Duration;

    /// How long after `earlier` this is; zero where it is before.
    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A length of time drawn evenly from zero up to, and not including, `bound`.
pub(crate) fn random_below(rng: &mut impl Rng, bound: Duration) -> Duration {
    let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX).max(1);
    Duration::from_nanos(rng.next_u64() % nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_two_moments_is_never_negative() {
        let (early, late) =
            (Time::after(Duration::from_secs(1)), Time::after(Duration::from_secs(3)));
        assert_eq!(late - early, Duration::from_secs(2));
        assert_eq!(early - late, Duration::ZERO);
    }

    #[test]
    fn a_length_of_time_leads_from_one_moment_to_another() {
        let mut time = Time::ZERO + Duration::from_secs(1);
        time += Duration::from_secs(1);
        assert_eq!(time.since_zero(), Duration::from_secs(2));
        assert_eq!(time + Duration::MAX, Time::after(Duration::MAX));
    }
    #[test]
    fn a_wall_clock_shows_the_milliseconds_that_it_was_made_of() {
        assert_eq!(WallTime::from_millis(1_700_000_000_000).millis(), 1_700_000_000_000);
    }
}
