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

/// Seeds that a fault names.
const NAMED: usize = 3;

/// A share, and the time until the next look.
const SLACK: Duration = secs(2);

#[derive(Clone, Default)]
pub(crate) struct Seeds {
    /// When each was sent to last, and since when that fails.
    sent: BTreeMap<SocketAddr, (Time, Option<Time>)>,
    /// The last times at which any was sent to.
    recent: VecDeque<Time>,
}

impl Seeds {
    pub(crate) fn new(seeds: &[Ipv4Addr]) -> Self {
        let sent = seeds.iter().map(|seed| (SocketAddr::from((*seed, PORT)), (Time::ZERO, None)));
        Self { sent: sent.collect(), recent: VecDeque::new() }
    }

    /// A heartbeat for one of them. Says since when it had failed, if it works again.
    pub(crate) fn note(&mut self, now: Time, node: usize, call: &Call) -> Option<Time> {
        let Call::SendTo { target, works } = call else { return None };
        let sent = self.sent.get_mut(target);
        let (sent_at, failing) = sent.expect("nothing is sent to others");
        *sent_at = now;
        let since = failing.take();
        if !works {
            *failing = since.or(Some(now));
        }
        self.recent.push_front(now);
        self.recent.truncate(RECENT);
        for (many, at) in (1..).zip(&self.recent).skip(AT_ONCE as usize) {
            let within = INTERVAL * (many - AT_ONCE);
            assert!(now >= *at + within, "n{node} sends to {many} seeds since {at:?} at {now:?}");
        }
        since.filter(|_| *works)
    }

    fn failing(&self) -> impl Iterator<Item = (SocketAddr, Time)> {
        self.sent.iter().filter_map(|(target, (_, since))| Some((*target, (*since)?)))
    }

    /// What is said of them is so, and has been for long enough.
    pub(crate) fn raised(&self, now: Time, node: usize, fault: &Fault) {
        let Fault::Seeds { failing, of, some, .. } = fault else { return };
        let targets: Vec<_> = self.failing().map(|(target, _)| target).collect();
        let is_so = (*failing, *of) == (targets.len(), self.sent.len())
            && some.len() == targets.len().min(NAMED)
            && some.iter().all(|target| targets.contains(target));
        assert!(is_so, "n{node} says {fault:?} at {now:?}, and {targets:?} fail");
        let since = self.failing().map(|(_, since)| since).min();
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
        let count = u32::try_from(seeds.sent.len()).expect("few");
        let within = LONGEST_GAP + INTERVAL * count + SLACK;
        for (target, (sent_at, _)) in &seeds.sent {
            let is_late = now > *sent_at + within;
            assert!(!is_late, "n{node} sent to {target} at {sent_at:?}, and not until {now:?}");
        }
        let Some(since) = seeds.failing().map(|(_, since)| since).min() else { return };
        let alerts = &self.alerts[node];
        let component = format!("seeds {ENETUNREACH}");
        let may_say_at = alerts.raised_at.get(&component).map_or(Time::ZERO, |at| *at + MINUTE);
        let told_by = may_say_at.max(since + TOLD_AFTER) + TOLD_AFTER + SLACK;
        let is_told = now <= told_by || alerts.open.contains_key(&component);
        assert!(is_told, "n{node} does not say at {now:?} that seeds fail since {since:?}");
    }
}
