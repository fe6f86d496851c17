//! The anomaly report: what was refused, what was recorded although it broke a rule, and what should be there and is not.
//!
//! It accuses nobody. Each line names the entries it is made from; who reads it looks there.

use serde::Serialize;
use std::collections::BTreeMap;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::kinds::{
    Basis, Body as _, Countersign, Custody, CustodyEvent, Finding as CopyFinding, Kind, Phase, StationPhase,
};
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::state::{OnTwoRolls, State, UnitStatus};
use tamga_ledger::verdict::{FlagCode, Refusal, Verdict};

/// A hand protocol is late if it comes more than so long after its station closed.
const PROTOCOL_LATE_MS: u64 = 12 * 3_600_000;

/// What kind of irregularity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnomalyKind {
    /// Somebody tried to be admitted a second time; refused.
    SecondAttempt,
    /// Identified offline although admitted before.
    OfflineConflict,
    /// Other identifications that were refused.
    IdentificationRefused,
    /// Outside the station's hours.
    AfterHours,
    /// Counters of a unit that do not add up, or differ from the ledger's.
    BalanceBroken,
    /// More papers than voters.
    PapersAboveVoters,
    /// Offline work outside what was declared or allowed.
    OfflineUndeclared,
    /// A device's or a scanner's numbers have gaps.
    NumberGap,
    /// A hard relation of a protocol does not hold.
    RelationBroken,
    /// A protocol that replaces an earlier one.
    Correction,
    /// Machine and hand, or protocol and batches, do not fit.
    CountsDiffer,
    /// Members who hold another opinion.
    Dissent,
    /// An observer's copy has other figures than the protocol.
    CopyDiffers,
    /// A copy was refused, or the protocol was not posted.
    CopyWithheld,
    /// A summary table that is not the sum of what it names.
    TableFlagged,
    /// A hand protocol that came late.
    LateProtocol,
    /// A unit paused.
    Suspension,
    /// A voter was admitted and got no ballot.
    VoidIdentification,
    /// A device, scanner or box was replaced.
    Replacement,
    /// Seals, box or equipment are not what was reported before.
    CustodyFlagged,
    /// Keys were taken back: of a lost or replaced device, for example.
    KeysRevoked,
    /// A legal act or a case that contradicts the ledger's computation, rank or deadline.
    ActFlagged,
    /// Other records that were refused.
    OtherRefused,
    /// Other broken rules.
    OtherFlagged,
}

impl AnomalyKind {
    const fn of_refusal(refusal: Refusal, kind: Kind) -> Self {
        match (refusal, kind) {
            (Refusal::AlreadyAdmitted, _) => Self::SecondAttempt,
            (_, Kind::Identification) => Self::IdentificationRefused,
            _ => Self::OtherRefused,
        }
    }

    const fn of_flag(code: FlagCode) -> Self {
        match code {
            FlagCode::OutsideHours => Self::AfterHours,
            FlagCode::OfflineCollision => Self::OfflineConflict,
            FlagCode::OfflineNotDeclared | FlagCode::OfflineForeignVoter | FlagCode::LateIdentification => {
                Self::OfflineUndeclared
            }
            FlagCode::BalanceBroken
            | FlagCode::CountersFell
            | FlagCode::CountersDiffer
            | FlagCode::CountersNotZero
            | FlagCode::ListTotalDiffers => Self::BalanceBroken,
            FlagCode::PapersAboveIdentified => Self::PapersAboveVoters,
            FlagCode::BatchNumberGap | FlagCode::CounterGap => Self::NumberGap,
            FlagCode::HardRelationBroken => Self::RelationBroken,
            FlagCode::Correction | FlagCode::CorrectionUnexplained => Self::Correction,
            FlagCode::PapersDiffer | FlagCode::OpeningDiffers | FlagCode::ClosingDigestMismatch => Self::CountsDiffer,
            FlagCode::Dissent => Self::Dissent,
            FlagCode::CopyDiffers => Self::CopyDiffers,
            FlagCode::SourceVoid | FlagCode::SummaryDiffers | FlagCode::SummaryIncomplete => Self::TableFlagged,
            FlagCode::ActNumberUsed
            | FlagCode::IssuerBelowTarget
            | FlagCode::SeatsDiffer
            | FlagCode::LotNotDue
            | FlagCode::SuccessionDiffers
            | FlagCode::DeadlinePassed
            | FlagCode::CasesOpen => Self::ActFlagged,
            FlagCode::BoxNotBack
            | FlagCode::SealsDiffer
            | FlagCode::EquipmentUnknown
            | FlagCode::NotTheHolder
            | FlagCode::CustodyOrder
            | FlagCode::ReadinessIncomplete
            | FlagCode::LostKeyValid
            | FlagCode::EquipmentNotDeployed => Self::CustodyFlagged,
            FlagCode::SoftRelationBroken
            | FlagCode::UnitNotOpen
            | FlagCode::RemoteTotalReopened
            | FlagCode::CopyOfOtherVersion
            | FlagCode::Transcribed
            | FlagCode::RecountNotOrdered => Self::OtherFlagged,
        }
    }
}

