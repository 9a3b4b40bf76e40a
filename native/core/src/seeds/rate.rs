//! How fast heartbeats go to seeds.

use std::time::Duration;

use crate::token_bucket::TokenBucket;

/// Heartbeats that go out together: a short list waits for nothing.
const AT_ONCE: usize = 32;

/// Then one goes out each 10 ms, 100 a second: 256 seeds are served within 2.3 s, which is less than
/// the mean gap of 2.5 s. Linux holds what is sent to a neighbour that does not answer for 3 s, at 832
/// bytes of the socket's buffer (1,280 where names are long): 332 packets, 276 to 425 KB, and the
/// socket is given 426 KB.
const INTERVAL: Duration = Duration::from_millis(10);

/// The tokens of heartbeats to seeds.
pub(super) fn rate() -> TokenBucket {
    TokenBucket::new(AT_ONCE, INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    fn millis(millis: u64) -> Time {
        Time::after(Duration::from_millis(millis))
    }

    /// How many are taken in this millisecond.
    fn taken(rate: &mut TokenBucket, ms: u64) -> usize {
        (0..1000).filter(|_| rate.take(millis(ms))).count()
    }

    #[test]
    fn thirty_two_go_at_once_and_then_one_each_ten_milliseconds() {
        let mut rate = rate();
        assert_eq!(taken(&mut rate, 5_000), 32);
        assert_eq!(rate.next(), millis(5_010));
        let later: Vec<_> = (5_001..6_001).filter(|ms| taken(&mut rate, *ms) == 1).collect();
        assert_eq!((later.len(), later.first()), (100, Some(&5_010)));
        assert_eq!(taken(&mut rate, 6_160), 16);
        assert_eq!(taken(&mut rate, 60_000), 32);
    }
}
