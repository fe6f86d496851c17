//! Results as a pure function of the state: per unit, per constituency, for the nation. Nothing is typed where it can be
//! derived, nothing is shown where inputs do not support it.
//!
//! | file | what |
//! |---|---|
//! | `seats` | [`seats`]: who is elected, with the sex rule and lots |
//! | `standing` | what the acts in force make of a constituency's result |
//! | `difference` | machine against hand, ranked |
//! | `places` | per station and unit |
//! | `share` | [`share`], [`shares`]: percentages that add up to 100 and are never above |
//! | `succession` | [`successor`]: who takes a vacant seat |
//! | `margin` | [`Contest`]: by how much, and what would change it |

mod difference;
mod margin;
mod places;
mod seats;
mod share;
mod standing;
mod succession;

pub use difference::{Difference, differences};
pub use margin::{Contest, Margin};
pub use places::{Flip, UnitResult, UnitWithheld, flips, unit_results};
pub use seats::{Elected, Seats, seats, seats_with_lots};
pub use share::{Shares, WHOLE, Withheld, share, shares};
pub use standing::Standing;
pub use succession::{Succession, successor};

use crate::codec;
use crate::ids::Digest;
use crate::kinds::{Basis, Constituency};
use crate::record::UnitId;
use crate::state::{Legal, State, UnitState};
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
    /// Units of the constituency whose own counts are in, of those that are not annulled.
    pub coverage: Coverage,
    /// Whether the nationwide total of papers cast elsewhere is in.
    pub remote_opened: bool,
    /// Counts by ballot position; then against all, then invalid. What is in so far.
    pub counts: Vec<u64>,
    /// The part of `counts` that was cast elsewhere.
    pub remote_counts: Vec<u64>,
    /// Papers that `remote_counts` has too much or lacks: of units annulled or reinstated after the total was opened, where taking
    /// them out would open what must stay closed.
    #[serde(default)]
    pub remote_uncertain: u64,
}

impl BasisResult {
    /// All that can be in, is in.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.coverage.is_complete() && self.remote_opened
    }
}

/// One constituency's result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstituencyResult {
    /// Its number.
    pub constituency: u32,
    /// By machine: preliminary.
    pub machine: BasisResult,
    /// By hand: the legal result.
    pub hand: BasisResult,
    /// Seats by the hand count, under the acts in force.
    pub seats: Seats,
    /// What the acts in force say.
    #[serde(default)]
    pub standing: Standing,
}

impl ConstituencyResult {
    /// The hand counts with nothing for candidates who are struck out: what percentages are shares of. The last count is of invalid
    /// papers and not among them.
    #[must_use]
    pub fn valid(&self) -> Vec<u64> {
        self.valid_of(&self.hand)
    }

    /// As [`Self::valid`], for the counts on one basis of this result.
    #[must_use]
    pub fn valid_of(&self, basis: &BasisResult) -> Vec<u64> {
        let mut counts = without(&basis.counts, &self.standing.struck);
        counts.pop();
        counts
    }

    /// The hand counts with nothing for candidates who can have no seat: what seats are given by.
    #[must_use]
    pub fn ranked(&self) -> Vec<u64> {
        without(&self.hand.counts, &self.standing.without_seat)
    }
}

/// Counts with nothing at these ballot positions.
fn without(counts: &[u64], positions: &[u32]) -> Vec<u64> {
    let keep = |(count, position): (&u64, u32)| if positions.contains(&position) { 0 } else { *count };
    counts.iter().zip(1..).map(keep).collect()
}

/// All results at one tree size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// By constituency, ascending.
    pub constituencies: Vec<ConstituencyResult>,
    /// Units whose machine protocol is in.
    pub machine_protocols: Coverage,
    /// Units whose hand protocol is in and not blocked.
    pub hand_protocols: Coverage,
    /// Units whose hand protocol is blocked by a broken hard relation.
    pub blocked: Vec<UnitId>,
    /// Units whose vote is void by an act in force: in no sum and not in coverage.
    #[serde(default)]
    pub annulled: Vec<UnitId>,
    /// Units whose papers are to be counted again, and no hand protocol has come since.
    #[serde(default)]
    pub awaiting_recount: Vec<UnitId>,
    /// Leaves of the acts in force.
    #[serde(default)]
    pub acts_in_force: Vec<u64>,
    /// Some act in force can still be appealed against.
    #[serde(default)]
    pub appealable: bool,
    /// Cases that nobody has decided.
    #[serde(default)]
    pub open_cases: u64,
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

