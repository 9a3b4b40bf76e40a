//! More datagrams than are looked at.

use std::time::Duration;

use crate::{Time, budget::ReceiveLimit};

/// A flood is judged over a second: what comes at once and then no more fills the kernel's buffer, is
/// read within a few windows, and makes nobody send.
const SECOND: Duration = Duration::from_secs(1);

/// It is a flood where for half of that second something was left unread.
const UNREAD: Duration = Duration::from_millis(500);

/// The receive limit, and the pause where it is reached.
#[derive(Clone, Debug)]
pub struct Overload {
    limit: ReceiveLimit,
    receive_paused_until: Option<Time>,
    /// Since when nothing was received because of the limit. It is not known yet whether there was
    /// something.
    waiting_since: Option<Time>,
    second_began: Time,
    /// How long there was something to receive in this second, and it was left.
    unread: Duration,
}

/// What a datagram tells of those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// It waited for a pause to end, and maybe others were dropped.
    pub was_unread: bool,
    /// So it went for half of the last second.
    pub is_flood: bool,
}

impl Overload {
    /// At most `limit` datagrams a second.
    pub fn new(limit: u32) -> Self {
        Self {
            limit: ReceiveLimit::new(limit),
            receive_paused_until: None,
            waiting_since: None,
            second_began: Time::ZERO,
            unread: Duration::ZERO,
        }
    }

    /// How many datagrams a second are looked at.
    pub fn limit(&self) -> u32 {
        self.limit.per_second()
    }

    /// Whether nothing may be received for now, because the limit was reached.
    pub fn is_paused(&self, now: Time) -> bool {
        self.receive_paused_until.is_some_and(|until| now < until)
    }

    /// Begins to receive more datagrams, and says whether that may be. Where not, a pause begins, or
    /// goes on.
    pub fn begin_receive(&mut self, now: Time) -> bool {
        if self.is_paused(now) {
            return false;
        }
        self.receive_paused_until = self.limit.check(now).err();
        if self.receive_paused_until.is_some() {
            self.waiting_since.get_or_insert(now);
        }
        self.receive_paused_until.is_none()
    }

    /// How many datagrams may be received before [`begin_receive`](Self::begin_receive) is to be asked
    /// again.
    pub fn receive_budget(&self) -> usize {
        self.limit.left()
    }

    /// A datagram was received.
    pub fn received(&mut self, now: Time) -> Backlog {
        self.limit.spend();
        let Some(since) = self.waiting_since.take() else { return Backlog::default() };
        if now - self.second_began >= SECOND {
            (self.second_began, self.unread) = (now, Duration::ZERO);
        }
        self.unread += now - since;
        Backlog { was_unread: true, is_flood: self.unread >= UNREAD }
    }

    /// There is nothing to receive: what was reached was the limit, and nothing was left.
    pub fn note_empty_queue(&mut self) {
        self.waiting_since = None;
    }

    /// When the pause ends.
    pub fn deadline(&self) -> Option<Time> {
        self.receive_paused_until
    }

    /// There is another socket, with another buffer.
    pub fn reset(&mut self) {
        self.receive_paused_until = None;
        self.waiting_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Time {
        Time::after(Duration::from_millis(millis))
    }

    /// An overload whose only datagram of the first 10 ms was received.
    fn reached() -> Overload {
        let mut overload = Overload::new(100);
        assert!(overload.begin_receive(millis(0)));
        assert_eq!(overload.received(millis(0)), Backlog::default());
        overload
    }

    /// Receives what there is at this time, and says when it was judged to be a flood.
    fn flooded(limit: u32, is_there: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut overload = Overload::new(limit);
        let is_flood = |ms: &u64| {
            let now = millis(*ms);
            let mut is_flood = false;
            while overload.begin_receive(now) {
                if !is_there(*ms) {
                    overload.note_empty_queue();
                    break;
                }
                is_flood |= overload.received(now).is_flood;
            }
            is_flood
        };
        (0..3000).filter(is_flood).collect()
    }

    #[test]
    fn a_pause_begins_where_the_limit_is_reached_and_ends_with_the_window() {
        let mut overload = reached();
        assert!(!overload.is_paused(millis(1)));
        assert_eq!(overload.deadline(), None);
        assert!(!overload.begin_receive(millis(1)));
        assert_eq!(overload.deadline(), Some(millis(10)));
        assert!(overload.is_paused(millis(9)));
        assert!(!overload.begin_receive(millis(9)));
        assert!(!overload.is_paused(millis(10)));
        assert!(overload.begin_receive(millis(10)));
        assert_eq!(overload.deadline(), None);
    }

    #[test]
    fn what_a_window_has_left_may_be_received_at_once_and_its_fraction_is_of_the_next() {
        let mut overload = Overload::new(250);
        for (at, windows) in [(0, [2, 1]), (10, [3, 2]), (20, [2, 1])] {
            assert!(overload.begin_receive(millis(at)));
            for left in windows {
                assert_eq!(overload.receive_budget(), left, "{at}");
                overload.received(millis(at));
            }
            while overload.begin_receive(millis(at)) {
                overload.received(millis(at));
            }
            assert_eq!(overload.receive_budget(), 0, "{at}");
        }
    }

    #[test]
    fn another_socket_ends_the_pause() {
        let mut overload = reached();
        assert!(!overload.begin_receive(millis(1)));
        overload.reset();
        assert!(!overload.is_paused(millis(1)));
        assert_eq!(overload.deadline(), None);
    }

    #[test]
    fn a_limit_that_is_reached_is_no_backlog_where_nothing_more_came() {
        let mut overload = reached();
        assert!(!overload.begin_receive(millis(1)));
        assert!(overload.begin_receive(millis(10)));
        overload.note_empty_queue();
        assert_eq!(overload.received(millis(11)), Backlog::default());
        assert!(!overload.begin_receive(millis(12)));
        assert!(overload.begin_receive(millis(20)));
        let backlog = Backlog { was_unread: true, is_flood: false };
        assert_eq!(overload.received(millis(20)), backlog);
    }

    #[test]
    fn more_than_the_limit_for_half_a_second_is_a_flood_and_a_shorter_time_is_none() {
        for limit in [100, 1000, 20_000, 200_000] {
            assert_eq!(flooded(limit, |_| false), [0; 0]);
            assert_eq!(flooded(limit, |ms| ms < 450), [0; 0], "{limit}");
            // A spike every second.
            assert_eq!(flooded(limit, |ms| ms % 1000 < 400), [0; 0], "{limit}");
            let always = flooded(limit, |_| true);
            assert_eq!(always.first(), Some(&500), "{limit}");
            assert!(always.iter().any(|ms| *ms > 2900), "{limit}");
            assert!(!flooded(limit, |ms| ms % 100 < 80).is_empty(), "{limit}");
        }
    }
}
