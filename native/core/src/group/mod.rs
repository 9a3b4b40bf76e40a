//! The memberships in the group: one on each interface that is meant and there.

mod interfaces;
mod joining;
mod liveness;
mod scans;
mod status;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use self::{
    interfaces::ByRoute,
    liveness::{Action, Liveness, RejoinReason},
    scans::Scans,
};
use crate::{
    InterfaceAddress, InterfaceSelection, Network, NetworkConfig, NodeName, RecvMeta,
    ScannedAddress, Time,
    alerts::Alerts,
    context::Context,
    event::{Component, Event, Fault, ScanStep},
    outage::Outage,
};

/// A membership, with what is known of the interface now.
struct Membership {
    interface: InterfaceAddress,
    liveness: Liveness,
    outage: Outage,
}

/// The group of a topology that has one.
pub(crate) struct Group {
    target: SocketAddr,
    wanted: InterfaceSelection,
    /// Whether the socket is given what is sent to its groups.
    hears: bool,
    memberships: Vec<Membership>,
    /// Where the route has led.
    by_route: ByRoute,
    /// The interfaces that were meant at the last scan.
    chosen: Vec<InterfaceAddress>,
    /// The choice of interfaces for which giving up another membership freed no place.
    in_vain: Vec<InterfaceAddress>,
    addresses: Vec<ScannedAddress>,
    scans: Scans,
}

impl Group {
    /// `hears` is whether the system gives a socket that is bound as this one what is sent to its
    /// groups.
    pub(crate) fn new(config: &NetworkConfig, hears: bool) -> Self {
        Self {
            target: config.target(),
            wanted: config.multicast_if.clone(),
            hears,
            memberships: Vec::new(),
            by_route: ByRoute::default(),
            chosen: Vec::new(),
            in_vain: Vec::new(),
            addresses: Vec::new(),
            scans: Scans::new(),
        }
    }

    /// Another socket, which is a member of nothing.
    pub(crate) fn restart(&mut self, now: Time) {
        self.memberships.clear();
        self.in_vain.clear();
        self.scans.request(now);
    }

    /// When there is something to do, if nothing happens.
    pub(crate) fn deadline(&self) -> Time {
        let checks = self.memberships.iter().filter_map(|m| m.liveness.deadline());
        checks.filter(|_| self.hears).fold(self.scans.at(), Time::min)
    }

    /// Joins and leaves as the interfaces demand, if it is time to scan them.
    pub(crate) fn reconcile<N: Network>(&mut self, context: &mut Context<'_, N>) {
        let now = context.now;
        self.scans.note(now, context.network.interface_news());
        if !self.scans.begin(now) {
            return;
        }
        let (addresses, routed) = match self.scan(context.network) {
            Ok(scanned) => scanned,
            Err(fault) => return context.alerts.raise(now, fault),
        };
        context.alerts.clear(&Component::Scan);
        self.scans.found(addresses.len());
        self.addresses = addresses;
        let group = self.target.ip();
        let joined: Vec<_> = self.memberships.iter().map(|m| &m.interface).collect();
        let (wanted, found) = (&self.wanted, &self.addresses);
        let chosen = interfaces::choose(wanted, group, found, routed, &joined, &self.by_route);
        let is_any_missing = !chosen.missing.is_empty();
        context.alerts.reconcile_missing(now, chosen.missing);

        let removed = context.network.take_removed();
        self.leave_all_but(context, |interface| {
            chosen.interfaces.contains(interface) && !removed.contains(&interface.index)
        });
        context.alerts.forget(now, |component| match component {
            Component::Join(name) | Component::Echo(name) | Component::SendBy(name) => {
                chosen.interfaces.iter().all(|interface| interface.name != *name)
            }
            _ => false,
        });
        self.join_all(context, &chosen.interfaces, chosen.of_route.as_ref());
        // Where nothing could be joined nobody was heard either: that is not remembered.
        if let Some(of_route) = chosen.of_route.filter(|of| self.is_member(of)) {
            self.by_route.joined(&of_route);
        }
        self.chosen = chosen.interfaces;
        for membership in &mut self.memberships {
            if membership.outage.note_scan(now) {
                context.request_burst();
            }
        }
        let are_joined = self.chosen.iter().all(|interface| self.is_member(interface));
        if are_joined && !is_any_missing && !self.memberships.iter().any(|m| m.outage.lasts()) {
            self.scans.found_nothing_amiss(now);
        }
    }

