//! Leaving and joining, as the interfaces demand and the system allows.

use std::net::IpAddr;

use super::{Group, Membership, liveness::Liveness};
use crate::{
    InterfaceAddress, JoinError, Network,
    context::Context,
    event::{Component, Event, Fault, SystemError},
    outage::Outage,
};

/// Interfaces that a fault of many names.
pub(super) const NAMED: usize = 3;

impl Group {
    pub(super) fn leave_all_but<N: Network>(
        &mut self,
        context: &mut Context<'_, N>,
        is_kept: impl Fn(&InterfaceAddress) -> bool,
    ) {
        let group = self.target.ip();
        self.memberships.retain(|Membership { interface, .. }| {
            let is_kept = is_kept(interface);
            if !is_kept {
                // Of an interface that has gone the system still keeps the entry, and bounds them.
                context.network.leave(group, interface);
                context.alerts.changed(context.now, Event::GroupLeft, group, interface);
            }
            is_kept
        });
    }

    /// Joins on each, as far as the system allows. They come in the order of their importance, and
    /// the first one, if it is that of the route of now, takes the place of the one joined last.
    pub(super) fn join_all<N: Network>(
        &mut self,
        context: &mut Context<'_, N>,
        chosen: &[InterfaceAddress],
        of_route: Option<&InterfaceAddress>,
    ) {
        // The system may have said so for another reason: then each scan would rejoin another one.
        if self.in_vain != chosen {
            self.in_vain.clear();
        }
        let mut limit = None;
        for (place, interface) in chosen.iter().enumerate() {
            if self.is_member(interface) || limit.is_some() {
                continue;
            }
            let mut joined = context.network.join(self.target.ip(), interface);
            let is_worth_another = place == 0 && of_route == Some(interface);
            if matches!(joined, Err(JoinError::Limit(_)))
                && is_worth_another
                && self.in_vain.is_empty()
                && let Some(last) = self.memberships.pop()
            {
                joined = self.join_instead(context, interface, last);
                if joined.is_err() {
                    self.in_vain = chosen.to_vec();
                }
            }
            match joined {
                Ok(()) => self.joined(context, interface),
                Err(JoinError::Limit(error)) => limit = Some(error),
                Err(JoinError::Other(error)) => {
                    let (group, interface) = (self.target.ip(), interface.clone());
                    context.alerts.raise(context.now, Fault::Join { group, interface, error });
                }
            }
        }
        match limit {
            Some(error) => self.tell_limit(context, chosen, error),
            None => {
                self.in_vain.clear();
                context.alerts.clear(&Component::JoinLimit);
            }
        }
    }

    /// Joins in the place of another membership, which is made again if that does not help.
    fn join_instead<N: Network>(
        &mut self,
        context: &mut Context<'_, N>,
        interface: &InterfaceAddress,
        other: Membership,
    ) -> Result<(), JoinError> {
        let group = self.target.ip();
        context.network.leave(group, &other.interface);
        let joined = context.network.join(group, interface);
        if joined.is_ok() {
            context.alerts.changed(context.now, Event::GroupLeft, group, &other.interface);
        } else if join_again(context, group, &other.interface) {
            self.memberships.push(other);
        }
        joined
    }

    fn joined<N: Network>(&mut self, context: &mut Context<'_, N>, interface: &InterfaceAddress) {
        context.alerts.clear(&Component::Join(interface.name.clone()));
        context.alerts.changed(context.now, Event::GroupJoined, self.target.ip(), interface);
        let (liveness, outage) = (Liveness::default(), Outage::default());
        self.memberships.push(Membership { interface: interface.clone(), liveness, outage });
        context.request_burst();
    }

    /// The system allows no more memberships: one fault, whatever the number of those that are missing.
    fn tell_limit<N: Network>(
        &self,
        context: &mut Context<'_, N>,
        chosen: &[InterfaceAddress],
        error: SystemError,
    ) {
        let is_missing = |i: &&InterfaceAddress| !self.is_member(i);
        let missing: Vec<_> = chosen.iter().filter(is_missing).cloned().collect();
        let fault = Fault::JoinLimit {
            group: self.target.ip(),
            missing: missing.len(),
            of: chosen.len(),
            some: missing.into_iter().take(NAMED).collect(),
            error,
        };
        context.alerts.raise(context.now, fault);
    }
}

/// Makes a membership again, and says whether it is there. Where not, that is told, and a scan has to
/// join.
pub(super) fn rejoin<N: Network>(
    context: &mut Context<'_, N>,
    group: IpAddr,
    interface: &InterfaceAddress,
) -> bool {
    // A membership that is lost cannot be left, and one that is there must be.
    context.network.leave(group, interface);
    join_again(context, group, interface)
}

fn join_again<N: Network>(
    context: &mut Context<'_, N>,
    group: IpAddr,
    interface: &InterfaceAddress,
) -> bool {
    let is_member = context.network.join(group, interface).is_ok();
    if !is_member {
        context.alerts.changed(context.now, Event::GroupLeft, group, interface);
    }
    is_member
}
