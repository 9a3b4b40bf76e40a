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
        self.see(now);
        let is_due = now >= self.next;
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
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::InterfaceAddress;

    const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(233, 252, 1, 32));

    fn secs(s: u64) -> Time {
        Time::after(Duration::from_secs(s))
    }

    #[test]
    fn a_refusal_is_logged_at_once_and_then_after_doubling_pauses_with_its_count() {
        let mut throttle = RefusalThrottle::default();
        let days = 30;
        let lines: Vec<_> = (0..days * 86_400)
            .filter_map(|s| throttle.note(secs(s), Refusal::Malformed).map(|n| (s, n)))
            .collect();
        assert_eq!(lines.get(..4), Some(&[(0, 1), (60, 60), (180, 120), (420, 240)][..]));
        assert!(lines.len() < 12 + 30, "{} lines", lines.len());
    }

    #[test]
    fn causes_are_logged_apart() {
        let mut throttle = RefusalThrottle::default();
        for &cause in Refusal::ALL {
            assert_eq!(throttle.note(Time::ZERO, cause), Some(1), "{cause}");
            assert_eq!(throttle.note(Time::ZERO, cause), None, "{cause}");
        }
    }

    fn join(name: &str) -> Event {
        let address = Ipv4Addr::LOCALHOST.into();
        Event::GroupJoined(GROUP, InterfaceAddress { name: name.into(), index: 1, address })
    }

    fn leave(name: &str) -> Event {
        let address = Ipv4Addr::LOCALHOST.into();
        Event::GroupLeft(GROUP, InterfaceAddress { name: name.into(), index: 1, address })
    }

    /// The lines of a day about an interface that is joined and left in turns, after these times.
    fn lines(joined_for: u64, left_for: u64) -> Vec<(u64, bool)> {
        let mut throttle = ChangeThrottle::default();
        let mut lines = Vec::new();
        for s in 0..86_400 {
            let phase = s % (joined_for + left_for);
            let event = match phase {
                0 => throttle.note(secs(s), "eth0", join("eth0")),
                phase if phase == joined_for => throttle.note(secs(s), "eth0", leave("eth0")),
                _ => None,
            };
            let told = event.into_iter().chain(throttle.lasting(secs(s)));
            lines.extend(told.map(|event| (s, matches!(event, Event::GroupJoined(..)))));
        }
        lines
    }

    #[test]
    fn of_a_loose_cable_the_first_times_are_logged_and_then_that_the_interface_is_left() {
        let all = [(0, true), (3, false), (6, true), (9, false), (12, true), (15, false)];
        assert_eq!(lines(3, 3), all);
    }

    #[test]
    fn an_interface_that_comes_and_goes_slowly_is_logged_when_it_stays_longer_and_longer() {
        let lines = lines(600, 600);
        let joined: Vec<_> =
            lines.iter().filter(|(_, is_join)| *is_join).map(|(s, _)| *s).collect();
        let paused = [60, 240].into_iter().zip(3..).map(|(pause, n)| 1200 * n + pause);
        let expected: Vec<_> = [0, 1200, 2400].into_iter().chain(paused).collect();
        assert_eq!(joined, expected);
        assert_eq!(lines.len(), 2 * joined.len());
    }

    #[test]
    fn an_interface_that_is_left_is_logged_at_once_whatever_was_before() {
        let mut throttle = ChangeThrottle::default();
        for s in 0..1000 {
            throttle.note(secs(s), "eth0", join("eth0"));
            throttle.note(secs(s), "eth0", leave("eth0"));
        }
        throttle.note(secs(1000), "eth0", join("eth0"));
        assert_eq!(throttle.lasting(secs(1059)), []);
        assert_eq!(throttle.lasting(secs(1060)), [join("eth0")]);
        assert_eq!(throttle.note(secs(1061), "eth0", leave("eth0")), Some(leave("eth0")));
    }

    #[test]
    fn interfaces_are_logged_apart_and_those_that_change_no_more_take_little_memory() {
        let mut throttle = ChangeThrottle::default();
        for n in 0..1000 {
            let name = format!("eth{n}");
            assert!(throttle.note(secs(60 * n), &name, join(&name)).is_some());
        }
        assert_eq!(throttle.0.len(), REMEMBERED);
        throttle.note(secs(60_000) + CALM, "eth0", join("eth0"));
        assert_eq!(throttle.0.len(), 1);
    }

    #[test]
    fn what_comes_again_and_again_is_logged_after_growing_pauses_until_it_is_calm() {
        let mut repeats = Repeats::default();
        let mut logged = |seconds: std::ops::Range<u64>| -> Vec<_> {
            seconds.filter(|s| repeats.take(secs(*s))).collect()
        };
        assert_eq!(logged(0..1200), [0, 1, 2, 62, 302]);
        assert!(logged(1200..86_400).len() < 10);
        let calm = 86_399 + CALM.as_secs();
        assert_eq!(logged(calm..calm + 50), [0, 1, 2].map(|s| calm + s));
    }

    #[test]
    fn ten_peers_that_cannot_be_reached_and_ten_findings_are_logged_in_a_minute() {
        for mut throttle in [MinuteThrottle::unreachable(), MinuteThrottle::findings()] {
            let logged: Vec<_> = (0..121).filter(|s| throttle.take(secs(*s))).collect();
            assert_eq!(
                logged,
                [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 120]
            );
        }
    }
}
