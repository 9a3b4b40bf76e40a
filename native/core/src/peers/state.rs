//! What a peer is to us. Every transition is in this file.

use std::{net::IpAddr, time::Duration};

use rand_core::Rng;

use super::Report;
use crate::{Time, time::random_below};

/// A peer that brought no report is announced again: the message may have died with its receiver.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that ends sooner counts as an attempt that failed. Where two nodes hear each other
/// and something ends each of their connections, an attempt at each heartbeat would never end.
const LASTING: Duration = Duration::from_secs(30);

/// A connection that lasted this long ends the back-off: longer than the pauses of others, which end ours
/// where connections of third nodes are ended too. One that ended sooner leaves the pause as it was.
const FORGIVEN: Duration = Duration::from_secs(60);

/// How long a peer is left alone after a first attempt that failed, and at most after many.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// ```text
///             heartbeat             its turn                Connected
///       Down ──────────> Waiting ──────────────> Announced ──────────> Connected
///        ^                ^  ^                      │                   │  │  │
///        │     at `until` │  │ from `refresh_at` on │ Unreachable       │  │  │
///        │    if heard or │  └─────── heartbeat ────│───────────────────┘  │  │
///        │   on heartbeat │                         │                      │  │
///        │                │                         v                      │  │
///        │                └────────────────────── BackingOff <─────────────┘  │
///        │                                                   Down, too soon   │
///        └────────────────────────────────────────────────────────────────────┘
///                                        Down
/// ```
///
/// A report may come in any state, since it may be late, and since the other side may connect
/// first: it leads where it would from `Announced`.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// It asked for a connection attempt, and waits for its turn.
    Waiting(Wanted),
    /// Somebody was asked to connect to it, and has not reported yet.
    Announced(Attempt),
    Connected(Connection),
    BackingOff {
        until: Time,
        /// Attempts that failed since the last connection that lasted; at least 1.
        failures: u32,
        /// Where it was heard from since the pause began: it need not be heard again to be tried.
        heard_from: Option<IpAddr>,
    },
    /// It asks for an attempt when it is heard.
    Down,
}

/// A connection attempt that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) since: Time,
    /// Whose packet asked for it, or named it since, where that one waits shorter.
    pub(super) source: IpAddr,
    pub(super) kind: Kind,
    /// The other side dials first, and is given a moment.
    pub(super) is_delayed: bool,
}

/// A connection attempt that was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) source: IpAddr,
    pub(super) kind: Kind,
    pub(super) began: Time,
}

/// What an attempt is made for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// The peer is new, or went down.
    First,
    /// The attempts before failed.
    Retry { failures: u32 },
    /// The peer is connected as far as we know.
    Refresh(Connection),
}

/// A connection that is there as far as we know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    since: Time,
    /// Attempts that failed before it, which count until it has lasted.
    failures: u32,
    /// From when on a heartbeat asks for another attempt, if ever.
    refresh_at: Option<Time>,
}

impl State {
    /// The attempt that a heartbeat of the peer asks for now, if it asks for one.
    pub(super) fn asks_for(&self, now: Time) -> Option<Kind> {
        match self {
            Self::Waiting(_) => None,
            Self::Announced(attempt) => attempt.has_expired(now).then_some(attempt.kind),
            Self::Connected(connection) => {
                let is_due = connection.refresh_at.is_some_and(|at| at <= now);
                is_due.then_some(Kind::Refresh(*connection))
            }
            Self::BackingOff { until, failures, .. } => {
                (*until <= now).then_some(Kind::Retry { failures: *failures })
            }
            Self::Down => Some(Kind::First),
        }
    }

    /// The state of a peer that is heard during its pause, by a source that `is_sooner` than the one
    /// that it was heard from before.
    pub(super) fn heard_in_pause(
        &self,
        source: IpAddr,
        is_sooner: impl FnOnce(IpAddr) -> bool,
    ) -> Option<Self> {
        match *self {
            Self::BackingOff { until, failures, heard_from }
                if heard_from.is_none_or(is_sooner) =>
            {
                Some(Self::BackingOff { until, failures, heard_from: Some(source) })
            }
            _ => None,
        }
    }

    /// The state after a pause in which the peer was heard.
    pub(super) fn pause_ended(&self, now: Time) -> Self {
        match *self {
            Self::BackingOff { failures, heard_from: Some(source), .. } => {
                let kind = Kind::Retry { failures };
                Self::Waiting(Wanted { since: now, source, kind, is_delayed: false })
            }
            other => other,
        }
    }

    /// The state of a peer that waits and has its turn.
    pub(super) fn announced(&self, now: Time) -> Self {
        match *self {
            Self::Waiting(Wanted { source, kind, .. }) => {
                Self::Announced(Attempt { source, kind, began: now })
            }
            other => other,
        }
    }

