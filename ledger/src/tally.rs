//! Results as a pure function of the state: per unit, per constituency, for the nation. Nothing is typed where it can be
//! derived, nothing is shown where inputs do not support it.
//!
//! | file | what |
//! |---|---|
//! | `share` | [`share`], [`shares`]: percentages that add up to 100 and are never above |
//! | `succession` | [`successor`]: who takes a vacant seat |
//! | `margin` | [`Contest`]: by how much, and what would change it |

mod margin;
mod share;
mod succession;

pub use margin::{Contest, Margin};
pub use share::{Shares, WHOLE, Withheld, share, shares};
pub use succession::{Succession, successor};

use crate::codec;
use crate::ids::Digest;
use crate::kinds::{Basis, Candidate, Constituency};
use crate::record::UnitId;
use crate::state::{State, UnitState};
use serde::{Deserialize, Serialize};

/// How many of the places that should report have reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Reported.
    pub n: u32,
    /// Should report.
    pub of: u32,
}

impl Coverage {
    /// Nothing is missing.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.n == self.of
    }
}

/// Votes of one constituency on one basis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasisResult {
    /// Units of the constituency whose own counts are in.
    pub coverage: Coverage,
    /// Whether the nationwide total of papers cast elsewhere is in.
    pub remote_opened: bool,
    /// Counts by ballot position; then against all, then invalid. What is in so far.
    pub counts: Vec<u64>,
    /// The part of `counts` that was cast elsewhere.
    pub remote_counts: Vec<u64>,
}

impl BasisResult {
    /// All that can be in, is in.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.coverage.is_complete() && self.remote_opened
    }
}

/// A candidate who gets a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elected {
    /// Ballot position.
    pub position: u32,
    /// Votes.
    pub votes: u64,
}

/// Who gets the seats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Seats {
    /// Counts are missing; nobody can be named yet.
    Incomplete,
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

/// One constituency's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstituencyResult {
    /// Its number.
    pub constituency: u32,
    /// By machine: preliminary.
    pub machine: BasisResult,
    /// By hand: the legal result.
    pub hand: BasisResult,
    /// Seats by the hand count.
    pub seats: Seats,
}

/// All results at one tree size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// By constituency, ascending.
    pub constituencies: Vec<ConstituencyResult>,
    /// Units whose machine protocol is in.
    pub machine_protocols: Coverage,
    /// Units whose hand protocol is in and not blocked.
    pub hand_protocols: Coverage,
    /// Units whose hand protocol is blocked by a broken hard relation.
    pub blocked: Vec<UnitId>,
}

impl Tally {
    /// BLAKE3 (context `tamga 2025 tally v1`) over constituency, machine counts and hand counts of each constituency: what
    /// the Results seal carries.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let rows: Vec<(u32, &Vec<u64>, &Vec<u64>)> =
            self.constituencies.iter().map(|row| (row.constituency, &row.machine.counts, &row.hand.counts)).collect();
        let bytes = codec::encode(&rows);
        Digest(*blake3::Hasher::new_derive_key("tamga 2025 tally v1").update(&bytes).finalize().as_bytes())
    }
}

/// Computes the results.
#[must_use]
pub fn tally(state: &State) -> Tally {
    let definition = state.definition();
    let constituencies =
        definition.constituencies().iter().map(|constituency| result_of(state, constituency)).collect();
    let mut tally = Tally {
        constituencies,
        machine_protocols: Coverage::default(),
        hand_protocols: Coverage::default(),
        blocked: Vec::new(),
    };
    for id in definition.units() {
        let unit = state.unit(id);
        let has = |basis| unit.and_then(|unit| unit.protocol(basis));
        let hand = has(Basis::Hand);
        tally.machine_protocols.of += 1;
        tally.machine_protocols.n += u32::from(has(Basis::Machine).is_some());
        tally.hand_protocols.of += 1;
        tally.hand_protocols.n += u32::from(hand.is_some_and(|protocol| !protocol.blocked));
        if hand.is_some_and(|protocol| protocol.blocked) {
            tally.blocked.push(id);
        }
    }
    tally
}

