//! What disturbs a cluster, and how long it takes to calm down.

use std::time::Duration;

use crate::air::{Air, Host};

/// Before a disturbance a cluster is left alone for this time.
const CALM: Duration = Duration::from_secs(20);

/// How long a partition lasts.
const PARTED: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// Packets of strangers, all at once.
    Spike(usize),
    /// One more node.
    Newcomer,
    /// All nodes start within a second.
    Start,
    /// Two halves that could not hear each other can again.
    Heal,
}

impl Disturbance {
    pub(crate) const ALL: [Self; 5] =
        [Self::Spike(300), Self::Spike(2000), Self::Newcomer, Self::Start, Self::Heal];
}

/// What the heartbeats of all nodes came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// What a settled cluster of this size sends in a second.
    pub(crate) settled: f64,
    /// Heartbeats in each second after the disturbance.
    pub(crate) seconds: Vec<u32>,
    /// Packets that kernels had no room for.
    pub(crate) dropped: u64,
}

/// Disturbs hosts of which none is alive yet, and looks at them for this time.
pub(crate) fn disturb<H: Host>(
    mut air: Air<H>,
    disturbance: Disturbance,
    after: Duration,
) -> Outcome {
    let size = air.hosts.len();
    match disturbance {
        Disturbance::Start => {}
        Disturbance::Newcomer => settle(&mut air, size - 1),
        Disturbance::Spike(_) | Disturbance::Heal => settle(&mut air, size),
    }
    let (began, dropped) = match disturbance {
        Disturbance::Start => {
            let began = begin(&air);
            start(&mut air, size, 1);
            began
        }
        Disturbance::Newcomer => {
            let began = begin(&air);
            air.start(size - 1..size);
            began
        }
        Disturbance::Spike(packets) => {
            let began = begin(&air);
            air.spike(packets);
            began
        }
        Disturbance::Heal => {
            air.part(size / 2);
            air.run(PARTED);
            air.heal();
            begin(&air)
        }
    };
    air.run(after);
    let seconds = air.sent[began..].to_vec();
    let settled = (size as f64 * 0.4).min(200.0);
    Outcome { settled, seconds, dropped: air.dropped - dropped }
}

/// Full seconds that have passed, and packets dropped so far.
fn begin<H>(air: &Air<H>) -> (usize, u64) {
    (air.sent.len() - 1, air.dropped)
}

/// These hosts meet, and calm down.
pub(crate) fn settle<H: Host>(air: &mut Air<H>, hosts: usize) {
    // So slowly that nothing comes of it.
    start(air, hosts, hosts.div_ceil(200) as u64);
    air.run(CALM);
}

/// These hosts start one after the other in this many seconds.
fn start<H: Host>(air: &mut Air<H>, hosts: usize, seconds: u64) {
    let millis = seconds as usize * 1000;
    for ms in 0..millis {
        air.start(hosts * ms / millis..hosts * (ms + 1) / millis);
        air.run(Duration::from_millis(1));
    }
}

impl Outcome {
    /// Heartbeats a second from one second to another.
    pub(crate) fn rate(&self, from: usize, to: usize) -> f64 {
        let to = to.min(self.seconds.len());
        let seconds = self.seconds.get(from..to).unwrap_or_default();
        f64::from(seconds.iter().sum::<u32>()) / seconds.len().max(1) as f64
    }

    /// The most in one second.
    pub(crate) fn peak(&self) -> u32 {
        self.seconds.iter().copied().max().unwrap_or(0)
    }

    /// Seconds after which no ten seconds hold more than a settled cluster sends, and a quarter;
    /// `None` if the last ten do.
    pub(crate) fn quiet_after(&self) -> Option<usize> {
        let bound = self.settled * 1.25 + 2.0;
        let last = self.seconds.len().saturating_sub(10);
        let loud = (0..=last).rev().find(|from| self.rate(*from, from + 10) > bound);
        match loud {
            None => Some(0),
            Some(from) if from == last => None,
            Some(from) => Some(from + 1),
        }
    }
}
