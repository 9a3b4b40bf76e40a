//! Which heartbeats are believed to be new: not recorded, not copied, not of a twin.
//!
//! A signature proves who wrote a heartbeat. When, its place among the others of its incarnation
//! proves; of a new incarnation, that its stamp is near our clock, or that it echoes us, who did not
//! exist before we started. The table of [`Trust::hear`] is that of docs/protocol.md.
//!
//! This memory is bounded by itself. Names that sign take its places, and only to another name that
//! signs can they lose them; so nobody without a secret changes it, and whatever becomes of the table
//! of peers, what was received stays received.

mod clocks;
mod echoes;
mod incarnation;
mod known;
mod ourselves;
mod pending;
mod readiness;
mod status;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand_core::Rng;

use self::{
    clocks::{FRESH, is_fresh, off},
    echoes::Echoes,
    incarnation::{Incarnation, SeqVerdict},
    known::Known,
    ourselves::Ourselves,
    pending::PendingEvents,
    readiness::Unsigned,
};
pub use self::{known::Loss, readiness::Readiness};
use crate::{
    Authentication, Event, NodeName, Now, Refusal, Time,
    name::{self, NameText},
    packet::{Claim, Signed},
};

/// A name that signed does not stop to, until it was silent for this time: a node that is started
/// again without a secret takes longer to be missed.
const SIGNS: Duration = Duration::from_secs(120);

/// The table. Every call takes the moment, which must not run backwards.
///
/// It is public so that whole histories can be tried from outside.
#[derive(Debug)]
pub struct Trust {
    authentication: Authentication,
    names: BTreeMap<NodeName, Known>,
    capacity: usize,
    /// Those of the names that are about to stop.
    leaving: BTreeSet<NodeName>,
    unsigned: Unsigned,
    ourselves: Ourselves,
    echoes: Echoes,
    /// What we were when an incarnation was forgotten that had echoed it.
    spent: Option<u64>,
    /// An echo is to be sent soon.
    is_urgent: bool,
    /// When it was told that another BEAM has our name.
    sharing_told: Option<Time>,
    pending_events: PendingEvents,
}

/// How a heartbeat was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is the newest of its incarnation, which is known.
    Next,
    /// Its incarnation is new, and its stamp near our clock.
    Fresh,
    /// Its incarnation is new, and it echoes us.
    Echoed,
    /// Its incarnation is new, and it may be recorded.
    Unproven,
    /// It was overtaken, or recorded before it could be: it says nothing new.
    Late,
    /// It was taken a moment ago, and came by another way.
    Copy,
}

impl Trust {
    /// A table that knows nobody. It remembers twice as many names as there are peers: names of before
    /// a deployment have to be forgotten before others come.
    pub fn new(authentication: Authentication, max_peers: usize) -> Self {
        Self {
            authentication,
            names: BTreeMap::new(),
            capacity: max_peers.saturating_mul(2),
            leaving: BTreeSet::new(),
            unsigned: Unsigned::new(max_peers),
            ourselves: Ourselves::default(),
            echoes: Echoes::default(),
            spent: None,
            is_urgent: false,
            sharing_told: None,
            pending_events: PendingEvents::default(),
        }
    }

    /// We start, or start again: from now on we are another incarnation. `rng` must be unpredictable
    /// to strangers, who could otherwise record what echoes us before we are there.
    pub fn restart(&mut self, rng: &mut impl Rng) {
        self.ourselves.restart(rng);
    }

    /// Who we are.
    pub fn incarnation(&self) -> u64 {
        self.ourselves.incarnation()
    }

    /// Where somebody was forgotten who had echoed us, recordings of it would be believed by that echo:
    /// we become another incarnation before our next heartbeat, once a minute at most.
    pub fn renew_if_spent(&mut self, now: Time, rng: &mut impl Rng) {
        let is_spent = self.spent == Some(self.ourselves.incarnation());
        if is_spent && self.ourselves.make_void(now, rng) {
            self.echo_latest();
        }
    }

    /// What the next heartbeat of ours says, which is sent now.
    pub fn beat(&mut self, now: Now, rng: &mut impl Rng) -> Signed {
        let beat = self.ourselves.beat(now, rng);
        if let Some(by_ms) = beat.stepped {
            self.pending_events.push(Event::ClockStepped { by_ms });
            self.echo_latest();
        }
        let echoes = self.echoes.take().into_iter().collect();
        Signed { incarnation: beat.incarnation, seq: beat.seq, echoes }
    }

