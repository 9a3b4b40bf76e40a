//! One seed: whether it can be sent to, and when to try again.

use std::{net::SocketAddr, time::Duration};

use crate::{Network, Time, context::Context, event::SystemError, outage::Outage};

/// The first pause of a seed of which the network says that it is not there, and the longest. The
/// first is longer than the 3 s in which a system asks a silent neighbour for its hardware address. The
/// longest is what a host that has started again may wait for. 128 nodes that each know 128 dead
/// ones send 1,000 packets a second then, and not 6,500.
const PAUSE: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(16));

/// How long another error has to last until it is told in place of one that was told, at first and at
/// the most: each change doubles it until the seed is reached. Errors that take turns, as those of
/// two routers do, are one fault.
const CHANGED_AFTER: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));

pub(super) struct Seed {
    pub(super) address: SocketAddr,
    /// A heartbeat waits for its turn.
    pub(super) is_waiting: bool,
    /// Somebody was heard from there since it failed last.
    is_heard: bool,
    outage: Outage,
    failure: Option<Failure>,
    /// The errors of the faults by which it was told of, and that are not over.
    told: Vec<SystemError>,
}

/// What is known of a seed, the best first.
#[derive(Clone, Copy)]
pub(super) enum SeedStatus {
    /// Somebody was heard from there.
    Heard,
    /// It may well get what is sent to it.
    Unknown,
    /// The last heartbeat did not reach it.
    Failing,
}

impl SeedStatus {
    /// How many there are.
    pub(super) const ALL: usize = 3;
}

/// Why a seed is not reached.
struct Failure {
    /// As it is told.
    error: SystemError,
    since: Time,
    /// The last error, where it is another one, and since when.
    other: Option<(SystemError, Time)>,
    changed_after: Duration,
    /// Until the next heartbeat for it. None, where this host could not send: that costs nobody
    /// anything.
    pause: Duration,
    retry_at: Time,
    /// Since when it is sent to, and the network has not said that anything was lost.
    sent_at: Option<Time>,
}

impl Seed {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            is_waiting: false,
            is_heard: false,
            outage: Outage::default(),
            failure: None,
            told: Vec::new(),
        }
    }

    /// Whether the next heartbeat is for this seed too.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.failure.as_ref().is_none_or(|failure| now >= failure.retry_at)
    }

    /// What is known of it.
    pub(super) fn status(&self) -> SeedStatus {
        match (&self.failure, self.is_heard) {
            (Some(_), _) => SeedStatus::Failing,
            (None, true) => SeedStatus::Heard,
            (None, false) => SeedStatus::Unknown,
        }
    }

    /// Why it is not reached.
    pub(super) fn failure(&self) -> Option<&SystemError> {
        self.failure.as_ref().map(|failure| &failure.error)
    }

    /// Why it has not been reached for so long. What can be sent to again may well be reached.
    pub(super) fn lasting_failure(&self, now: Time, long: Duration) -> Option<&SystemError> {
        let failure = self.failure.as_ref().filter(|failure| now - failure.since >= long)?;
        let is_sent_to = failure.pause.is_zero() && failure.sent_at.is_some();
        (!is_sent_to).then_some(&failure.error)
    }

    /// Whether it is not reached for this cause.
    pub(super) fn fails_as(&self, error: &SystemError) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.error == *error)
    }

    /// It is one of those of which a fault with this error tells.
    pub(super) fn note_told(&mut self, error: &SystemError) {
        if !self.is_told(error) {
            self.told.push(error.clone());
        }
    }

    pub(super) fn is_told(&self, error: &SystemError) -> bool {
        self.told.contains(error)
    }

    /// The fault with this error is over.
    pub(super) fn forget(&mut self, error: &SystemError) {
        self.told.retain(|told| told != error);
    }

    /// Sends a heartbeat.
    pub(super) fn send<N: Network>(&mut self, context: &mut Context<'_, N>, packet: &[u8]) {
        let now = context.now;
        match context.network.send_to_seed(packet, self.address) {
            Ok(()) => {
                context.sent(&mut self.outage);
                self.sent(now);
            }
            Err(error) => {
                context.send_failed(&mut self.outage);
                self.fail(now, error, Duration::ZERO);
            }
        }
    }

    fn sent(&mut self, now: Time) {
        self.end_if_reached(now);
        if let Some(failure) = &mut self.failure {
            failure.sent_at.get_or_insert(now);
            failure.retry_at = now + failure.pause;
        }
    }

    /// It is reached, where it was sent to for so long and the network has not said that anything was
    /// lost.
    pub(super) fn end_if_reached(&mut self, now: Time) {
        let is_reached = |sent_at: Time| now - sent_at >= PAUSE.0;
        self.failure.take_if(|failure| failure.sent_at.is_some_and(is_reached));
    }

    /// The network has said that a heartbeat did not arrive. Several may be lost together, and count
    /// once.
    pub(super) fn lost(&mut self, now: Time, error: SystemError) {
        let pause = self.failure.as_ref().map_or(Duration::ZERO, |failure| failure.pause);
        let is_known = self.failure.as_ref().is_some_and(|failure| failure.sent_at.is_none());
        if pause.is_zero() || !is_known {
            self.fail(now, error, (pause * 2).clamp(PAUSE.0, PAUSE.1));
        }
    }

    /// Somebody was heard from there: the next heartbeat is for this seed too.
    pub(super) fn heard(&mut self, now: Time) {
        self.is_heard = true;
        if let Some(failure) = &mut self.failure {
            (failure.pause, failure.retry_at) = (failure.pause.min(PAUSE.0), now);
        }
    }

    fn fail(&mut self, now: Time, error: SystemError, pause: Duration) {
        self.is_heard = false;
        let failure = self.failure.get_or_insert_with(|| Failure {
            error: error.clone(),
            since: now,
            other: None,
            changed_after: CHANGED_AFTER.0,
            pause,
            retry_at: now,
            sent_at: None,
        });
        (failure.pause, failure.retry_at, failure.sent_at) = (pause, now + pause, None);
        failure.note(now, error, &self.told);
    }
}

impl Failure {
    /// It has failed with this error.
    fn note(&mut self, now: Time, error: SystemError, told: &[SystemError]) {
        if error == self.error {
            self.other = None;
        } else if !told.contains(&self.error) {
            self.error = error;
        } else if let Some((_, since)) = self.other.take_if(|(other, _)| *other == error) {
            if now - since < self.changed_after {
                self.other = Some((error, since));
            } else {
                self.error = error;
                self.changed_after = (self.changed_after * 2).min(CHANGED_AFTER.1);
            }
        } else {
            self.other = Some((error, now));
        }
    }
}
