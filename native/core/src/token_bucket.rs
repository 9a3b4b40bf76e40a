//! A budget that fills up again.

use std::time::Duration;

use crate::Time;

/// As many tokens at once as it holds, and one more after each interval until it is full.
#[derive(Clone, Debug)]
pub(crate) struct TokenBucket {
    interval: Duration,
    /// How long it takes to fill up from one token.
    from_one: Duration,
    /// When it would be full, which says how many are left.
    full_at: Time,
}

impl TokenBucket {
    /// A full one. It holds one token at least.
    pub(crate) fn new(capacity: usize, interval: Duration) -> Self {
        let others = u32::try_from(capacity.saturating_sub(1)).unwrap_or(u32::MAX);
        Self { interval, from_one: interval.saturating_mul(others), full_at: Time::ZERO }
    }

    /// When there is a token.
    pub(crate) fn next(&self) -> Time {
        before(self.full_at, self.from_one)
    }

    pub(crate) fn is_left(&self, now: Time) -> bool {
        self.next() <= now
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        let is_left = self.is_left(now);
        if is_left {
            self.full_at = self.full_at.max(now) + self.interval;
        }
        is_left
    }

    /// A token that was taken is back.
    pub(crate) fn give_back(&mut self) {
        self.full_at = before(self.full_at, self.interval);
    }
}

fn before(time: Time, duration: Duration) -> Time {
    Time::after(time.since_zero().saturating_sub(duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Time {
        Time::after(Duration::from_secs(s))
    }

    /// How many are taken in this second.
    fn taken(bucket: &mut TokenBucket, s: u64) -> usize {
        (0..1000).filter(|_| bucket.take(secs(s))).count()
    }

    #[test]
    fn all_are_there_at_once_and_then_one_after_each_interval() {
        for s in [0, 3, 1_000] {
            let mut bucket = TokenBucket::new(4, Duration::from_secs(10));
            assert_eq!(taken(&mut bucket, s), 4);
            assert_eq!(bucket.next(), secs(s + 10));
            assert_eq!(
                [9, 10, 19, 45, 49, 50].map(|after| taken(&mut bucket, s + after)),
                [0, 1, 0, 3, 0, 1]
            );
            assert_eq!(taken(&mut bucket, s + 90), 4);
        }
    }

    #[test]
    fn what_is_given_back_is_there_at_once_and_fills_no_more_than_the_whole() {
        let mut bucket = TokenBucket::new(2, Duration::from_secs(10));
        assert_eq!(taken(&mut bucket, 0), 2);
        bucket.give_back();
        assert_eq!(taken(&mut bucket, 5), 1);
        (0..100).for_each(|_| bucket.give_back());
        assert!(bucket.is_left(secs(5)));
        assert_eq!(taken(&mut bucket, 6), 2);
        assert!(!bucket.is_left(secs(15)));
        assert_eq!(taken(&mut bucket, 16), 1);
    }
}
