//! More datagrams than are looked at.

use crate::{Time, budget::ReceiveLimit};

/// The receive limit, and the pause where it is reached.
#[derive(Debug)]
pub(super) struct Overload {
    limit: ReceiveLimit,
    receive_paused_until: Option<Time>,
}

impl Overload {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: ReceiveLimit::new(limit), receive_paused_until: None }
    }

    /// Whether nothing may be received for now, because the limit was reached.
    pub(super) fn is_paused(&mut self, now: Time) -> bool {
        self.receive_paused_until = self.receive_paused_until.filter(|until| now < *until);
        self.receive_paused_until.is_some()
    }

    /// Whether another datagram may be received. Where it may not, a pause begins.
    pub(super) fn may_receive(&mut self, now: Time) -> bool {
        self.receive_paused_until = self.limit.check(now).err();
        self.receive_paused_until.is_none()
    }

    /// A datagram was received.
    pub(super) fn received(&mut self) {
        self.limit.spend();
    }

    /// When the pause ends.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.receive_paused_until
    }

    /// There is another socket, with another buffer.
    pub(super) fn reset(&mut self) {
        self.receive_paused_until = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn millis(millis: u64) -> Time {
        Time::after(Duration::from_millis(millis))
    }

    /// An overload whose only datagram of the first 10 ms was received.
    fn reached() -> Overload {
        let mut overload = Overload::new(100);
        assert!(overload.may_receive(millis(0)));
        overload.received();
        overload
    }

    #[test]
    fn a_pause_begins_where_the_limit_is_reached_and_ends_with_the_window() {
        let mut overload = reached();
        assert!(!overload.is_paused(millis(1)));
        assert_eq!(overload.deadline(), None);
        assert!(!overload.may_receive(millis(1)));
        assert_eq!(overload.deadline(), Some(millis(10)));
        assert!(overload.is_paused(millis(9)));
        assert!(!overload.is_paused(millis(10)));
        assert_eq!(overload.deadline(), None);
        assert!(overload.may_receive(millis(10)));
    }

    #[test]
    fn another_socket_ends_the_pause() {
        let mut overload = reached();
        assert!(!overload.may_receive(millis(1)));
        overload.reset();
        assert!(!overload.is_paused(millis(1)));
        assert_eq!(overload.deadline(), None);
    }
}
