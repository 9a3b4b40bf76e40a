//! What bounds the lines of the log. Every bound on what is said stands here, with its reason.

use std::{collections::BTreeMap, time::Duration};

use crate::{Refusal, Time, event::Event};

/// Of each component one fault is logged in this time, whatever comes and goes.
pub(super) const FAULT_INTERVAL: Duration = MINUTE;

/// What comes and goes is logged at once this many times: a cable that is plugged in elsewhere, a node
/// that is started again. After that it is a loose cable, and is not to fill the log.
const AT_ONCE: u32 = 3;

/// The pause after the next time, and the longest: 1, 4, 16, 64 minutes and four hours, so that a day has
/// 12 lines about what never rests. The longest is as long as [`CALM`]: what is over for so long is new
/// again.
const REPEAT_PAUSE: (Duration, Duration) = (MINUTE, CALM);

/// What was not there for this time is news again: 6 times a day at the most.
pub(super) const CALM: Duration = Duration::from_secs(4 * 3600);

/// Components that are no more, and interfaces that are not joined, of which is remembered what was
/// logged: more than a socket joins on, by twice. Whoever makes an interface each second is to cost no
/// memory.
pub(super) const REMEMBERED: usize = 64;

/// Peers that cannot be reached, of which the log tells in a minute: whoever forges names must not
/// fill it.
const UNREACHABLE_A_MINUTE: u32 = 10;

/// Clocks and names of which the log tells in a minute: where our own clock is wrong, all others are off.
const FINDINGS_A_MINUTE: u32 = 10;

/// Pause between two log lines about refused packets of one cause, and the longest: two clusters
/// that share a group refuse each other's packets for ever, and that is news only at first.
const REFUSAL_PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(86_400));

const MINUTE: Duration = Duration::from_secs(60);

/// A minute that begins with the first line, and the lines in it.
#[derive(Clone, Copy, Debug)]
struct Minute {
    since: Time,
    count: u32,
}

impl Minute {
    fn new(now: Time) -> Self {
        Self { since: now, count: 0 }
    }

    fn is_over(&self, now: Time) -> bool {
        now >= self.since + MINUTE
    }

    fn take(&mut self, most: u32) -> bool {
        let is_left = self.count < most;
        self.count += u32::from(is_left);
        is_left
    }
}

/// How often one thing came and was logged, in a time without [`CALM`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Repeats {
    logged: u32,
    /// When it was there last, or came.
    seen_at: Time,
    next: Time,
}

impl Repeats {
    /// It is there.
    pub(super) fn see(&mut self, now: Time) {
        if self.is_forgotten(now) {
            *self = Self::default();
        }
        self.seen_at = now;
    }

    /// It was logged.
    pub(super) fn log(&mut self) {
        self.logged = self.logged.saturating_add(1);
    }

    /// How long to wait before more is said of it: nothing at first, then a pause that is
    /// four times as long with each line.
    pub(super) fn pause(&self) -> Duration {
        let (first, longest) = REPEAT_PAUSE;
        let growths = self.logged.checked_sub(AT_ONCE);
        let pause = |n| first.saturating_mul(4u32.saturating_pow(n)).min(longest);
        growths.map_or(Duration::ZERO, pause)
    }

    /// What is there for as long as this is logged whatever the pause: nobody is to wait for four hours
    /// for the line about a fault that stays.
    pub(super) fn long(&self) -> Duration {
        self.pause() / 8
    }

    pub(super) fn is_unlogged(&self) -> bool {
        self.logged == 0
    }

    pub(super) fn is_forgotten(&self, now: Time) -> bool {
        now >= self.seen_at + CALM
    }

    pub(super) fn seen_at(&self) -> Time {
        self.seen_at
    }

    /// It came, and that is all that can be said of it. Returns whether to log it now.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        self.take_lasting(now, now)
    }

    /// It is there, since a moment that may be long ago. Returns whether to log it now.
    pub(crate) fn take_lasting(&mut self, now: Time, since: Time) -> bool {
        self.see(now);
        let is_due = now >= self.next || now > since + self.long();
        if is_due {
            self.log();
            self.next = now + self.pause();
        }
        is_due
    }
}

