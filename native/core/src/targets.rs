//! The addresses that heartbeats go to beside the group: seeds, or the broadcast address.

use std::net::SocketAddr;

use crate::{
    Network, Time,
    alerts::Alerts,
    context::Context,
    event::{Component, Fault, TargetKind},
    outage::Outage,
};

/// Addresses that one option names.
pub(crate) struct Targets {
    targets: Vec<Target>,
    kind: TargetKind,
}

struct Target {
    address: SocketAddr,
    outage: Outage,
}

impl Target {
    fn new(address: SocketAddr) -> Self {
        Self { address, outage: Outage::default() }
    }
}

impl Targets {
    pub(crate) fn new(kind: TargetKind, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { targets: addresses.into_iter().map(Target::new).collect(), kind }
    }

    /// Takes these addresses instead. Says whether they are others.
    pub(crate) fn replace(
        &mut self,
        now: Time,
        addresses: Vec<SocketAddr>,
        alerts: &mut Alerts,
    ) -> bool {
        if self.targets.iter().map(|target| target.address).eq(addresses.iter().copied()) {
            return false;
        }
        for gone in self.targets.iter().filter(|target| !addresses.contains(&target.address)) {
            let component = Component::SendTo(gone.address);
            alerts.forget(now, |other| *other == component);
        }
        let mut known = std::mem::take(&mut self.targets);
        let target = |address| match known.iter().position(|target| target.address == address) {
            Some(index) => known.swap_remove(index),
            None => Target::new(address),
        };
        self.targets = addresses.into_iter().map(target).collect();
        true
    }

    /// Sends to each.
    pub(crate) fn send<N: Network>(&mut self, context: &mut Context<'_, N>, packet: &[u8]) {
        for Target { address, outage } in &mut self.targets {
            match context.network.send_to(packet, *address) {
                Ok(()) => {
                    context.alerts.clear(&Component::SendTo(*address));
                    if outage.sent(context.now) {
                        context.request_burst();
                    }
                }
                Err(error) => {
                    let fault = Fault::SendTo { target: *address, kind: self.kind, error };
                    context.alerts.raise(context.now, fault);
                    outage.failed(context.now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        context::Effects,
        event::Event,
        network::fake::{FakeNetwork, PORT, error},
    };

    fn secs(s: u64) -> Time {
        Time::after(Duration::from_secs(s))
    }

    fn address(n: u8) -> SocketAddr {
        SocketAddr::new([10, 0, 0, n].into(), PORT)
    }

    fn fault(n: u8) -> Fault {
        Fault::SendTo { target: address(n), kind: TargetKind::Seed, error: error() }
    }

    /// Seeds, and all that they act with.
    struct Host {
        seeds: Targets,
        network: FakeNetwork,
        effects: Effects,
    }

    impl Host {
        fn with(seeds: &[u8]) -> Self {
            let seeds = Targets::new(TargetKind::Seed, seeds.iter().copied().map(address));
            Self { seeds, network: FakeNetwork::default(), effects: Effects::default() }
        }

        /// Sends at this time, while these addresses cannot be sent to.
        fn send(&mut self, now: Time, refused: &[u8]) -> Vec<String> {
            let calls: Vec<_> =
                refused.iter().map(|n| format!("send to {}", address(*n))).collect();
            self.network.refuse(&calls.iter().map(String::as_str).collect::<Vec<_>>());
            self.seeds.send(&mut self.effects.context(now, &mut self.network), b"heartbeat");
            self.network.take_calls()
        }

        fn replace(&mut self, now: Time, seeds: &[u8]) -> bool {
            let seeds = seeds.iter().copied().map(address).collect();
            self.seeds.replace(now, seeds, &mut self.effects.alerts)
        }

        fn told(&mut self) -> Vec<Event> {
            self.effects.alerts.take()
        }
    }

    #[test]
    fn a_heartbeat_goes_to_each_target_whatever_becomes_of_the_others() {
        let mut host = Host::with(&[1, 2, 3]);
        let sent = ["send to 10.0.0.1:45892", "send to 10.0.0.2:45892", "send to 10.0.0.3:45892"];
        assert_eq!(host.send(secs(0), &[1, 2]), sent);
    }

    #[test]
    fn what_cannot_be_sent_to_a_target_is_a_fault_until_something_is_sent() {
        let mut host = Host::with(&[1, 2]);
        host.send(secs(0), &[1]);
        assert_eq!(host.told(), [Event::FaultRaised(fault(1))]);
        host.send(secs(1), &[]);
        assert_eq!(host.told(), [Event::FaultCleared(fault(1))]);
    }

    #[test]
    fn a_target_that_is_reached_after_a_long_outage_is_worth_a_burst() {
        let mut host = Host::with(&[1, 2]);
        for (s, refused) in [(0, &[1][..]), (4, &[]), (5, &[1]), (9, &[1])] {
            host.send(secs(s), refused);
            assert!(!host.effects.take_burst(), "{s}");
        }
        host.send(secs(10), &[]);
        assert!(host.effects.take_burst());
    }

    #[test]
    fn other_addresses_are_news_and_the_same_ones_are_not() {
        let mut host = Host::with(&[1, 2]);
        assert!(!host.replace(secs(0), &[1, 2]));
        for others in [&[1][..], &[1, 3], &[1, 3, 4], &[]] {
            assert!(host.replace(secs(0), others), "{others:?}");
            let sent: Vec<_> = others.iter().map(|n| format!("send to {}", address(*n))).collect();
            assert_eq!(host.send(secs(0), &[]), sent);
        }
    }

    #[test]
    fn a_target_that_stays_keeps_its_outage_and_its_fault() {
        let mut host = Host::with(&[1, 2]);
        host.send(secs(0), &[1, 2]);
        host.told();
        assert!(host.replace(secs(1), &[3, 1]));
        host.send(secs(5), &[]);
        assert_eq!(host.told(), [Event::FaultCleared(fault(1))]);
        assert!(host.effects.take_burst());
    }

    #[test]
    fn the_fault_of_a_target_that_has_gone_is_forgotten() {
        let mut host = Host::with(&[1, 2]);
        host.send(secs(0), &[1]);
        host.told();
        host.replace(secs(1), &[2]);
        host.replace(secs(2), &[2, 1]);
        host.send(secs(3), &[]);
        assert_eq!(host.told(), []);
    }
}
