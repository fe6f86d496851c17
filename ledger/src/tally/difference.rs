//! Machine against hand: where the two counts of one unit differ, and by how much.

use super::Coverage;
use crate::kinds::Basis;
use crate::record::UnitId;
use crate::state::State;
use serde::{Deserialize, Serialize};

/// Two counts of the same papers that differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where.
    pub unit: UnitId,
    /// The unit's own constituency.
    pub constituency: u32,
    /// The machine's counts by position.
    pub machine: Vec<u64>,
    /// The hand's counts by position.
    pub hand: Vec<u64>,
    /// Sum of what the positions differ by.
    pub votes: u64,
    /// Both have as many papers in all: votes only moved from one position to another.
    pub swap: bool,
}

/// Units whose own counts differ, the largest difference first, then by unit; and how many units could be compared, of all that
/// have an own constituency. What is not shown (too few papers) cannot be compared.
#[must_use]
pub fn differences(state: &State) -> (Vec<Difference>, Coverage) {
    let (mut found, mut compared) = (Vec::new(), Coverage::default());
    for id in state.definition().units() {
        let home = state.definition().station(id.station).map_or(0, |station| station.constituency);
        if home == 0 {
            continue;
        }
        compared.of += 1;
        let Some(unit) = state.unit(id) else { continue };
        let (Some(machine), Some(hand)) = (&unit.own_opening, unit.protocol(Basis::Hand)) else { continue };
        if hand.counts.len() != machine.len() {
            continue;
        }
        compared.n += 1;
        let votes = machine.iter().zip(&hand.counts).map(|(machine, hand)| machine.abs_diff(*hand)).sum();
        if votes > 0 {
            let swap = machine.iter().sum::<u64>() == hand.counts.iter().sum::<u64>();
            let (machine, hand) = (machine.clone(), hand.counts.clone());
            found.push(Difference { unit: id, constituency: home, machine, hand, votes, swap });
        }
    }
    found.sort_by_key(|one| (std::cmp::Reverse(one.votes), one.unit));
    (found, compared)
}
