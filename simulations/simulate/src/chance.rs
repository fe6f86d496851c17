//! Randomness of plans and workload: a small generator with the few draws that are needed.

/// SplitMix64. Separate streams for separate purposes keep a change in one from moving all others.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream for `purpose` of a seed.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_be_bytes()).update(purpose.as_bytes());
        let mut state = [0; 8];
        state.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        Self(u64::from_be_bytes(state))
    }

    /// Any number.
    pub const fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low { low } else { low + self.any() % (high - low + 1) }
    }

    /// As [`between`](Self::between), small ones far more often: uniform in the exponent.
    pub fn skewed(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low) + 1;
        let bits = 64 - span.leading_zeros();
        let limit = self.between(0, u64::from(bits));
        let top = if limit >= 63 { span - 1 } else { ((1 << limit) - 1).min(span - 1) };
        low + self.between(0, top)
    }

    /// True in so many of a thousand cases.
    pub const fn permille(&mut self, permille: u64) -> bool {
        self.any() % 1_000 < permille
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.between(0, of.len() as u64 - 1) as usize]
    }

    /// Some of them, at least one, in their order.
    pub fn some_of(&mut self, of: &[u32], count: usize) -> Vec<u32> {
        let mut rest = of.to_vec();
        while rest.len() > count.max(1) {
            let index = self.between(0, rest.len() as u64 - 1) as usize;
            rest.remove(index);
        }
        rest
    }
}
