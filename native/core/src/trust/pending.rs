//! What is worth telling, until somebody takes it.

use crate::Event;

/// A heartbeat tells two things at most, one of a clock and one of a name, and whoever judges heartbeats
/// takes them after each.
const MOST: usize = 2;

/// The last events that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct PendingEvents(Vec<Event>);

impl PendingEvents {
    /// In the place of the oldest one, where there are many.
    pub(super) fn push(&mut self, event: Event) {
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(event);
    }

    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.0)
    }
}
