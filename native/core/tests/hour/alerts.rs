//! What a node says: not too much of it, and that a fault is over when it is.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use native_gossip_core::{Event, Fault, Time};

use crate::{
    Hour,
    healing::Deaf,
    secs,
    seeds::REACHED_WITHIN,
    simulation::{host::Host, port::Call},
};

pub(crate) const MINUTE: Duration = secs(60);

/// Changes of one interface in a minute, and peers that cannot be reached.
const A_MINUTE: usize = 10;

/// Until a socket is open again, the interfaces are looked at, and a heartbeat is sent.
pub(crate) const QUIET: Duration = secs(4 + 2 + 5 + 1);

#[derive(Default)]
pub(crate) struct Alerts {
    /// The faults that were raised and not cleared, by what has them.
    pub(crate) open: BTreeMap<String, Fault>,
    /// Those whose interface was found to be left, and when: their end may have been told in the same turn before.
    left: BTreeMap<String, (Time, Fault)>,
    pub(crate) raised_at: BTreeMap<String, Time>,
    /// How often each was raised.
    raised: BTreeMap<String, u32>,
    /// The last events of which there are some in a minute, twice as many.
    recent: BTreeMap<String, VecDeque<Time>>,
    refused: BTreeMap<&'static str, (Time, Duration)>,
}

impl Alerts {
    fn say(&mut self, now: Time, node: usize, event: Event) {
        match event {
            Event::GroupJoined(_, interface)
            | Event::GroupLeft(_, interface)
            | Event::PeersSilent(_, interface) => self.bound(now, node, interface.name),
            Event::PeerUnreachable(_) => self.bound(now, node, "unreachable".to_owned()),
            Event::PeerConnected(_) => {}
            Event::ClockOff { .. }
            | Event::Unproven { .. }
            | Event::ClockMoved { .. }
            | Event::ClockStepped { .. }
            | Event::NameShared(_) => self.bound(now, node, "findings".to_owned()),
            Event::PacketsRefused { cause, .. } => {
                let (next, pause) = self.refused.entry(cause.name()).or_insert((now, MINUTE));
                assert!(now >= *next, "said too often: {cause} by n{node} at {now:?}");
                (*next, *pause) = (now + *pause, *pause * 2);
            }
            Event::FaultRaised(fault) => {
                let component = component(&fault);
                let raised_at = self.raised_at.insert(component.clone(), now);
                let is_due = raised_at.is_none_or(|at| now >= at + MINUTE);
                assert!(is_due, "said too often: {fault:?} by n{node} at {now:?}");
                *self.raised.entry(component.clone()).or_default() += 1;
                self.open.insert(component, fault);
            }
            Event::FaultCleared(fault) => {
                let component = component(&fault);
                let left = self.left.remove(&component).filter(|(at, _)| *at == now);
                let was = self.open.remove(&component).or(left.map(|(_, fault)| fault));
                assert_eq!(was.as_ref(), Some(&fault), "cleared by n{node} at {now:?}");
            }
            Event::HeartbeatSent | Event::HeartbeatReceived { .. } => {
                unreachable!("n{node} says {event:?} without debug")
            }
        }
    }

    /// The longest for which a fault may be over before that is said: of what came twice nothing, then 1, 4,
    /// 16, 64 and 240 minutes, and a turn of the node.
    fn held(&self, component: &str) -> Duration {
        match self.raised.get(component).copied().unwrap_or_default() {
            0..3 => Duration::ZERO,
            raised => MINUTE * 4u32.pow((raised - 3).min(4)).min(240) + QUIET,
        }
    }

    /// In minutes that begin with the first event of each, there are ten at most in every one.
    fn bound(&mut self, now: Time, node: usize, what: String) {
        let recent = self.recent.entry(what).or_default();
        recent.push_back(now);
        if recent.len() > 2 * A_MINUTE
            && let Some(first) = recent.pop_front()
        {
            assert!(now >= first + MINUTE, "said too often: {recent:?} by n{node}");
        }
    }
}

/// What has a fault, of which a node tells one at a time.
fn component(fault: &Fault) -> String {
    let of = match fault {
        Fault::Join { interface, .. }
        | Fault::NoEcho { interface, .. }
        | Fault::SendBy { interface, .. } => interface.name.clone(),
        Fault::SendTo { target, .. } => target.to_string(),
        Fault::Seeds { error, .. } => error.code.expect("a number").to_string(),
        Fault::InterfaceMissing { wanted, .. } => format!("{wanted:?}"),
        _ => String::new(),
    };
    format!("{} {of}", fault.name())
}

