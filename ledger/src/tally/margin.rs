//! How close it was: votes by which a seat was won or missed, and the places whose annulment would change who is elected.
//!
//! All of it asks [`seats`] again with other counts, so the sex rule, ties and lots are those of the result itself.

use super::{Seats, seats};
use crate::kinds::Candidate;
use serde::{Deserialize, Serialize};

/// How close one candidate is to the other outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Margin {
    /// Ballot position.
    pub position: u32,
    /// Whether the candidate has a seat.
    pub elected: bool,
    /// Elected: the fewest votes less with which the seat would be lost or depend on a lot. Not elected: the fewest votes more
    /// with which there would be a seat or a lot; none if no number of votes would do.
    pub votes: Option<u64>,
}

/// A result to be changed in thought.
#[derive(Debug, Clone, Copy)]
pub struct Contest<'a> {
    /// In the order of the ballot.
    pub candidates: &'a [Candidate],
    /// By ballot position; then against all, then invalid.
    pub counts: &'a [u64],
    /// How many are elected.
    pub seats: u32,
    /// Most of one sex; 0 for no limit.
    pub same_sex_max: u32,
}

impl Contest<'_> {
    /// The outcome with other counts.
    pub(super) fn outcome(&self, counts: &[u64]) -> Seats {
        seats(self.candidates, counts, self.seats, self.same_sex_max)
    }

    /// Margins of all candidates, in the order of the ballot. None if the result itself waits for a lot.
    #[must_use]
    pub fn margins(&self) -> Option<Vec<Margin>> {
        let Seats::Filled { elected } = self.outcome(self.counts) else { return None };
        let margin = |(place, candidate): (usize, &Candidate)| {
            let position = candidate.position;
            let elected = elected.iter().any(|one| one.position == position);
            let own = self.counts.get(place).copied().unwrap_or(0);
            let votes = if elected { self.least_loss(place, own) } else { self.least_gain(place, own) };
            Margin { position, elected, votes }
        };
        Some(self.candidates.iter().enumerate().map(margin).collect())
    }

    /// Whether so many papers more or less, however they were filled in, leave the elected the same.
    ///
    /// Papers that are taken out, or that come, change the difference between two candidates by at most their number. So nothing
    /// changes as long as nobody's own margin is that small.
    #[must_use]
    pub fn holds_against(&self, papers: u64) -> bool {
        papers == 0
            || self
                .margins()
                .is_some_and(|margins| margins.iter().all(|margin| margin.votes.is_none_or(|votes| votes > papers)))
    }

    /// Whether the candidate at `place` has a seat for sure, and whether at all, with `votes`.
    fn with(&self, place: usize, votes: u64) -> (bool, bool) {
        let mut counts = self.counts.to_vec();
        if let Some(own) = counts.get_mut(place) {
            *own = votes;
        }
        let position = self.candidates.get(place).map_or(0, |candidate| candidate.position);
        match self.outcome(&counts) {
            Seats::Filled { elected } => {
                let has = elected.iter().any(|one| one.position == position);
                (has, has)
            }
            Seats::NeedsLot { tied, elected } => {
                let has = elected.iter().any(|one| one.position == position);
                (has, has || tied.contains(&position))
            }
            Seats::Incomplete | Seats::Annulled | Seats::Uncertain { .. } => (false, false),
        }
    }

    /// More votes never cost a seat: who comes before somebody with more votes came before with fewer, too. So the smallest
    /// change is found by halving.
    fn least_loss(&self, place: usize, own: u64) -> Option<u64> {
        // Without votes nobody has a seat.
        Some(least(0, own, |less| !self.with(place, own - less).0))
    }

    fn least_gain(&self, place: usize, own: u64) -> Option<u64> {
        let top = self.counts.iter().copied().max().unwrap_or(0).saturating_add(1);
        let most = top.saturating_sub(own);
        self.with(place, own.saturating_add(most)).1.then(|| least(0, most, |more| self.with(place, own + more).1))
    }

    /// Which of these parts of the result, each taken away alone, would change who is elected. Parts are counts by ballot position;
    /// one that is not contained in the result is left out.
    pub fn decisive<'p, K: Copy + 'p>(&self, parts: impl IntoIterator<Item = (K, &'p [u64])>) -> Vec<(K, Seats)> {
        let now = elected_by(&self.outcome(self.counts));
        let mut decisive = Vec::new();
        for (key, part) in parts {
            let without = self.counts.iter().enumerate();
            let without = without.map(|(place, count)| count.checked_sub(part.get(place).copied().unwrap_or(0)));
            let Some(without) = without.collect::<Option<Vec<u64>>>() else { continue };
            let outcome = self.outcome(&without);
            if elected_by(&outcome) != now {
                decisive.push((key, outcome));
            }
        }
        decisive
    }
}

/// Who is elected for sure and who depends on a lot, whatever the order.
fn elected_by(outcome: &Seats) -> (Vec<u32>, Vec<u32>) {
    let (mut elected, mut tied) = match outcome {
        Seats::Incomplete | Seats::Annulled | Seats::Uncertain { .. } => (Vec::new(), Vec::new()),
        Seats::Filled { elected } => (elected.iter().map(|one| one.position).collect(), Vec::new()),
        Seats::NeedsLot { tied, elected } => (elected.iter().map(|one| one.position).collect(), tied.clone()),
    };
    elected.sort_unstable();
    tied.sort_unstable();
    (elected, tied)
}

/// The least number of `from..=to` for which `holds`, which is known to hold for `to` and, once true, stays true.
fn least(mut from: u64, mut to: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while from < to {
        let middle = from + (to - from) / 2;
        if holds(middle) { to = middle } else { from = middle + 1 }
    }
    to
}
