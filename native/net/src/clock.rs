//! The clocks of the system.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use native_gossip_core::{Now, Time, WallTime};

/// Counts the monotonic time from its making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    zero: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { zero: Instant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        // A wall clock before 1970 is wrong anyway.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        Now { time: Time::after(self.zero.elapsed()), wall: WallTime::from_millis(millis) }
    }

    /// How long it is until then; nothing where it is past.
    pub(crate) fn until(&self, time: Time) -> Duration {
        time - Time::after(self.zero.elapsed())
    }
}
