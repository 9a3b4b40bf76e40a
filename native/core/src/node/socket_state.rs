//! The socket's coming and going: open, or closed and tried again after a growing pause.

use std::time::Duration;

use crate::Time;

/// The first pause after a failure, and the longest: short enough that a cable plugged in is
/// noticed before someone reaches for the keyboard.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

#[derive(Debug)]
pub(super) enum SocketState {
    Open,
    Closed { retry_at: Time, pause: Duration },
}

impl SocketState {
    /// A socket that is to be opened at once.
    pub(super) fn new() -> Self {
        Self::Closed { retry_at: Time::ZERO, pause: PAUSE.0 }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Whether it is time to try to open it.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.retry_at().is_some_and(|retry_at| retry_at <= now)
    }

    /// When to try to open it, where it is closed.
    pub(super) fn retry_at(&self) -> Option<Time> {
        match self {
            Self::Open => None,
            Self::Closed { retry_at, .. } => Some(*retry_at),
        }
    }

    /// It could not be opened, or failed: it is tried again, after twice the last pause.
    pub(super) fn failed(&mut self, now: Time) {
        let pause = match self {
            Self::Open => PAUSE.0,
            Self::Closed { pause, .. } => *pause,
        };
        *self = Self::Closed { retry_at: now + pause, pause: (pause * 2).min(PAUSE.1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_a_quarter_of_a_second_to_four_seconds_and_start_again_after_success() {
        let mut socket = SocketState::new();
        let mut now = Time::ZERO;
        for pause in [250, 500, 1000, 2000, 4000, 4000] {
            assert!(socket.is_due(now));
            socket.failed(now);
            let early = now + Duration::from_millis(pause) / 2;
            assert!(!socket.is_due(early), "{pause}");
            now += Duration::from_millis(pause);
            assert_eq!(socket.retry_at(), Some(now));
        }
        socket = SocketState::Open;
        assert!(socket.is_open() && !socket.is_due(now));
        socket.failed(now);
        assert_eq!(socket.retry_at(), Some(now + PAUSE.0));
    }
}
