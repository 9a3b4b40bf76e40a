//! What happens to the hosts and the network between them, and when.

use std::time::Duration;

use native_gossip_core::{Config, Time};
use rand::RngExt;

use crate::{
    Hour, Timer, alerts::Alerts, faults::Fault, secs, seeds::Seeds, segments, sending::Sending,
    simulation::errors::ENOBUFS,
};

/// The means of the times between two disturbances of a kind: a pair is left in peace for some
/// minutes, the whole cluster never.
const WEATHER_INTERVAL: Duration = secs(30);
const PARTITION_INTERVAL: Duration = secs(300);
const STRIKE_INTERVAL: Duration = secs(10);
/// Of one node.
const RESTART_INTERVAL: Duration = secs(2000);

/// The longest of each kind.
const PARTITION: Duration = secs(180);
const BOOT: Duration = secs(20);
const FAULT: Duration = secs(120);
/// Of some that are deaf: the silence lasts for longer than it is met.
const LONG_FAULT: Duration = secs(1200);
const LONG_FAULTS: u32 = 4;

const WORST_LOSS: f64 = 0.4;
const WORST_DELAY: Duration = Duration::from_millis(300);

/// What ails one host at a time, at most.
const FAULTS: usize = 2;

/// A flood comes in turns: their number, and the datagrams of each.
const FLOOD_TURN: Duration = Duration::from_millis(10);
const FLOOD_TURNS: u32 = 500;
const FLOOD_DATAGRAMS: usize = 100;

/// Of the sockets of a host where none can be opened, one in this many fails, at the least.
const BREAKS: usize = 3;

impl Hour {
    pub(crate) fn begin_disturbances(&mut self) {
        self.change_weather();
        self.after_up_to(PARTITION_INTERVAL * 2, Timer::Partition);
        self.after_up_to(self.restart_interval() * 2, Timer::Restart);
        self.after_up_to(STRIKE_INTERVAL * 2, Timer::Strike);
    }

    /// Nothing happens any more, but for the weather.
    pub(crate) fn calm_down(&mut self) {
        self.is_calm = true;
        self.heal();
        for host in 0..self.net.hosts.len() {
            for fault in self.ailing[host].faults.clone() {
                self.mend(host, fault);
            }
            let addresses = self.ailing[host].addresses.iter();
            for (nic, address) in self.net.hosts[host].nics[1..].iter_mut().zip(addresses) {
                nic.address = *address;
            }
            self.query(host);
            self.struck(host);
        }
        self.take_note();
    }

    pub(crate) fn change_weather(&mut self) {
        self.net.lans.loss = self.rng.random_range(0.0..WORST_LOSS);
        self.net.lans.longest_delay = WORST_DELAY.mul_f64(self.rng.random());
        self.count("changes of loss and delay");
        self.after_up_to(WEATHER_INTERVAL * 2, Timer::Weather);
    }

    pub(crate) fn partition(&mut self) {
        self.after_up_to(PARTITION_INTERVAL * 2, Timer::Partition);
        if self.is_calm {
            return;
        }
        let partitions = self.rng.random_range(2..=4);
        for (lan, segments) in segments().into_iter().enumerate() {
            let of_segment = |_| self.rng.random_range(0..partitions);
            let of_segments = (0..segments).map(of_segment).collect();
            self.net.lans.set_partitions(lan, of_segments);
        }
        self.count("partitions");
        self.reconsider_all();
        self.after_up_to(PARTITION, Timer::Heal);
    }

    pub(crate) fn heal(&mut self) {
        for (lan, segments) in segments().into_iter().enumerate() {
            self.net.lans.set_partitions(lan, vec![0; segments]);
        }
        self.reconsider_all();
    }

    fn restart_interval(&self) -> Duration {
        RESTART_INTERVAL / u32::try_from(self.size()).expect("few")
    }

