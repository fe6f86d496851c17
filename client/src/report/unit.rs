//! One unit in full: its balance, its protocols with every version and what each changed, what observers say. And summary tables,
//! checked against what they sum now.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use tamga_ledger::balance::Discrepancy;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::{KeyId, RecordId};
use tamga_ledger::kinds::{
    Body as _, Counters, Finding, HolderClass, Kind, Phase, Protocol, ProtocolBasis, StationPhase,
};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::state::{State, UnitStatus};
use tamga_ledger::summary::{TableCheck, check_table, paper_code, paper_qr};

/// A unit at one size.
#[derive(Debug, Clone, Serialize)]
pub struct UnitReport {
    /// Which.
    pub unit: String,
    /// Where it stands.
    pub status: UnitStatus,
    /// In a declared offline phase.
    pub offline: bool,
    /// The mobile box is out.
    pub box_out: bool,
    /// Voters admitted with the own constituency's ballot.
    pub identified_local: u32,
    /// Voters admitted with another constituency's ballot.
    pub identified_remote: u32,
    /// Of these, who got no ballot.
    pub without_ballot: usize,
    /// Papers in the ballot batches.
    pub papers: u64,
    /// Counters of the last balance or final report.
    pub reported: Option<Counters>,
    /// What does not add up in them.
    pub discrepancies: Vec<Discrepancy>,
    /// Phases in the order of recording.
    pub phases: Vec<PhaseLine>,
    /// Protocols in the order of recording, corrected ones included.
    pub protocols: Vec<Version>,
    /// What observers, organisations and members said of them.
    pub countersigned: Vec<Word>,
}

/// A member named by a phase.
#[derive(Debug, Clone, Serialize)]
pub struct PresentMember {
    /// The member's key.
    pub key: KeyId,
    /// 1 chair, 2 secretary, 3 member.
    pub role: u8,
}

/// A phase.
#[derive(Debug, Clone, Serialize)]
pub struct PhaseLine {
    /// Its leaf.
    pub leaf: u64,
    /// Sequenced time, ms UTC.
    pub time_ms: u64,
    /// Which.
    pub phase: Phase,
    /// Seals it names.
    pub seals: Vec<String>,
    /// Equipment it names.
    pub equipment: Vec<String>,
    /// Members present.
    pub roles: Vec<PresentMember>,
    /// What the ledger objected to.
    pub flags: Vec<u16>,
}

/// One version of a protocol.
#[derive(Debug, Clone, Serialize)]
pub struct Version {
    /// Its leaf.
    pub leaf: u64,
    /// Sequenced time, ms UTC.
    pub time_ms: u64,
    /// Its record.
    pub id: String,
    /// Short code on the paper.
    pub code: String,
    /// What the QR code on the paper says.
    pub qr: String,
    /// What it rests on.
    pub basis: Option<ProtocolBasis>,
    /// It counts (or, by machine, is shown) unless acts say otherwise.
    pub in_force: bool,
    /// Why it replaces another (FORMAT.md §5); 0 for nothing said.
    pub explanation: u32,
    /// How many signed.
    pub signed: usize,
    /// How many hold another opinion.
    pub dissenting: usize,
    /// What the ledger objected to.
    pub flags: Vec<u16>,
    /// Leaf of the version that it replaces.
    pub replaces: Option<u64>,
    /// Figures that it changes.
    pub changes: Vec<Change>,
}

/// Which figure of a protocol. As text, in JSON too: `line CODE`, `position N`, `papers for constituency N`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// A line, by its code.
    Line(String),
    /// A position of the own counts, from 1.
    Position(u32),
    /// Papers of a constituency whose counts are not shown.
    Papers(u32),
}

impl fmt::Display for Figure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(code) => write!(out, "line {code}"),
            Self::Position(place) => write!(out, "position {place}"),
            Self::Papers(constituency) => write!(out, "papers for constituency {constituency}"),
        }
    }
}

impl Serialize for Figure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A figure that a correction changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub figure: Figure,
    /// In the version replaced; none if it was not shown there.
    pub before: Option<u64>,
    /// In this one; none if it is not shown any more.
    pub after: Option<u64>,
}

/// What somebody said of a protocol.
#[derive(Debug, Clone, Serialize)]
pub struct Word {
    /// Its leaf.
    pub leaf: u64,
    /// Leaf of the protocol it was about, if that was in force.
    pub protocol: Option<u64>,
    /// Who said it.
    pub by: HolderClass,
    /// What was said.
    pub finding: Finding,
    /// There was a protocol to compare the copy with.
    pub compared: bool,
    /// Figures of the copy that differ.
    pub differing: u64,
}

