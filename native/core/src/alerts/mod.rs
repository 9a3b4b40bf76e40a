//! What is worth telling: each fault once, and once that it is over.

mod throttle;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

pub(crate) use self::throttle::Repeats;
use self::throttle::{ChangeThrottle, FAULT_INTERVAL, MinuteThrottle, REMEMBERED, RefusalThrottle};
use crate::{
    InterfaceAddress, NodeName, Refusal, Time,
    event::{Component, Event, Fault},
    trust::Loss,
};

/// What is known of a component that has, or had, a fault.
struct FaultRecord {
    /// The last one, whether it was logged or not.
    fault: Fault,
    /// The last one that was logged.
    logged: Fault,
    /// Since when it is there, whatever its cause.
    since: Time,
    is_cleared: bool,
    /// Whether the log says that it is there.
    is_logged: bool,
    logged_at: Time,
    /// Since when it is over, where the log does not say so yet.
    over_since: Option<Time>,
    repeats: Repeats,
}

impl FaultRecord {
    /// There is no fault. Returns the event, where that is to be told at once.
    fn clear(&mut self) -> Option<Event> {
        if std::mem::replace(&mut self.is_cleared, true) {
            return None;
        }
        let is_told = self.is_logged && self.repeats.pause().is_zero();
        self.is_logged &= !is_told;
        is_told.then(|| Event::FaultCleared(self.logged.clone()))
    }
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
        source: SocketAddr,
        interface: impl FnOnce() -> Option<String>,
        loss: impl FnOnce() -> Option<Loss>,
    ) {
        if self.debug {
            let (node, interface, loss) = (node.clone(), interface(), loss());
            self.events.push(Event::HeartbeatReceived { node, source, interface, loss });
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
        let event = event(group, interface.clone());
        self.events.extend(self.changes.note(now, &interface.name, event));
    }

    /// A component has this fault now.
    pub(crate) fn raise(&mut self, now: Time, fault: Fault) {
        let record = self.records.entry(fault.component()).or_insert_with(|| FaultRecord {
            fault: fault.clone(),
            logged: fault.clone(),
            since: now,
            is_cleared: true,
            is_logged: false,
            logged_at: Time::ZERO,
            over_since: None,
            repeats: Repeats::default(),
        });
        record.repeats.see(now);
        if std::mem::take(&mut record.is_cleared) {
            record.since = now;
        }
        record.over_since = None;
        record.fault = fault;
        if record.is_logged && !record.fault.is_news_after(&record.logged) {
            return;
        }
        let may_log = record.repeats.is_unlogged()
            || now >= record.logged_at + FAULT_INTERVAL
                && (now >= record.logged_at + record.repeats.pause()
                    || !record.is_logged && now >= record.since + record.repeats.long());
        if may_log {
            (record.is_logged, record.logged_at) = (true, now);
            record.logged = record.fault.clone();
            record.repeats.log();
            self.events.push(Event::FaultRaised(record.logged.clone()));
        }
    }

    /// A component has no fault. That is told where it was told that it has one: at once at first, and
    /// of what comes and goes when it [lasts](Self::tell_lasting).
    pub(crate) fn clear(&mut self, component: &Component) {
        if let Some(record) = self.records.get_mut(component) {
            self.events.extend(record.clear());
        }
    }

    /// The echo came by this interface. Called for each echo, so no component is built to look one up.
    pub(crate) fn clear_echo(&mut self, interface: &str) {
        let is_its =
            |component: &Component| matches!(component, Component::Echo(name) if name == interface);
        if let Some((_, record)) = self.records.iter_mut().find(|(component, _)| is_its(component))
        {
            self.events.extend(record.clear());
        }
    }

    /// Tells what has come and gone, and is over now for longer than it used to be.
    pub(crate) fn tell_lasting(&mut self, now: Time) {
        self.events.extend(self.changes.lasting(now));
        for record in self.records.values_mut().filter(|r| r.is_cleared && r.is_logged) {
            let over_since = *record.over_since.get_or_insert(now);
            if now >= over_since + record.repeats.pause() {
                record.is_logged = false;
                self.events.push(Event::FaultCleared(record.logged.clone()));
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

    /// Components that are no more have no fault either, and no end of it is told. What was said of them
    /// is kept in mind for a while: they may come and go.
    pub(crate) fn forget(&mut self, now: Time, is_gone: impl Fn(&Component) -> bool) {
        self.records.retain(|component, record| {
            if is_gone(component) {
                (record.is_cleared, record.is_logged) = (true, false);
            }
            !record.is_cleared || record.is_logged || !record.repeats.is_forgotten(now)
        });
        while self.records.len() > REMEMBERED {
            let over = self.records.iter().filter(|(_, record)| record.is_cleared);
            let oldest = over.min_by_key(|(_, record)| record.repeats.seen_at());
            let Some((component, _)) = oldest else { return };
            let component = component.clone();
            if let Some(FaultRecord { is_logged: true, logged, .. }) =
                self.records.remove(&component)
            {
                self.events.push(Event::FaultCleared(logged));
            }
        }
    }
}

#[cfg(test)]
mod tests;
