//! A heartbeat ahead of its time, for somebody who wants to hear us.

use std::time::Duration;

use rand_core::Rng;

use crate::{Time, time::random_below};

/// All who hear a newcomer answer within this time for each of them: 4 ms among five nodes, 200 ms
/// among two hundred. That is 1,000 packets a second, of which a newcomer can read a hundred times as many.
const SPREAD_OF_EACH: Duration = Duration::from_millis(1);

/// Two answers are at least this far apart, and at least half a share: one answers all newcomers of
/// that time. It takes a host with 60 nodes a fifth of one core to receive what they answer so.
const LEAST_GAP: Duration = Duration::from_millis(10);

/// In the long run there is one answer in a second or in four shares, whichever is more: two nodes that
/// keep asking each other send no more, and a large cluster 50 in a second. Where ten thousand start
/// together, newcomers are heard for minutes, and with one answer in a share the cluster sent twice
/// its usual rate for as long.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
const SHARES: u32 = 4;

/// While a cluster forms, its nodes start one after the other, and each of them is answered. So the
/// pauses of this many answers may be saved up for newcomers, a minute of pauses at most: sixteen answers
/// of each of two hundred nodes, eight of each of four hundred, one of each of three thousand and more.
/// That is about 3,000 in all, within eight seconds.
const SAVED: u32 = 20;
const LONGEST_SAVED: Duration = Duration::from_secs(60);

/// Whoever records what one node with a wrong clock sends can ask all others for echoes at any time. So
/// one is given in a second, or in a share, and its pauses count among the others. Newcomers may have
/// used up what was saved; then this much more is lent, so that an echo is not late when it matters.
const LENT: Duration = Duration::from_secs(5);

/// Who wants to hear us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Somebody new, or back after a while.
    Newcomer,
    /// Somebody to whom there is no connection yet. An answer may have been lost; but until there is
    /// a connection each of its heartbeats asks, so nothing that is saved is spent on it.
    Again,
    /// Somebody whose clock differs from ours, and who is not believed until we echo it, or does not
    /// believe us.
    Echo,
}

/// When we answer next, and when we did last.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    wanted: Option<Time>,
    answered: Option<Time>,
    /// When the pauses after all answers so far are over.
    paused_until: Time,
    /// Somebody waits for an echo.
    is_echo_wanted: bool,
    /// From when on there may be another echo.
    echo_from: Time,
}

impl Answers {
    /// An answer is given as soon as it may. `others` is how many nodes may give one too.
    pub(super) fn request(
        &mut self,
        now: Time,
        asks: Asks,
        others: f64,
        share: Duration,
        rng: &mut impl Rng,
    ) {
        let spread = SPREAD_OF_EACH.mul_f64(others);
        let gap = LEAST_GAP.max(share / 2);
        let gap_ends = self.answered.map_or(now, |answered| answered + gap);
        let saved = match asks {
            Asks::Newcomer => saved(share),
            Asks::Again => Duration::ZERO,
            Asks::Echo => saved(share) + LENT,
        };
        let pause_ends = Time::ZERO + (self.paused_until - (Time::ZERO + saved));
        let mut from = now.max(gap_ends).max(pause_ends);
        if asks == Asks::Echo {
            self.is_echo_wanted = true;
            from = from.max(self.echo_from);
        }
        if self.wanted.is_none_or(|wanted| wanted > from + spread) {
            self.wanted = Some(from + random_below(rng, spread));
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.wanted
    }

    /// A heartbeat is sent now. It answers all who asked before, for whatever reason it is sent.
    pub(super) fn sent(&mut self, now: Time, share: Duration) {
        if std::mem::take(&mut self.is_echo_wanted) {
            self.echo_from = now + LEAST_PAUSE.max(share);
        }
        if self.wanted.take().is_some_and(|at| at <= now) {
            self.answered = Some(now);
            self.paused_until = self.paused_until.max(now) + pause(share);
        }
    }
}

/// What follows an answer.
fn pause(share: Duration) -> Duration {
    LEAST_PAUSE.max(share * SHARES)
}

/// The pauses that may be saved up for newcomers.
fn saved(share: Duration) -> Duration {
    (pause(share) * SAVED).min(LONGEST_SAVED)
}
