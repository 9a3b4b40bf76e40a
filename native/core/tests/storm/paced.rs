//! Nodes of which only what paces them is real. Ten thousand whole ones would need gigabytes for
//! what they know of each other.

use std::{ops::Range, rc::Rc, time::Duration};

use native_gossip_core::{
    NodeName, Time,
    pace::{Asks, Mark, Overload, Pace},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::air::{Host, Sender};

const INTERVAL: Duration = Duration::from_secs(5);

/// As in a whole node: an echo that does not come within this time is missed.
const ECHO_TIMEOUT: Duration = Duration::from_millis(500);

/// Connections that a node makes in a second: sixteen at once, each of which takes 50 ms.
const CONNECTIONS_PER_SECOND: f64 = 320.0;

/// A peer that went down counts as missing for this time, if it does not come back.
const MISSING: Duration = Duration::from_secs(300);

/// Everything that makes a node send, and a bit for each of the others.
pub(crate) struct Paced {
    pace: Pace,
    overload: Overload,
    number: u16,
    marks: Rc<Vec<Mark>>,
    /// Who is connected, or will be as soon as it is its turn.
    known: Vec<u64>,
    wanted: usize,
    connected: f64,
    connected_at: Time,
    missing: usize,
    missing_until: Time,
    echo_due: Option<Time>,
    rng: StdRng,
}

impl Paced {
    pub(crate) fn all(size: usize, receive_limit: u32) -> Vec<Self> {
        let name = |n| NodeName::parse(&format!("n{n}@10.1.{}.{}", n / 256, n % 256));
        let mark = |n| Mark::from(&name(n).expect("a node name"));
        let marks = Rc::new((0..size).map(mark).collect::<Vec<_>>());
        (0..size).map(|n| Self::new(n, receive_limit, Rc::clone(&marks))).collect()
    }

    fn new(number: usize, receive_limit: u32, marks: Rc<Vec<Mark>>) -> Self {
        Self {
            pace: Pace::new(INTERVAL),
            overload: Overload::new(receive_limit),
            number: u16::try_from(number).expect("few nodes"),
            known: vec![0; marks.len().div_ceil(64)],
            marks,
            wanted: 0,
            connected: 0.0,
            connected_at: Time::ZERO,
            missing: 0,
            missing_until: Time::ZERO,
            echo_due: None,
            rng: StdRng::seed_from_u64(number as u64),
        }
    }

    /// Says whether this node was not known before.
    fn meet(&mut self, node: u16) -> bool {
        let (word, bit) = (usize::from(node / 64), 1 << (node % 64));
        let is_new = self.known[word] & bit == 0;
        self.known[word] |= bit;
        self.wanted += usize::from(is_new);
        self.missing -= usize::from(is_new && self.missing > 0);
        is_new
    }

    /// Connects to as many as the time allows.
    fn connect(&mut self, now: Time) {
        let made = (now - self.connected_at).as_secs_f64() * CONNECTIONS_PER_SECOND;
        self.connected_at = now;
        self.connected = (self.connected + made).min(self.wanted as f64);
        let is_missing = self.missing > 0 && now < self.missing_until;
        self.pace.connected(self.connected as usize);
        self.pace.missing(now, is_missing, &mut self.rng);
    }
}

impl Host for Paced {
    fn advance(&mut self, now: Time) -> bool {
        let is_due = self.pace.due().is_some_and(|due| due <= now);
        if is_due {
            self.connect(now);
            self.pace.sent(now, &mut self.rng);
            self.echo_due.get_or_insert(now + ECHO_TIMEOUT);
        }
        is_due
    }

    fn begin_receive(&mut self, now: Time) -> bool {
        self.overload.begin_receive(now)
    }

    fn receive(&mut self, now: Time, from: Sender) {
        let backlog = self.overload.received(now);
        if backlog.is_flood {
            self.pace.flooded(now, self.overload.limit(), &mut self.rng);
        }
        if backlog.was_unread || from == Sender::Host(self.number) {
            self.echo_due = None;
        }
        let Sender::Host(node) = from else { return };
        if node == self.number || self.pace.due().is_none() {
            return;
        }
        self.pace.heard(now, self.marks[usize::from(node)]);
        if self.meet(node) {
            self.connect(now);
            self.pace.answer(now, Asks::Newcomer, &mut self.rng);
        } else if (self.connected as usize) < self.wanted {
            // Maybe this is one of those to whom there is no connection yet.
            self.connect(now);
            self.pace.answer(now, Asks::Again, &mut self.rng);
        }
    }

    fn is_news(&self, from: Sender) -> bool {
        match from {
            Sender::Host(node) => self.known[usize::from(node / 64)] & 1 << (node % 64) == 0,
            Sender::Stranger => true,
        }
    }

    fn note_empty_queue(&mut self, now: Time) {
        self.overload.note_empty_queue();
        if self.echo_due.take_if(|due| *due <= now).is_some() {
            self.pace.burst(now, &mut self.rng);
        }
    }

    fn deadline(&self) -> Option<Time> {
        [self.pace.due(), self.overload.deadline(), self.echo_due].into_iter().flatten().min()
    }

    fn start(&mut self, now: Time) {
        self.pace.start(now);
    }

    fn lose(&mut self, now: Time, hosts: &Range<usize>) {
        for host in hosts.clone() {
            let (word, bit) = (host / 64, 1 << (host % 64));
            let was_known = self.known[word] & bit != 0;
            self.known[word] &= !bit;
            self.wanted -= usize::from(was_known);
            self.missing += usize::from(was_known);
        }
        self.missing_until = now + MISSING;
        self.connected = self.connected.min(self.wanted as f64);
        self.connect(now);
    }
}
