//! A time in which nothing could be sent to somebody.

use native_gossip_core::Time;

/// After so long others may think that we are gone, or not know of us yet, and are told at once. After
/// a shorter time the next heartbeat will do: where every other packet fails, each would else be
/// followed by several.
const LONG: Time = Time::from_secs(5);

/// Since when, if at all.
#[derive(Debug, Default)]
pub(crate) struct Outage(Option<Time>);

impl Outage {
    /// Something could not be sent.
    pub(crate) fn begin(&mut self, now: Time) {
        self.0.get_or_insert(now);
    }

    /// Something was sent. Says whether nothing could be for long.
    pub(crate) fn end(&mut self, now: Time) -> bool {
        self.0.take().is_some_and(|since| now - since >= LONG)
    }

    /// Whether the last thing could not be sent.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_counts_from_its_first_failure_and_only_where_it_was_long() {
        let mut outage = Outage::default();
        assert!(!outage.end(Time::ZERO));
        outage.begin(Time::from_secs(1));
        outage.begin(Time::from_secs(5));
        assert!(outage.is_on());
        assert!(outage.end(Time::from_secs(6)));
        assert!(!outage.is_on());
        outage.begin(Time::from_secs(7));
        assert!(!outage.end(Time::from_secs(11)));
    }
}
