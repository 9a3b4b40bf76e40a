//! One more node in a cluster that has settled, and when who knows whom.

use std::time::Duration;

use native_gossip_core::Time;

use crate::{
    air::{Air, Host, Sender},
    disturbance::settle,
    paced::Paced,
};

/// How long a settled cluster is looked at. The longest gap between two heartbeats of a node is 100 s.
const SETTLED: Duration = Duration::from_secs(60);

/// Who does not know another node by then never will.
const AT_MOST: Duration = Duration::from_secs(600);

const TICK: Duration = Duration::from_millis(1);

/// What came of it. Times count from the newcomer's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    /// Heartbeats a second of all nodes, before.
    pub(crate) settled: f64,
    /// When every other node had heard the newcomer.
    pub(crate) heard_by_all: Option<Duration>,
    /// When the newcomer had heard one, half and all of the others.
    pub(crate) heard: [Option<Duration>; 3],
}

/// Has a cluster of this size, the newcomer among them, settle without it; then starts it.
pub(crate) fn meet(size: usize, limit: u32, jitter: Duration) -> Met {
    let mut air = Air::new(Paced::all(size, limit), jitter, 1);
    let (others, newcomer) = (size - 1, size - 1);
    settle(&mut air, others);
    let before = air.sent.len();
    air.run(SETTLED);
    let sent = &air.sent[before..];
    let settled = f64::from(sent.iter().sum::<u32>()) / sent.len() as f64;

    let wanted = [1, others.div_ceil(2), others];
    let mut met = Met { settled, heard_by_all: None, heard: [None; 3] };
    let began = air.now;
    air.start(newcomer..size);
    while air.now - began < AT_MOST && (met.heard_by_all.is_none() || met.heard[2].is_none()) {
        air.run(TICK);
        met.note(&air, newcomer, began, wanted);
    }
    met
}

impl Met {
    fn note(&mut self, air: &Air<Paced>, newcomer: usize, began: Time, wanted: [usize; 3]) {
        let took = air.now - began;
        let knows = |host: usize, of: usize| !air.hosts[host].is_news(Sender::Host(of as u16));
        if self.heard_by_all.is_none() && (0..newcomer).all(|host| knows(host, newcomer)) {
            self.heard_by_all = Some(took);
        }
        if self.heard[2].is_none() {
            let heard = (0..newcomer).filter(|other| knows(newcomer, *other)).count();
            for (when, wanted) in self.heard.iter_mut().zip(wanted) {
                if when.is_none() && heard >= wanted {
                    *when = Some(took);
                }
            }
        }
    }
}
