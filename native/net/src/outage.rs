//! A time in which nothing could be sent to somebody.

use native_gossip_core::Time;

/// After so long others may think that we are gone, or not know of us yet, and are told at once. After
/// a shorter time the next heartbeat will do: where every other packet fails, each would else be
/// followed by several.
const LONG: Time = Time::from_secs(5);

/// What worked for so long is not expected to fail again. Less is the rule where every other packet
/// fails.
const CALM: Time = Time::from_secs(20);

/// Since when, if it lasts, and when something failed last.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    since: Option<Time>,
    failed_at: Time,
}

impl Outage {
    /// Something could not be sent.
    pub(crate) fn begin(&mut self, now: Time) {
        self.since.get_or_insert(now);
        self.failed_at = now;
    }

    /// Something was sent. Says whether nothing could be for long.
    pub(crate) fn end(&mut self, now: Time) -> bool {
        self.since.take().is_some_and(|since| now - since >= LONG)
    }

    /// Whether the last thing could not be sent.
    pub(crate) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// Whether everything could be sent for long.
    pub(crate) fn is_long_past(&self, now: Time) -> bool {
        self.since.is_none() && now - self.failed_at >= CALM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Time {
        Time::from_secs(s)
    }

    #[test]
    fn an_outage_counts_from_its_first_failure_and_only_where_it_was_long() {
        let mut outage = Outage::default();
        assert!(!outage.end(secs(0)));
        outage.begin(secs(1));
        outage.begin(secs(5));
        assert!(outage.is_on());
        assert!(outage.end(secs(6)));
        assert!(!outage.is_on());
        outage.begin(secs(7));
        assert!(!outage.end(secs(11)));
    }

    #[test]
    fn it_is_long_past_20_s_after_its_last_failure() {
        let mut outage = Outage::default();
        outage.begin(secs(1));
        outage.begin(secs(5));
        assert!(!outage.is_long_past(secs(100)));
        outage.end(secs(6));
        assert!(!outage.is_long_past(secs(24)));
        assert!(outage.is_long_past(secs(25)));
    }
}
