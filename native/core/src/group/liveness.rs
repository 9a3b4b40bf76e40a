//! Whether a membership still lets us hear: by the echo of what we send, and by the peers.
//!
//! The system hands every heartbeat that we send to the group back to us, as long as it counts us
//! among the group's members there. A switch may forget us all the same, and the echo goes on; then
//! nobody else is heard.

use std::time::Duration;

use crate::{NodeName, Time};

/// The echo comes out of the system's own queues, within a millisecond where it is not busy.
const ECHO_TIMEOUT: Duration = Duration::from_millis(500);

/// Heartbeats without an echo after which a membership counts as lost: one may be dropped where a
/// buffer is full.
const ECHOES_MISSED: u32 = 3;

/// Rejoin after 1, 2, 4 … 32 rounds of three missed echoes, then every 32.
const ROUNDS_MOST: u32 = 32;

/// Rejoins after which nobody was heard, until somebody is: after 1, 3, 7, 15 and 31 of the longest
/// silences. Then it is not the membership: the others may have gone from this network and be
/// connected by another.
const SILENCE_REJOINS_MOST: u32 = 5;

/// After 8 times the silence timeout without a silence, the next one is met as soon as the first. Nodes
/// that send more rarely than we do are silent again before that.
const UNBROKEN: u32 = 8;

/// Peers kept in mind: as long as one of them is connected, somebody should be heard.
const PEERS: usize = 8;

/// What one membership was heard by.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    echo_due: Option<Time>,
    /// When our own heartbeat was heard last.
    pub(super) echoed_at: Option<Time>,
    echoes_missed: u32,
    /// Nodes of other hosts that were heard.
    peers: Vec<NodeName>,
    /// When a node of another host was heard last.
    pub(super) peer_heard_at: Option<Time>,
    /// The same, or when one may have been heard.
    heard_at: Time,
    /// Since when there was no silence.
    unbroken_since: Time,
    /// When somebody was heard, or the group was rejoined because nobody was.
    silent_since: Time,
    silence_timeout: Duration,
    /// Rejoins because of silence; each doubles the time until the next.
    silence_rejoins: u32,
    /// Somebody was heard since the last of them.
    is_heard: bool,
    /// When it was last looked at whether nobody is heard.
    checked_at: Time,
}

/// What to do about a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send another heartbeat, to be sure.
    SendAgain,
    /// Leave and join.
    Rejoin(RejoinReason),
}

/// Why a group is rejoined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RejoinReason {
    /// Our own heartbeats are not heard.
    NoEcho,
    /// Peers that we are connected to are not heard.
    PeersSilent {
        /// Somebody was heard since the last rejoin for this reason: it is to be told.
        is_first: bool,
    },
}

impl Liveness {
    /// A heartbeat was sent.
    pub(crate) fn sent(&mut self, now: Time) {
        self.echo_due.get_or_insert(now + ECHO_TIMEOUT);
    }

    /// Our own heartbeat was heard.
    pub(crate) fn echoed(&mut self, now: Time) {
        self.echoed_at = Some(now);
        self.miss_no_echo();
    }

    fn miss_no_echo(&mut self) {
        self.echo_due = None;
        self.echoes_missed = 0;
    }

    /// A node of another host was heard. One that is not connected may become so, but takes no place
    /// of one that is.
    pub(crate) fn heard(&mut self, now: Time, node: &NodeName, is_connected: bool) {
        if !self.peers.contains(node) {
            if is_connected {
                self.peers.truncate(PEERS - 1);
                self.peers.insert(0, node.clone());
            } else if self.peers.len() < PEERS {
                self.peers.push(node.clone());
            }
        }
        if now - self.heard_at > self.silence_timeout {
            self.unbroken_since = now;
        } else if now - self.unbroken_since > self.silence_timeout * UNBROKEN {
            self.silence_rejoins = 0;
        }
        self.silence_rejoins = self.silence_rejoins.min(SILENCE_REJOINS_MOST - 1);
        self.is_heard = true;
        (self.heard_at, self.peer_heard_at) = (now, Some(now));
        self.silent_since = now;
    }

    /// More came than was looked at: an echo, or a peer, may have been among it.
    pub(crate) fn overrun(&mut self, now: Time) {
        self.miss_no_echo();
        self.heard_at = now;
        self.silent_since = now;
    }

