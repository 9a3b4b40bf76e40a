//! What the BEAMs around the nodes do, as `NativeGossip.Strategy` has it: they connect to whom
//! they are announced, and say what became of it.

use std::{collections::btree_map::Entry, time::Duration};

use native_gossip_core::{Report, budget::ATTEMPTS_AT_ONCE};
use rand::RngExt;

use crate::{Hour, Timer};

/// Erlang's time for setting up a connection: after that an attempt has failed.
const SETUP_TIME: Duration = Duration::from_secs(7);
const HANDSHAKE: Duration = Duration::from_millis(300);
/// What an attempt to reach a connected node takes, which is none.
const NO_CONNECT: Duration = Duration::from_millis(5);

/// Erlang's net tick: a silent connection is given up after that.
const NET_TICK: Duration = Duration::from_secs(60);
/// A BEAM that stops closes its connections, and who can be reached learns of it.
const CLOSE: Duration = Duration::from_secs(1);

/// One report in 500 finds no place in the queue to the node.
const LOST_REPORTS: u32 = 500;

/// A connection attempt in flight.
pub(crate) struct Attempt {
    number: u64,
    is_answered: bool,
    /// The node went down meanwhile.
    went_down: bool,
}

impl Hour {
    /// Somebody was announced to a node, which connects to it.
    pub(crate) fn connect(&mut self, from: usize, to: usize) {
        let is_answered = self.can_connect(from, to);
        let longest = match (self.is_connected[(from, to)], is_answered) {
            (true, _) => NO_CONNECT,
            (false, true) => HANDSHAKE,
            (false, false) => SETUP_TIME,
        };
        self.attempts_begun += 1;
        let attempt = Attempt { number: self.attempts_begun, is_answered, went_down: false };
        let number = attempt.number;
        let attempts = &mut self.attempts[from];
        assert!(attempts.len() < ATTEMPTS_AT_ONCE, "over budget: n{from} has no task left");
        assert!(attempts.insert(to, attempt).is_none(), "n{from} connects to n{to} already");
        self.after_up_to(longest, Timer::ConnectEnds { from, to, number });
    }

    pub(crate) fn connect_ends(&mut self, from: usize, to: usize, number: u64) {
        // A node that restarted has forgotten what it was about.
        let attempt = match self.attempts[from].entry(to) {
            Entry::Occupied(attempt) if attempt.get().number == number => attempt.remove(),
            _ => return,
        };
        let is_connected = self.is_connected[(from, to)];
        if !is_connected && attempt.is_answered && self.can_connect(from, to) {
            self.establish(from, to);
        }
        let report = match (self.is_connected[(from, to)], attempt.went_down) {
            (true, false) => Report::Connected,
            (true, true) => Report::Down,
            (false, _) => Report::Unreachable,
        };
        self.report(from, to, report);
    }

    /// Both ends have a connection now. One that took an earlier connection to be alive learns that
    /// it is not, and then, by `:nodeup`, that there is one.
    fn establish(&mut self, from: usize, to: usize) {
        self.lose(to, from);
        self.is_connected[(from, to)] = true;
        self.is_connected[(to, from)] = true;
        self.note_meeting(from, to);
        match self.attempts[to].get_mut(&from) {
            Some(attempt) => attempt.went_down = false,
            None => self.report(to, from, Report::Connected),
        }
    }

    /// The time for a connection to be given up has come; it may have recovered, or be a new one.
    pub(crate) fn give_up(&mut self, node: usize, peer: usize) {
        if !self.can_connect(node, peer) || !self.is_connected[(peer, node)] {
            self.lose(node, peer);
        }
    }

    /// The connection's other end is gone, or out of reach.
    pub(crate) fn lose_later(&mut self, node: usize, peer: usize, is_closed: bool) {
        if self.is_connected[(node, peer)] {
            let within = if is_closed { CLOSE } else { NET_TICK };
            self.after_up_to(within, Timer::GiveUp { node, peer });
        }
    }

    /// Whatever a node that stops was connected or about to connect to.
    pub(crate) fn drop_connections(&mut self, node: usize) {
        self.attempts[node].clear();
        for peer in 0..self.size() {
            self.is_connected[(node, peer)] = false;
            self.lose_later(peer, node, self.can_connect(node, peer));
        }
    }

    /// `:nodedown`, at one end.
    fn lose(&mut self, node: usize, peer: usize) {
        if !std::mem::take(&mut self.is_connected[(node, peer)]) {
            return;
        }
        self.count("connections lost");
        self.note_loss(node, peer);
        match self.attempts[node].get_mut(&peer) {
            Some(attempt) => attempt.went_down = true,
            None => self.report(node, peer, Report::Down),
        }
    }

    fn report(&mut self, by: usize, peer: usize, report: Report) {
        if self.rng.random_ratio(1, LOST_REPORTS) {
            self.net.reports_lost(by);
            self.rules.reports_lost(self.net.now, by);
            // Until the next report it is not held to miss this peer: it may not know that it is connected.
            self.note_connection(by, peer, false);
            return self.count("reports lost");
        }
        if report == Report::Down {
            self.sending[by].missed(self.net.now);
        }
        self.net.report(by, peer, report);
        self.rules.reported(self.net.now, by, peer, report);
        self.note_connection(by, peer, report == Report::Connected);
        self.count(match report {
            Report::Connected => "connected",
            Report::Unreachable => "unreachable",
            Report::Down => "down",
        });
    }
}
