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