/// Computes the results, under the acts in force at the state's sequenced time.
#[must_use]
pub fn tally(state: &State) -> Tally {
    tally_at(state, state.time_ms())
}

/// As [`tally`], under the acts in force at another time: an act recorded today may take effect tomorrow.
#[must_use]
pub fn tally_at(state: &State, time_ms: u64) -> Tally {
    let (definition, legal) = (state.definition(), state.legal_at(time_ms));
    let mut tally = Tally {
        constituencies: definition.constituencies().iter().map(|one| result_of(state, one, &legal)).collect(),
        machine_protocols: Coverage::default(),
        hand_protocols: Coverage::default(),
        blocked: Vec::new(),
        annulled: legal.annulled_units.keys().copied().collect(),
        awaiting_recount: definition.units().filter(|id| standing::awaits_recount(state, *id, &legal)).collect(),
        acts_in_force: legal.in_force.clone(),
        appealable: legal.appealable,
        open_cases: state.cases().values().filter(|case| case.is_open()).count() as u64,
    };
    for id in definition.units().filter(|id| !legal.is_annulled(*id)) {
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

/// One constituency's result under these acts.
#[must_use]
pub fn result_of(state: &State, constituency: &Constituency, legal: &Legal) -> ConstituencyResult {
    let number = constituency.number;
    let mut result = ConstituencyResult {
        constituency: number,
        machine: basis_result(state, constituency, Basis::Machine, legal),
        hand: basis_result(state, constituency, Basis::Hand, legal),
        seats: Seats::Incomplete,
        standing: Standing::of(state, constituency, legal),
    };
    let same_sex_max = state.definition().seat_rule().map_or(0, |rule| rule.same_sex_max);
    if !result.standing.annulled_by.is_empty() {
        result.seats = Seats::Annulled;
    } else if result.hand.is_complete() {
        let (candidates, ranked) = (&constituency.candidates, result.ranked());
        let lots = legal.lots.get(&number).map_or(&[][..], Vec::as_slice);
        result.seats = seats_with_lots(candidates, &ranked, constituency.seats, same_sex_max, lots);
        let contest = Contest { candidates, counts: &ranked, seats: constituency.seats, same_sex_max };
        if !contest.holds_against(result.hand.remote_uncertain) {
            result.seats = Seats::Uncertain { papers: result.hand.remote_uncertain };
        }
    }
    result.standing.settle(&result.seats, legal, number);
    result
}

fn basis_result(state: &State, constituency: &Constituency, basis: Basis, legal: &Legal) -> BasisResult {
    let number = constituency.number;
    let mut result = BasisResult { counts: vec![0; constituency.positions()], ..BasisResult::default() };
    for id in units_of(state, number).filter(|id| !legal.is_annulled(*id)) {
        result.coverage.of += 1;
        if let Some(counts) = state.unit(id).and_then(|unit| own_counts(state, unit, number, basis)) {
            result.coverage.n += 1;
            add(&mut result.counts, counts);
        }
    }
    if let Some(opening) = state.remote_openings(basis, number).last() {
        result.remote_opened = true;
        result.remote_counts = opening.counts.clone();
        result.remote_uncertain = state.remote_changes(opening, basis, number, legal).papers;
        add(&mut result.counts, &opening.counts);
    } else if state.covered_cells(basis, number, legal).is_some_and(|cells| cells.papers == 0) {
        result.remote_opened = true;
    }
    result
}

/// Units of the stations of a constituency, ascending.
fn units_of(state: &State, constituency: u32) -> impl Iterator<Item = UnitId> {
    let stations = state.definition().stations().values().filter(move |station| station.constituency == constituency);
    stations.flat_map(|station| station.units.iter().map(|unit| UnitId { station: station.number, unit: *unit }))
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