/// Lines about interfaces that change, each by its name.
///
/// That one is left is logged at once. That it is joined again, after the first times, only when it has
/// stayed so for a pause: of a loose cable the last line says that the interface was left, and no other
/// follows until the cable holds.
#[derive(Debug, Default)]
pub(super) struct ChangeThrottle(BTreeMap<String, Changes>);

#[derive(Debug, Default)]
struct Changes {
    /// Whether the last line says that it was left.
    is_left: bool,
    /// A join to be logged at this time.
    joined: Option<(Time, Event)>,
    joins: Repeats,
    silences: Repeats,
}

impl ChangeThrottle {
    /// An interface has changed. Returns the event, if it may be logged now.
    pub(super) fn note(&mut self, now: Time, interface: &str, event: Event) -> Option<Event> {
        let changes = self.0.entry(interface.to_owned()).or_default();
        if matches!(event, Event::PeersSilent(..)) {
            return changes.silences.take(now).then_some(event);
        }
        changes.joins.see(now);
        changes.joined = None;
        let is_join = matches!(event, Event::GroupJoined(..));
        let event = match changes.joins.pause() {
            _ if !is_join => (!changes.is_left).then_some(event),
            Duration::ZERO => Some(event),
            pause => {
                changes.joined = Some((now + pause, event));
                None
            }
        };
        if event.is_some() {
            changes.is_left = !is_join;
            if is_join {
                changes.joins.log();
            }
        }
        self.forget(now);
        event
    }

    /// The joins that have lasted for long enough.
    pub(super) fn lasting(&mut self, now: Time) -> Vec<Event> {
        let mut events = Vec::new();
        for changes in self.0.values_mut() {
            if let Some((_, event)) = changes.joined.take_if(|(at, _)| now >= *at) {
                changes.joins.log();
                changes.is_left = false;
                events.push(event);
            }
        }
        events
    }

    fn forget(&mut self, now: Time) {
        let is_known = |c: &Changes| {
            c.joined.is_some() || !c.joins.is_forgotten(now) || !c.silences.is_forgotten(now)
        };
        self.0.retain(|_, changes| is_known(changes));
        while self.0.len() > REMEMBERED {
            let oldest = self.0.iter().min_by_key(|(_, c)| c.joins.seen_at);
            let Some((name, _)) = oldest else { return };
            let name = name.clone();
            self.0.remove(&name);
        }
    }
}

/// Lines of one kind, whatever they are about.
#[derive(Debug)]
pub(super) struct MinuteThrottle {
    minute: Minute,
    most: u32,
}

impl MinuteThrottle {
    /// About peers that cannot be reached.
    pub(super) fn unreachable() -> Self {
        Self { minute: Minute::new(Time::ZERO), most: UNREACHABLE_A_MINUTE }
    }

    /// About what heartbeats tell of clocks and names.
    pub(super) fn findings() -> Self {
        Self { minute: Minute::new(Time::ZERO), most: FINDINGS_A_MINUTE }
    }

    /// Whether another line may be logged now. It counts as logged then.
    pub(super) fn take(&mut self, now: Time) -> bool {
        if self.minute.is_over(now) {
            self.minute = Minute::new(now);
        }
        self.minute.take(self.most)
    }
}

/// Lines about refused packets: for each cause one at once, and one more, with the number of
/// packets since, after a pause that doubles from a minute to a day.
#[derive(Debug, Default)]
pub(super) struct RefusalThrottle {
    causes: [Unlogged; Refusal::ALL.len()],
}

#[derive(Debug)]
struct Unlogged {
    packets: u64,
    next: Time,
    pause: Duration,
}

impl Default for Unlogged {
    fn default() -> Self {
        Self { packets: 0, next: Time::ZERO, pause: REFUSAL_PAUSE.0 }
    }
}

impl RefusalThrottle {
    /// Takes note of a refused packet. Returns how many there were since the last line, if it is
    /// time for another.
    pub(super) fn note(&mut self, now: Time, cause: Refusal) -> Option<u64> {
        let unlogged = self.causes.get_mut(cause as usize)?;
        unlogged.packets += 1;
        if now < unlogged.next {
            return None;
        }
        unlogged.next = now + unlogged.pause;
        unlogged.pause = (unlogged.pause * 2).min(REFUSAL_PAUSE.1);
        Some(std::mem::take(&mut unlogged.packets))
    }
}

#[cfg(test)]
mod tests;
