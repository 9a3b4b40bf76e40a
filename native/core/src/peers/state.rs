//! What a peer is to us. Every transition is in this file.

use std::{net::IpAddr, time::Duration};

use rand_core::Rng;

use super::Report;
use crate::{Time, time::random_below};

/// A peer that brought no report is announced again: the message may have died with its receiver.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// A connected peer is announced again after this time, for a `list_nodes` of the user's own that
/// forgot it without a `:nodedown`.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// How long a peer is left alone after a first attempt that failed, and at most after many.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// ```text
///                heartbeat                 Connected
///     Down ───────────────────> Announced ───────────> Connected
///      ^                         │  ^  ^                │    │
///      │                         │  │  └── heartbeat ───┘    │ Down
///      │             Unreachable │  │ heartbeat, from        │
///      │                         v  │ `until` on             │
///      │                       BackingOff                    │
///      └─────────────────────────────────────────────────────┘
/// ```
///
/// A report may come in any state, since it may be late: it leads where it would from `Announced`.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Somebody was asked to connect to it, and has not reported yet.
    Announced(Attempt),
    Connected {
        refresh_at: Time,
    },
    BackingOff {
        until: Time,
        /// Attempts that failed since the last one that did not; at least 1.
        failures: u32,
    },
    /// It is announced when it is heard.
    Down,
}

/// A connection attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// Whose packet asked for it.
    pub(super) source: IpAddr,
    pub(super) kind: Kind,
    pub(super) expires: Time,
}

/// What an attempt is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The peer is new, or went down.
    First,
    /// The attempts before failed.
    Retry { failures: u32 },
    /// The peer is connected as far as we know.
    Refresh,
}

impl Attempt {
    pub(super) fn new(now: Time, source: IpAddr, kind: Kind) -> Self {
        Self { source, kind, expires: now + REPORT_TIMEOUT }
    }
}

impl State {
    /// The attempt that a heartbeat of the peer asks for now, if it asks for one.
    pub(super) fn asks_for(&self, now: Time) -> Option<Kind> {
        match self {
            Self::Announced(attempt) => (attempt.expires <= now).then_some(attempt.kind),
            Self::Connected { refresh_at } => (*refresh_at <= now).then_some(Kind::Refresh),
            Self::BackingOff { until, failures } => {
                (*until <= now).then_some(Kind::Retry { failures: *failures })
            }
            Self::Down => Some(Kind::First),
        }
    }

    /// The state after a report.
    pub(super) fn reported(&self, now: Time, report: Report, rng: &mut impl Rng) -> Self {
        match report {
            Report::Connected => Self::Connected { refresh_at: now + REFRESH_INTERVAL },
            Report::Unreachable => {
                let failures = self.failures();
                let until = now + back_off(failures, rng);
                Self::BackingOff { until, failures: failures.saturating_add(1) }
            }
            Report::Down => Self::Down,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Announced(attempt) => attempt.kind == Kind::Refresh,
            Self::Connected { .. } => true,
            Self::BackingOff { .. } | Self::Down => false,
        }
    }

    /// Whether it is neither connected nor being connected to.
    pub(super) fn is_idle(&self, now: Time) -> bool {
        match self {
            Self::Announced(attempt) => attempt.expires <= now && !self.is_connected(),
            Self::Connected { .. } => false,
            Self::BackingOff { .. } | Self::Down => true,
        }
    }

    /// Attempts that failed since the last one that did not.
    pub(super) fn failures(&self) -> u32 {
        match self {
            Self::Announced(Attempt { kind: Kind::Retry { failures }, .. })
            | Self::BackingOff { failures, .. } => *failures,
            Self::Announced(_) | Self::Connected { .. } | Self::Down => 0,
        }
    }
}

/// Doubles with each failure, and is up to a quarter shorter at random, so that the two ends of a
/// connection do not try in step.
fn back_off(failures: u32, rng: &mut impl Rng) -> Duration {
    let (first, longest) = BACK_OFF;
    let pause = first.saturating_mul(2u32.saturating_pow(failures)).min(longest);
    pause - random_below(rng, pause / 4)
}
