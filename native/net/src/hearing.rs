//! Whether a membership still lets us hear: by the echo of what we send, and by the others.
//!
//! The system hands every heartbeat that we send to the group back to us, as long as it counts us
//! among the group's members there. A switch may forget us all the same, and the echo goes on; then
//! nobody else is heard.

use std::time::Duration;

use native_gossip_core::{NodeName, Time};

/// The echo comes out of the system's own queues, within a millisecond where it is not busy.
const ECHO_WITHIN: Duration = Duration::from_millis(500);

/// Heartbeats without an echo after which a membership counts as lost: one may be dropped where a
/// buffer is full.
const ECHOES_MISSED: u32 = 3;

/// After this many times three heartbeats in vain the group is joined anew so often, and not ever
/// more rarely.
const RAREST: u32 = 32;

/// Times the longest silence doubles with each attempt that changed nothing.
const SILENCE_DOUBLES: u32 = 5;

/// After so many times the longest silence in which there was none, the next one is met as soon as
/// ever. Nodes that send more rarely than we do are silent again before that.
const UNBROKEN: u32 = 8;

/// So many nodes are kept in mind: as long as one of them is connected, somebody should be heard.
const OTHERS: usize = 8;

/// What one membership was heard by.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    echo_due: Option<Time>,
    missed: u32,
    /// Nodes of other hosts that were heard.
    others: Vec<NodeName>,
    heard_at: Time,
    /// Since when there was no silence.
    unbroken_since: Time,
    /// When somebody was heard, or the group was joined anew because nobody was.
    silent_since: Time,
    silence: Duration,
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

    /// A node of another host was heard. One that is not connected may become so, but takes no place
    /// of one that is.
    pub(crate) fn other(&mut self, now: Time, node: &NodeName, is_connected: bool) {
        if !self.others.contains(node) {
            if is_connected {
                self.others.truncate(OTHERS - 1);
                self.others.insert(0, node.clone());
            } else if self.others.len() < OTHERS {
                self.others.push(node.clone());
            }
        }
        if now - self.heard_at > self.silence {
            self.unbroken_since = now;
        } else if now - self.unbroken_since > self.silence * UNBROKEN {
            self.silences = 0;
        }
        self.heard_at = now;
        self.silent_since = now;
    }

    /// More came than was looked at: an echo, or another node, may have been among it.
    pub(crate) fn overran(&mut self, now: Time) {
        self.echo();
        self.heard_at = now;
        self.silent_since = now;
    }

    /// When to look for a [remedy](Self::remedy) that time alone makes due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.echo_due
    }

    /// What is to be done now. `silence` is how long nobody else may be heard, as long as one of the
    /// others is connected.
    pub(crate) fn remedy(
        &mut self,
        now: Time,
        silence: Duration,
        is_connected: impl Fn(&NodeName) -> bool,
    ) -> Option<Remedy> {
        if self.echo_due.is_some_and(|due| due <= now) {
            self.echo_due = None;
            self.missed = self.missed.saturating_add(1);
            return self.echo_remedy();
        }
        self.silence = silence;
        let longest = silence.saturating_mul(1 << self.silences);
        if now < self.silent_since + longest || !self.others.iter().any(is_connected) {
            return None;
        }
        self.silent_since = now;
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

    const SILENCE: Duration = Duration::from_secs(10);

    fn secs(s: u64) -> Time {
        Time::after(Duration::from_secs(s))
    }

    fn other() -> NodeName {
        NodeName::parse("other@host").expect("a node name")
    }

    fn stranger(n: usize) -> NodeName {
        NodeName::parse(&format!("stranger{n}@host")).expect("a node name")
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
        assert_eq!(hearing.deadline(), Some(Time::after(ECHO_WITHIN)));
        assert_eq!(remedy(&mut hearing, Time::after(ECHO_WITHIN - Duration::from_nanos(1))), None);
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
        hearing.other(secs(1000), &other(), true);
        assert_eq!(hearing.remedy(secs(1010), SILENCE, |_| false), None);
        assert_eq!(met(&mut hearing, 1001..1020), [1010]);
    }

    #[test]
    fn silence_that_lasts_is_met_ever_more_rarely() {
        let mut hearing = Hearing::default();
        hearing.other(secs(0), &other(), true);
        assert_eq!(met(&mut hearing, 0..1300), [10, 30, 70, 150, 310, 630, 950, 1270]);
    }

    #[test]
    fn after_a_time_without_silence_the_next_one_is_met_as_soon() {
        let mut hearing = Hearing::default();
        let mut hear = |from: u64, to: u64| {
            for s in (from..to).step_by(5) {
                hearing.other(secs(s), &other(), true);
                assert_eq!(met(&mut hearing, s + 1..s + 5), []);
            }
            met(&mut hearing, to..to + 60)
        };
        assert_eq!(hear(0, 100), [105, 125]);
        assert_eq!(hear(200, 300), [305, 325]);
        assert_eq!(hear(400, 450), [485]);
    }

    #[test]
    fn nodes_that_send_rarely_are_soon_not_missed_any_more() {
        let mut hearing = Hearing::default();
        let mut missed = 0;
        let mut now = 0;
        // Gaps of 1 to 30 s, in no order.
        for n in 0..1000 {
            hearing.other(secs(now), &other(), true);
            let gap = 1 + n * 17 % 30;
            missed += met(&mut hearing, now + 1..now + gap).len();
            now += gap;
        }
        assert!(missed < 5, "{missed}");
    }

    #[test]
    fn one_of_the_last_others_that_is_connected_is_missed() {
        let mut hearing = Hearing::default();
        hearing.other(secs(0), &other(), true);
        for n in 0..OTHERS - 1 {
            hearing.other(secs(0), &stranger(n), true);
        }
        assert_eq!(met(&mut hearing, 1..12), [10]);
        hearing.other(secs(12), &stranger(OTHERS), true);
        assert_eq!(met(&mut hearing, 13..100), []);
    }

    #[test]
    fn strangers_take_no_place_of_a_node_that_is_connected() {
        let mut hearing = Hearing::default();
        (0..100).for_each(|n| hearing.other(secs(0), &stranger(n), false));
        hearing.other(secs(0), &other(), true);
        (0..100).for_each(|n| hearing.other(secs(0), &stranger(n), false));
        assert_eq!(met(&mut hearing, 1..12), [10]);
    }

    #[test]
    fn a_node_that_was_heard_before_it_was_connected_is_missed_too() {
        let mut hearing = Hearing::default();
        hearing.other(secs(0), &other(), false);
        assert_eq!(met(&mut hearing, 1..12), [10]);
    }
}