    /// Judges a heartbeat that is signed, and remembers it where it is taken. `longest_gap` is the
    /// longest that a node lets pass between two.
    ///
    /// # Errors
    /// [`Refusal::Stale`], [`Refusal::Replayed`] or [`Refusal::Twin`]; [`Refusal::OverLimit`] where
    /// the name is new, and each of those that are remembered is needed.
    pub fn hear(
        &mut self,
        now: Now,
        node: &NodeName,
        claim: &Claim,
        longest_gap: Duration,
    ) -> Result<Acceptance, Refusal> {
        let signed = &claim.signed;
        let off_ms = off(now, claim);
        let is_fresh = is_fresh(now, claim);
        let us = self.ourselves.incarnation();
        let is_echo = signed.echoes.contains(&us);
        let echoed = is_echo.then_some(us);
        let is_proven = is_fresh || is_echo;
        let may_be_off = is_proven || self.authentication == Authentication::Compatible;

        let known = self.names.get_mut(node);
        let placed = known.and_then(|known| Some((known.place(now, claim)?, known)));
        let is_believed;
        let acceptance = match placed {
            Some((SeqVerdict::Ahead { gap, moved }, known)) => {
                if moved.is_some() && !is_proven {
                    self.is_urgent |= self.echoes.want(signed.incarnation);
                }
                if moved.is_some() && !may_be_off {
                    return Err(Refusal::Stale);
                }
                let is_shared =
                    known.ahead(now, claim, (gap, moved.is_some()), is_proven, longest_gap * 2);
                is_believed = known.believe(now.time, claim, echoed);
                if let Some(by_ms) = moved {
                    known.clock_told = (!is_fresh).then_some(off_ms);
                    self.pending_events.push(Event::ClockMoved {
                        node: node.clone(),
                        by_ms,
                        off_ms,
                    });
                }
                if is_shared && known.note_sharing(now.time) {
                    self.pending_events.push(Event::NameShared(node.clone()));
                }
                Acceptance::Next
            }
            Some((SeqVerdict::Late, known)) => {
                known.late(claim, echoed);
                return Ok(Acceptance::Late);
            }
            Some((SeqVerdict::Copy, known)) => {
                known.copied(claim, echoed);
                return Ok(Acceptance::Copy);
            }
            Some((SeqVerdict::Replay, _)) => return Err(Refusal::Replayed),
            Some((SeqVerdict::Twin, known)) => {
                if known.note_sharing(now.time) {
                    self.pending_events.push(Event::NameShared(node.clone()));
                }
                return Err(Refusal::Twin);
            }
            None => {
                if !is_fresh {
                    self.is_urgent |= self.echoes.want(signed.incarnation);
                }
                if !may_be_off {
                    return Err(Refusal::Stale);
                }
                self.make_room(now, node)?;
                let known = self.names.entry(node.clone()).or_default();
                let forgotten = known.begin(Incarnation::new(now, claim, is_proven));
                self.spent = forgotten.filter(|echoed| *echoed == us).or(self.spent);
                is_believed = known.believe(now.time, claim, echoed);
                if known.note_clock(off_ms, is_fresh) {
                    let node = node.clone();
                    self.pending_events.push(match is_echo {
                        true => Event::ClockOff { node, off_ms },
                        false => Event::Unproven { node, off_ms },
                    });
                }
                match (is_fresh, is_echo) {
                    (true, _) => Acceptance::Fresh,
                    (false, true) => Acceptance::Echoed,
                    (false, false) => Acceptance::Unproven,
                }
            }
        };
        if !is_fresh {
            self.echoes.remind(signed.incarnation);
        }
        // What may be recorded says nothing of what its node does now.
        if is_believed {
            self.set_leaving(node, claim.is_leaving);
            self.unsigned.forget(node);
        }
        Ok(acceptance)
    }

    /// Judges a heartbeat that is not signed.
    ///
    /// # Errors
    /// [`Refusal::Unsigned`] where it must be, or where its name signed lately.
    pub(crate) fn hear_unsigned(&mut self, now: Time, node: &NameText<'_>) -> Result<(), Refusal> {
        let key: &dyn name::Key = node;
        let signs = |known: &Known| known.is_heard_within(now, SIGNS);
        if self.authentication == Authentication::Required || self.names.get(key).is_some_and(signs)
        {
            return Err(Refusal::Unsigned);
        }
        if !self.leaving.is_empty() {
            self.leaving.remove(key);
        }
        Ok(())
    }

    /// A heartbeat that is not signed was taken.
    pub fn note_unsigned(&mut self, now: Time, node: &NodeName) {
        self.unsigned.heard(now, node);
    }

