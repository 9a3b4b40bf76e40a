//! The peers, for whoever asks.

use std::net::SocketAddr;

use super::{Peer, Peers, State};
use crate::{
    NodeName, Time,
    status::{HeartbeatForm, PeerState},
};

/// How a heartbeat was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) form: HeartbeatForm,
    /// The place of the secret that opened or verified it.
    pub(crate) secret_index: Option<usize>,
}

/// By which way a heartbeat came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) source: SocketAddr,
    /// The index of the interface, where the system tells.
    pub(crate) interface: Option<u32>,
}

/// What is known here of a peer.
pub(crate) struct PeerView<'a> {
    pub(crate) node: &'a NodeName,
    pub(crate) state: PeerState,
    pub(crate) heard_at: Time,
    pub(crate) manner: Manner,
    pub(crate) path: Option<Path>,
}

impl Manner {
    pub(crate) fn new(is_sealed: bool, is_signed: bool, secret_index: Option<usize>) -> Self {
        let form = match (is_sealed, is_signed) {
            (false, false) => HeartbeatForm::Plain,
            (false, true) => HeartbeatForm::Signed,
            (true, true) => HeartbeatForm::Sealed,
            (true, false) => HeartbeatForm::SealedUnsigned,
        };
        Self { form, secret_index }
    }
}

impl Default for Manner {
    fn default() -> Self {
        Self::new(false, false, None)
    }
}

impl Peers {
    /// A heartbeat came by this way. What was late, and may be recorded, is not what was heard last; and a
    /// peer that has no place is passed over.
    pub(crate) fn note_path(&mut self, now: Time, node: &NodeName, path: Path) {
        if let Some(peer) = self.table.get_mut(node).filter(|peer| peer.heard_at == now) {
            peer.path = Some(path);
        }
    }

    /// Each peer.
    pub(crate) fn views(&self, now: Time) -> impl Iterator<Item = PeerView<'_>> {
        self.table.iter().map(move |(node, peer)| PeerView {
            node,
            state: peer.shown_state(now),
            heard_at: peer.heard_at,
            manner: peer.manner,
            path: peer.path,
        })
    }
}

impl Peer {
    fn shown_state(&self, now: Time) -> PeerState {
        match (&self.state, self.is_leaving) {
            (state, true) if state.is_connected() => PeerState::Leaving,
            (_, true) => PeerState::Left,
            // It is asked about again.
            (state, false) if state.is_connected() => PeerState::Connected,
            (State::Waiting(_), false) => PeerState::Waiting,
            (State::Announced(_), false) => PeerState::Announced,
            (State::BackingOff { until, failures, .. }, false) => {
                PeerState::BackingOff { remaining: *until - now, failures: *failures }
            }
            (State::Connected(_) | State::Down, false) => PeerState::Down,
        }
    }
}
