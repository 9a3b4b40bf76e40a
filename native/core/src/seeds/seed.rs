//! One seed: whether it can be sent to, and when to try again.

use std::{net::SocketAddr, time::Duration};

use crate::{Network, Time, context::Context, event::SystemError, outage::Outage};

/// The first pause of a seed of which the network says that it is not there, and the longest. The
/// first is longer than the 3 s in which a system asks a silent neighbour for its hardware address. The
/// longest is what a host that has started again may wait for. 128 nodes that each know 128 dead
/// ones send 1,000 packets a second then, and not 6,500.
const PAUSE: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(16));

pub(super) struct Seed {
    pub(super) address: SocketAddr,
    /// A heartbeat waits for its turn.
    pub(super) is_waiting: bool,
    /// Somebody was heard from there since it failed last.
    is_heard: bool,
    outage: Outage,
    failure: Option<Failure>,
}

/// What is known of a seed, the best first.
#[derive(Clone, Copy)]
pub(super) enum Standing {
    /// Somebody was heard from there.
    Heard,
    /// It may well get what is sent to it.
    Unknown,
    /// The last heartbeat did not reach it.
    Failing,
}

impl Standing {
    /// How many there are.
    pub(super) const ALL: usize = 3;
}

/// Why a seed is not reached.
struct Failure {
    error: SystemError,
    since: Time,
    retry: Retry,
}

enum Retry {
    /// This host could not send, which costs nobody anything: with each heartbeat.
    Always,
    /// The network said that what was sent did not arrive.
    After { pause: Duration, at: Time, sent_at: Option<Time> },
}

impl Seed {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            is_waiting: false,
            is_heard: false,
            outage: Outage::default(),
            failure: None,
        }
    }

    /// Whether the next heartbeat is for this seed too.
    pub(super) fn is_due(&self, now: Time) -> bool {
        match &self.failure {
            Some(Failure { retry: Retry::After { at, .. }, .. }) => now >= *at,
            _ => true,
        }
    }

    /// What is known of it.
    pub(super) fn standing(&self) -> Standing {
        match (&self.failure, self.is_heard) {
            (Some(_), _) => Standing::Failing,
            (None, true) => Standing::Heard,
            (None, false) => Standing::Unknown,
        }
    }

    /// Why it is not reached, and since when.
    pub(super) fn failure(&self) -> Option<(&SystemError, Time)> {
        self.failure.as_ref().map(|failure| (&failure.error, failure.since))
    }

    /// Sends a heartbeat.
    pub(super) fn send<N: Network>(&mut self, context: &mut Context<'_, N>, packet: &[u8]) {
        let now = context.now;
        match context.network.send_to_seed(packet, self.address) {
            Ok(()) => {
                if self.outage.sent(now) {
                    context.request_burst();
                }
                self.sent(now);
            }
            Err(error) => {
                self.outage.failed(now);
                self.fail(now, error, Retry::Always);
            }
        }
    }

    fn sent(&mut self, now: Time) {
        self.failure = self.failure.take().and_then(|mut failure| match &mut failure.retry {
            Retry::Always => None,
            // In all this time the network has not said that it was lost.
            Retry::After { sent_at: Some(sent_at), .. } if now - *sent_at >= PAUSE.0 => None,
            Retry::After { pause, at, sent_at } => {
                *at = now + *pause;
                sent_at.get_or_insert(now);
                Some(failure)
            }
        });
    }

    /// The network has said that a heartbeat did not arrive. Several may be lost together, and count
    /// once.
    pub(super) fn lost(&mut self, now: Time, error: SystemError) {
        let pause = match self.failure.as_ref().map(|failure| &failure.retry) {
            Some(Retry::After { sent_at: None, .. }) => return,
            Some(Retry::After { pause, .. }) => (*pause * 2).min(PAUSE.1),
            Some(Retry::Always) | None => PAUSE.0,
        };
        self.fail(now, error, Retry::After { pause, at: now + pause, sent_at: None });
    }

    /// Somebody was heard from there: the next heartbeat is for this seed too.
    pub(super) fn heard(&mut self, now: Time) {
        self.is_heard = true;
        if let Some(Failure { retry: Retry::After { pause, at, .. }, .. }) = &mut self.failure {
            (*pause, *at) = (PAUSE.0, now);
        }
    }

    fn fail(&mut self, now: Time, error: SystemError, retry: Retry) {
        let since = self.failure.as_ref().map_or(now, |failure| failure.since);
        self.failure = Some(Failure { error, since, retry });
        self.is_heard = false;
    }
}
