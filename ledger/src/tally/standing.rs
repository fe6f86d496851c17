//! What the acts in force make of a constituency's result.

use super::Seats;
use crate::kinds::{Basis, Constituency};
use crate::record::UnitId;
use crate::state::{Legal, State};
use serde::{Deserialize, Serialize};

/// What the acts in force say of one constituency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Leaves of the acts by which the vote in the constituency is void.
    pub annulled_by: Vec<u64>,
    /// Units of its stations whose vote is void.
    pub annulled_units: Vec<UnitId>,
    /// Units of its stations whose papers are to be counted again, and no hand protocol has come since.
    pub awaiting_recount: Vec<UnitId>,
    /// Candidates who are struck out: votes for them do not count.
    pub struck: Vec<u32>,
    /// Candidates who were out before seats were given: struck out, or withdrawn before anybody was declared elected.
    pub without_seat: Vec<u32>,
    /// Who was declared elected.
    pub declared: Option<Declared>,
    /// Who holds a seat now: the elected, with every succession.
    pub seated: Vec<u32>,
    /// Those of them who gave the seat back and have no successor yet.
    pub vacant: Vec<u32>,
}

/// A declaration of who is elected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The act's leaf.
    pub leaf: u64,
    /// Ballot positions, ascending.
    pub positions: Vec<u32>,
    /// Whether these are the ones the ledger computes.
    pub as_computed: bool,
}

impl Standing {
    pub(super) fn of(state: &State, constituency: &Constituency, legal: &Legal) -> Self {
        let number = constituency.number;
        let declared = legal.declared.get(&number);
        let declared_leaf = declared.map_or(u64::MAX, |(leaf, _)| *leaf);
        let withdrawn = legal.withdrawn.get(&number).into_iter().flatten();
        let early = withdrawn.filter(|(_, leaf)| **leaf < declared_leaf).map(|(position, _)| *position);
        let mut without_seat: Vec<u32> = legal.struck(number).chain(early).collect();
        without_seat.sort_unstable();
        without_seat.dedup();
        Self {
            annulled_by: legal.annulled_constituencies.get(&number).cloned().unwrap_or_default(),
            annulled_units: super::units_of(state, number).filter(|id| legal.is_annulled(*id)).collect(),
            awaiting_recount: super::units_of(state, number).filter(|id| awaits_recount(state, *id, legal)).collect(),
            struck: legal.struck(number).collect(),
            without_seat,
            declared: declared.map(|(leaf, positions)| Declared {
                leaf: *leaf,
                positions: positions.clone(),
                as_computed: false,
            }),
            seated: Vec::new(),
            vacant: Vec::new(),
        }
    }

    /// Fills in what depends on who is elected.
    pub(super) fn settle(&mut self, seats: &Seats, legal: &Legal, constituency: u32) {
        let Some(elected) = seats.positions() else { return };
        if let Some(declared) = &mut self.declared {
            declared.as_computed = declared.positions == elected;
        }
        self.seated = elected;
        for (vacated, successor) in legal.successions.get(&constituency).into_iter().flatten() {
            if let Some(seat) = self.seated.iter_mut().find(|seat| *seat == vacated) {
                *seat = *successor;
            }
        }
        let withdrawn = legal.withdrawn.get(&constituency);
        let gave_back = |position: &&u32| withdrawn.is_some_and(|withdrawn| withdrawn.contains_key(position));
        self.vacant = self.seated.iter().filter(gave_back).copied().collect();
    }
}

/// Whether a recount was ordered, and no hand protocol has come since.
pub(super) fn awaits_recount(state: &State, id: UnitId, legal: &Legal) -> bool {
    let newest = state.unit(id).and_then(|unit| unit.protocol(Basis::Hand)).map(|protocol| protocol.leaf);
    legal.recounts.get(&id).is_some_and(|ordered| newest.is_none_or(|leaf| leaf < *ordered))
}