/// One entry that shows an irregularity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its leaf.
    pub leaf: u64,
    /// Its sequenced time, ms UTC.
    pub time_ms: u64,
    /// The station it speaks about, if it speaks about one.
    pub station: Option<u32>,
    /// The unit.
    pub unit: Option<u32>,
    /// What the ledger said: a code's name.
    pub code: &'static str,
    /// What the code says its detail is; else 0.
    pub detail: u64,
}

/// All entries of one kind of irregularity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Which kind.
    pub anomaly: AnomalyKind,
    /// How many entries.
    pub count: u64,
    /// The first of them, in leaf order.
    pub findings: Vec<Finding>,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anomalies {
    /// By kind, ascending; kinds that did not occur are left out.
    pub groups: Vec<Group>,
    /// Units without a zero report.
    pub never_opened: Vec<String>,
    /// Units that opened and have no final report.
    pub never_closed: Vec<String>,
    /// Units without a hand protocol.
    pub without_hand_protocol: Vec<String>,
    /// Units still in an offline phase.
    pub still_offline: Vec<String>,
    /// Voters who are on two rolls, or more: `leaf: stations`. The Roll seal waits until there are none.
    pub on_two_rolls: Vec<String>,
}

/// Reads entries in leaf order; `listed` findings of each kind are kept, all are counted. `state` is that after the last entry.
///
/// Entries that cannot be read are passed over: an audit speaks of them.
pub fn anomalies<E: AsRef<[u8]>>(
    state: &State,
    entries: impl IntoIterator<Item = (u64, E)>,
    listed: usize,
) -> Anomalies {
    let mut groups: BTreeMap<AnomalyKind, Group> = BTreeMap::new();
    for (leaf, bytes) in entries {
        let Ok(entry) = Entry::from_bytes(bytes.as_ref()) else { continue };
        for (anomaly, code, detail) in of_entry(state, &entry) {
            let scope = scope_of(&entry);
            let group = groups.entry(anomaly).or_insert_with(|| Group { anomaly, count: 0, findings: Vec::new() });
            group.count += 1;
            if group.findings.len() < listed {
                let unit = match scope {
                    Some(Scope::Unit(unit)) => Some(unit.unit),
                    _ => None,
                };
                let station = scope.and_then(|scope| scope.station());
                group.findings.push(Finding { leaf, time_ms: entry.time_ms, station, unit, code, detail });
            }
        }
    }
    let units = |holds: &dyn Fn(Option<&tamga_ledger::state::UnitState>) -> bool| {
        state.definition().units().filter(|id| holds(state.unit(*id))).map(|id| id.to_string()).collect()
    };
    Anomalies {
        groups: groups.into_values().collect(),
        never_opened: units(&|unit| unit.is_none_or(|unit| unit.status == UnitStatus::NotOpened)),
        never_closed: units(&|unit| {
            unit.is_some_and(|unit| matches!(unit.status, UnitStatus::Open | UnitStatus::Suspended))
        }),
        without_hand_protocol: units(&|unit| unit.is_none_or(|unit| unit.protocol(Basis::Hand).is_none())),
        still_offline: units(&|unit| unit.is_some_and(|unit| unit.offline)),
        on_two_rolls: state.on_two_rolls(listed).iter().map(line).collect(),
    }
}

