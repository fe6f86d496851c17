//! Legal acts and cases as the judging state keeps them, and which acts are in force at a moment.

use super::State;
use crate::ids::{KeyId, RecordId};
use crate::kinds::{ActEffect, CaseState, LegalAct};
use crate::record::{Scope, UnitId};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// An act that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RecordedAct {
    /// Its leaf.
    #[n(0)]
    pub leaf: u64,
    /// Sequenced time of its leaf, ms.
    #[n(1)]
    pub recorded_ms: u64,
    /// Its record's id.
    #[n(2)]
    pub id: RecordId,
    /// What it is about.
    #[n(3)]
    pub scope: Scope,
    /// What it says.
    #[n(4)]
    pub act: LegalAct,
}

/// A case with its newest step.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RecordedCase {
    /// Leaf of the record that opened it.
    #[n(0)]
    pub leaf: u64,
    /// The author who opened it.
    #[n(1)]
    pub opened_by: KeyId,
    /// What it is about.
    #[n(2)]
    pub scope: Scope,
    /// 1 complaint, 2 incident, 3 disputed identification.
    #[n(3)]
    pub category: u8,
    /// Number of a [`CaseState`].
    #[n(4)]
    pub state: u8,
    /// By when it has to be decided, ms UTC; 0 for none.
    #[n(5)]
    pub deadline_ms: u64,
    /// Leaf of the newest step.
    #[n(6)]
    pub last_leaf: u64,
    /// The act that decides it.
    #[n(7)]
    pub act: Option<RecordId>,
}

impl RecordedCase {
    /// Whether something is left to decide.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !CaseState::from_number(self.state).is_some_and(CaseState::is_closed)
    }
}

/// What the acts in force say, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Legal {
    /// Leaves of the acts in force, ascending.
    pub in_force: Vec<u64>,
    /// Constituencies whose vote is void, with the leaves of the acts that say so.
    pub annulled_constituencies: BTreeMap<u32, Vec<u64>>,
    /// Units whose vote is void, with the leaves of the acts that say so.
    pub annulled_units: BTreeMap<UnitId, Vec<u64>>,
    /// Candidates for whom votes do not count, by constituency.
    pub struck: BTreeMap<u32, BTreeSet<u32>>,
    /// Candidates who take no seat though votes for them count, by constituency, each with the leaf of the first act that says so.
    pub withdrawn: BTreeMap<u32, BTreeMap<u32, u64>>,
    /// Lots by constituency, in the order of recording.
    pub lots: BTreeMap<u32, Vec<Vec<u32>>>,
    /// Units whose papers are to be counted again, with the leaf of the newest act that says so.
    pub recounts: BTreeMap<UnitId, u64>,
    /// Until when voting goes on, by unit.
    pub extended_until_ms: BTreeMap<UnitId, u64>,
    /// Who was declared elected last, by constituency, with the act's leaf.
    pub declared: BTreeMap<u32, (u64, Vec<u32>)>,
    /// Seats passed on, in the order of recording, by constituency: who held it, who got it.
    pub successions: BTreeMap<u32, Vec<(u32, u32)>>,
    /// Some act in force can still be appealed against.
    pub appealable: bool,
}

impl Legal {
    /// Whether the unit's vote is void.
    #[must_use]
    pub fn is_annulled(&self, unit: UnitId) -> bool {
        self.annulled_units.contains_key(&unit)
    }

    /// Candidates of a constituency for whom votes do not count.
    pub fn struck(&self, constituency: u32) -> impl Iterator<Item = u32> + '_ {
        self.struck.get(&constituency).into_iter().flatten().copied()
    }

    /// Candidates of a constituency who can have no seat, for one reason or another.
    #[must_use]
    pub fn gone(&self, constituency: u32) -> Vec<u32> {
        let withdrawn = self.withdrawn.get(&constituency).into_iter().flatten().map(|(position, _)| *position);
        let gone: BTreeSet<u32> = self.struck(constituency).chain(withdrawn).collect();
        gone.into_iter().collect()
    }
}

