//! What befalls the hosts and the network between them.

use std::time::Duration;

use native_gossip_core::Config;
use rand::{RngExt, seq::IndexedRandom};

use crate::{Hour, SEGMENTS, Timer, secs};

/// The means of the times between two disturbances of a kind: a pair is left in peace for some
/// minutes, the whole cluster never.
const WEATHER_INTERVAL: Duration = secs(30);
const PARTITION_INTERVAL: Duration = secs(300);
const RESTART_INTERVAL: Duration = secs(10);
const INTERFACE_INTERVAL: Duration = secs(20);

/// The longest of each kind.
const PARTITION: Duration = secs(180);
const BOOT: Duration = secs(20);
const INTERFACE: Duration = secs(120);

const WORST_LOSS: f64 = 0.4;
const WORST_DELAY: Duration = Duration::from_millis(300);

/// What a host's interface is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interface {
    Up,
    /// It lost its membership of the group; connections hold.
    Deaf,
    /// Its heartbeats get nowhere; connections hold.
    Mute,
    Gone,
    /// A firewall lets heartbeats pass and no connections.
    Firewalled,
}

impl Interface {
    const FAULTS: [(Self, &str); 4] = [
        (Self::Deaf, "interfaces deaf"),
        (Self::Mute, "interfaces mute"),
        (Self::Gone, "interfaces gone"),
        (Self::Firewalled, "interfaces firewalled"),
    ];

    pub(crate) fn hears(self) -> bool {
        !matches!(self, Self::Deaf | Self::Gone)
    }

    pub(crate) fn is_heard(self) -> bool {
        !matches!(self, Self::Mute | Self::Gone)
    }

    pub(crate) fn connects(self) -> bool {
        !matches!(self, Self::Gone | Self::Firewalled)
    }
}

impl Hour {
    pub(crate) fn begin_disturbances(&mut self) {
        self.change_weather();
        self.after_up_to(PARTITION_INTERVAL * 2, Timer::Partition);
        self.after_up_to(RESTART_INTERVAL * 2, Timer::Restart);
        self.after_up_to(INTERFACE_INTERVAL * 2, Timer::Interface);
    }

    /// Nothing happens any more, but for the weather.
    pub(crate) fn calm_down(&mut self) {
        self.is_calm = true;
        self.heal();
        (0..self.hosts.len()).for_each(|host| self.mend(host));
    }

    pub(crate) fn change_weather(&mut self) {
        self.network.loss = self.rng.random_range(0.0..WORST_LOSS);
        self.network.longest_delay = WORST_DELAY.mul_f64(self.rng.random());
        self.count("changes of loss and delay");
        self.after_up_to(WEATHER_INTERVAL * 2, Timer::Weather);
    }

    pub(crate) fn partition(&mut self) {
        self.after_up_to(PARTITION_INTERVAL * 2, Timer::Partition);
        if self.is_calm {
            return;
        }
        let partitions = self.rng.random_range(2..=4);
        self.partitions = [(); SEGMENTS].map(|()| self.rng.random_range(0..partitions));
        self.count("partitions");
        self.reconsider();
        self.after_up_to(PARTITION, Timer::Heal);
    }

    pub(crate) fn heal(&mut self) {
        self.partitions = [0; SEGMENTS];
        self.reconsider();
    }

    /// A BEAM stops, and starts again a little later.
    pub(crate) fn restart(&mut self) {
        self.after_up_to(RESTART_INTERVAL * 2, Timer::Restart);
        if self.is_calm {
            return;
        }
        let node = self.rng.random_range(0..self.size());
        if !self.is_alive[node] {
            return;
        }
        self.count("restarts");
        self.drop_connections(node);
        self.is_alive[node] = false;
        self.sent_before_restarts += self.network.engines[node].counters().sent;
        self.network.replace(node, &Config::default());
        self.rules.restarted(node);
        self.reconsider();
        self.after_up_to(BOOT, Timer::Boot { node });
    }

    pub(crate) fn boot(&mut self, node: usize) {
        self.is_alive[node] = true;
        self.network.start(node);
        self.reconsider();
    }

    pub(crate) fn change_interface(&mut self) {
        self.after_up_to(INTERFACE_INTERVAL * 2, Timer::Interface);
        if self.is_calm {
            return;
        }
        // The more nodes a host has, the more likely: what its faults set off is what is of interest.
        let host = self.host_of[self.rng.random_range(0..self.size())];
        if self.hosts[host].interface == Interface::Up
            && let Some((fault, kind)) = Interface::FAULTS.choose(&mut self.rng)
        {
            self.hosts[host].interface = *fault;
            self.count(kind);
            self.reconsider();
            self.after_up_to(INTERFACE, Timer::Mend { host });
        }
    }

    /// The driver joins the group anew when it notices; of a firewall it notices nothing.
    pub(crate) fn mend(&mut self, host: usize) {
        let fault = std::mem::replace(&mut self.hosts[host].interface, Interface::Up);
        if fault == Interface::Up {
            return;
        }
        self.reconsider();
        if fault != Interface::Firewalled {
            for node in self.hosts[host].nodes.clone() {
                self.network.tell(node, |engine, now| engine.burst(now));
            }
        }
    }
}
