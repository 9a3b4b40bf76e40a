//! The socket's coming and going: open, or closed and tried again after a growing pause.

use std::time::Duration;

use mio::net::UdpSocket;
use native_gossip_core::Time;

use crate::{config::NetConfig, socket, trouble::Trouble, wait::Waiter};

/// The first pause after a failure, and the longest: short enough that a cable plugged in is
/// noticed before someone reaches for the keyboard.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

pub(crate) enum Link {
    Up(UdpSocket),
    Down { retry_at: Time, pause: Duration },
}

impl Link {
    /// A link that is to be opened at once.
    pub(crate) fn new() -> Self {
        Self::Down { retry_at: Time::ZERO, pause: PAUSE.0 }
    }

    /// Whether it is time to try to open it.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        matches!(self, Self::Down { retry_at, .. } if *retry_at <= now)
    }

    /// Tries to open it.
    ///
    /// # Errors
    /// What the system refused; the next try comes after a longer pause.
    pub(crate) fn open(
        &mut self,
        now: Time,
        config: &NetConfig,
        waiter: &Waiter,
    ) -> Result<(), Trouble> {
        let opened = socket::open(config).and_then(|mut socket| match waiter.watch(&mut socket) {
            Ok(()) => Ok(socket),
            Err(error) => Err(Trouble::new("watch the socket", error)),
        });
        match opened {
            Ok(socket) => {
                *self = Self::Up(socket);
                Ok(())
            }
            Err(trouble) => {
                let pause = match self {
                    Self::Down { pause, .. } => *pause,
                    Self::Up(_) => PAUSE.0,
                };
                *self = Self::Down { retry_at: now + pause, pause: (pause * 2).min(PAUSE.1) };
                Err(trouble)
            }
        }
    }

    /// Gives the socket up, and lets it be opened anew after the shortest pause.
    pub(crate) fn close(&mut self, now: Time) {
        *self = Self::Down { retry_at: now + PAUSE.0, pause: PAUSE.0 * 2 };
    }
}
