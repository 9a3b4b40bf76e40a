//! The address that heartbeats go to where there is no group.

use std::net::SocketAddr;

use crate::{
    Network,
    context::Context,
    event::{Component, Fault},
    outage::Outage,
};

/// The broadcast address of a topology that has one.
pub(crate) struct Broadcast {
    target: SocketAddr,
    outage: Outage,
}

impl Broadcast {
    pub(crate) fn new(target: SocketAddr) -> Self {
        Self { target, outage: Outage::default() }
    }

    pub(crate) fn send<N: Network>(&mut self, context: &mut Context<'_, N>, packet: &[u8]) {
        let target = self.target;
        match context.network.send_to(packet, target) {
            Ok(()) => {
                context.alerts.clear(&Component::SendTo(target));
                context.sent(&mut self.outage);
            }
            Err(error) => {
                context.alerts.raise(context.now, Fault::SendTo { target, error });
                context.send_failed(&mut self.outage);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        Time,
        context::Effects,
        event::Event,
        network::fake::{FakeNetwork, PORT, error},
    };

    fn secs(s: u64) -> Time {
        Time::after(Duration::from_secs(s))
    }

    fn target() -> SocketAddr {
        SocketAddr::new([10, 0, 0, 255].into(), PORT)
    }

    fn fault() -> Fault {
        Fault::SendTo { target: target(), error: error() }
    }

    /// A broadcast address, and all that it acts with.
    struct Host {
        broadcast: Broadcast,
        network: FakeNetwork,
        effects: Effects,
    }

    impl Host {
        fn new() -> Self {
            let broadcast = Broadcast::new(target());
            Self { broadcast, network: FakeNetwork::default(), effects: Effects::default() }
        }

        /// Sends at this second, and says whether a burst is sent then.
        fn send(&mut self, s: u64, works: bool) -> bool {
            self.network.refuse(if works { &[] } else { &["send to 10.0.0.255:45892"] });
            self.broadcast
                .send(&mut self.effects.context(secs(s), &mut self.network), b"heartbeat");
            self.effects.take_burst()
        }
    }

    #[test]
    fn what_cannot_be_broadcast_is_a_fault_until_something_is() {
        let mut host = Host::new();
        host.send(0, false);
        assert_eq!(host.effects.alerts.take(), [Event::FaultRaised(fault())]);
        host.send(1, true);
        assert_eq!(host.effects.alerts.take(), [Event::FaultCleared(fault())]);
    }

    #[test]
    fn a_broadcast_that_works_after_a_long_outage_is_worth_a_burst() {
        let mut host = Host::new();
        let sent = [(0, false), (4, true), (5, false), (9, false), (10, true), (11, true)];
        let bursts = sent.map(|(s, works)| host.send(s, works));
        assert_eq!(bursts, [false, false, false, false, true, false]);
    }
}