    /// When to [check](Self::check) because of the time alone.
    ///
    /// A silence that has lasted while no peer was connected is not waited for again: what connects
    /// one is a reason to check.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let silence_due = self.silence_due().filter(|due| self.checked_at < *due);
        [self.echo_due, silence_due].into_iter().flatten().min()
    }

    /// When nobody was heard for too long, if there is somebody to be missed.
    fn silence_due(&self) -> Option<Time> {
        let is_met = self.silence_rejoins < SILENCE_REJOINS_MOST && !self.peers.is_empty();
        let longest = || self.silence_timeout.saturating_mul(1 << self.silence_rejoins);
        is_met.then(|| self.silent_since + longest())
    }

    /// What is to be done now. `silence` is how long no peer may be heard, as long as one of them is
    /// connected.
    pub(crate) fn check(
        &mut self,
        now: Time,
        silence: Duration,
        is_connected: impl Fn(&NodeName) -> bool,
    ) -> Option<Action> {
        if self.echo_due.is_some_and(|due| due <= now) {
            self.echo_due = None;
            self.echoes_missed = self.echoes_missed.saturating_add(1);
            return self.after_missed_echo();
        }
        (self.silence_timeout, self.checked_at) = (silence, now);
        let is_silent = self.silence_due().is_some_and(|due| due <= now);
        if !is_silent || !self.peers.iter().any(is_connected) {
            return None;
        }
        self.silent_since = now;
        self.silence_rejoins += 1;
        let is_first = std::mem::take(&mut self.is_heard);
        Some(Action::Rejoin(RejoinReason::PeersSilent { is_first }))
    }

    fn after_missed_echo(&self) -> Option<Action> {
        let rounds = self.echoes_missed / ECHOES_MISSED;
        if rounds == 0 {
            return Some(Action::SendAgain);
        }
        let is_due = rounds.is_power_of_two() || rounds.is_multiple_of(ROUNDS_MOST);
        (is_due && self.echoes_missed.is_multiple_of(ECHOES_MISSED))
            .then_some(Action::Rejoin(RejoinReason::NoEcho))
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
    fn check(liveness: &mut Liveness, now: Time) -> Option<Action> {
        liveness.check(now, SILENCE, |node| *node == other())
    }

    /// What is done about each of these heartbeats, one a second, that bring no echo.
    fn without_echo(heartbeats: u64) -> Vec<Option<Action>> {
        let mut liveness = Liveness::default();
        let missed = |s| {
            liveness.sent(secs(s));
            check(&mut liveness, secs(s) + ECHO_TIMEOUT)
        };
        (0..heartbeats).map(missed).collect()
    }

    /// When something is done about silence, in these seconds.
    fn met(liveness: &mut Liveness, seconds: std::ops::Range<u64>) -> Vec<u64> {
        seconds.filter(|s| check(liveness, secs(*s)).is_some()).collect()
    }

    #[test]
    fn a_membership_with_its_echo_needs_nothing() {
        let mut liveness = Liveness::default();
        for s in 0..1000 {
            liveness.sent(secs(s));
            liveness.echoed(secs(s));
            assert_eq!(check(&mut liveness, secs(s) + ECHO_TIMEOUT), None);
        }
    }

    #[test]
    fn a_missing_echo_is_asked_for_twice_then_the_group_is_rejoined() {
        let again = Some(Action::SendAgain);
        assert_eq!(
            without_echo(5),
            [again, again, Some(Action::Rejoin(RejoinReason::NoEcho)), None, None]
        );
    }

    #[test]
    fn an_echo_is_not_missing_before_half_a_second() {
        let mut liveness = Liveness::default();
        liveness.sent(secs(0));
        assert_eq!(liveness.deadline(), Some(Time::after(ECHO_TIMEOUT)));
        assert_eq!(check(&mut liveness, Time::after(ECHO_TIMEOUT - Duration::from_nanos(1))), None);
    }

    #[test]
    fn what_does_not_help_is_done_after_doubling_numbers_of_rounds_and_never_given_up() {
        let rejoined: Vec<_> = (1..).zip(without_echo(400)).collect();
        let rejoined = rejoined
            .iter()
            .filter(|(_, action)| *action == Some(Action::Rejoin(RejoinReason::NoEcho)));
        let after: Vec<u64> = rejoined.map(|(heartbeat, _)| *heartbeat).collect();
        assert_eq!(after, [3, 6, 12, 24, 48, 96, 192, 288, 384]);
    }

    #[test]
    fn an_echo_ends_what_was_missing_before() {
        let mut liveness = Liveness::default();
        for s in 0..2 {
            liveness.sent(secs(s));
            check(&mut liveness, secs(s) + ECHO_TIMEOUT);
        }
        liveness.echoed(secs(0));
        liveness.sent(secs(2));
        assert_eq!(check(&mut liveness, secs(3)), Some(Action::SendAgain));
    }

    #[test]
    fn silence_counts_only_after_another_was_heard_and_while_it_is_connected() {
        let mut liveness = Liveness::default();
        assert_eq!(met(&mut liveness, 0..1000), []);
        liveness.heard(secs(1000), &other(), true);
        assert_eq!(liveness.check(secs(1010), SILENCE, |_| false), None);
        assert_eq!(met(&mut liveness, 1001..1020), [1010]);
    }

    #[test]
    fn the_end_of_a_silence_is_waited_for_once() {
        let mut liveness = Liveness::default();
        check(&mut liveness, secs(0));
        assert_eq!(liveness.deadline(), None, "nobody to be missed");
        liveness.heard(secs(1), &other(), true);
        assert_eq!(liveness.deadline(), Some(secs(11)));
        assert_eq!(liveness.check(secs(11), SILENCE, |_| false), None);
        assert_eq!(liveness.deadline(), None, "until it is connected again");
        assert!(check(&mut liveness, secs(12)).is_some());
        assert_eq!(liveness.deadline(), Some(secs(12 + 20)));
        for n in 2..=u64::from(SILENCE_REJOINS_MOST) {
            let due = liveness.deadline().expect("a silence");
            assert!(check(&mut liveness, due).is_some(), "{n}");
        }
        assert_eq!(liveness.deadline(), None, "it is not the membership");
    }

    #[test]
    fn silence_that_lasts_is_met_after_doubling_times_and_five_times_at_most() {
        let mut liveness = Liveness::default();
        liveness.heard(secs(0), &other(), true);
        assert_eq!(met(&mut liveness, 0..100_000), [10, 30, 70, 150, 310]);
        // Whoever is heard then may be missed again, once, and after a long time.
        for from in [100_000, 200_000] {
            liveness.heard(secs(from), &other(), true);
            assert_eq!(met(&mut liveness, from..from + 100_000), [from + 160]);
        }
    }

    #[test]
    fn silence_is_news_only_after_somebody_was_heard() {
        let mut liveness = Liveness::default();
        let mut met = |s| check(&mut liveness, secs(s));
        let silent = |is_first| Some(Action::Rejoin(RejoinReason::PeersSilent { is_first }));
        assert_eq!(met(5), None);
        liveness.heard(secs(5), &other(), true);
        let mut met = |s| check(&mut liveness, secs(s));
        assert_eq!(met(15), silent(true));
        assert_eq!(met(35), silent(false));
        liveness.heard(secs(36), &other(), true);
        let mut met = |s| check(&mut liveness, secs(s));
        assert_eq!(met(76), silent(true));
    }

    #[test]
    fn after_a_time_without_silence_the_next_one_is_met_as_soon() {
        let mut liveness = Liveness::default();
        let mut hear = |from: u64, to: u64| {
            for s in (from..to).step_by(5) {
                liveness.heard(secs(s), &other(), true);
                assert_eq!(met(&mut liveness, s + 1..s + 5), []);
            }
            met(&mut liveness, to..to + 60)
        };
        assert_eq!(hear(0, 100), [105, 125]);
        assert_eq!(hear(200, 300), [305, 325]);
        assert_eq!(hear(400, 450), [485]);
    }

    #[test]
    fn a_time_without_silence_is_longer_than_eighty_seconds_and_no_gap_in_it_than_ten() {
        for (gap, last, met_after) in [(10, 180, 20), (10, 190, 10), (11, 199, 20)] {
            let mut liveness = Liveness::default();
            liveness.heard(secs(0), &other(), true);
            assert_eq!(met(&mut liveness, 0..29), [10]);
            for s in (100..=last).step_by(gap) {
                liveness.heard(secs(s), &other(), true);
            }
            assert_eq!(met(&mut liveness, last..last + 30), [last + met_after], "{gap}, {last}");
        }
    }

    #[test]
    fn nodes_that_send_rarely_are_soon_not_missed_any_more() {
        let mut liveness = Liveness::default();
        let mut missed = 0;
        let mut now = 0;
        // Gaps of 1 to 30 s, in no order.
        for n in 0..1000 {
            liveness.heard(secs(now), &other(), true);
            let gap = 1 + n * 17 % 30;
            missed += met(&mut liveness, now + 1..now + gap).len();
            now += gap;
        }
        assert!(missed < 5, "{missed}");
    }

    #[test]
    fn one_of_the_last_peers_that_is_connected_is_missed() {
        let mut liveness = Liveness::default();
        liveness.heard(secs(0), &other(), true);
        for n in 0..PEERS - 1 {
            liveness.heard(secs(0), &stranger(n), true);
        }
        assert_eq!(met(&mut liveness, 1..12), [10]);
        liveness.heard(secs(12), &stranger(PEERS), true);
        assert_eq!(met(&mut liveness, 13..100), []);
    }

    #[test]
    fn strangers_take_no_place_of_a_node_that_is_connected() {
        let mut liveness = Liveness::default();
        (0..100).for_each(|n| liveness.heard(secs(0), &stranger(n), false));
        liveness.heard(secs(0), &other(), true);
        (0..100).for_each(|n| liveness.heard(secs(0), &stranger(n), false));
        assert_eq!(met(&mut liveness, 1..12), [10]);
    }

    #[test]
    fn of_nodes_that_are_not_connected_the_first_eight_are_kept_in_mind() {
        for (before, expected) in [(PEERS - 1, vec![10]), (PEERS, vec![])] {
            let mut liveness = Liveness::default();
            (0..before).for_each(|n| liveness.heard(secs(0), &stranger(n), false));
            liveness.heard(secs(0), &other(), false);
            assert_eq!(met(&mut liveness, 1..12), expected);
        }
    }

    #[test]
    fn a_node_that_was_heard_before_it_was_connected_is_missed_too() {
        let mut liveness = Liveness::default();
        liveness.heard(secs(0), &other(), false);
        assert_eq!(met(&mut liveness, 1..12), [10]);
    }
}
