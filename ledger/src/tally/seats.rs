//! Who gets the seats: most votes first, at most so many of one sex, ties by lot.

use crate::kinds::Candidate;
use serde::{Deserialize, Serialize};

/// A candidate who gets a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elected {
    /// Ballot position.
    pub position: u32,
    /// Votes.
    pub votes: u64,
}

/// Who gets the seats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Seats {
    /// Counts are missing; nobody can be named yet.
    #[default]
    Incomplete,
    /// An act in force says that the vote in the constituency is void.
    Annulled,
    /// Papers of annulled units cannot be taken out of the nationwide total without opening what must stay closed, and so few
    /// votes decide that they might change who is elected.
    Uncertain {
        /// How many papers.
        papers: u64,
    },
    /// A tie decides a seat; the law asks for a lot.
    NeedsLot {
        /// Ballot positions that tie.
        tied: Vec<u32>,
        /// Elected before the tie matters.
        elected: Vec<Elected>,
    },
    /// All seats are given.
    Filled {
        /// In order of votes.
        elected: Vec<Elected>,
    },
}

impl Seats {
    /// Ballot positions of the elected, ascending; none unless all seats are given.
    #[must_use]
    pub fn positions(&self) -> Option<Vec<u32>> {
        let Self::Filled { elected } = self else { return None };
        let mut positions: Vec<u32> = elected.iter().map(|one| one.position).collect();
        positions.sort_unstable();
        Some(positions)
    }
}

/// Gives `seats` to the candidates with most votes, at most `same_sex_max` of one sex (0: no limit).
///
/// `counts` are by ballot position; what follows the candidates (against all, invalid) is not looked at. Candidates without
/// votes get no seat. A tie that decides whether somebody is elected asks for a lot.
#[must_use]
pub fn seats(candidates: &[Candidate], counts: &[u64], seats: u32, same_sex_max: u32) -> Seats {
    seats_with_lots(candidates, counts, seats, same_sex_max, &[])
}

/// As [`seats`], where `lots` were drawn: each is ballot positions in the order drawn, and the last that has all who tie decides.
#[must_use]
pub fn seats_with_lots(
    candidates: &[Candidate],
    counts: &[u64],
    seats: u32,
    same_sex_max: u32,
    lots: &[Vec<u32>],
) -> Seats {
    let mut ranking: Vec<(&Candidate, u64)> = candidates.iter().zip(counts.iter().copied()).collect();
    ranking.sort_by_key(|(candidate, votes)| (std::cmp::Reverse(*votes), candidate.position));
    let mut elected = Vec::new();
    let mut by_sex = [0_u32; 2];
    let room = |sex: u8, by_sex: &[u32; 2]| same_sex_max == 0 || by_sex[usize::from(sex & 1)] < same_sex_max;
    let mut rest = ranking.as_slice();
    while let Some((_, votes)) = rest.first().copied()
        && votes > 0
        && (elected.len() as u32) < seats
    {
        let tied_len = rest.partition_point(|(_, other)| *other == votes);
        let (group, after) = rest.split_at(tied_len);
        rest = after;
        let mut eligible: Vec<&Candidate> =
            group.iter().map(|(candidate, _)| *candidate).filter(|candidate| room(candidate.sex, &by_sex)).collect();
        let free = seats - elected.len() as u32;
        let fits = |sex: u8| {
            let count = eligible.iter().filter(|candidate| candidate.sex == sex).count() as u32;
            same_sex_max == 0 || by_sex[usize::from(sex)] + count <= same_sex_max
        };
        if eligible.len() as u32 > free || !fits(0) || !fits(1) {
            let drawn = |lot: &&Vec<u32>| eligible.iter().all(|candidate| lot.contains(&candidate.position));
            let Some(lot) = lots.iter().rev().find(drawn) else {
                let tied = eligible.iter().map(|candidate| candidate.position).collect();
                return Seats::NeedsLot { tied, elected };
            };
            eligible.sort_by_key(|candidate| lot.iter().position(|position| *position == candidate.position));
        }
        for candidate in eligible {
            if (elected.len() as u32) < seats && room(candidate.sex, &by_sex) {
                by_sex[usize::from(candidate.sex & 1)] += 1;
                elected.push(Elected { position: candidate.position, votes });
            }
        }
    }
    Seats::Filled { elected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(sexes: &[u8]) -> Vec<Candidate> {
        let candidate = |(sex, position): (&u8, u32)| Candidate {
            position,
            name_ky: String::new(),
            name_ru: String::new(),
            sex: *sex,
        };
        sexes.iter().zip(1..).map(candidate).collect()
    }

    fn positions(outcome: Seats) -> Vec<u32> {
        match outcome {
            Seats::Filled { elected } => elected.iter().map(|elected| elected.position).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn at_most_two_of_three_are_of_one_sex() {
        let list = candidates(&[0, 0, 0, 1, 1]);
        assert_eq!(positions(seats(&list, &[50, 40, 30, 20, 10, 0, 0], 3, 2)), [1, 2, 4]);
        assert_eq!(positions(seats(&list, &[50, 40, 30, 20, 10, 0, 0], 3, 0)), [1, 2, 3]);
        assert_eq!(positions(seats(&list, &[10, 20, 30, 40, 50, 99, 99], 3, 2)), [5, 4, 3]);
    }

    #[test]
    fn a_tie_asks_for_a_lot_only_where_it_decides() {
        let list = candidates(&[0, 1, 0, 1]);
        assert_eq!(positions(seats(&list, &[9, 9, 5, 1], 3, 2)), [1, 2, 3]);
        let Seats::NeedsLot { tied, elected } = seats(&list, &[9, 5, 5, 5], 3, 2) else { panic!() };
        assert_eq!((tied, elected.len()), (vec![2, 3, 4], 1));
        // Third and fourth tie, but the fourth's sex has no room left.
        let list = candidates(&[0, 0, 1, 0]);
        assert_eq!(positions(seats(&list, &[9, 8, 5, 5], 3, 2)), [1, 2, 3]);
    }
}
