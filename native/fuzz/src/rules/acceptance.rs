//! Which heartbeats must be believed, told a second time and in the plainest way: every number that was
//! taken is kept. Times, clocks and what is between them are in milliseconds.

use native_gossip_core::{Refusal, trust::Acceptance};

const MINUTE: i128 = 60_000;
const COPIED: u64 = 2_000;
const SIGNS: u64 = 120_000;
const WINDOW: u32 = 64;
const LIVES: usize = 4;
const WAITING: usize = 16;

/// What one node remembers of others, without a bound for names.
pub(crate) struct Believer {
    required: bool,
    /// What it is itself.
    pub(crate) us: u64,
    /// In the order in which they were heard first.
    lives: Vec<Life>,
    /// When a name signed last, by what is proven.
    signed_at: Vec<(usize, u64)>,
    /// What we were when a life was forgotten that had echoed it.
    pub(crate) spent: Option<u64>,
    /// Incarnations that wait for an echo.
    pub(crate) wanted: Vec<u64>,
}

struct Life {
    name: usize,
    id: u64,
    taken: Vec<u32>,
    /// The other clock less our time.
    offset: i128,
    heard_at: u64,
    mac: [u8; 16],
    /// It is no recorded one: by its stamp or an echo, and its clock did not move since.
    is_proven: bool,
    /// What we were when it echoed us last.
    echoed: Option<u64>,
}

/// A signed heartbeat.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeat {
    pub(crate) name: usize,
    pub(crate) id: u64,
    pub(crate) seq: u32,
    pub(crate) stamp: u64,
    pub(crate) echoes: Vec<u64>,
    pub(crate) mac: [u8; 16],
}

impl Believer {
    pub(crate) fn new(required: bool, us: u64) -> Self {
        Self {
            required,
            us,
            lives: Vec::new(),
            signed_at: Vec::new(),
            spent: None,
            wanted: Vec::new(),
        }
    }

    /// What is made of a heartbeat at this time, when our clock shows `clock`.
    pub(crate) fn hear(
        &mut self,
        time: u64,
        clock: u64,
        heard: &Heartbeat,
    ) -> Result<Acceptance, Refusal> {
        let judged = self.judge(time, clock, heard);
        if judged.is_ok() && heard.echoes.contains(&self.us) {
            let is_its = |life: &&mut Life| life.name == heard.name && life.id == heard.id;
            self.lives.iter_mut().find(is_its).expect("it is taken").echoed = Some(self.us);
        }
        let is_new = |taken| !matches!(taken, Acceptance::Copy | Acceptance::Late);
        let is_its = |life: &&Life| life.name == heard.name && life.id == heard.id;
        if judged.is_ok_and(is_new)
            && self.lives.iter().find(is_its).is_some_and(|life| life.is_proven)
        {
            self.signed_at.retain(|(name, _)| *name != heard.name);
            self.signed_at.push((heard.name, time));
        }
        judged
    }

    /// What is made of a heartbeat that is not signed.
    pub(crate) fn hear_unsigned(&self, time: u64, name: usize) -> Result<(), Refusal> {
        let signed = self.signed_at.iter().any(|(n, at)| *n == name && time - at <= SIGNS);
        if self.required || signed { Err(Refusal::Unsigned) } else { Ok(()) }
    }

    /// The incarnations of a name that were heard last, at one moment.
    pub(crate) fn latest(&self, name: usize) -> Vec<u64> {
        let of_name = || self.lives.iter().filter(|life| life.name == name);
        let last = of_name().map(|life| life.heard_at).max();
        of_name().filter(|life| Some(life.heard_at) == last).map(|life| life.id).collect()
    }

    fn judge(&mut self, time: u64, clock: u64, heard: &Heartbeat) -> Result<Acceptance, Refusal> {
        let is_right = (i128::from(heard.stamp) - i128::from(clock)).abs() <= MINUTE;
        let is_echo = heard.echoes.contains(&self.us);
        let offset = i128::from(heard.stamp) - i128::from(time);
        let is_its = |life: &&mut Life| life.name == heard.name && life.id == heard.id;
        let Some(life) = self.lives.iter_mut().find(is_its) else {
            if !is_right {
                self.want(heard.id);
            }
            let acceptance = match (is_right, is_echo, self.required) {
                (true, _, _) => Acceptance::Fresh,
                (_, true, _) => Acceptance::Echoed,
                (_, _, false) => Acceptance::Unproven,
                (_, _, true) => return Err(Refusal::Stale),
            };
            let of_name = || self.lives.iter().filter(|life| life.name == heard.name);
            if of_name().count() == LIVES {
                let oldest = of_name().min_by_key(|life| life.heard_at);
                if oldest.is_some_and(|life| life.echoed == Some(self.us)) {
                    self.spent = Some(self.us);
                }
                let oldest = oldest.map(|life| life.id);
                self.lives.retain(|life| life.name != heard.name || Some(life.id) != oldest);
            }
            let Heartbeat { name, id, seq, mac, .. } = *heard;
            let (taken, is_proven) = (vec![seq], is_right || is_echo);
            self.lives.push(Life {
                name,
                id,
                taken,
                offset,
                heard_at: time,
                mac,
                is_proven,
                echoed: None,
            });
            return Ok(acceptance);
        };
        let highest = life.taken.iter().copied().max().unwrap_or(0);
        if heard.seq > highest {
            let has_moved = (offset - life.offset).abs() > MINUTE;
            if has_moved && !is_right && !is_echo {
                self.want(heard.id);
                if self.required {
                    return Err(Refusal::Stale);
                }
            }
            let life = self.lives.iter_mut().find(is_its).expect("the same");
            life.taken.push(heard.seq);
            life.is_proven = is_right || is_echo || (life.is_proven && !has_moved);
            (life.offset, life.heard_at, life.mac) = (offset, time, heard.mac);
            return Ok(Acceptance::Next);
        }
        let is_in_window = highest - heard.seq < WINDOW;
        if heard.seq == highest && heard.mac != life.mac {
            Err(Refusal::Twin)
        } else if is_in_window && !life.taken.contains(&heard.seq) {
            life.taken.push(heard.seq);
            Ok(Acceptance::Late)
        } else if is_in_window && time - life.heard_at <= COPIED {
            Ok(Acceptance::Copy)
        } else {
            Err(Refusal::Replayed)
        }
    }

    fn want(&mut self, id: u64) {
        if self.wanted.len() < WAITING && !self.wanted.contains(&id) {
            self.wanted.push(id);
        }
    }
}
