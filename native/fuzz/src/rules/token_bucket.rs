//! What strangers may cost, told a second time.

use native_gossip_core::{Time, budget::NEW_NAME_INTERVAL};

/// So many at once, and one more every [`NEW_NAME_INTERVAL`].
pub(super) struct TokenBucket {
    spare: u32,
    full_at: Time,
}

impl TokenBucket {
    pub(super) fn new(at_once: usize) -> Self {
        Self { spare: at_once as u32 - 1, full_at: Time::ZERO }
    }

    pub(super) fn is_left(&self, now: Time) -> bool {
        self.full_at <= now + NEW_NAME_INTERVAL * self.spare
    }

    pub(super) fn take(&mut self, now: Time) {
        self.full_at = self.full_at.max(now) + NEW_NAME_INTERVAL;
    }

    pub(super) fn give_back(&mut self) {
        let since_zero = self.full_at.since_zero().saturating_sub(NEW_NAME_INTERVAL);
        self.full_at = Time::after(since_zero);
    }
}
