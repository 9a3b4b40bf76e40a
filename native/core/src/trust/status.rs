//! What is known of a name, for whoever asks.

use super::{Loss, Trust};
use crate::{NodeName, Now};

impl Trust {
    /// What did not come of a peer's heartbeats, and how far its clock is ahead of ours, in milliseconds.
    /// `None` where it does not sign.
    pub(crate) fn view(&self, now: Now, node: &NodeName) -> Option<(Loss, Option<i64>)> {
        let known = self.names.get(node)?;
        Some((known.loss, known.speaking().map(|speaking| speaking.off(now))))
    }
}
