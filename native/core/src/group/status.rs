//! The memberships, for whoever asks.

use super::{Group, Membership};
use crate::{
    InterfaceAddress, InterfaceSelector, Time,
    alerts::Alerts,
    event::{Component, Fault},
    status::MembershipStatus,
};

impl Group {
    /// Whether the socket is given what is sent to its groups.
    pub(crate) fn hears(&self) -> bool {
        self.hears
    }

    /// Each interface that is meant: those that are joined, those that are not, and those that are not there.
    pub(crate) fn memberships(&self, now: Time, alerts: &Alerts) -> Vec<MembershipStatus> {
        let joined = self.memberships.iter().map(|Membership { interface, liveness, .. }| {
            let ago = |at: Option<Time>| at.map(|at| now - at);
            MembershipStatus {
                is_joined: true,
                echoed_ago: ago(liveness.echoed_at),
                heard_ago: ago(liveness.peer_heard_at),
                faults: faults_of(interface, alerts, &[Component::Echo, Component::SendBy]),
                ..not_joined(interface)
            }
        });
        let refused = self.chosen.iter().filter(|interface| !self.is_member(interface));
        let refused = refused.map(|interface| {
            let mut faults = faults_of(interface, alerts, &[Component::Join]);
            if faults.is_empty() {
                let limit = alerts.fault(&Component::JoinLimit);
                faults.extend(limit.map(|(fault, _)| fault.clone()));
            }
            MembershipStatus { faults, ..not_joined(interface) }
        });
        let missing = alerts.faults().filter_map(|(fault, _)| missing(fault));
        joined.chain(refused).chain(missing).collect()
    }
}

fn not_joined(interface: &InterfaceAddress) -> MembershipStatus {
    MembershipStatus {
        name: Some(interface.name.clone()),
        index: Some(interface.index),
        address: Some(interface.address),
        ..MembershipStatus::default()
    }
}

fn missing(fault: &Fault) -> Option<MembershipStatus> {
    let Fault::InterfaceMissing { wanted, .. } = fault else { return None };
    let (name, address) = match wanted {
        InterfaceSelector::Name(name) => (Some(name.clone()), None),
        InterfaceSelector::Address(address) => (None, Some(*address)),
    };
    let faults = vec![fault.clone()];
    Some(MembershipStatus { name, address, faults, ..MembershipStatus::default() })
}

fn faults_of(
    interface: &InterfaceAddress,
    alerts: &Alerts,
    components: &[fn(String) -> Component],
) -> Vec<Fault> {
    let fault = |component: &fn(String) -> Component| {
        alerts.fault(&component(interface.name.clone())).map(|(fault, _)| fault.clone())
    };
    components.iter().filter_map(fault).collect()
}
