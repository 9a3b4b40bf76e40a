//! What became of every packet, counted.

use crate::{Received, Refusal};

/// Counts since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Heartbeats handed to the system, which may yet fail to send them.
    pub sent: u64,
    /// Datagrams looked at: `accepted`, `copied`, `echoed` and all the refusals together.
    pub received: u64,
    /// Heartbeats of other nodes.
    pub accepted: u64,
    /// Those of them that were not signed under one of our secrets.
    pub accepted_unsigned: u64,
    /// Copies of heartbeats that were accepted, which came by another way.
    pub copied: u64,
    /// Peers announced.
    pub announced: u64,
    /// Our own heartbeats that came back.
    pub echoed: u64,
    refused: [u64; Refusal::ALL.len()],
}

impl Counters {
    /// How many datagrams were refused for this cause.
    pub fn refused(&self, cause: Refusal) -> u64 {
        self.refused.get(cause as usize).copied().unwrap_or(0)
    }

    /// Every count with its name, in a fixed order.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let kinds = [
            ("sent", self.sent),
            ("received", self.received),
            ("accepted", self.accepted),
            ("accepted_unsigned", self.accepted_unsigned),
            ("copied", self.copied),
            ("announced", self.announced),
            ("echoed", self.echoed),
        ];
        let refusals = Refusal::ALL.iter().map(|cause| (cause.name(), self.refused(*cause)));
        kinds.into_iter().chain(refusals)
    }

    pub(crate) fn count(&mut self, received: &Received) {
        self.received += 1;
        match received {
            Received::Peer(heartbeat) => {
                self.accepted += 1;
                self.accepted_unsigned += u64::from(heartbeat.claim.is_none());
            }
            Received::Copy(_) => self.copied += 1,
            Received::Echo => self.echoed += 1,
            Received::Refused(cause) => {
                if let Some(count) = self.refused.get_mut(*cause as usize) {
                    *count += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_counter_of_its_own() {
        for &cause in Refusal::ALL {
            let mut counters = Counters::default();
            counters.count(&Received::Refused(cause));
            let counted: Vec<_> = counters.named().filter(|(_, count)| *count > 0).collect();
            assert_eq!(counted, [("received", 1), (cause.name(), 1)]);
        }
    }
}
