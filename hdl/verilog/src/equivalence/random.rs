//! The random inputs of a stimulus.

use num_bigint::BigUint;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::Bits;

/// The source of random inputs: the same for the same seed.
pub struct Random {
    rng: ChaCha8Rng,
    pub(super) cycle: usize,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random {
            rng: ChaCha8Rng::seed_from_u64(seed),
            cycle: 0,
        }
    }

    /// The current cycle, from 0.
    pub fn cycle(&self) -> usize {
        self.cycle
    }

    /// High in the first two cycles, and once in 256 cycles after that.
    pub fn reset(&mut self) -> bool {
        self.cycle < 2 || self.chance(1, 256)
    }

    /// True in `n` of `of` cases.
    pub fn chance(&mut self, n: u64, of: u64) -> bool {
        self.below(of) < n
    }

    /// A number below `limit` (0 when that is 0).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.rng.next_u64().checked_rem(limit).unwrap_or(0)
    }

    /// One of `choices`, none of which is more likely. Panics when there are none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A value of `N` bits, all equally likely.
    pub fn bits<const N: usize>(&mut self) -> Bits<N> {
        let words: Vec<u32> = (0..N.div_ceil(32)).map(|_| self.rng.next_u32()).collect();
        let surplus = words.len() * 32 - N;
        Bits::from(BigUint::new(words) >> surplus)
    }

    /// A value of `N` bits where carries and comparisons go wrong: near 0, near the top, near the middle, else any.
    pub fn corner<const N: usize>(&mut self) -> Bits<N> {
        let near = BigUint::from(self.below(3)) % (BigUint::from(1_u8) << N);
        let top = (BigUint::from(1_u8) << N) - 1_u8;
        Bits::from(match self.below(6) {
            0 => near,
            1 => top - near,
            2 => top >> 1,
            3 => (top >> 1) + 1_u8,
            _ => return self.bits(),
        })
    }
}
