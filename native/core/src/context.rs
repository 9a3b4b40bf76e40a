//! What the parts of a node act with: the moment, the network, and whom they tell.

use std::time::Duration;

use crate::{Network, Time, alerts::Alerts};

/// Given to whatever may act on the network.
pub(crate) struct Context<'a, N> {
    pub(crate) now: Time,
    pub(crate) network: &'a mut N,
    pub(crate) alerts: &'a mut Alerts,
    bursts: &'a mut Bursts,
}

impl<N: Network> Context<'_, N> {
    /// There is reason to tell everybody that we are here.
    pub(crate) fn request_burst(&mut self) {
        self.bursts.request();
    }
}

/// What acting leaves behind, beside what the network is told.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) alerts: Alerts,
    pub(crate) bursts: Bursts,
}

impl Effects {
    pub(crate) fn context<'a, N>(&'a mut self, now: Time, network: &'a mut N) -> Context<'a, N> {
        Context { now, network, alerts: &mut self.alerts, bursts: &mut self.bursts }
    }
}

/// Bursts are at least a second apart. Under a flood, where most heartbeats are lost with the rest,
/// one is sent each second: a newcomer that hears one of twenty would otherwise wait for a minute.
const BURST_INTERVAL: Duration = Duration::from_secs(1);

/// When the next burst of heartbeats may be sent, and whether there is reason for one.
#[derive(Debug, Default)]
pub(crate) struct Bursts {
    allowed_from: Time,
    is_requested: bool,
}

impl Bursts {
    pub(crate) fn request(&mut self) {
        self.is_requested = true;
    }

    /// Whether one is to be sent now.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        let is_due = self.is_requested && now >= self.allowed_from;
        if is_due {
            self.is_requested = false;
            self.allowed_from = now + BURST_INTERVAL;
        }
        is_due
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.is_requested.then_some(self.allowed_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_are_a_second_apart_however_often_they_are_asked_for() {
        let mut bursts = Bursts::default();
        let millis = (0..10_000).map(|ms| Time::after(Duration::from_millis(ms)));
        let sent: Vec<_> = millis
            .filter(|now| {
                bursts.request();
                bursts.take(*now)
            })
            .collect();
        assert_eq!(sent.len(), 10);
        assert!(sent.windows(2).all(|pair| pair[1] - pair[0] == BURST_INTERVAL));
    }

    #[test]
    fn a_burst_that_came_too_early_is_sent_when_it_may_be() {
        let mut bursts = Bursts::default();
        bursts.request();
        assert!(bursts.take(Time::ZERO));
        assert_eq!(bursts.deadline(), None);
        bursts.request();
        assert!(!bursts.take(Time::ZERO));
        assert_eq!(bursts.deadline(), Some(Time::after(BURST_INTERVAL)));
        assert!(bursts.take(Time::after(BURST_INTERVAL)));
        assert!(!bursts.take(Time::after(BURST_INTERVAL * 2)));
    }
}
