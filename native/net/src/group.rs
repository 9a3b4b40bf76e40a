//! The memberships in the group: one on each interface that is meant and there.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use mio::net::UdpSocket;
use native_gossip_core::{NodeName, Time};

use crate::{
    config::{Interfaces, NetConfig},
    hearing::{Hearing, Remedy},
    interfaces::{self, Found, Interface},
    journal::{Journal, Notice, Part},
    outage::Outage,
    platform::{self, Arrival},
    trouble::Trouble,
};

/// The interfaces are looked at so often: a network that comes back is used within this time, and a
/// look costs no more than a few packets do.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A look is taken so soon after something could not be sent: an interface may have gone.
const LOOK_SOON: Duration = Duration::from_millis(250);

/// A membership, with what is known of the interface now.
struct Membership {
    interface: Interface,
    hearing: Hearing,
    outage: Outage,
}

/// The group of a topology that has one.
pub(crate) struct Group {
    target: SocketAddr,
    wanted: Interfaces,
    /// Whether the socket is given what is sent to its groups.
    hears: bool,
    memberships: Vec<Membership>,
    found: Vec<Found>,
    look_at: Time,
}

impl Group {
    pub(crate) fn new(config: &NetConfig) -> Self {
        Self {
            target: config.target(),
            wanted: config.multicast_if.clone(),
            hears: platform::hears_groups(config.if_addr),
            memberships: Vec::new(),
            found: Vec::new(),
            look_at: Time::ZERO,
        }
    }

    /// Another socket, which is a member of nothing.
    pub(crate) fn restart(&mut self, now: Time) {
        self.memberships.clear();
        self.look_at = now;
    }

    /// When there is something to do, if nothing happens.
    pub(crate) fn deadline(&self) -> Time {
        let echoes = self.memberships.iter().filter_map(|m| m.hearing.deadline());
        echoes.filter(|_| self.hears).fold(self.look_at, Time::min)
    }

    /// Joins and leaves as the interfaces demand, if it is time to look at them. Says whether there
    /// is somebody to be told that we are here.
    pub(crate) fn follow(&mut self, now: Time, socket: &UdpSocket, journal: &mut Journal) -> bool {
        if now < self.look_at {
            return false;
        }
        self.look_at = now + LOOK_EVERY;
        let looked =
            interfaces::look().and_then(|found| Ok((found, interfaces::routed(self.target)?)));
        let routed = match looked {
            Ok((found, routed)) => {
                self.found = found;
                routed
            }
            Err(trouble) => {
                journal.complain(now, Part::Look, trouble);
                return false;
            }
        };
        journal.mend(&Part::Look);
        let chosen = interfaces::choose(&self.wanted, self.target.ip(), &self.found, routed);
        journal.missing(now, chosen.missing);

        self.leave_all_but(now, &chosen.interfaces, socket, journal);
        journal.forget(now, |part| match part {
            Part::Join(name) | Part::Echo(name) | Part::SendBy(name) => {
                chosen.interfaces.iter().all(|interface| interface.name != *name)
            }
            _ => false,
        });
        let mut burst = false;
        for interface in chosen.interfaces {
            burst |= self.join(now, interface, socket, journal);
        }
        for membership in &mut self.memberships {
            burst |= membership.outage.is_to_retry(now);
        }
        burst
    }

    /// Sends to the group by each interface. Says whether one that failed for long works again.
    pub(crate) fn send(
        &mut self,
        now: Time,
        socket: &UdpSocket,
        packet: &[u8],
        journal: &mut Journal,
    ) -> bool {
        let mut works_again = false;
        for Membership { interface, hearing, outage } in &mut self.memberships {
            let sent = platform::send_by(socket, interface, packet, self.target);
            match sent {
                Ok(()) => hearing.sent(now),
                Err(_) => self.look_at = self.look_at.min(now + LOOK_SOON),
            }
            let target = self.target;
            let step = || {
                format!("send to {target} by {interface} (options multicast_addr, multicast_if)")
            };
            let part = Part::SendBy(interface.name.clone());
            works_again |= outage.note(now, sent, part, step, journal);
        }
        works_again
    }

    /// Our own heartbeat came back.
    pub(crate) fn echoed(&mut self, arrival: &Arrival, journal: &mut Journal) {
        for membership in self.heard_by(arrival) {
            membership.hearing.echo();
            journal.mend(&Part::Echo(membership.interface.name.clone()));
        }
    }

