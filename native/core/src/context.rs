//! What the parts of a node act with: the moment, the network, and whom they tell.

use crate::{Network, Time, alerts::Alerts, outage::Outage};

/// Given to whatever may act on the network.
pub(crate) struct Context<'a, N> {
    pub(crate) now: Time,
    pub(crate) network: &'a mut N,
    pub(crate) alerts: &'a mut Alerts,
    wants_burst: &'a mut bool,
    send_failures: &'a mut u64,
}

impl<N: Network> Context<'_, N> {
    /// There is reason to tell everybody that we are here.
    pub(crate) fn request_burst(&mut self) {
        *self.wants_burst = true;
    }

    /// A heartbeat was sent. It ends the outage of whom it was for; after a long one a burst follows.
    pub(crate) fn sent(&mut self, outage: &mut Outage) {
        if outage.sent(self.now) {
            self.request_burst();
        }
    }

    /// The system refused to send a heartbeat.
    pub(crate) fn send_failed(&mut self, outage: &mut Outage) {
        *self.send_failures += 1;
        outage.failed(self.now);
    }
}

/// What acting leaves behind, beside what the network is told.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) alerts: Alerts,
    wants_burst: bool,
    pub(crate) send_failures: u64,
}

impl Effects {
    pub(crate) fn context<'a, N>(&'a mut self, now: Time, network: &'a mut N) -> Context<'a, N> {
        Context {
            now,
            network,
            alerts: &mut self.alerts,
            wants_burst: &mut self.wants_burst,
            send_failures: &mut self.send_failures,
        }
    }

    /// Whether there was reason for a burst since the last call.
    pub(crate) fn take_burst(&mut self) -> bool {
        std::mem::take(&mut self.wants_burst)
    }
}
