//! What a datagram is: the order in which it is judged.

use std::net::IpAddr;

use rand_core::CryptoRng;

use super::{Engine, Received};
use crate::{
    NodeName, Now, Refusal, Time,
    name::NameText,
    pace::Mark,
    packet::{Claim, Heartbeat, Packet},
    peers::{Heard, Manner},
    trust::Acceptance,
};

impl<R: CryptoRng> Engine<R> {
    /// The list by which a packet is judged. What it breaks first is the cause of its refusal, and no
    /// name takes a place anywhere before all that stands above has passed.
    pub(super) fn judge(
        &mut self,
        now: Now,
        source: IpAddr,
        datagram: &[u8],
        longest: usize,
        room: &mut Vec<u8>,
    ) -> Result<Received, Refusal> {
        // Size.
        if datagram.len() > longest {
            return Err(Refusal::OverLimit);
        }
        // Opening.
        let opened = self.keyring.open(datagram, room)?;
        // What it says, and the shape of its trailer.
        let mut packet = Packet::read(&opened, &self.keyring)?;
        // Its label.
        if packet.label().is_some_and(|label| label != self.label.unwrap_or_default()) {
            return Err(Refusal::Cluster);
        }
        // Its form.
        if packet.is_bare() && self.signs() && self.seals {
            return Err(Refusal::Unsealed);
        }
        // Its MAC.
        let claim = packet.verify(&self.keyring)?;
        // Its name.
        let name = packet.name()?;
        if self.identity.as_ref().is_some_and(|identity| identity.as_str() == name.as_str()) {
            return self.judge_echo(now, claim.as_ref());
        }
        // The filter.
        if !self.allow.is_empty() && !self.allow.iter().any(|glob| glob.matches(name.as_str())) {
            return Err(Refusal::Filtered);
        }
        // Whether it is new.
        let (node, acceptance) = match &claim {
            Some(claim) => {
                let node = self.node_name(name);
                let longest_gap = self.pace.longest_gap();
                let acceptance = self.trust.hear(now, &node, claim, longest_gap)?;
                (node, Some(acceptance))
            }
            None => {
                self.trust.hear_unsigned(now.time, &name)?;
                (self.node_name(name), None)
            }
        };
        let secret_index = packet.opened_with().or(claim.as_ref().map(|claim| claim.secret_index));
        let manner = Manner::new(packet.is_sealed(), claim.is_some(), secret_index);
        let heartbeat = Heartbeat { node, secret_index, claim };
        match acceptance {
            Some(Acceptance::Copy) => return Ok(self.see_copy(now.time, source, manner, heartbeat)),
            // It says nothing new, and may be recorded at any time of its incarnation.
            Some(Acceptance::Late) => return Ok(Received::Peer(heartbeat)),
            _ => {}
        }
        // The peers' budgets.
        self.see(now.time, source, manner, &heartbeat.node)?;
        if heartbeat.claim.is_none() && self.identity.is_some() {
            self.trust.note_unsigned(now.time, &heartbeat.node);
        }
        Ok(Received::Peer(heartbeat))
    }

    /// Judges a heartbeat that has our own name. Where we sign, those that are not signed are not ours.
    fn judge_echo(&mut self, now: Now, claim: Option<&Claim>) -> Result<Received, Refusal> {
        match (claim, &self.identity) {
            (Some(claim), Some(identity)) => self.trust.hear_ourselves(now, identity, claim)?,
            _ if self.signs() => return Err(Refusal::Unsigned),
            _ => {}
        }
        Ok(Received::Echo)
    }

    /// A name as the tables have it: only one that is new is built.
    fn node_name(&self, name: NameText<'_>) -> NodeName {
        let known = self.peers.known_name(&name).or_else(|| self.trust.known_name(&name));
        known.cloned().unwrap_or_else(|| name.into())
    }

    /// Tells the peers of a heartbeat that was believed.
    fn see(
        &mut self,
        now: Time,
        source: IpAddr,
        manner: Manner,
        node: &NodeName,
    ) -> Result<(), Refusal> {
        // Who is not alive cannot connect, and would spend names that it needs later.
        let Some(identity) = &self.identity else { return Ok(()) };
        self.pace.heard(now, Mark::from(node));
        let (longest_gap, is_leaving) = (self.pace.longest_gap(), self.trust.is_leaving(node));
        let heard = Heard { node, source, by: identity, longest_gap, is_leaving, manner };
        if let Some(asks) = self.peers.see(now, heard)? {
            self.pace.answer(now, asks, &mut self.rng);
        }
        Ok(())
    }

    /// A copy by a way of its own helps a node whose name came first by a crowded one.
    fn see_copy(
        &mut self,
        now: Time,
        source: IpAddr,
        manner: Manner,
        heartbeat: Heartbeat,
    ) -> Received {
        let was_known = self.peers.knows(&heartbeat.node);
        let is_seen = self.see(now, source, manner, &heartbeat.node).is_ok() && !was_known;
        let is_taken_in = is_seen && self.peers.knows(&heartbeat.node);
        if is_taken_in { Received::Peer(heartbeat) } else { Received::Copy(heartbeat) }
    }
}
