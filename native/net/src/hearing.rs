//! Whether a membership still lets us hear: by the echo of what we send, and by the others.
//!
//! The system hands every heartbeat that we send to the group back to us, as long as it counts us
//! among the group's members there. A switch may forget us all the same, and the echo goes on; then
//! nobody else is heard.

use native_gossip_core::Time;

/// The echo comes out of the system's own queues, within a millisecond where it is not busy.
const ECHO_WITHIN: Time = Time::from_millis(500);

/// Heartbeats without an echo after which a membership counts as lost: one may be dropped where a
/// buffer is full.
const ECHOES_MISSED: u32 = 3;

/// After this many times three heartbeats in vain the group is joined anew so often, and not ever
/// more rarely.
const RAREST: u32 = 32;

/// Times the longest silence doubles with each attempt that changed nothing.
const SILENCE_DOUBLES: u32 = 5;

/// What one membership was heard by.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    echo_due: Option<Time>,
    missed: u32,
    /// When another node was heard last, or the group was joined anew because none was.
    others: Option<Time>,
    silences: u32,
}

/// What to do about a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Send another heartbeat, to be sure.
    SendAgain,
    /// Leave and join: our own heartbeats are not heard.
    NoEcho,
    /// Leave and join: nodes that we are connected to are not heard.
    Silence {
        /// As before, and in vain.
        again: bool,
    },
}

impl Hearing {
    /// A heartbeat was sent.
    pub(crate) fn sent(&mut self, now: Time) {
        self.echo_due.get_or_insert(now + ECHO_WITHIN);
    }

    /// Our own heartbeat was heard, or may have been dropped by ourselves.
    pub(crate) fn echo(&mut self) {
        self.echo_due = None;
        self.missed = 0;
    }

    /// Another node was heard.
    pub(crate) fn other(&mut self, now: Time) {
        self.others = Some(now);
        self.silences = 0;
    }

    /// When to look for a [remedy](Self::remedy) that time alone makes due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.echo_due
    }

    /// What is to be done now. `silence` is how long no other node may be heard, where there are
    /// any to be heard.
    pub(crate) fn remedy(&mut self, now: Time, silence: Option<Time>) -> Option<Remedy> {
        if self.echo_due.is_some_and(|due| due <= now) {
            self.echo_due = None;
            self.missed = self.missed.saturating_add(1);
            return self.echo_remedy();
        }
        let silence = silence?.saturating_mul(1 << self.silences);
        if self.others? + silence <= now {
            let again = self.silences > 0;
            self.others = Some(now);
            self.silences = (self.silences + 1).min(SILENCE_DOUBLES);
            return Some(Remedy::Silence { again });
        }
        None
    }

    /// At once where an echo is missing for the first time, then after ever more heartbeats.
    fn echo_remedy(&self) -> Option<Remedy> {
        let times = self.missed / ECHOES_MISSED;
        if times == 0 {
            return Some(Remedy::SendAgain);
        }
        let is_due = times.is_power_of_two() || times.is_multiple_of(RAREST);
        (is_due && self.missed.is_multiple_of(ECHOES_MISSED)).then_some(Remedy::NoEcho)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Option<Time> = Some(Time::from_secs(10));

    fn secs(s: u64) -> Time {
        Time::from_secs(s)
    }

    /// What is done about each of so many heartbeats without an echo, one a second.
    fn without_echo(heartbeats: u64) -> Vec<Option<Remedy>> {
        let mut hearing = Hearing::default();
        let remedy = |s| {
            hearing.sent(secs(s));
            hearing.remedy(secs(s) + ECHO_WITHIN, None)
        };
        (0..heartbeats).map(remedy).collect()
    }

    #[test]
    fn a_membership_with_its_echo_needs_nothing() {
        let mut hearing = Hearing::default();
        for s in 0..1000 {
            hearing.sent(secs(s));
            hearing.echo();
            assert_eq!(hearing.remedy(secs(s) + ECHO_WITHIN, SILENCE), None);
        }
    }

    #[test]
    fn a_missing_echo_is_asked_for_twice_then_the_group_is_joined_anew() {
        let again = Some(Remedy::SendAgain);
        assert_eq!(without_echo(5), [again, again, Some(Remedy::NoEcho), None, None]);
    }

    #[test]
    fn an_echo_is_not_missing_before_half_a_second() {
        let mut hearing = Hearing::default();
        hearing.sent(secs(0));
        assert_eq!(hearing.deadline(), Some(ECHO_WITHIN));
        assert_eq!(hearing.remedy(ECHO_WITHIN - Time::from_nanos(1), SILENCE), None);
    }

    #[test]
    fn what_does_not_help_is_done_ever_more_rarely_but_never_given_up() {
        let rejoined: Vec<_> = (1..).zip(without_echo(400)).collect();
        let rejoined = rejoined.iter().filter(|(_, remedy)| *remedy == Some(Remedy::NoEcho));
        let after: Vec<u64> = rejoined.map(|(heartbeat, _)| *heartbeat).collect();
        assert_eq!(after, [3, 6, 12, 24, 48, 96, 192, 288, 384]);
    }

    #[test]
    fn an_echo_ends_what_was_missing_before() {
        let mut hearing = Hearing::default();
        for s in 0..2 {
            hearing.sent(secs(s));
            hearing.remedy(secs(s) + ECHO_WITHIN, None);
        }
        hearing.echo();
        hearing.sent(secs(2));
        assert_eq!(hearing.remedy(secs(3), None), Some(Remedy::SendAgain));
    }

    #[test]
    fn silence_of_the_others_counts_only_after_one_of_them_was_heard() {
        let mut hearing = Hearing::default();
        assert_eq!(hearing.remedy(secs(1000), SILENCE), None);
        hearing.other(secs(1000));
        assert_eq!(hearing.remedy(secs(1009), SILENCE), None);
        assert_eq!(hearing.remedy(secs(1010), None), None);
        assert_eq!(hearing.remedy(secs(1010), SILENCE), Some(Remedy::Silence { again: false }));
    }

    #[test]
    fn silence_that_lasts_is_met_ever_more_rarely_until_another_is_heard() {
        let mut hearing = Hearing::default();
        hearing.other(secs(0));
        let remedies = (0..1300).map(|s| (s, hearing.remedy(secs(s), SILENCE)));
        let met: Vec<_> = remedies.filter_map(|(s, remedy)| Some((s, remedy?))).collect();
        let again = |s| (s, Remedy::Silence { again: s > 10 });
        assert_eq!(met, [10, 30, 70, 150, 310, 630, 950, 1270].map(again));
        hearing.other(secs(1300));
        let remedy = hearing.remedy(secs(1310), SILENCE);
        assert_eq!(remedy, Some(Remedy::Silence { again: false }));
    }
}
