//! Whether a membership still lets us hear: by the echo of what we send, and by the others.
//!
//! The system hands every heartbeat that we send to the group back to us, as long as it counts us
//! among the group's members there. A switch may forget us all the same, and the echo goes on; then
//! nobody else is heard.

use native_gossip_core::{NodeName, Time};

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
    other: Option<Other>,
    silences: u32,
    /// Who is heard until then may be heard because the group was joined anew.
    helped_until: Time,
}

/// Another node.
#[derive(Debug)]
struct Other {
    node: NodeName,
    /// When it was heard, or the group was joined anew because it was not.
    since: Time,
}

/// What to do about a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Send another heartbeat, to be sure.
    SendAgain,
    /// Leave and join: our own heartbeats are not heard.
    NoEcho,
    /// Leave and join: nodes that we are connected to are not heard.
    Silence,
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

    /// A node of another host was heard.
    pub(crate) fn other(&mut self, now: Time, node: &NodeName) {
        match &mut self.other {
            Some(other) if other.node == *node => other.since = now,
            other => *other = Some(Other { node: node.clone(), since: now }),
        }
        // Nodes that send more rarely than we do would else be missed again and again.
        if now <= self.helped_until {
            self.silences = 0;
        }
    }

    /// More came than was looked at: an echo, or another node, may have been among it.
    pub(crate) fn overran(&mut self, now: Time) {
        self.echo();
        if let Some(other) = &mut self.other {
            other.since = now;
        }
    }

    /// When to look for a [remedy](Self::remedy) that time alone makes due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.echo_due
    }

    /// What is to be done now. `silence` is how long nobody else may be heard, as long as the node
    /// that was heard last is connected.
    pub(crate) fn remedy(
        &mut self,
        now: Time,
        silence: Time,
        is_connected: impl FnOnce(&NodeName) -> bool,
    ) -> Option<Remedy> {
        if self.echo_due.is_some_and(|due| due <= now) {
            self.echo_due = None;
            self.missed = self.missed.saturating_add(1);
            return self.echo_remedy();
        }
        let other = self.other.as_mut()?;
        let longest = silence.saturating_mul(1 << self.silences);
        if now < other.since + longest || !is_connected(&other.node) {
            return None;
        }
        other.since = now;
        self.helped_until = now + silence;
        self.silences = (self.silences + 1).min(SILENCE_DOUBLES);
        Some(Remedy::Silence)
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

    const SILENCE: Time = Time::from_secs(10);

    fn secs(s: u64) -> Time {
        Time::from_secs(s)
    }

    fn other() -> NodeName {
        NodeName::parse("other@host").expect("a node name")
    }

    /// What is done at this time, while the other node is connected.
    fn remedy(hearing: &mut Hearing, now: Time) -> Option<Remedy> {
        hearing.remedy(now, SILENCE, |node| *node == other())
    }

    /// What is done about each of so many heartbeats without an echo, one a second.
    fn without_echo(heartbeats: u64) -> Vec<Option<Remedy>> {
        let mut hearing = Hearing::default();
        let missed = |s| {
            hearing.sent(secs(s));
            remedy(&mut hearing, secs(s) + ECHO_WITHIN)
        };
        (0..heartbeats).map(missed).collect()
    }

    /// When something is done about silence, in these seconds.
    fn met(hearing: &mut Hearing, seconds: std::ops::Range<u64>) -> Vec<u64> {
        seconds.filter(|s| remedy(hearing, secs(*s)) == Some(Remedy::Silence)).collect()
    }

    #[test]
    fn a_membership_with_its_echo_needs_nothing() {
        let mut hearing = Hearing::default();
        for s in 0..1000 {
            hearing.sent(secs(s));
            hearing.echo();
            assert_eq!(remedy(&mut hearing, secs(s) + ECHO_WITHIN), None);
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
        assert_eq!(remedy(&mut hearing, ECHO_WITHIN - Time::from_nanos(1)), None);
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
            remedy(&mut hearing, secs(s) + ECHO_WITHIN);
        }
        hearing.echo();
        hearing.sent(secs(2));
        assert_eq!(remedy(&mut hearing, secs(3)), Some(Remedy::SendAgain));
    }

    #[test]
    fn silence_counts_only_after_another_was_heard_and_while_it_is_connected() {
        let mut hearing = Hearing::default();
        assert_eq!(met(&mut hearing, 0..1000), []);
        hearing.other(secs(1000), &other());
        assert_eq!(hearing.remedy(secs(1010), SILENCE, |_| false), None);
        assert_eq!(met(&mut hearing, 1001..1020), [1010]);
    }

    #[test]
    fn silence_that_lasts_is_met_ever_more_rarely() {
        let mut hearing = Hearing::default();
        hearing.other(secs(0), &other());
        assert_eq!(met(&mut hearing, 0..1300), [10, 30, 70, 150, 310, 630, 950, 1270]);
    }

    #[test]
    fn where_joining_anew_helped_the_next_silence_is_met_as_soon() {
        let mut hearing = Hearing::default();
        for s in [0, 100, 200] {
            hearing.other(secs(s), &other());
            assert_eq!(met(&mut hearing, s + 1..s + 11), [s + 10]);
            hearing.other(secs(s + 15), &other());
            hearing.other(secs(s + 95), &other());
            hearing.overran(secs(s + 99));
        }
    }

    #[test]
    fn a_node_that_sends_rarely_is_soon_not_missed_any_more() {
        let mut hearing = Hearing::default();
        let missed = |s| {
            hearing.other(secs(s), &other());
            met(&mut hearing, s + 1..s + 60).len()
        };
        assert_eq!([0, 60, 120, 180, 240].map(missed), [2, 1, 0, 0, 0]);
    }
}