    /// The state after a report. Where there is a `refresh_interval`, a connected peer is announced
    /// again after it.
    pub(super) fn reported(
        &self,
        now: Time,
        report: Report,
        refresh_interval: Option<Duration>,
        rng: &mut impl Rng,
    ) -> Self {
        let connection = self.connection();
        match report {
            Report::Connected => Self::Connected(Connection {
                since: connection.map_or(now, |connection| connection.since),
                failures: self.failures(),
                refresh_at: refresh_interval.map(|interval| now + interval),
            }),
            Report::Unreachable => Self::backing_off(now, self.failures(), rng),
            Report::Down => match (connection, self) {
                (Some(connection), _) => Self::cut_off(now, connection, rng),
                // An attempt that ends so had made a connection.
                (None, Self::Announced(_)) => Self::backing_off(now, self.failures(), rng),
                (None, _) => *self,
            },
        }
    }

    /// The state after reports were lost: what is connected is asked about again.
    pub(super) fn unsure(&self, now: Time) -> Self {
        match *self {
            Self::Connected(connection) => {
                Self::Connected(Connection { refresh_at: Some(now), ..connection })
            }
            other => other,
        }
    }

    /// The state of a peer that is about to stop: it waits for no attempt, and for no pause to end.
    pub(super) fn left(&self, now: Time) -> Self {
        match *self {
            Self::Waiting(Wanted { kind, .. }) => match kind {
                Kind::First => Self::Down,
                Kind::Retry { failures } => {
                    Self::BackingOff { until: now, failures, heard_from: None }
                }
                Kind::Refresh(connection) => Self::Connected(connection),
            },
            Self::BackingOff { until, failures, heard_from: Some(_) } => {
                Self::BackingOff { until, failures, heard_from: None }
            }
            other => other,
        }
    }

    fn cut_off(now: Time, connection: Connection, rng: &mut impl Rng) -> Self {
        let (lasted, failures) = (now - connection.since, connection.failures);
        if lasted < LASTING {
            Self::backing_off(now, failures, rng)
        } else if failures > 0 && lasted < FORGIVEN {
            Self::backing_off(now, failures - 1, rng)
        } else {
            Self::Down
        }
    }

    fn backing_off(now: Time, failures: u32, rng: &mut impl Rng) -> Self {
        let until = now + back_off(failures, rng);
        Self::BackingOff { until, failures: failures.saturating_add(1), heard_from: None }
    }

    /// When the attempt began of which nothing was reported yet.
    pub(super) fn attempt_began(&self) -> Option<Time> {
        match self {
            Self::Announced(attempt) => Some(attempt.began),
            Self::Waiting(_) | Self::Connected(_) | Self::BackingOff { .. } | Self::Down => None,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection().is_some()
    }

    fn connection(&self) -> Option<Connection> {
        match self {
            Self::Connected(connection) => Some(*connection),
            _ => match self.kind() {
                Some(Kind::Refresh(connection)) => Some(connection),
                _ => None,
            },
        }
    }

    /// Whether it is neither connected nor being connected to, and does not wait for that.
    pub(super) fn is_idle(&self, now: Time) -> bool {
        match self {
            Self::Announced(attempt) => attempt.has_expired(now) && !self.is_connected(),
            Self::Waiting(_) | Self::Connected(_) => false,
            Self::BackingOff { .. } | Self::Down => true,
        }
    }

    /// Whether there is to be a connection to it, and no attempt has failed.
    pub(super) fn is_hopeful(&self) -> bool {
        self.kind().is_some_and(Kind::is_first)
    }

    /// Attempts that failed since the last connection that lasted.
    fn failures(&self) -> u32 {
        match self {
            Self::BackingOff { failures, .. } => *failures,
            Self::Connected(connection) => connection.failures,
            Self::Waiting(_) | Self::Announced(_) | Self::Down => match self.kind() {
                Some(Kind::Retry { failures }) => failures,
                Some(Kind::Refresh(connection)) => connection.failures,
                Some(Kind::First) | None => 0,
            },
        }
    }

    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Waiting(Wanted { kind, .. }) | Self::Announced(Attempt { kind, .. }) => {
                Some(*kind)
            }
            Self::Connected(_) | Self::BackingOff { .. } | Self::Down => None,
        }
    }
}

impl Attempt {
    /// When it counts no more, if nothing is reported.
    pub(super) fn expires(&self) -> Time {
        self.began + REPORT_TIMEOUT
    }

    fn has_expired(&self, now: Time) -> bool {
        self.expires() <= now
    }
}

impl Kind {
    pub(super) fn is_first(self) -> bool {
        matches!(self, Self::First)
    }

    pub(super) fn is_retry(self) -> bool {
        matches!(self, Self::Retry { .. })
    }

    pub(super) fn is_refresh(self) -> bool {
        matches!(self, Self::Refresh(_))
    }
}

/// Doubles with each failure, and is up to a quarter shorter at random, so that the two ends of a
/// connection do not try in step.
fn back_off(failures: u32, rng: &mut impl Rng) -> Duration {
    let (first, longest) = BACK_OFF;
    let pause = first.saturating_mul(2u32.saturating_pow(failures)).min(longest);
    pause - random_below(rng, pause / 4)
}