fn result_of(state: &State, constituency: &Constituency) -> ConstituencyResult {
    let machine = basis_result(state, constituency, Basis::Machine);
    let hand = basis_result(state, constituency, Basis::Hand);
    let same_sex_max = state.definition().seat_rule().map_or(0, |rule| rule.same_sex_max);
    let seats = if hand.is_complete() {
        seats(&constituency.candidates, &hand.counts, constituency.seats, same_sex_max)
    } else {
        Seats::Incomplete
    };
    ConstituencyResult { constituency: constituency.number, machine, hand, seats }
}

fn basis_result(state: &State, constituency: &Constituency, basis: Basis) -> BasisResult {
    let mut result = BasisResult { counts: vec![0; constituency.positions()], ..BasisResult::default() };
    for station in state.definition().stations().values().filter(|station| station.constituency == constituency.number)
    {
        for unit in &station.units {
            result.coverage.of += 1;
            let unit = state.unit(UnitId { station: station.number, unit: *unit });
            match unit.and_then(|unit| own_counts(state, unit, constituency.number, basis)) {
                Some(counts) => {
                    result.coverage.n += 1;
                    add(&mut result.counts, counts);
                }
                None => continue,
            }
        }
    }
    if let Some(counts) = state.remote_opening(basis, constituency.number) {
        result.remote_opened = true;
        result.remote_counts = counts.clone();
        add(&mut result.counts, counts);
    } else if state.remote_cells(basis, constituency.number).is_some_and(|cells| cells.papers == 0) {
        result.remote_opened = true;
    }
    result
}

/// A unit's own counts, or an empty slice if its cell is too small and part of the nationwide total; `None` if not in.
fn own_counts<'a>(state: &State, unit: &'a UnitState, constituency: u32, basis: Basis) -> Option<&'a [u64]> {
    match basis {
        Basis::Hand => unit.protocol(basis).filter(|protocol| !protocol.blocked).map(|protocol| &protocol.counts[..]),
        Basis::Machine => unit.own_opening.as_deref().or_else(|| {
            let cell = unit.cells.get(constituency as usize - 1)?;
            (unit.batches_complete && !state.may_show(u64::from(cell.papers))).then_some(&[][..])
        }),
    }
}

fn add(sum: &mut [u64], counts: &[u64]) {
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum += count;
    }
}

/// Gives `seats` to the candidates with most votes, at most `same_sex_max` of one sex (0: no limit).
///
/// `counts` are by ballot position; what follows the candidates (against all, invalid) is not looked at. Candidates without
/// votes get no seat. A tie that decides whether somebody is elected asks for a lot.
#[must_use]
pub fn seats(candidates: &[Candidate], counts: &[u64], seats: u32, same_sex_max: u32) -> Seats {
    let mut ranking: Vec<(&Candidate, u64)> = candidates.iter().zip(counts.iter().copied()).collect();
    ranking.sort_by_key(|(candidate, votes)| (std::cmp::Reverse(*votes), candidate.position));
    let mut elected = Vec::new();
    let mut by_sex = [0_u32; 2];
    let mut rest = ranking.as_slice();
    while let Some((_, votes)) = rest.first().copied()
        && votes > 0
        && (elected.len() as u32) < seats
    {
        let tied_len = rest.partition_point(|(_, other)| *other == votes);
        let (group, after) = rest.split_at(tied_len);
        rest = after;
        let room = |sex: u8, by_sex: &[u32; 2]| same_sex_max == 0 || by_sex[usize::from(sex & 1)] < same_sex_max;
        let eligible: Vec<&Candidate> =
            group.iter().map(|(candidate, _)| *candidate).filter(|candidate| room(candidate.sex, &by_sex)).collect();
        let free = seats - elected.len() as u32;
        let fits = |sex: u8| {
            let count = eligible.iter().filter(|candidate| candidate.sex == sex).count() as u32;
            same_sex_max == 0 || by_sex[usize::from(sex)] + count <= same_sex_max
        };
        if eligible.len() as u32 > free || !fits(0) || !fits(1) {
            let tied = eligible.iter().map(|candidate| candidate.position).collect();
            return Seats::NeedsLot { tied, elected };
        }
        for candidate in eligible {
            by_sex[usize::from(candidate.sex & 1)] += 1;
            elected.push(Elected { position: candidate.position, votes });
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
