//! The addresses that heartbeats go to beside the group: seeds, or the broadcast address.

use std::net::SocketAddr;

use mio::net::UdpSocket;
use native_gossip_core::Time;

use crate::{
    journal::{Journal, Part},
    outage::Outage,
};

/// Addresses with the option that named them.
pub(crate) struct Targets {
    targets: Vec<Target>,
    option: &'static str,
}

struct Target {
    address: SocketAddr,
    outage: Outage,
}

impl Targets {
    pub(crate) fn new(addresses: Vec<SocketAddr>, option: &'static str) -> Self {
        let target = |address| Target { address, outage: Outage::default() };
        Self { targets: addresses.into_iter().map(target).collect(), option }
    }

    /// Takes these addresses instead. Says whether they are others.
    pub(crate) fn replace(
        &mut self,
        now: Time,
        addresses: Vec<SocketAddr>,
        journal: &mut Journal,
    ) -> bool {
        let is_same =
            self.targets.iter().map(|target| target.address).eq(addresses.iter().copied());
        if is_same {
            return false;
        }
        for gone in self.targets.iter().filter(|target| !addresses.contains(&target.address)) {
            journal.forget(now, |part| *part == Part::SendTo(gone.address));
        }
        let mut known = std::mem::take(&mut self.targets);
        let target = |address| match known.iter().position(|target| target.address == address) {
            Some(index) => known.swap_remove(index),
            None => Target { address, outage: Outage::default() },
        };
        self.targets = addresses.into_iter().map(target).collect();
        true
    }

    /// Sends to each. Says whether one that failed for long works again.
    pub(crate) fn send(
        &mut self,
        now: Time,
        socket: &UdpSocket,
        packet: &[u8],
        journal: &mut Journal,
    ) -> bool {
        let mut works_again = false;
        for Target { address, outage } in &mut self.targets {
            let sent = socket.send_to(packet, *address).map(drop);
            let step = || format!("send to {address} ({})", self.option);
            works_again |= outage.note(now, sent, Part::SendTo(*address), step, journal);
        }
        works_again
    }
}
