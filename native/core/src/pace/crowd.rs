//! How many nodes there are, by what is heard.
//!
//! Names are not remembered: each sets one bit of 4,096, and the bits that are still clear tell how
//! many names there were ("linear counting"). It takes 1 kB, is right to a few in a hundred up to
//! 15,000 names, and does not depend on which names the table of peers has room for.

use std::time::Duration;

use crate::{NodeName, Time, name::Digest};

const BITS: u16 = 4096;
const WORDS: usize = BITS as usize / 64;

/// What is left of a name: two of them are seldom the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u16);

impl From<&NodeName> for Mark {
    /// Who makes up names that leave the same mark is counted once, and gains nothing.
    fn from(node: &NodeName) -> Self {
        let Digest(hash) = node.digest();
        let folded = (hash ^ hash >> 32 ^ hash >> 16) % u64::from(BITS);
        Self(u16::try_from(folded).unwrap_or(0))
    }
}

/// The names of this period, and of the one before.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    names: [Names; 2],
    began: Time,
}

impl Crowd {
    pub(super) fn new() -> Self {
        Self { names: [Names::new(), Names::new()], began: Time::ZERO }
    }

    /// In each `period` every node is heard at least once, unless its packets are lost.
    pub(super) fn heard(&mut self, now: Time, node: Mark, period: Duration) {
        let [current, previous] = &mut self.names;
        if now - self.began >= period {
            std::mem::swap(current, previous);
            current.clear();
            if now - self.began >= period * 2 {
                previous.clear();
            }
            self.began = now;
        }
        current.add(node);
    }

    /// How many nodes were heard in a period. Of what was heard two of them ago nothing counts.
    pub(super) fn size(&self, now: Time, period: Duration) -> f64 {
        let [current, previous] = &self.names;
        let most = match now - self.began {
            age if age < period => current.count.max(previous.count),
            age if age < period * 2 => current.count,
            _ => 0,
        };
        let clear = f64::from((BITS - most).max(1)) / f64::from(BITS);
        -clear.ln() * f64::from(BITS)
    }
}

#[derive(Clone, Debug)]
struct Names {
    bits: [u64; WORDS],
    /// How many are set.
    count: u16,
}

impl Names {
    fn new() -> Self {
        Self { bits: [0; WORDS], count: 0 }
    }

    fn clear(&mut self) {
        *self = Self::new();
    }

    fn add(&mut self, Mark(mark): Mark) {
        let bit = 1 << (mark % 64);
        if let Some(word) = self.bits.get_mut(usize::from(mark / 64)) {
            self.count += u16::from(*word & bit == 0);
            *word |= bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(10);

    fn secs(s: u64) -> Time {
        Time::after(Duration::from_secs(s))
    }

    fn mark(n: usize) -> Mark {
        let name = format!("app{n}@10.0.{}.{}", n / 250, n % 250);
        Mark::from(&NodeName::parse(&name).expect("a node name"))
    }

    #[test]
    fn names_are_counted_to_a_few_in_a_hundred() {
        let mut crowd = Crowd::new();
        assert_eq!(crowd.size(secs(1), PERIOD), 0.0);
        for n in 0..15_000 {
            crowd.heard(secs(1), mark(n), PERIOD);
            crowd.heard(secs(2), mark(n / 2), PERIOD);
            let (counted, names) = (crowd.size(secs(2), PERIOD), (n + 1) as f64);
            assert!((counted - names).abs() <= 2.0 + names * 0.05, "{counted} of {names}");
        }
    }

    #[test]
    fn nodes_that_are_gone_are_forgotten_after_two_periods() {
        let mut crowd = Crowd::new();
        (0..100).for_each(|n| crowd.heard(secs(1), mark(n), PERIOD));
        crowd.heard(secs(10), mark(0), PERIOD);
        assert!((95.0..105.0).contains(&crowd.size(secs(10), PERIOD)));
        crowd.heard(secs(20), mark(0), PERIOD);
        assert_eq!(crowd.size(secs(20), PERIOD).round(), 1.0);
        crowd.heard(secs(21), mark(1), PERIOD);
        crowd.heard(secs(41), mark(2), PERIOD);
        assert_eq!(crowd.size(secs(41), PERIOD).round(), 1.0);
    }

    #[test]
    fn nodes_that_are_gone_are_forgotten_also_where_nobody_else_is_heard() {
        let mut crowd = Crowd::new();
        (0..100).for_each(|n| crowd.heard(secs(11), mark(n), PERIOD));
        (0..10).for_each(|n| crowd.heard(secs(22), mark(n), PERIOD));
        let counted = [31, 32, 41, 42].map(|s| crowd.size(secs(s), PERIOD).round());
        assert_eq!(counted, [100.0, 10.0, 10.0, 0.0]);
    }

    #[test]
    fn no_number_of_names_is_too_many() {
        let mut crowd = Crowd::new();
        (0..200_000).for_each(|n| crowd.heard(secs(1), mark(n), PERIOD));
        let size = crowd.size(secs(1), PERIOD);
        assert!((20_000.0..40_000.0).contains(&size), "{size}");
    }
}