    /// Another node's heartbeat came.
    pub(crate) fn heard(
        &mut self,
        now: Time,
        node: &NodeName,
        is_connected: bool,
        arrival: &Arrival,
    ) {
        if !self.is_ours(arrival) {
            self.heard_by(arrival).for_each(|m| m.hearing.other(now, node, is_connected));
        }
    }

    /// What came was not all looked at.
    pub(crate) fn overran(&mut self, now: Time) {
        self.memberships.iter_mut().for_each(|membership| membership.hearing.overran(now));
    }

    /// Joins anew where nothing is heard that should be: ourselves, or, for so long as `silence`, the
    /// nodes that are connected. Says whether heartbeats are to be sent now.
    pub(crate) fn listen(
        &mut self,
        now: Time,
        silence: Duration,
        is_connected: impl Fn(&NodeName) -> bool,
        socket: &UdpSocket,
        journal: &mut Journal,
    ) -> bool {
        if !self.hears {
            return false;
        }
        let group = self.target.ip();
        let mut send = false;
        self.memberships.retain_mut(|membership| {
            let Some(remedy) = membership.hearing.remedy(now, silence, &is_connected) else {
                return true;
            };
            send = true;
            let interface = &membership.interface;
            match remedy {
                Remedy::SendAgain => return true,
                Remedy::NoEcho => {
                    let step = format!("hear {group} on {interface}");
                    let cause = "the own heartbeats do not come back; the group is joined anew";
                    let part = Part::Echo(interface.name.clone());
                    journal.complain(now, part, Trouble::new(step, cause));
                }
                Remedy::Silence => journal.changed(now, Notice::Silent, group, interface),
            }
            // A membership that is lost cannot be left, and one that is there must be.
            let _ = platform::leave(socket, group, interface);
            platform::join(socket, group, interface).is_ok()
        });
        if send {
            // What could not be joined anew is joined, or complained of, by a look.
            self.look_at = now;
        }
        send
    }

    /// The name of the interface by which something came.
    pub(crate) fn name(&self, arrival: &Arrival) -> Option<String> {
        let index = arrival.interface?;
        let of_index = self.found.iter().map(|f| &f.interface).find(|i| i.index == index);
        of_index.map(|interface| interface.name.clone())
    }

    fn leave_all_but(
        &mut self,
        now: Time,
        kept: &[Interface],
        socket: &UdpSocket,
        journal: &mut Journal,
    ) {
        let group = self.target.ip();
        self.memberships.retain(|Membership { interface, .. }| {
            let is_kept = kept.contains(interface);
            if !is_kept {
                // Of an interface that has gone the system still keeps the entry, and bounds them.
                let _ = platform::leave(socket, group, interface);
                journal.changed(now, Notice::Left, group, interface);
            }
            is_kept
        });
    }

    fn join(
        &mut self,
        now: Time,
        interface: Interface,
        socket: &UdpSocket,
        journal: &mut Journal,
    ) -> bool {
        if self.memberships.iter().any(|membership| membership.interface == interface) {
            return false;
        }
        let group = self.target.ip();
        let part = Part::Join(interface.name.clone());
        match platform::join(socket, group, &interface) {
            Ok(()) => {
                journal.mend(&part);
                journal.changed(now, Notice::Joined, group, &interface);
                let (hearing, outage) = (Hearing::default(), Outage::default());
                self.memberships.push(Membership { interface, hearing, outage });
                true
            }
            Err(error) => {
                let step =
                    format!("join {group} on {interface} (options multicast_addr, multicast_if)");
                journal.complain(now, part, Trouble::new(step, error));
                false
            }
        }
    }

    /// Whether it came from this host, which is heard whatever the network does. Of a link-local
    /// address there may be another one behind each interface.
    fn is_ours(&self, arrival: &Arrival) -> bool {
        let source = arrival.source.ip();
        let is_local = matches!(source, IpAddr::V6(address) if address.is_unicast_link_local());
        self.found.iter().map(|found| &found.interface).any(|i| {
            i.address == source
                && (!is_local || arrival.interface.is_none_or(|index| i.index == index))
        })
    }

    /// The memberships by which this may have come.
    fn heard_by(&mut self, arrival: &Arrival) -> impl Iterator<Item = &mut Membership> {
        let to_group = arrival.destination.is_none_or(|to| to == self.target.ip());
        let index = arrival.interface;
        let memberships = self.memberships.iter_mut().filter(move |_| to_group);
        memberships.filter(move |m| index.is_none_or(|index| index == m.interface.index))
    }
}