/// Acts in force at `time_ms`, in the order of recording.
///
/// Acts only speak of earlier ones. So whether one is in force is known once all later ones are, and the walk goes from the newest
/// to the oldest. An act is set aside as long as *at least one* act in force sets it aside; a target is annulled as long as at
/// least one act in force annuls it.
#[must_use]
pub fn in_force(acts: &[RecordedAct], time_ms: u64) -> Vec<&RecordedAct> {
    let mut set_aside = BTreeSet::new();
    let mut standing = Vec::new();
    for act in acts.iter().rev() {
        if set_aside.contains(&act.id) || act.act.effective_ms > time_ms {
            continue;
        }
        set_aside.extend(act.act.effect.about().copied());
        standing.push(act);
    }
    standing.reverse();
    standing
}

impl State {
    /// Acts in the order of recording, in force or not.
    #[must_use]
    pub fn acts(&self) -> &[RecordedAct] {
        &self.acts
    }

    /// Cases by the id of the record that opened them.
    #[must_use]
    pub const fn cases(&self) -> &BTreeMap<RecordId, RecordedCase> {
        &self.cases
    }

    /// An act by its record's id.
    #[must_use]
    pub fn act(&self, id: &RecordId) -> Option<&RecordedAct> {
        self.acts.iter().find(|act| act.id == *id)
    }

    /// What the acts recorded so far say at `time_ms`.
    #[must_use]
    pub fn legal_at(&self, time_ms: u64) -> Legal {
        let mut legal = Legal::default();
        for act in in_force(&self.acts, time_ms) {
            legal.in_force.push(act.leaf);
            legal.appealable |= act.act.final_act == 0;
            self.add_effect(&mut legal, act);
        }
        legal
    }

    /// What the acts recorded so far say now.
    #[must_use]
    pub fn legal(&self) -> Legal {
        self.legal_at(self.time_ms)
    }

    fn add_effect(&self, legal: &mut Legal, act: &RecordedAct) {
        let units = self.units_of(act.scope);
        match (&act.act.effect, act.scope) {
            (ActEffect::Annul, Scope::Constituency(number)) => {
                legal.annulled_constituencies.entry(number).or_default().push(act.leaf);
            }
            (ActEffect::Annul, _) => {
                units.into_iter().for_each(|unit| legal.annulled_units.entry(unit).or_default().push(act.leaf));
            }
            (ActEffect::Recount, _) => {
                legal.recounts.extend(units.into_iter().map(|unit| (unit, act.leaf)));
            }
            (ActEffect::Extend { until_ms }, _) => {
                for unit in units {
                    let until = legal.extended_until_ms.entry(unit).or_default();
                    *until = (*until).max(*until_ms);
                }
            }
            (ActEffect::Strike { position }, Scope::Constituency(number)) => {
                legal.struck.entry(number).or_default().insert(*position);
            }
            (ActEffect::Withdraw { position }, Scope::Constituency(number)) => {
                legal.withdrawn.entry(number).or_default().entry(*position).or_insert(act.leaf);
            }
            (ActEffect::Lot { order }, Scope::Constituency(number)) => {
                legal.lots.entry(number).or_default().push(order.clone());
            }
            (ActEffect::Elect { positions }, Scope::Constituency(number)) => {
                legal.declared.insert(number, (act.leaf, positions.clone()));
            }
            (ActEffect::Succeed { vacated, successor }, Scope::Constituency(number)) => {
                legal.successions.entry(number).or_default().push((*vacated, *successor));
            }
            // Acts about acts are done with in `in_force`; other scopes were refused.
            _ => {}
        }
    }

    /// The units that a station's or a unit's scope names; none for other scopes.
    #[must_use]
    pub fn units_of(&self, scope: Scope) -> Vec<UnitId> {
        match scope {
            Scope::Unit(unit) => vec![unit],
            Scope::Station(number) => self.definition.station(number).map_or_else(Vec::new, |station| {
                station.units.iter().map(|unit| UnitId { station: number, unit: *unit }).collect()
            }),
            Scope::Election | Scope::Constituency(_) => Vec::new(),
        }
    }
}
