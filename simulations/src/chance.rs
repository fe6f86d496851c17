//! Reproducible chance: a stream for what is drawn once, and facts by hashing for what belongs to one of millions.
//!
//! Nothing here is secret and nothing here makes keys; those come from the operating system's entropy.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

const CONTEXT: &str = "tamga 2025 simulated population v1";

/// The seed of a day, from which every fact about it follows.
#[derive(Debug, Clone, Copy)]
pub struct Chance([u8; 32]);

impl Chance {
    /// From the command line's seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(blake3::derive_key(CONTEXT, &seed.to_be_bytes()))
    }

    /// A stream of draws for one purpose.
    #[must_use]
    pub fn stream(&self, purpose: &str) -> Draws {
        Draws(ChaCha8Rng::from_seed(*blake3::keyed_hash(&self.0, purpose.as_bytes()).as_bytes()))
    }

    /// 64 bits that belong to number `index` for one purpose.
    #[must_use]
    pub fn fact(&self, purpose: &str, index: u64) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(purpose.as_bytes()).update(&[0]).update(&index.to_be_bytes());
        let mut bytes = [0; 8];
        hasher.finalize_xof().fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// Whether something that happens `per_million` times in a million happens to number `index`.
    #[must_use]
    pub fn happens(&self, purpose: &str, index: u64, per_million: u64) -> bool {
        below(self.fact(purpose, index), 1_000_000) < per_million
    }
}

/// A stream of draws.
#[derive(Debug, Clone)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        below(self.0.next_u64(), bound)
    }

    /// Puts a slice into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = self.below(at as u64 + 1) as usize;
            items.swap(at, other);
        }
    }
}

/// Maps 64 random bits below `bound` (Lemire): even up to a part in 2⁶⁴ ÷ `bound`.
#[must_use]
pub const fn below(bits: u64, bound: u64) -> u64 {
    ((bits as u128 * bound as u128) >> 64) as u64
}

/// A random order of 0 … count − 1 in which any place can be asked for: a Feistel network with cycle walking.
#[derive(Debug, Clone, Copy)]
pub struct Permutation {
    count: u64,
    half_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    /// The order for one purpose.
    #[must_use]
    pub fn new(chance: &Chance, purpose: &str, count: u64) -> Self {
        let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
        let keys = [0, 1, 2, 3].map(|round| chance.fact(purpose, round));
        Self { count, half_bits: bits.div_ceil(2).max(1), keys }
    }

    /// Who stands at `place`, which is below the count.
    #[must_use]
    pub fn at(&self, place: u64) -> u64 {
        debug_assert!(place < self.count);
        // The network permutes at most four times as many numbers, so this walks a few steps.
        let mut value = place;
        loop {
            value = self.network(value);
            if value < self.count {
                return value;
            }
        }
    }

    fn network(&self, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// SplitMix64's finaliser.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_permutation_meets_everybody_once() {
        let chance = Chance::new(7);
        for count in [1, 2, 3, 100, 4_294] {
            let order = Permutation::new(&chance, "order", count);
            let met: BTreeSet<u64> = (0..count).map(|place| order.at(place)).collect();
            assert_eq!(met.len() as u64, count);
            assert!(met.iter().all(|one| *one < count));
        }
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let (one, two) = (Chance::new(1), Chance::new(2));
        assert_eq!(one.fact("a", 5), Chance::new(1).fact("a", 5));
        assert_ne!(one.fact("a", 5), two.fact("a", 5));
        assert_ne!(one.fact("a", 5), one.fact("b", 5));
        let happened = (0..100_000).filter(|index| one.happens("rare", *index, 5_000)).count();
        assert!((400..600).contains(&happened), "{happened}");
    }
}
