//! What the engine knows, for whoever asks.

use std::time::Duration;

use super::Engine;
use crate::{
    NodeName, Now, RecvMeta, Time,
    peers::{Manner, Path},
    status::{HeartbeatForm, PeerState, PeerStatus},
};

impl<R: rand_core::CryptoRng> Engine<R> {
    /// The name under which this node is known, while it is alive.
    pub(crate) fn identity(&self) -> Option<&NodeName> {
        self.identity.as_ref()
    }

    /// Who we are to those who verify what we sign.
    pub(crate) fn incarnation(&self) -> Option<u64> {
        self.signs().then(|| self.trust.incarnation())
    }

    /// How heartbeats are sent.
    pub(crate) fn form(&self) -> HeartbeatForm {
        Manner::new(self.signs() && self.seals, self.signs(), None).form
    }

    /// Whether this node is about to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.pace.is_draining()
    }

    /// The longest gap between two heartbeats of this node as things are.
    pub(crate) fn longest_gap_now(&self, now: Time) -> Duration {
        self.pace.longest_gap_now(now)
    }

    /// Whether more arrives than is looked at.
    pub(crate) fn is_flooded(&self, now: Time) -> bool {
        self.pace.is_flooded(now)
    }

    /// This peer was heard so.
    pub(crate) fn note_path(&mut self, now: Time, node: &NodeName, meta: &RecvMeta) {
        self.peers.note_path(now, node, Path { source: meta.source, interface: meta.interface });
    }

    /// How many peers are in each state.
    pub(crate) fn count_peers(&self, now: Time) -> Vec<(&'static str, usize)> {
        let mut counts: Vec<_> = PeerState::NAMES.iter().map(|name| (*name, 0)).collect();
        for peer in self.peers.views(now) {
            let name = peer.state.name();
            counts.iter_mut().filter(|(other, _)| *other == name).for_each(|(_, n)| *n += 1);
        }
        counts
    }

    /// Each peer; `interface` has the name of an interface by its index.
    pub(crate) fn peers(
        &self,
        now: Now,
        interface: impl Fn(u32) -> Option<String>,
    ) -> Vec<PeerStatus> {
        let peers = self.peers.views(now.time).map(|peer| {
            // Of a name that signed once, and does not now, nothing of before is told.
            let is_signed =
                matches!(peer.manner.form, HeartbeatForm::Signed | HeartbeatForm::Sealed);
            let trust = self.trust.view(now, peer.node).filter(|_| is_signed);
            PeerStatus {
                node: peer.node.clone(),
                state: peer.state,
                source: peer.path.map(|path| path.source),
                interface: peer.path.and_then(|path| path.interface).and_then(&interface),
                heard_ago: now.time - peer.heard_at,
                form: peer.manner.form,
                secret_index: peer.manner.secret_index,
                loss: trust.map(|(loss, _)| loss),
                clock_off_ms: trust.and_then(|(_, off_ms)| off_ms),
            }
        });
        peers.collect()
    }
}