/// The interface that has a fault.
fn slot(fault: &Fault) -> Option<usize> {
    match fault {
        Fault::Join { interface, .. }
        | Fault::NoEcho { interface, .. }
        | Fault::SendBy { interface, .. } => Some(Host::named(&interface.name)),
        _ => None,
    }
}

impl Hour {
    pub(crate) fn note_call(&mut self, node: usize, call: &Call) {
        let rejoin = self.note_membership(node, call);
        self.note_sending(node, call, rejoin);
        // Of an interface that is not used any more, no end of a fault is told.
        if *call == (Call::Scan { works: true }) {
            let host = self.net.host_of[node];
            let is_left = |slot: usize| !self.is_meant(node, slot);
            let left: Vec<_> = self.slots(host).filter(|slot| is_left(*slot)).collect();
            let is_left = |fault: &Fault| slot(fault).is_some_and(|slot| left.contains(&slot));
            let (now, alerts) = (self.net.now, &mut self.alerts[node]);
            let ended = alerts.open.extract_if(.., |_, fault| is_left(fault));
            alerts.left.extend(ended.map(|(component, fault)| (component, (now, fault))));
        }
    }

    pub(crate) fn note_event(&mut self, node: usize, event: Event) {
        self.count(match &event {
            Event::FaultRaised(fault) => fault.name(),
            event => event.name(),
        });
        match &event {
            Event::FaultRaised(fault) => {
                self.seeds[node].raised(self.net.now, node, fault);
                self.check_limit(node, fault);
            }
            Event::FaultCleared(fault) => self.seeds[node].cleared(self.net.now, node, fault),
            Event::PeersSilent(_, interface) => {
                let slot = Host::named(&interface.name);
                self.healing.ears[node][slot].silence_told(self.net.now, node);
            }
            _ => {}
        }
        self.alerts[node].say(self.net.now, node, event);
    }

    /// What a node says that it has not joined it has not.
    fn check_limit(&self, node: usize, fault: &Fault) {
        let Fault::JoinLimit { missing, of, some, .. } = fault else { return };
        let host = &self.net.hosts[self.net.host_of[node]];
        let (meant, ears) = (self.meant(node), &self.healing.ears[node]);
        let interfaces = meant.iter().map(|slot| (host.interface(*slot), &ears[*slot].joined));
        let is_missing = interfaces.filter(|(meant, joined)| joined.as_ref() != Some(meant));
        let are_missing: Vec<_> = is_missing.map(|(meant, _)| meant).collect();
        let is_so = (*missing, *of) == (are_missing.len(), meant.len())
            && some.len() == *missing
            && some.iter().all(|interface| are_missing.contains(interface));
        assert!(is_so, "n{node} says {fault:?}, and {are_missing:?} of {meant:?} are missing");
    }

    /// What a node waits for has come by now, and what it says is still so.
    pub(crate) fn check_node(&self, node: usize) {
        self.check_ears(node);
        self.check_seeds(node);
        let (now, host) = (self.net.now, self.net.host_of[node]);
        let is_alive = self.is_alive[node];
        for (component, fault) in &self.alerts[node].open {
            let held = self.alerts[node].held(component);
            let is_quiet_for = |time| now >= self.quiet_since(host) + QUIET + held + time;
            let is_quiet = is_quiet_for(Duration::ZERO);
            let is_known = self.can_scan(host) && is_quiet;
            let is_over = match fault {
                Fault::Socket { .. } => self.net.hosts[host].refuses.open.is_none() && is_quiet,
                Fault::Scan { .. } => is_known,
                Fault::InterfaceMissing { wanted, .. } => is_known && self.is_found(host, wanted),
                Fault::NoInterface { .. } | Fault::LoopbackOnly { .. } => {
                    is_known && self.is_outward(host)
                }
                Fault::JoinLimit { .. } => is_known && is_alive && self.can_join(host),
                Fault::Seeds { .. } => {
                    let is_sent_to = is_alive && self.net.hosts[host].refuses.send_to.is_none();
                    is_known && is_sent_to && is_quiet_for(REACHED_WITHIN)
                }
                Fault::SendTo { .. } => unreachable!("nobody broadcasts"),
                fault => slot(fault).is_some_and(|slot| {
                    let unhindered = self.healing.ear(node, slot).unhindered;
                    unhindered.is_some_and(|deaf: Deaf| now > deaf.since + deaf.within + held)
                }),
            };
            assert!(!is_over, "not cleared: {fault:?} by n{node} at {now:?}");
        }
    }
}
