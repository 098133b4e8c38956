//! The one source of chance: SplitMix64 from a seed.
//!
//! Handles share one state, so that schedules, faults, client actions and the Regions' entropy all
//! come from the same sequence (promise R10). Not for cryptography.

use std::cell::Cell;
use std::rc::Rc;

use regent_core::ports::Entropy;

/// A handle on the generator of one run.
#[derive(Debug, Clone)]
pub struct Rng(Rc<Cell<u64>>);

impl Rng {
    pub fn new(seed: u64) -> Self {
        let rng = Self(Rc::new(Cell::new(seed)));
        // Neighbouring seeds begin far apart.
        let spread = rng.next() ^ rng.next().rotate_left(32);
        rng.0.set(spread);
        rng
    }

    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// A number of `low..=high`.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    pub fn percent(&self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    pub fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

impl Entropy for Rng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
