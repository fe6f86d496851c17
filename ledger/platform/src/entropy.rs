//! Randomness.

use std::fmt::Debug;
use std::sync::Mutex;

/// A source of random bytes, fit for keys and nonces unless its documentation says otherwise.
pub trait Entropy: Debug + Send + Sync + 'static {
    /// Fills `out` with random bytes.
    ///
    /// # Panics
    /// The real source panics if the operating system has no randomness to give: no key may be made then.
    fn fill(&self, out: &mut [u8]);
}

/// `N` random bytes from `source`.
pub fn random_bytes<const N: usize>(source: &dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    source.fill(&mut out);
    out
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no key or nonce may be made; stopping is the safe answer"
    )]
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system gives no randomness");
    }
}

/// SplitMix64: the next number from the last one. Reproducible, **not** fit for keys.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// SplitMix64 from a seed: reproducible, **not** fit for keys; for simulations and tests.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<SplitMix>);

impl SeededEntropy {
    /// The sequence that belongs to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(SplitMix::new(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in out.chunks_mut(8) {
            let bytes = state.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
