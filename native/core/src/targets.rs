//! The addresses that heartbeats go to beside the group: seeds, or the broadcast address.

use std::net::SocketAddr;

use crate::{
    Network, Time,
    alerts::Alerts,
    event::{Component, Fault, TargetKind},
    node::Context,
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
