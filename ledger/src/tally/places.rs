//! Results per unit and station, and which of them would move a seat.

use super::{ConstituencyResult, Contest, Seats, own_counts, units_of};
use crate::kinds::Basis;
use crate::record::UnitId;
use crate::state::{Legal, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of one unit's own papers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitResult {
    /// Which.
    pub unit: UnitId,
    /// The own constituency; 0 for none.
    pub constituency: u32,
    /// Voters admitted here, with any ballot.
    pub identified: u64,
    /// Papers in its ballot batches, of any constituency.
    pub papers: u64,
    /// By machine: preliminary. None if not in, or not shown.
    pub machine: Option<Vec<u64>>,
    /// By hand: the legal count. None if not in, or not shown.
    pub hand: Option<Vec<u64>>,
    /// Why counts are not shown; none if they are, or will be.
    pub withheld: Option<UnitWithheld>,
    /// Leaves of the acts by which the vote here is void.
    pub annulled_by: Vec<u64>,
}

/// Why a unit's counts are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitWithheld {
    /// The station has no own constituency: its papers are in nationwide totals only.
    NoOwnConstituency,
    /// Too few papers: they are in the nationwide total.
    TooFewPapers,
    /// A hard relation of the hand protocol does not hold.
    RelationBroken,
}

/// Every unit's own result, ascending.
#[must_use]
pub fn unit_results(state: &State, legal: &Legal) -> Vec<UnitResult> {
    let one = |id: UnitId| {
        let home = state.definition().station(id.station).map_or(0, |station| station.constituency);
        let unit = state.unit(id);
        let hand_protocol = unit.and_then(|unit| unit.protocol(Basis::Hand));
        let counts = |basis| {
            let counts = unit.filter(|_| home != 0).and_then(|unit| own_counts(state, unit, home, basis));
            counts.map(<[u64]>::to_vec)
        };
        let (machine, hand) = (counts(Basis::Machine), counts(Basis::Hand));
        let empty = |counts: &Option<Vec<u64>>| counts.as_ref().is_some_and(Vec::is_empty);
        let withheld = match hand_protocol {
            _ if home == 0 => Some(UnitWithheld::NoOwnConstituency),
            Some(protocol) if protocol.blocked => Some(UnitWithheld::RelationBroken),
            _ if empty(&machine) || empty(&hand) => Some(UnitWithheld::TooFewPapers),
            _ => None,
        };
        UnitResult {
            unit: id,
            constituency: home,
            identified: unit.map_or(0, crate::state::UnitState::identified),
            papers: unit.map_or(0, crate::state::UnitState::papers),
            machine: machine.filter(|counts| !counts.is_empty()),
            hand: hand.filter(|counts| !counts.is_empty()),
            withheld,
            annulled_by: legal.annulled_units.get(&id).cloned().unwrap_or_default(),
        }
    };
    state.definition().units().map(one).collect()
}

/// A place whose annulment, or reinstatement, would change who is elected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    /// The station.
    pub station: u32,
    /// The unit; none for the whole station.
    pub unit: Option<u32>,
    /// It is annulled now: the change would be its reinstatement.
    pub annulled_now: bool,
    /// Who would be elected then.
    pub seats: Seats,
}

/// Own papers of one unit, or of several of one station.
struct Part {
    annulled: bool,
    counts: Vec<u64>,
    units: usize,
}

/// What-if: each unit, and each station of several units, taken out of a constituency's hand result by itself, or put back if it is
/// annulled now. Only own papers: what was cast there for other constituencies cannot be told apart. Nothing unless seats are given now.
#[must_use]
pub fn flips(state: &State, result: &ConstituencyResult, legal: &Legal) -> Vec<Flip> {
    let Some(constituency) = state.definition().constituency(result.constituency) else { return Vec::new() };
    let Some(now) = result.seats.positions() else { return Vec::new() };
    let ranked = result.ranked();
    let mut parts: BTreeMap<(u32, Option<u32>), Part> = BTreeMap::new();
    for id in units_of(state, result.constituency) {
        let Some(protocol) = state.unit(id).and_then(|unit| unit.protocol(Basis::Hand)) else { continue };
        if protocol.blocked || protocol.counts.len() != ranked.len() {
            continue;
        }
        let part = super::without(&protocol.counts, &result.standing.without_seat);
        let annulled = legal.is_annulled(id);
        parts.insert((id.station, Some(id.unit)), Part { annulled, counts: part.clone(), units: 1 });
        let none = || Part { annulled, counts: vec![0; part.len()], units: 0 };
        let whole = parts.entry((id.station, None)).or_insert_with(none);
        // A station of which a part is annulled is no single change.
        if whole.annulled == annulled {
            super::add(&mut whole.counts, &part);
            whole.units += 1;
        }
    }
    let same_sex_max = state.definition().seat_rule().map_or(0, |rule| rule.same_sex_max);
    let mut flips = Vec::new();
    for ((station, unit), Part { annulled: annulled_now, counts: part, units }) in parts {
        if unit.is_none() && units < 2 {
            continue;
        }
        let changed = ranked
            .iter()
            .zip(&part)
            .map(|(sum, own)| if annulled_now { sum.checked_add(*own) } else { sum.checked_sub(*own) });
        let Some(counts) = changed.collect::<Option<Vec<u64>>>() else { continue };
        let contest =
            Contest { candidates: &constituency.candidates, counts: &counts, seats: constituency.seats, same_sex_max };
        let seats = contest.outcome(&counts);
        if seats.positions().as_ref() != Some(&now) {
            flips.push(Flip { station, unit, annulled_now, seats });
        }
    }
    flips
}