/// What a correction changes. Both in the order of the form, the ballot, the constituencies.
#[must_use]
pub fn changes(before: &Protocol, after: &Protocol) -> Vec<Change> {
    let figures = |protocol: &Protocol| {
        let lines = protocol.lines.iter().map(|line| (Figure::Line(line.code.clone()), line.value));
        let counts = (1..).zip(&protocol.counts).map(|(place, count)| (Figure::Position(place), *count));
        let cells = protocol.cells.iter().map(|cell| (Figure::Papers(cell.constituency), u64::from(cell.papers)));
        lines.chain(counts).chain(cells).collect::<Vec<_>>()
    };
    let (old, new) = (figures(before), figures(after));
    let (old_by, new_by): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (old.iter().cloned().collect(), new.iter().cloned().collect());
    let gone = old.iter().filter(|(figure, _)| !new_by.contains_key(figure));
    let all = new.iter().chain(gone).map(|(figure, _)| Change {
        figure: figure.clone(),
        before: old_by.get(figure).copied(),
        after: new_by.get(figure).copied(),
    });
    all.filter(|change| change.before != change.after).collect()
}

/// Reads a unit out of a state and the entries it was made from.
pub fn unit_report<E: AsRef<[u8]>>(
    state: &State,
    unit: UnitId,
    entries: impl IntoIterator<Item = (u64, E)>,
) -> Option<UnitReport> {
    let default = tamga_ledger::state::UnitState::default();
    if !state.definition().has_unit(unit) {
        return None;
    }
    let own = state.unit(unit).unwrap_or(&default);
    let mut report = UnitReport {
        unit: unit.to_string(),
        status: own.status,
        offline: own.offline,
        box_out: own.box_seals.is_some(),
        identified_local: own.identified_local,
        identified_remote: own.identified_remote,
        without_ballot: own.voided.len(),
        papers: own.papers(),
        reported: own.reported,
        discrepancies: own.reported_discrepancies(),
        phases: Vec::new(),
        protocols: Vec::new(),
        countersigned: own.countersigned.iter().map(word).collect(),
    };
    let in_force: Vec<u64> = own.protocols.iter().flatten().map(|protocol| protocol.leaf).collect();
    let mut before: BTreeMap<RecordId, (u64, Protocol)> = BTreeMap::new();
    for (leaf, bytes) in entries {
        let Ok(entry) = Entry::from_bytes(bytes.as_ref()) else { continue };
        let Payload::Full(signed) = &entry.payload else { continue };
        let Ok(record) = signed.parse() else { continue };
        if record.scope != Scope::Unit(unit) || !entry.verdict.is_accepted() {
            continue;
        }
        let flags: Vec<u16> = entry.verdict.flags().iter().map(|flag| flag.code).collect();
        if record.kind == Kind::StationPhase as u16
            && let Ok(body) = StationPhase::from_bytes(&record.body)
            && let Some(phase) = Phase::from_number(body.phase)
        {
            let (seals, equipment) = (body.seals, body.equipment);
            let roles = body.roles.into_iter().map(|one| PresentMember { key: one.key, role: one.role }).collect();
            report.phases.push(PhaseLine { leaf, time_ms: entry.time_ms, phase, seals, equipment, roles, flags });
        } else if record.kind == Kind::Protocol as u16
            && let Ok(protocol) = Protocol::from_bytes(&record.body)
        {
            let replaced = record.supersedes.0.and_then(|id| before.get(&id));
            let id = entry.record_id();
            report.protocols.push(Version {
                leaf,
                time_ms: entry.time_ms,
                id: id.to_string(),
                code: paper_code(&id),
                qr: paper_qr(&state.election_id(), unit, &id),
                basis: ProtocolBasis::from_number(protocol.basis),
                in_force: in_force.contains(&leaf),
                explanation: protocol.explanation,
                signed: record.signers.len(),
                dissenting: protocol.dissenting.len(),
                flags,
                replaces: replaced.map(|(leaf, _)| *leaf),
                changes: replaced.map_or_else(Vec::new, |(_, old)| changes(old, &protocol)),
            });
            before.insert(id, (leaf, protocol));
        }
    }
    Some(report)
}

fn word(one: &tamga_ledger::state::Countersigned) -> Word {
    Word {
        leaf: one.leaf,
        protocol: one.protocol,
        by: one.class,
        finding: one.finding,
        compared: one.compared,
        differing: one.differing,
    }
}

/// A summary table with what is wrong with it now.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// Its leaf.
    pub leaf: u64,
    /// Its record.
    pub id: String,
    /// The constituency; none for the nation's.
    pub constituency: Option<u32>,
    /// Protocols and tables that it names.
    pub sources: usize,
    /// Every figure is the sum, every source in force, every unit covered.
    pub holds: bool,
    /// What does not hold.
    pub check: TableCheck,
}

/// Every summary table in force, in the order of recording.
#[must_use]
pub fn table_reports(state: &State) -> Vec<TableReport> {
    let legal = state.legal();
    let one = |(id, table): (&RecordId, &tamga_ledger::summary::TableInForce)| {
        let check = check_table(state, table.scope, &table.table, &legal);
        let constituency = match table.scope {
            Scope::Constituency(number) => Some(number),
            _ => None,
        };
        TableReport {
            leaf: table.leaf,
            id: id.to_string(),
            constituency,
            sources: table.table.sources.len(),
            holds: check.holds(),
            check,
        }
    };
    let mut reports: Vec<TableReport> = state.tables().iter().map(one).collect();
    reports.sort_by_key(|report| report.leaf);
    reports
}
