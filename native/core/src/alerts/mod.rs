//! What is worth telling: each fault once, and once that it is over.

mod throttle;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use self::throttle::{ChangeThrottle, FAULT_INTERVAL, MinuteThrottle, RefusalThrottle};
use crate::{
    InterfaceAddress, NodeName, Refusal, Time,
    event::{Component, Event, Fault},
    trust::Loss,
};

/// What is known of a component that has, or had, a fault.
struct FaultRecord {
    /// The one that was logged, where one was: it keeps its first cause until a new one may be
    /// logged.
    fault: Fault,
    /// Since when it is there, whatever its cause.
    since: Time,
    is_cleared: bool,
    /// Whether this time of it was logged.
    is_logged: bool,
    logged_at: Time,
}

/// The events that wait to be told, and what has been told.
pub(crate) struct Alerts {
    debug: bool,
    events: Vec<Event>,
    records: BTreeMap<Component, FaultRecord>,
    changes: ChangeThrottle,
    refusals: RefusalThrottle,
    unreachable: MinuteThrottle,
    findings: MinuteThrottle,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            debug: false,
            events: Vec::new(),
            records: BTreeMap::new(),
            changes: ChangeThrottle::default(),
            refusals: RefusalThrottle::default(),
            unreachable: MinuteThrottle::unreachable(),
            findings: MinuteThrottle::findings(),
        }
    }
}

impl Alerts {
    /// Whether each heartbeat is to be an event.
    pub(crate) fn set_debug(&mut self, debug: bool) {
        self.debug = debug;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether there is one that is not of many alike.
    pub(crate) fn are_pressing(&self) -> bool {
        self.events.iter().any(|event| !matches!(event, Event::PeerConnected(_)))
    }

    pub(crate) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn sent(&mut self) {
        if self.debug {
            self.events.push(Event::HeartbeatSent);
        }
    }

    pub(crate) fn received(
        &mut self,
        node: &NodeName,
        interface: impl FnOnce() -> Option<String>,
        loss: impl FnOnce() -> Option<Loss>,
    ) {
        if self.debug {
            let (node, interface, loss) = (node.clone(), interface(), loss());
            self.events.push(Event::HeartbeatReceived { node, interface, loss });
        }
    }

    pub(crate) fn refused(
        &mut self,
        now: Time,
        cause: Refusal,
        source: SocketAddr,
        interface: impl FnOnce() -> Option<String>,
    ) {
        if let Some(packets) = self.refusals.note(now, cause) {
            let interface = interface();
            self.events.push(Event::PacketsRefused { cause, packets, source, interface });
        }
    }

    pub(crate) fn connected(&mut self, node: &NodeName) {
        self.events.push(Event::PeerConnected(node.clone()));
    }

    pub(crate) fn unreachable(&mut self, now: Time, node: &NodeName) {
        if self.unreachable.take(now) {
            self.events.push(Event::PeerUnreachable(node.clone()));
        }
    }

    /// A heartbeat told something of a clock or a name.
    pub(crate) fn found(&mut self, now: Time, event: Event) {
        if self.findings.take(now) {
            self.events.push(event);
        }
    }

    /// Tells what became of the membership of a group on an interface.
    pub(crate) fn changed(
        &mut self,
        now: Time,
        event: fn(IpAddr, InterfaceAddress) -> Event,
        group: IpAddr,
        interface: &InterfaceAddress,
    ) {
        if self.changes.take(now, &interface.name) {
            self.events.push(event(group, interface.clone()));
        }
    }

    /// A component has this fault now.
    pub(crate) fn raise(&mut self, now: Time, fault: Fault) {
        let component = fault.component();
        let Some(record) = self.records.get_mut(&component) else {
            self.events.push(Event::FaultRaised(fault.clone()));
            let (is_cleared, is_logged) = (false, true);
            let record = FaultRecord { fault, since: now, is_cleared, is_logged, logged_at: now };
            self.records.insert(component, record);
            return;
        };
        let may_log = now >= record.logged_at + FAULT_INTERVAL;
        if !record.is_cleared
            && record.is_logged
            && (!fault.is_news_after(&record.fault) || !may_log)
        {
            return;
        }
        *record = FaultRecord {
            fault,
            since: if record.is_cleared { now } else { record.since },
            is_cleared: false,
            is_logged: may_log,
            logged_at: record.logged_at,
        };
        if may_log {
            record.logged_at = now;
            self.events.push(Event::FaultRaised(record.fault.clone()));
        }
    }

    /// A component has no fault. That is told where it was told that it has one.
    pub(crate) fn clear(&mut self, component: &Component) {
        if let Some(record) = self.records.get_mut(component)
            && !record.is_cleared
        {
            record.is_cleared = true;
            if record.is_logged {
                self.events.push(Event::FaultCleared(record.fault.clone()));
            }
        }
    }

    /// The faults that are not over, each with the moment at which it began.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (&Fault, Time)> {
        let lasting = self.records.values().filter(|record| !record.is_cleared);
        lasting.map(|record| (&record.fault, record.since))
    }

    /// The fault of this component, where it has one.
    pub(crate) fn fault(&self, component: &Component) -> Option<(&Fault, Time)> {
        let record = self.records.get(component).filter(|record| !record.is_cleared)?;
        Some((&record.fault, record.since))
    }

    /// These are the faults of finding interfaces, and there are no others.
    pub(crate) fn reconcile_missing(&mut self, now: Time, missing: Vec<Fault>) {
        let components: Vec<_> = missing.iter().map(Fault::component).collect();
        let is_found = |component: &&Component| match component {
            Component::SelectedInterface(_)
            | Component::AnyInterface
            | Component::AnyOutwardInterface => !components.contains(component),
            _ => false,
        };
        for component in self.records.keys().filter(is_found).cloned().collect::<Vec<_>>() {
            self.clear(&component);
        }
        for fault in missing {
            self.raise(now, fault);
        }
    }

    /// Components that are no more have no fault either. When they spoke last is not forgotten at
    /// once.
    pub(crate) fn forget(&mut self, now: Time, is_gone: impl Fn(&Component) -> bool) {
        self.records.retain(|component, record| {
            record.is_cleared |= is_gone(component);
            !record.is_cleared || now < record.logged_at + FAULT_INTERVAL
        });
    }
}

#[cfg(test)]
mod tests;
