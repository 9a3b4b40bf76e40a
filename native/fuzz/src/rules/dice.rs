//! Randomness that is none.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// Numbers of it always come to the same: the least that they can be, the most, or something between.
/// Its bytes are others each time, because incarnations are made of them.
pub(super) struct Dice {
    number: u64,
    taken: u64,
}

impl Dice {
    pub(super) fn new(number: u64) -> Self {
        Self { number, taken: 0 }
    }
}

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.number >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.number)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for part in bytes.chunks_mut(8) {
            self.taken += 1;
            part.copy_from_slice(&self.taken.to_be_bytes()[..part.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Dice {}
