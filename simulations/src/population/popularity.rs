//! How likely each position of a ballot is: a few candidates get most, a few in a hundred vote against all, a few in a
//! hundred papers are invalid.

use crate::chance::{Chance, below};
use tamga_ledger::kinds::Constituency;

/// Per thousand votes for candidates.
const AGAINST_ALL_PER_MILLE: u64 = 32;
/// Per thousand votes for candidates.
const INVALID_PER_MILLE: u64 = 26;

/// Cumulative weights by position.
#[derive(Debug, Clone)]
pub(super) struct Popularity(Vec<u64>);

impl Popularity {
    /// Draws one constituency's: weights fall with rank, ranks are dealt at random.
    pub(super) fn draw(chance: &Chance, constituency: &Constituency) -> Self {
        let mut draws = chance.stream(&format!("popularity {}", constituency.number));
        let mut ranks: Vec<u64> = (0..constituency.candidates.len() as u64).collect();
        draws.shuffle(&mut ranks);
        let mut weights: Vec<u64> =
            ranks.into_iter().map(|rank| 1_000_000 / (rank + 2) * (700 + draws.below(601)) / 1_000).collect();
        let candidates: u64 = weights.iter().sum();
        weights.push(candidates * AGAINST_ALL_PER_MILLE / 1_000);
        weights.push(candidates * INVALID_PER_MILLE / 1_000);
        let cumulative = weights.iter().scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self(cumulative.collect())
    }

    /// The position that 64 random bits choose.
    pub(super) fn pick(&self, bits: u64) -> usize {
        let total = self.0.last().copied().unwrap_or(0);
        let at = below(bits, total);
        self.0.partition_point(|up_to| *up_to <= at).min(self.0.len().saturating_sub(1))
    }
}