    /// Sends to the group by each interface.
    pub(crate) fn send<N: Network>(&mut self, context: &mut Context<'_, N>, packet: &[u8]) {
        let (now, target) = (context.now, self.target);
        for Membership { interface, liveness, outage } in &mut self.memberships {
            match context.network.send_by(interface, packet, target) {
                Ok(()) => {
                    liveness.sent(now);
                    context.alerts.clear(&Component::SendBy(interface.name.clone()));
                    context.sent(outage);
                }
                Err(error) => {
                    let interface = interface.clone();
                    context.alerts.raise(now, Fault::SendBy { target, interface, error });
                    context.send_failed(outage);
                    self.scans.send_failed(now);
                }
            }
        }
    }

    /// Our own heartbeat came back.
    pub(crate) fn echoed(&mut self, now: Time, meta: &RecvMeta, alerts: &mut Alerts) {
        for membership in self.received_by(meta) {
            membership.liveness.echoed(now);
            alerts.clear_echo(&membership.interface.name);
        }
    }

    /// Another node's heartbeat came.
    pub(crate) fn heard(
        &mut self,
        now: Time,
        node: &NodeName,
        is_connected: bool,
        meta: &RecvMeta,
    ) {
        if !self.is_ours(meta) {
            self.received_by(meta).for_each(|m| m.liveness.heard(now, node, is_connected));
        }
    }

    /// What came was not all looked at.
    pub(crate) fn overrun(&mut self, now: Time) {
        self.memberships.iter_mut().for_each(|membership| membership.liveness.overrun(now));
    }

    /// Rejoins where nothing is heard that should be: ourselves, or, for as long as `silence`, the
    /// peers that are connected.
    pub(crate) fn check_liveness<N: Network>(
        &mut self,
        context: &mut Context<'_, N>,
        silence: Duration,
        is_connected: impl Fn(&NodeName) -> bool,
    ) {
        if !self.hears {
            return;
        }
        let (now, group) = (context.now, self.target.ip());
        self.memberships.retain_mut(|membership| {
            let Some(action) = membership.liveness.check(now, silence, &is_connected) else {
                return true;
            };
            // What cannot be rejoined is joined, or the fault of its join is raised, by a scan at once.
            self.scans.request(now);
            let interface = &membership.interface;
            match action {
                Action::SendAgain => {
                    context.request_burst();
                    return true;
                }
                Action::Rejoin(RejoinReason::NoEcho) => {
                    context.request_burst();
                    let interface = interface.clone();
                    context.alerts.raise(now, Fault::NoEcho { group, interface });
                }
                // A burst would make nobody else speak: the others do so when they are due.
                Action::Rejoin(RejoinReason::PeersSilent { is_first: true }) => {
                    context.alerts.changed(now, Event::PeersSilent, group, interface);
                }
                Action::Rejoin(RejoinReason::PeersSilent { is_first: false }) => {}
            }
            joining::rejoin(context, group, interface)
        });
    }

    /// The name of the interface by which something came.
    pub(crate) fn interface_name(&self, index: Option<u32>) -> Option<String> {
        let index = index?;
        let of_index = self.interfaces().find(|interface| interface.index == index);
        of_index.map(|interface| interface.name.clone())
    }

    fn is_member(&self, interface: &InterfaceAddress) -> bool {
        self.memberships.iter().any(|membership| membership.interface == *interface)
    }

    fn interfaces(&self) -> impl Iterator<Item = &InterfaceAddress> {
        self.addresses.iter().map(|address| &address.interface)
    }

    /// The addresses of this host, and the one that is routed to the group.
    fn scan(
        &self,
        network: &mut impl Network,
    ) -> Result<(Vec<ScannedAddress>, Option<IpAddr>), Fault> {
        let fault = |step| move |error| Fault::Scan { step, error };
        let addresses = network.interfaces().map_err(fault(ScanStep::Interfaces))?;
        // Every interface has a route for the groups of IPv6, so of these it says nothing.
        let routed = match self.target {
            SocketAddr::V4(_) => network.route(self.target).map_err(fault(ScanStep::Route))?,
            SocketAddr::V6(_) => None,
        };
        Ok((addresses, routed))
    }

    /// Whether it came from this host, which is heard whatever the network does. Of a link-local
    /// address there may be another one behind each interface.
    fn is_ours(&self, meta: &RecvMeta) -> bool {
        let source = meta.source.ip();
        let is_local = matches!(source, IpAddr::V6(address) if address.is_unicast_link_local());
        self.interfaces().any(|interface| {
            interface.address == source
                && (!is_local || meta.interface.is_none_or(|index| interface.index == index))
        })
    }

    /// The memberships by which this may have come.
    fn received_by(&mut self, meta: &RecvMeta) -> impl Iterator<Item = &mut Membership> {
        let to_group = meta.destination.is_none_or(|to| to == self.target.ip());
        let index = meta.interface;
        let memberships = self.memberships.iter_mut().filter(move |_| to_group);
        memberships.filter(move |m| index.is_none_or(|index| index == m.interface.index))
    }
}

#[cfg(test)]
mod tests;
