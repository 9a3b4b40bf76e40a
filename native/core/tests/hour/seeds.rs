//! The rules of seeds, told apart from the nodes: how fast they are sent to, that each of them is,
//! and when it is told that they are not reached.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use native_gossip_core::{Fault, Time};

use crate::{
    Hour,
    alerts::{MINUTE, QUIET},
    ear::LONGEST_GAP,
    secs,
    simulation::{PORT, errors::ENETUNREACH, port::Call},
};

/// Heartbeats that go out together, and the time for each one beyond them.
const AT_ONCE: u32 = 32;
const INTERVAL: Duration = Duration::from_millis(10);

/// As many as are looked back at.
const RECENT: usize = 256;

/// What fails for this long is told when it is looked at, and that is done as often.
const TOLD_AFTER: Duration = secs(15);

/// What is sent for this long, and nothing of it is lost, has reached the seed.
const REACHED_AFTER: Duration = secs(4);

/// By then a seed that can be sent to again is taken to be reached: two more heartbeats may be needed.
pub(crate) const REACHED_WITHIN: Duration =
    REACHED_AFTER.saturating_add(LONGEST_GAP).saturating_add(SLACK);

/// Seeds that a fault names.
const NAMED: usize = 3;

/// A share, and the time until the next look.
const SLACK: Duration = secs(2);

#[derive(Clone, Default)]
struct Target {
    sent_at: Time,
    /// Since when it cannot be sent to.
    refused_since: Option<Time>,
    /// Since when it is not known to be reached, and since when it is sent to in spite of that.
    failing_since: Option<Time>,
    works_since: Option<Time>,
}

#[derive(Clone, Default)]
pub(crate) struct Seeds {
    targets: BTreeMap<SocketAddr, Target>,
    /// The last times at which any was sent to.
    recent: VecDeque<Time>,
}

impl Seeds {
    pub(crate) fn new(seeds: &[Ipv4Addr]) -> Self {
        let target = |seed: &Ipv4Addr| (SocketAddr::from((*seed, PORT)), Target::default());
        Self { targets: seeds.iter().map(target).collect(), recent: VecDeque::new() }
    }

    /// A heartbeat for one of them. Says since when it had failed, if it works again.
    pub(crate) fn note(&mut self, now: Time, node: usize, call: &Call) -> Option<Time> {
        let Call::SendTo { target, works } = call else { return None };
        let target = self.targets.get_mut(target).expect("nothing is sent to others");
        target.sent_at = now;
        let since = target.refused_since.take();
        if *works {
            let works_since = *target.works_since.get_or_insert(now);
            target.failing_since.take_if(|_| now >= works_since + REACHED_AFTER);
        } else {
            target.refused_since = since.or(Some(now));
            target.failing_since.get_or_insert(now);
            target.works_since = None;
        }
        self.recent.push_front(now);
        self.recent.truncate(RECENT);
        for (many, at) in (1..).zip(&self.recent).skip(AT_ONCE as usize) {
            let within = INTERVAL * (many - AT_ONCE);
            assert!(now >= *at + within, "n{node} sends to {many} seeds since {at:?} at {now:?}");
        }
        since.filter(|_| *works)
    }

    fn failing(&self, now: Time) -> impl Iterator<Item = (SocketAddr, Time)> {
        let is_reached = move |works_since| now >= works_since + REACHED_AFTER;
        let failing = self
            .targets
            .iter()
            .filter(move |(_, target)| !target.works_since.is_some_and(is_reached));
        failing.filter_map(|(address, target)| Some((*address, target.failing_since?)))
    }

    /// Those that are said to be reached are.
    pub(crate) fn cleared(&self, now: Time, node: usize, fault: &Fault) {
        let Fault::Seeds { some, .. } = fault else { return };
        let failing = self.failing(now).find(|(address, _)| some.contains(address));
        assert_eq!(failing, None, "n{node} says at {now:?} that {some:?} are reached");
    }

    /// What is said of them is so, and has been for long enough.
    pub(crate) fn raised(&self, now: Time, node: usize, fault: &Fault) {
        let Fault::Seeds { failing, of, some, .. } = fault else { return };
        let targets: Vec<_> = self.failing(now).map(|(address, _)| address).collect();
        let is_so = (*failing, *of) == (targets.len(), self.targets.len())
            && some.len() == targets.len().min(NAMED)
            && some.iter().all(|target| targets.contains(target));
        assert!(is_so, "n{node} says {fault:?} at {now:?}, and {targets:?} fail");
        let since = self.failing(now).map(|(_, since)| since).min();
        let is_due = since.is_some_and(|since| now >= since + TOLD_AFTER);
        assert!(is_due, "n{node} says {fault:?} at {now:?}, which is so since {since:?}");
    }
}

impl Hour {
    /// All seeds of a node that has a socket are sent to, and it has told of those that fail.
    pub(crate) fn check_seeds(&self, node: usize) {
        let (now, host, seeds) = (self.net.now, self.net.host_of[node], &self.seeds[node]);
        let is_working = self.is_alive[node] && self.net.hosts[host].refuses.open.is_none();
        if !is_working || now < self.quiet_since(host) + QUIET {
            return;
        }
        let count = u32::try_from(seeds.targets.len()).expect("few");
        let within = LONGEST_GAP + INTERVAL * count + SLACK;
        for (target, Target { sent_at, .. }) in &seeds.targets {
            let is_late = now > *sent_at + within;
            assert!(!is_late, "n{node} sent to {target} at {sent_at:?}, and not until {now:?}");
        }
        let refused = seeds.targets.values().filter_map(|target| target.refused_since);
        let Some(since) = refused.min() else { return };
        let alerts = &self.alerts[node];
        let component = format!("seeds {ENETUNREACH}");
        let may_say_at = alerts.raised_at.get(&component).map_or(Time::ZERO, |at| *at + MINUTE);
        let told_by = may_say_at.max(since + TOLD_AFTER) + TOLD_AFTER + SLACK;
        let is_told = now <= told_by || alerts.open.contains_key(&component);
        assert!(is_told, "n{node} does not say at {now:?} that seeds fail since {since:?}");
    }
}
