//! How many heartbeats a node may send: those of its schedule, and a burst for each reason.

use std::time::Duration;

use native_gossip_core::{Config, Time};

use crate::{
    Hour,
    ear::Rejoin,
    simulation::{host::SLOTS, port::Call},
};

/// A burst.
const HEARTBEATS: u64 = 4;

/// Answers are at least this far apart. So many may be saved up, and beyond them there is one a second at most.
const ANSWERS: Duration = Duration::from_millis(10);
const SAVED: u64 = 21;

/// How long a peer is missed, with the last gap of that time, and the mean of the gaps meanwhile.
const MISSING: Duration = Duration::from_secs(60 + 2);
const MISSING_MEAN: Duration = Duration::from_secs(1);

/// Others are told after an outage as long as this.
const OUTAGE: Duration = Duration::from_secs(5);

/// The scans of an outage follow each other after this time, at the least.
const SCANS: Duration = Duration::from_millis(250);

/// The part of an outage that a burst is sent for: at 1, 2, 4, 8 … scans.
fn retries(outage: Duration) -> u64 {
    let scans = outage.as_millis() / SCANS.as_millis();
    u64::from(scans.max(1).ilog2()) + 2
}

#[derive(Clone)]
pub(crate) struct Sending {
    /// Since when it has been alive.
    since: Time,
    /// Bursts that there was a reason for.
    reasons: u64,
    outages: [Option<Time>; SLOTS],
    overrun_at: Option<Time>,
    /// When seeds were found to be reached again.
    reached_at: Option<Time>,
    /// Answers to those that should hear us soon.
    answers: u64,
    answered_at: Option<Time>,
    /// How long somebody was missing, and until when.
    missing: Duration,
    missing_until: Time,
}

impl Sending {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            since: now,
            reasons: 1,
            outages: [None; SLOTS],
            overrun_at: None,
            reached_at: None,
            answers: 0,
            answered_at: None,
            missing: Duration::ZERO,
            missing_until: Time::ZERO,
        }
    }

    pub(crate) fn answered(&mut self, now: Time) {
        if self.answered_at.is_none_or(|at| now >= at + ANSWERS) {
            self.answered_at = Some(now);
            self.answers += 1;
        }
    }

    pub(crate) fn booted(&mut self) {
        self.reasons += 1;
    }

    /// The seeds have other addresses.
    pub(crate) fn told_seeds(&mut self) {
        self.reasons += 1;
    }

    /// A seed is reached that was not since then. What comes within a second is one reason.
    fn reached(&mut self, now: Time, since: Time) {
        let is_first = self.reached_at.is_none_or(|at| now >= at + Duration::from_secs(1));
        if now - since >= OUTAGE && is_first {
            self.reached_at = Some(now);
            self.reasons += 1;
        }
    }

    /// A connection went down.
    pub(crate) fn missed(&mut self, now: Time) {
        let until = now + MISSING;
        self.missing += until - self.missing_until.max(now);
        self.missing_until = until;
    }

    /// Several a second, for as long as not all is looked at.
    pub(crate) fn overrun(&mut self, now: Time) {
        if self.overrun_at.is_none_or(|at| now >= at + Duration::from_secs(1)) {
            self.overrun_at = Some(now);
            self.reasons += 2;
        }
    }

    fn attempted(&mut self, now: Time, to: usize, works: bool) {
        let outage = &mut self.outages[to];
        match (*outage, works) {
            (None, false) => *outage = Some(now),
            (Some(since), true) => {
                self.reasons += retries(now - since) + u64::from(now - since >= OUTAGE);
                *outage = None;
            }
            _ => {}
        }
    }

    /// Heartbeats that there was a reason for until now, and six times the standard deviation.
    fn most(&self, now: Time) -> u64 {
        let lasting = self.outages.iter().flatten().map(|since| retries(now - *since));
        let bursts = self.reasons + lasting.sum::<u64>();
        let mean = Config::default().heartbeat_interval / 2;
        let scheduled = (now - self.since).as_secs_f64() / mean.as_secs_f64()
            + self.missing.as_secs_f64() / MISSING_MEAN.as_secs_f64();
        let scheduled = scheduled + 6.0 * 0.58 * scheduled.sqrt() + 3.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let scheduled = scheduled as u64;
        scheduled + bursts * HEARTBEATS + self.answers.min(SAVED + (now - self.since).as_secs())
    }
}

impl Hour {
    pub(crate) fn note_sending(&mut self, node: usize, call: &Call, rejoin: Option<Rejoin>) {
        let now = self.net.now;
        let reached = self.seeds[node].note(now, node, call);
        let sending = &mut self.sending[node];
        match call {
            Call::Open { works: true } => sending.reasons += 1,
            // A burst would make nobody speak who is silent.
            Call::Join { .. } if rejoin == Some(Rejoin::Silence) => {}
            Call::Join { works: true, .. } => sending.reasons += 1,
            Call::SendBy { slot, works } => {
                sending.attempted(now, *slot, *works);
                // The first two that are missed are asked for again.
                let missed = self.healing.ear(node, *slot).missed;
                sending.reasons += u64::from(*works && (2..=3).contains(&missed));
            }
            Call::SendTo { .. } => reached.iter().for_each(|since| sending.reached(now, *since)),
            _ => {}
        }
    }

    pub(crate) fn check_sending(&mut self, node: usize) {
        let (sending, sent) = (&self.sending[node], self.net.nodes[node].counters().sent);
        let most = sending.most(self.net.now);
        assert!(
            sent <= most,
            "over-sent: n{node} has sent {sent} heartbeats since {:?}, and there was reason for \
             {most}",
            sending.since
        );
    }
}