    /// A BEAM stops, and starts again a little later.
    pub(crate) fn restart(&mut self) {
        self.after_up_to(self.restart_interval() * 2, Timer::Restart);
        if self.is_calm {
            return;
        }
        let node = self.rng.random_range(0..self.size());
        if !self.is_alive[node] {
            return;
        }
        self.count("restarts");
        self.check_sending(node);
        self.drop_connections(node);
        self.is_alive[node] = false;
        self.sent_before_restarts += self.net.nodes[node].counters().sent;
        self.net.replace(node, &Config::default());
        self.rules.restarted(node);
        self.healing.restarted(node);
        self.seeds[node] = Seeds::default();
        self.alerts[node] = Alerts::default();
        self.sending[node] = Sending::new(self.net.now);
        self.reconsider(self.net.host_of[node]);
        self.after_up_to(BOOT, Timer::Boot { node });
    }

    pub(crate) fn boot(&mut self, node: usize) {
        self.is_alive[node] = true;
        self.sending[node].booted();
        self.net.start(node);
        self.set_seeds(node);
        self.struck(self.net.host_of[node]);
    }

    pub(crate) fn strike(&mut self) {
        self.after_up_to(STRIKE_INTERVAL * 2, Timer::Strike);
        if self.is_calm {
            return;
        }
        // The more nodes a host has, the more likely: what its faults set off is what is of interest.
        let host = self.net.host_of[self.rng.random_range(0..self.size())];
        let slots = self.slots(host).len();
        let fault = Fault::random(slots, &mut self.rng);
        // Who has not heard anybody since it joined does not know that there is somebody to miss.
        let node = self.net.nodes_of(host).start;
        if let Fault::Forgotten { slot } = fault
            && !self.healing.misses_peers(node, slot)
        {
            return;
        }
        let ailing = &mut self.ailing[host];
        if ailing.faults.len() >= FAULTS || ailing.faults.contains(&fault) {
            return;
        }
        if let Fault::Gone { slot } | Fault::Replaced { slot } = fault
            && self.net.hosts[host].tells_changes
            && self.net.hosts[host].nics[slot].is_there
        {
            self.healing.removed(self.net.nodes_of(host), slot);
        }
        fault.strike(&mut self.net.hosts[host], ailing, &mut self.rng);
        self.count(fault.name());
        if !fault.is_over_at_once() {
            self.ailing[host].faults.push(fault);
        }
        match fault {
            Fault::Flooded => self.after(Duration::ZERO, Timer::Flood { host, turns: FLOOD_TURNS }),
            fault if fault.is_over_at_once() => {}
            fault => {
                let is_long =
                    matches!(fault, Fault::Deaf { .. }) && self.rng.random_ratio(1, LONG_FAULTS);
                let longest = if is_long { LONG_FAULT } else { FAULT };
                self.after_up_to(longest, Timer::Mend { host, fault });
            }
        }
        if fault == Fault::OpensFail {
            for node in self.net.nodes_of(host).step_by(self.rng.random_range(1..=BREAKS)) {
                self.net.break_socket(node, ENOBUFS);
            }
        }
        self.struck(host);
    }

    pub(crate) fn mend(&mut self, host: usize, fault: Fault) {
        let ailing = &mut self.ailing[host];
        let Some(place) = ailing.faults.iter().position(|other| *other == fault) else { return };
        ailing.faults.remove(place);
        fault.mend(&mut self.net.hosts[host], ailing, &mut self.rng);
        self.struck(host);
    }

    /// One turn of a flood, or its end.
    pub(crate) fn flood(&mut self, host: usize, turns: u32) {
        if !self.ailing[host].faults.contains(&Fault::Flooded) {
            return;
        }
        if turns == 0 || self.rng.random_ratio(1, FLOOD_TURNS) {
            return self.mend(host, Fault::Flooded);
        }
        for node in self.net.nodes_of(host) {
            self.net.flood(node, FLOOD_DATAGRAMS);
        }
        self.after(FLOOD_TURN, Timer::Flood { host, turns: turns - 1 });
    }

    /// A host is not what it was.
    fn struck(&mut self, host: usize) {
        self.ailing[host].struck_at = self.net.now;
        self.net.tell_changes(host);
        self.healing.struck(self.net.nodes_of(host));
        self.reconsider(host);
    }

    /// When a host was struck last.
    pub(crate) fn quiet_since(&self, host: usize) -> Time {
        self.ailing[host].struck_at
    }
}
