//! What a node hears by one interface, and when it may and must do something about it.

use std::time::Duration;

use native_gossip_core::{InterfaceAddress, Time};

use crate::{healing::Deaf, secs};

/// The longest gap between two heartbeats, in a cluster of at most 500 nodes.
pub(crate) const LONGEST_GAP: Duration = secs(5);

/// What is not back after this time is missed.
const ECHO: Duration = Duration::from_millis(500);

/// A heartbeat after the longest gap; each of three is missed for half a second, and the two that
/// are sent because of the first come at most a second after each other.
const THREE_ECHOES: Duration =
    LONGEST_GAP.saturating_add(Duration::from_millis(3 * 500 + 2 * 1000));

/// Where the echo has been missing for long, it takes as many heartbeats more, and not more than
/// these.
const MOST_ECHOES: u32 = 96;

/// Nobody was heard for two and a half of the longest gaps.
const SILENCE: Duration = Duration::from_millis(12_500);

/// Silences that are met by a rejoin, until somebody is heard. Each takes twice as long as the one
/// before.
const SILENCES: u32 = 5;

/// What has been heard for so long without a silence begins with the first again.
const UNBROKEN: Duration = SILENCE.saturating_mul(8);

/// Why a group is left and joined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejoin {
    NoEcho,
    Silence,
}

impl Rejoin {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoEcho => "rejoins for want of an echo",
            Self::Silence => "rejoins for want of peers",
        }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Ear {
    /// The interface by which the node takes itself to be a member.
    pub(crate) joined: Option<InterfaceAddress>,
    /// The interface was removed, which the next scan is told.
    pub(crate) is_removed: bool,
    /// The scan of this moment was told so: the group is left, and joined where it is back.
    pub(crate) removal_scanned_at: Option<Time>,
    /// Since when it is no member, or not known to its switch, although nothing hinders it.
    pub(crate) deaf: Option<Deaf>,
    pub(crate) unknown: Option<Deaf>,
    /// Since when it can hear nobody whom it misses, or has met that by a rejoin.
    pub(crate) silent: Option<Deaf>,
    /// Since when nothing hinders it, and how long that may take to be over.
    pub(crate) unhindered: Option<Deaf>,
    /// Heartbeats of which no echo came, as far as they lie apart, and when the last was sent.
    pub(crate) missed: u32,
    missed_at: Time,
    /// Rejoins since the last echo.
    rejoins: u32,
    /// More came since then than was looked at, and the node does not know what.
    is_blurred: bool,
    heard_at: Time,
    unbroken_since: Time,
    silent_since: Time,
    /// Rejoins because of silence.
    silences: u32,
    /// Somebody was heard, and no silence was told since.
    is_news: bool,
    /// Nodes of other hosts that were heard while they were connected, the last one first.
    pub(crate) peers: Vec<usize>,
}

impl Ear {
    /// Another membership, of which nothing is known yet.
    pub(crate) fn is_new(&mut self) {
        let Self { deaf, unknown, unhindered, is_removed, removal_scanned_at, .. } = *self;
        let new = Self::default();
        *self = Self { deaf, unknown, unhindered, is_removed, removal_scanned_at, ..new };
    }

    /// The interfaces were scanned.
    pub(crate) fn scanned(&mut self, now: Time) {
        if std::mem::take(&mut self.is_removed) {
            self.removal_scanned_at = Some(now);
        }
    }

    pub(crate) fn sent(&mut self, now: Time) {
        if self.missed == 0 || now >= self.missed_at + ECHO {
            self.missed += 1;
            self.missed_at = now;
        }
    }

    pub(crate) fn echoed(&mut self) {
        (self.missed, self.rejoins, self.is_blurred) = (0, 0, false);
    }

    /// More came than was looked at: an echo, or a peer, may have been among it.
    pub(crate) fn overrun(&mut self, now: Time) {
        (self.missed, self.rejoins, self.is_blurred) = (0, 0, true);
        (self.heard_at, self.silent_since) = (now, now);
        self.silent.iter_mut().for_each(|silent| silent.since = now);
    }

    pub(crate) fn heard(&mut self, now: Time) {
        if now - self.heard_at > SILENCE {
            self.unbroken_since = now;
        } else if now - self.unbroken_since > UNBROKEN {
            self.silences = 0;
        }
        // Whoever is heard may be missed again, if only once.
        self.silences = self.silences.min(SILENCES - 1);
        (self.heard_at, self.silent_since) = (now, now);
        self.is_news = true;
    }

    /// How long nobody may be heard until the group is rejoined.
    pub(crate) fn silence(&self) -> Duration {
        SILENCE * (1 << self.silences)
    }

    /// Silence is met no more.
    pub(crate) fn has_given_up(&self) -> bool {
        self.silences >= SILENCES
    }

    /// That nobody is heard is told once, until somebody is.
    pub(crate) fn silence_told(&mut self, now: Time, node: usize) {
        let is_met = self.silent_since == now && self.silences > 0;
        assert!(is_met, "n{node} tells of a silence that it does not meet at {now:?}");
        assert!(self.is_news, "n{node} tells of a silence again at {now:?}");
        self.is_news = false;
    }

    /// The group was left and joined. Says why; there is no third reason.
    pub(crate) fn rejoined(&mut self, now: Time) -> Rejoin {
        let is_silent = !self.has_given_up() && now >= self.silent_since + self.silence();
        let is_missed = now >= self.missed_at + ECHO && self.rejoins < rejoins_after(self.missed);
        // A flood has many moments at which more comes, and the node counts from one of them.
        let is_about = self.is_blurred && self.rejoins < rejoins_after(self.missed + 1);
        if is_missed || is_about && !is_silent {
            self.rejoins += 1;
            return Rejoin::NoEcho;
        }
        assert!(
            is_silent,
            "rejoined without need at {now:?}: {} heartbeats without an echo, {} rejoins because \
             of them, heard at {:?}, a silence from {:?} on, {} rejoins because of it",
            self.missed, self.rejoins, self.heard_at, self.silent_since, self.silences
        );
        self.silent_since = now;
        self.silences += 1;
        Rejoin::Silence
    }

    pub(crate) fn echoes_within(&self) -> Duration {
        THREE_ECHOES + (LONGEST_GAP + ECHO) * self.missed.min(MOST_ECHOES)
    }
}

/// How often the group is rejoined while no echo comes: after 1, 2, 4 … 32 rounds of three
/// heartbeats, and then every 32.
fn rejoins_after(missed: u32) -> u32 {
    match missed / 3 {
        0 => 0,
        rounds => 1 + rounds.min(32).ilog2() + rounds.saturating_sub(32) / 32,
    }
}
