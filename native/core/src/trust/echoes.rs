//! Whose incarnations go into our next heartbeats.

use std::collections::VecDeque;

use crate::packet::MAX_ECHOES;

/// Incarnations that wait for an echo. Each heartbeat takes eight, and who finds no place is heard
/// again.
const WAITING: usize = 16;

/// Incarnations of nodes whose clock differs from ours.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    /// Of those that proved nothing else: until they hear us they may be refused, here or there.
    waiting: VecDeque<u64>,
    /// Of those that are believed. They may not believe us yet, if our last echo was lost, and only an
    /// echo shows them that we are no replay. So they have the places that are left.
    believed: VecDeque<u64>,
}

impl Echoes {
    /// Says whether it has a place.
    pub(super) fn want(&mut self, incarnation: u64) -> bool {
        if self.waiting.contains(&incarnation) {
            return true;
        }
        let has_room = self.waiting.len() < WAITING;
        if has_room {
            self.waiting.push_back(incarnation);
        }
        has_room
    }

    pub(super) fn remind(&mut self, incarnation: u64) {
        if !self.believed.contains(&incarnation) {
            self.believed.truncate(MAX_ECHOES - 1);
            self.believed.push_front(incarnation);
        }
    }

    /// Whoever waits does so no more; these do.
    pub(super) fn replace(&mut self, incarnations: impl Iterator<Item = u64>) {
        self.waiting = incarnations.take(WAITING).collect();
    }

    /// Those of the next heartbeat.
    pub(super) fn take(&mut self) -> Vec<u64> {
        let first = self.waiting.len().min(MAX_ECHOES);
        let mut taken: Vec<_> = self.waiting.drain(..first).collect();
        for incarnation in self.believed.drain(..) {
            if taken.len() < MAX_ECHOES && !taken.contains(&incarnation) {
                taken.push(incarnation);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_wait_and_eight_go_into_a_heartbeat() {
        let mut echoes = Echoes::default();
        let wanted: Vec<_> = (0..20).map(|n| echoes.want(n)).collect();
        assert_eq!(wanted.iter().filter(|wanted| **wanted).count(), 16);
        assert!(echoes.want(15) && !echoes.want(16));
        assert_eq!(echoes.take(), (0..8).collect::<Vec<_>>());
        assert_eq!(echoes.take(), (8..16).collect::<Vec<_>>());
        assert_eq!(echoes.take(), [0; 0]);
    }

    #[test]
    fn who_is_believed_has_the_places_that_are_left_and_only_once() {
        let mut echoes = Echoes::default();
        (0..7).for_each(|n| assert!(echoes.want(n)));
        (0..7).chain(100..200).chain(192..200).for_each(|n| echoes.remind(n));
        assert_eq!(echoes.take(), [0, 1, 2, 3, 4, 5, 6, 199]);
        assert_eq!(echoes.take(), [0; 0]);
    }

    #[test]
    fn what_waits_is_replaced_within_the_bound() {
        let mut echoes = Echoes::default();
        (0..16).for_each(|n| assert!(echoes.want(n)));
        echoes.replace(100..200);
        assert_eq!((echoes.take().first(), echoes.take().last()), (Some(&100), Some(&115)));
    }
}