    /// Judges a heartbeat that has our own name, and is signed.
    ///
    /// # Errors
    /// [`Refusal::Twin`] where another BEAM has our name, [`Refusal::Stale`] or [`Refusal::Replayed`]
    /// where it may be of ourselves before we started.
    pub fn hear_ourselves(
        &mut self,
        now: Now,
        node: &NodeName,
        claim: &Claim,
    ) -> Result<(), Refusal> {
        let judged = self.ourselves.judge(claim, is_fresh(now, claim));
        if judged == Err(Refusal::Twin) && known::is_sharing_due(&mut self.sharing_told, now.time) {
            self.pending_events.push(Event::NameShared(node.clone()));
        }
        judged
    }

    /// Whether this node said that it is about to stop, and has not spoken otherwise since.
    pub fn is_leaving(&self, node: &NodeName) -> bool {
        !self.leaving.is_empty() && self.leaving.contains(node)
    }

    /// This name, where it is known.
    pub(crate) fn known_name(&self, text: &NameText<'_>) -> Option<&NodeName> {
        self.names.get_key_value(text as &dyn name::Key).map(|(node, _)| node)
    }

    /// What the numbers of a peer's heartbeats tell of those that did not come.
    pub fn loss(&self, node: &NodeName) -> Option<Loss> {
        self.names.get(node).map(|known| known.loss)
    }

    /// A copy was sent to an address of this host, and not to the group.
    pub fn note_direct_copy(&mut self, node: &NodeName) {
        if let Some(known) = self.names.get_mut(node) {
            known.loss.direct_copies += 1;
        }
    }

    /// Who signs, and with which of this many secrets.
    pub fn readiness(&self, now: Time, secrets: usize) -> Readiness {
        let mut signed = vec![0; secrets];
        for (node, known) in &self.names {
            let is_meant =
                known.is_heard_within(now, readiness::DAY) && !self.unsigned.contains(node);
            signed
                .get_mut(known.secret_index)
                .filter(|_| is_meant)
                .into_iter()
                .for_each(|n| *n += 1);
        }
        Readiness { unsigned: self.unsigned.count(now), signed }
    }

    /// Whether somebody waits for an echo who did not before, since the last call.
    pub fn take_urgency(&mut self) -> bool {
        std::mem::take(&mut self.is_urgent)
    }

    /// What is worth telling since the last call. To be called after each heartbeat: the list is short.
    pub fn take_pending_events(&mut self) -> Vec<Event> {
        self.pending_events.take()
    }

    /// Forgets the longest-silent name of which nothing that was received would be believed again, if
    /// the table is full.
    ///
    /// So it goes only where all its stamps are far from our clock, and none of its heartbeats echoed
    /// what we are now: what is recorded of it is stale, as of any other name, in
    /// `Authentication::Required`. (In `Compatible` it is taken once more, unproven, as what is
    /// recorded of anybody whom we have not heard.) Where no name may go, a new one is refused; where
    /// one could but for its echo, we become another incarnation before our next heartbeat.
    fn make_room(&mut self, now: Now, node: &NodeName) -> Result<(), Refusal> {
        if self.names.len() < self.capacity || self.names.contains_key(node) {
            return Ok(());
        }
        let us = self.ourselves.incarnation();
        let idle = self.names.iter().filter(|(_, known)| {
            !known.is_heard_within(now.time, SIGNS) && known.is_stale(now, FRESH)
        });
        let longest = idle.min_by_key(|(_, known)| (known.has_echoed(us), known.heard_at));
        if longest.is_some_and(|(_, known)| known.has_echoed(us)) {
            self.spent = Some(us);
            return Err(Refusal::OverLimit);
        }
        let longest = longest.map(|(node, _)| node.clone());
        let longest = longest.ok_or(Refusal::OverLimit)?;
        self.names.remove(&longest);
        self.set_leaving(&longest, false);
        Ok(())
    }

    /// Whoever refuses what we are now believes an echo.
    fn echo_latest(&mut self) {
        let mut latest: Vec<_> = self.names.values().filter_map(Known::latest).collect();
        latest.sort_by_key(|latest| std::cmp::Reverse(latest.heard_at));
        self.echoes.replace(latest.into_iter().map(|latest| latest.id));
    }

    fn set_leaving(&mut self, node: &NodeName, is_leaving: bool) {
        if is_leaving {
            self.leaving.insert(node.clone());
        } else if !self.leaving.is_empty() {
            self.leaving.remove(node);
        }
    }
}
