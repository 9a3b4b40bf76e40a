//! Who signs, and with which secret: what must be known before unsigned heartbeats are refused, or a
//! secret is dropped.

use std::{collections::BTreeMap, time::Duration};

use crate::{NodeName, Time};

/// For how long a name counts. A node that is off for a night is not forgotten.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// Names heard within a day, each by the last heartbeat of it that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Names that do not sign: with `Authentication::Required` their heartbeats would be refused.
    pub unsigned: usize,
    /// Names that sign with each secret, in the order of the list.
    pub signed: Vec<usize>,
}

/// Names that do not sign. Anybody can make up others, so they have a table of their own: it takes
/// no place of a name that signs.
#[derive(Debug)]
pub(super) struct Unsigned {
    heard_at: BTreeMap<NodeName, Time>,
    capacity: usize,
}

impl Unsigned {
    pub(super) fn new(capacity: usize) -> Self {
        Self { heard_at: BTreeMap::new(), capacity }
    }

    /// In the place of the longest-silent one, where there is no other.
    pub(super) fn heard(&mut self, now: Time, node: &NodeName) {
        if let Some(heard_at) = self.heard_at.get_mut(node) {
            *heard_at = now;
            return;
        }
        if self.heard_at.len() >= self.capacity {
            let longest = self.heard_at.iter().min_by_key(|(_, heard_at)| **heard_at);
            if let Some(node) = longest.map(|(node, _)| node.clone()) {
                self.heard_at.remove(&node);
            }
        }
        self.heard_at.insert(node.clone(), now);
    }

    /// This name signs from now on.
    pub(super) fn forget(&mut self, node: &NodeName) {
        self.heard_at.remove(node);
    }

    pub(super) fn contains(&self, node: &NodeName) -> bool {
        self.heard_at.contains_key(node)
    }

    pub(super) fn count(&self, now: Time) -> usize {
        self.heard_at.values().filter(|heard_at| now - **heard_at <= DAY).count()
    }
}
