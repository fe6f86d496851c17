//! What commissions and courts have decided, what is before them, and the summary tables against what they sum.

use serde::{Deserialize, Serialize};
use tamga_ledger::kinds::{ActEffect, CaseState, Issuer};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::state::{Legal, RecordedAct, RecordedCase, State};
use tamga_ledger::summary::{TableInForce, check_table};

/// Acts, cases and tables at one size, each list in the order of recording.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decisions {
    /// Every act that was accepted, in force or not.
    pub acts: Vec<ActView>,
    /// Every case, with its newest step.
    pub cases: Vec<CaseView>,
    /// Every summary table in force.
    pub tables: Vec<TableView>,
}

/// What a decision is about. All none: the election.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// A constituency.
    pub constituency: Option<u32>,
    /// A station.
    pub station: Option<u32>,
    /// One unit of that station.
    pub unit: Option<u32>,
}

impl About {
    /// The unit, if it is about one.
    #[must_use]
    pub fn whole_unit(&self) -> Option<UnitId> {
        Some(UnitId { station: self.station?, unit: self.unit? })
    }
}

impl From<Scope> for About {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Election => Self::default(),
            Scope::Constituency(number) => Self { constituency: Some(number), ..Self::default() },
            Scope::Station(station) => Self { station: Some(station), ..Self::default() },
            Scope::Unit(UnitId { station, unit }) => {
                Self { station: Some(station), unit: Some(unit), ..Self::default() }
            }
        }
    }
}

/// A legal act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActView {
    /// Its leaf.
    pub leaf: u64,
    /// Its record's id, hexadecimal.
    pub id: String,
    /// Sequenced time of its leaf, ms UTC.
    pub recorded_ms: u64,
    /// What it is about.
    pub about: About,
    /// Number and date as its issuer gave them.
    pub number: String,
    /// As `2025-12-03`.
    pub date: String,
    /// Who issued it; nothing for a rank of a later version.
    pub issuer: Option<Issuer>,
    /// Which constituency's, station's or court's; 0 where there is one.
    pub issuer_number: u32,
    /// What it does, by name: `annul`, `cancel`, `suspend`, `strike`, `withdraw`, `recount`, `lot`, `extend`, `elect`, `succeed`.
    pub effect: String,
    /// The act that it cancels or suspends: its record's id.
    pub act: Option<String>,
    /// Candidates by ballot position: struck out, withdrawn, drawn in this order, elected; who left a seat and who gets it.
    pub positions: Vec<u32>,
    /// Until when voting goes on, ms UTC.
    pub until_ms: Option<u64>,
    /// From which sequenced time on, ms UTC; 0 from its leaf on.
    pub effective_ms: u64,
    /// No appeal is possible any more.
    pub final_act: bool,
    /// BLAKE3 of the document, hexadecimal.
    pub document: String,
    /// In force at this size: effective, and set aside by no act in force.
    pub in_force: bool,
}

/// A case with its newest step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseView {
    /// Leaf of the record that opened it.
    pub leaf: u64,
    /// What it is about.
    pub about: About,
    /// 1 complaint, 2 incident, 3 disputed identification.
    pub category: u8,
    /// Where it stands; nothing for a state of a later version.
    pub state: Option<CaseState>,
    /// Something is left to decide.
    pub open: bool,
    /// By when, ms UTC; 0 for no deadline.
    pub deadline_ms: u64,
    /// Leaf of the newest step.
    pub last_leaf: u64,
    /// The act that decides it: its record's id.
    pub act: Option<String>,
}

/// A summary table, and whether it is the sum of what it names *now*: protocols may be corrected after it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableView {
    /// Its leaf.
    pub leaf: u64,
    /// Its record's id, hexadecimal.
    pub id: String,
    /// The constituency; none for the nation's.
    pub constituency: Option<u32>,
    /// Protocols and tables that it names.
    pub sources: u32,
    /// Every figure is the sum, every source in force, every unit covered.
    pub holds: bool,
    /// Lines of the form that are not the sums.
    pub lines: Vec<Unequal>,
    /// Counts that are not the sums.
    pub counts: Vec<Unequal>,
    /// Sources that are no protocol or table in force, or named twice: records' ids.
    pub void_sources: Vec<String>,
    /// Units that it should cover and does not.
    pub uncovered: Vec<UnitId>,
}

/// A figure that is not the sum of its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unequal {
    /// The line's code, or the count's ballot position.
    pub what: String,
    /// What the table says.
    pub stated: u64,
    /// What its sources give.
    pub due: u64,
}

/// Everything decided at the state's size.
pub(super) fn decisions(state: &State, legal: &Legal) -> Decisions {
    let mut cases: Vec<CaseView> = state.cases().values().map(case).collect();
    cases.sort_by_key(|case| case.leaf);
    let mut tables: Vec<TableView> =
        state.tables().iter().map(|(id, found)| table(state, legal, id.to_string(), found)).collect();
    tables.sort_by_key(|table| table.leaf);
    Decisions { acts: state.acts().iter().map(|found| act(found, legal)).collect(), cases, tables }
}

fn act(found: &RecordedAct, legal: &Legal) -> ActView {
    let act = &found.act;
    let positions = match &act.effect {
        ActEffect::Strike { position } | ActEffect::Withdraw { position } => vec![*position],
        ActEffect::Lot { order } => order.clone(),
        ActEffect::Elect { positions } => positions.clone(),
        ActEffect::Succeed { vacated, successor } => vec![*vacated, *successor],
        _ => Vec::new(),
    };
    let until_ms = match &act.effect {
        ActEffect::Extend { until_ms } => Some(*until_ms),
        _ => None,
    };
    ActView {
        leaf: found.leaf,
        id: found.id.to_string(),
        recorded_ms: found.recorded_ms,
        about: found.scope.into(),
        number: act.number.clone(),
        date: act.date.clone(),
        issuer: Issuer::from_number(act.issuer),
        issuer_number: act.issuer_number,
        effect: act.effect.slug().to_owned(),
        act: act.effect.about().map(ToString::to_string),
        positions,
        until_ms,
        effective_ms: act.effective_ms,
        final_act: act.final_act == 1,
        document: act.document.to_string(),
        in_force: legal.in_force.binary_search(&found.leaf).is_ok(),
    }
}

fn case(found: &RecordedCase) -> CaseView {
    CaseView {
        leaf: found.leaf,
        about: found.scope.into(),
        category: found.category,
        state: CaseState::from_number(found.state),
        open: found.is_open(),
        deadline_ms: found.deadline_ms,
        last_leaf: found.last_leaf,
        act: found.act.as_ref().map(ToString::to_string),
    }
}

fn table(state: &State, legal: &Legal, id: String, found: &TableInForce) -> TableView {
    let check = check_table(state, found.scope, &found.table, legal);
    TableView {
        leaf: found.leaf,
        id,
        constituency: About::from(found.scope).constituency,
        sources: u32::try_from(found.table.sources.len()).unwrap_or(u32::MAX),
        holds: check.holds(),
        lines: check.lines.iter().map(|(code, stated, due)| unequal(code, *stated, *due)).collect(),
        counts: check.counts.iter().map(|(position, stated, due)| unequal(position, *stated, *due)).collect(),
        void_sources: check.void_sources.iter().map(ToString::to_string).collect(),
        uncovered: check.uncovered,
    }
}

fn unequal(what: &impl ToString, stated: u64, due: u64) -> Unequal {
    Unequal { what: what.to_string(), stated, due }
}