fn line(voter: &OnTwoRolls) -> String {
    let stations: Vec<String> = voter.stations.iter().map(u32::to_string).collect();
    format!("{}: {}", voter.leaf, stations.join(", "))
}

fn record_of(entry: &Entry) -> Option<Record> {
    match &entry.payload {
        Payload::Full(signed) => signed.parse().ok(),
        Payload::Stub(_) => None,
    }
}

fn scope_of(entry: &Entry) -> Option<Scope> {
    record_of(entry).map(|record| record.scope)
}

/// Each irregularity of one entry: kind, code, detail.
fn of_entry(state: &State, entry: &Entry) -> Vec<(AnomalyKind, &'static str, u64)> {
    let record = record_of(entry);
    let number = match &entry.payload {
        Payload::Full(_) => record.as_ref().map_or(0, |record| record.kind),
        Payload::Stub(stub) => stub.kind,
    };
    let Some(kind) = Kind::from_number(number) else { return Vec::new() };
    let mut found = Vec::new();
    match &entry.verdict {
        Verdict::Refused(refusal) => found.push((AnomalyKind::of_refusal(*refusal, kind), refusal.slug(), 0)),
        Verdict::Accepted(flags) => {
            for flag in flags {
                let Some(code) = FlagCode::from_number(flag.code) else { continue };
                found.push((AnomalyKind::of_flag(code), code.slug(), flag.detail));
            }
            if let Some(record) = &record {
                found.extend(of_record(state, entry.time_ms, kind, record));
            }
        }
    }
    found
}

/// What is irregular about a record that breaks no rule.
fn of_record(state: &State, time_ms: u64, kind: Kind, record: &Record) -> Option<(AnomalyKind, &'static str, u64)> {
    match kind {
        Kind::KeyRevocation => Some((AnomalyKind::KeysRevoked, "keys-revoked", 0)),
        Kind::Countersign => match CopyFinding::from_number(Countersign::from_bytes(&record.body).ok()?.finding)? {
            CopyFinding::CopyRefused => Some((AnomalyKind::CopyWithheld, "copy-refused", 0)),
            CopyFinding::NotPosted => Some((AnomalyKind::CopyWithheld, "not-posted", 0)),
            CopyFinding::Assent | CopyFinding::Copy => None,
        },
        Kind::IdentificationVoid => Some((AnomalyKind::VoidIdentification, "no-ballot-given", 0)),
        Kind::Custody => {
            let lost = Custody::from_bytes(&record.body).ok()?.event == CustodyEvent::Lose as u8;
            lost.then_some((AnomalyKind::CustodyFlagged, "equipment-lost", 0))
        }
        Kind::StationPhase => {
            let phase = StationPhase::from_bytes(&record.body).ok()?.phase;
            match Phase::from_number(phase)? {
                Phase::Suspend => Some((AnomalyKind::Suspension, "suspended", 0)),
                Phase::Replace => Some((AnomalyKind::Replacement, "replaced", 0)),
                _ => None,
            }
        }
        Kind::Protocol => {
            let closes_ms = state.definition().station(record.scope.station()?)?.closes_ms;
            let late_ms = time_ms.saturating_sub(closes_ms);
            // The embargo holds protocols back: nobody is late because of it.
            let due_ms = state.election()?.embargo_ms.max(closes_ms).saturating_add(PROTOCOL_LATE_MS);
            (time_ms > due_ms).then_some((AnomalyKind::LateProtocol, "late-protocol", late_ms))
        }
        _ => None,
    }
}
