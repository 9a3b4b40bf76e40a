//! Whether a membership still lets us hear: by the echo of what we send, and by the peers.
//!
//! The system hands every heartbeat that we send to the group back to us, as long as it counts us
//! among the group's members there. A switch may forget us all the same, and the echo goes on; then
//! nobody else is heard.

#[cfg(test)]
mod tests;

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
