//! Results as tables: plain CSV (RFC 4180, UTF-8, a head line), each row with the checkpoint it was made from. Columns are documented in
//! docs/EXPORTS.md.

use crate::verify::ResultsView;
use tamga_ledger::definition::Definition;
use tamga_ledger::tally::{Seats, Shares};

/// What every row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The election's id, hexadecimal.
    pub election: String,
    /// Entries the figures are of.
    pub size: u64,
    /// The checkpoint's SHA-256 root, base64.
    pub sha256: String,
    /// Not a real election.
    pub rehearsal: bool,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its bytes.
    pub csv: Vec<u8>,
}

/// All tables of these results.
///
/// # Errors
/// What the CSV writer says; writing to memory does not fail.
pub fn tables(results: &ResultsView, definition: &Definition, stamp: &Stamp) -> Result<Vec<Table>, csv::Error> {
    Ok(vec![
        table("candidates.csv", stamp, CANDIDATES, candidates(results, definition))?,
        table("constituencies.csv", stamp, CONSTITUENCIES, constituencies(results))?,
        table("units.csv", stamp, UNITS, units(results))?,
        table("differences.csv", stamp, DIFFERENCES, differences(results))?,
        table("acts.csv", stamp, ACTS, acts(results))?,
        table("turnout.csv", stamp, TURNOUT, turnout(results))?,
    ])
}

const CANDIDATES: &[&str] = &[
    "constituency",
    "position",
    "name_ky",
    "name_ru",
    "hand",
    "hand_elsewhere",
    "machine",
    "share_hundredths",
    "struck",
    "elected",
    "seated",
];
const CONSTITUENCIES: &[&str] = &[
    "constituency",
    "hand_units",
    "machine_units",
    "units",
    "hand_elsewhere_opened",
    "machine_elsewhere_opened",
    "hand_elsewhere_uncertain",
    "against_all",
    "invalid",
    "outcome",
    "annulled_units",
];
const UNITS: &[&str] =
    &["station", "unit", "constituency", "identified", "papers", "position", "machine", "hand", "withheld", "annulled"];
const DIFFERENCES: &[&str] = &["station", "unit", "constituency", "votes", "swap"];
const ACTS: &[&str] =
    &["leaf", "record", "number", "date", "issuer", "effect", "about", "effective_ms", "final", "in_force", "document"];
const TURNOUT: &[&str] = &["hour", "local", "remote", "permille_of_roll"];

type Row = Vec<String>;

fn table(name: &'static str, stamp: &Stamp, head: &[&str], rows: Vec<Row>) -> Result<Table, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["election", "checkpoint_size", "checkpoint_sha256", "rehearsal"].iter().chain(head))?;
    let (size, rehearsal) = (stamp.size.to_string(), flag(stamp.rehearsal));
    for row in rows {
        let own = [&stamp.election, &size, &stamp.sha256, &rehearsal];
        writer.write_record(own.into_iter().chain(&row))?;
    }
    let csv = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(Table { name, csv })
}

fn flag(holds: bool) -> String {
    u8::from(holds).to_string()
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A value's name as JSON has it.
fn name<T: serde::Serialize>(value: Option<T>) -> String {
    let value = value.and_then(|value| serde_json::to_value(value).ok());
    value.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

const fn outcome(seats: &Seats) -> &'static str {
    match seats {
        Seats::Incomplete => "incomplete",
        Seats::Annulled => "annulled",
        Seats::Uncertain { .. } => "uncertain",
        Seats::NeedsLot { .. } => "needs-lot",
        Seats::Filled { .. } => "filled",
    }
}

fn candidates(results: &ResultsView, definition: &Definition) -> Vec<Row> {
    let mut rows = Vec::new();
    for (row, view) in results.tally.constituencies.iter().zip(&results.constituencies) {
        let Some(known) = definition.constituency(row.constituency) else { continue };
        let elected = row.seats.positions().unwrap_or_default();
        for (place, candidate) in known.candidates.iter().enumerate() {
            let position = candidate.position;
            let share = match &view.shares {
                Shares::Shown { hundredths } => hundredths.get(place).copied(),
                Shares::Withheld { .. } => None,
            };
            rows.push(vec![
                row.constituency.to_string(),
                position.to_string(),
                candidate.name_ky.clone(),
                candidate.name_ru.clone(),
                text(row.hand.counts.get(place)),
                text(row.hand.remote_counts.get(place)),
                text(row.machine.counts.get(place)),
                text(share),
                flag(row.standing.struck.contains(&position)),
                flag(elected.contains(&position)),
                flag(row.standing.seated.contains(&position)),
            ]);
        }
    }
    rows
}

fn constituencies(results: &ResultsView) -> Vec<Row> {
    let row = |row: &tamga_ledger::tally::ConstituencyResult| {
        let mut last = row.hand.counts.iter().rev();
        let (invalid, against_all) = (last.next(), last.next());
        vec![
            row.constituency.to_string(),
            row.hand.coverage.n.to_string(),
            row.machine.coverage.n.to_string(),
            row.hand.coverage.of.to_string(),
            flag(row.hand.remote_opened),
            flag(row.machine.remote_opened),
            row.hand.remote_uncertain.to_string(),
            text(against_all),
            text(invalid),
            outcome(&row.seats).to_owned(),
            row.standing.annulled_units.len().to_string(),
        ]
    };
    results.tally.constituencies.iter().map(row).collect()
}

/// One row a unit and ballot position; one with an empty position where no counts are shown.
fn units(results: &ResultsView) -> Vec<Row> {
    let mut rows = Vec::new();
    for unit in &results.units {
        let row = |position: String, machine: Option<u64>, hand: Option<u64>| {
            vec![
                unit.unit.station.to_string(),
                unit.unit.unit.to_string(),
                unit.constituency.to_string(),
                unit.identified.to_string(),
                unit.papers.to_string(),
                position,
                text(machine),
                text(hand),
                name(unit.withheld),
                flag(!unit.annulled_by.is_empty()),
            ]
        };
        let (machine, hand) = (unit.machine.as_deref().unwrap_or(&[]), unit.hand.as_deref().unwrap_or(&[]));
        let positions = machine.len().max(hand.len());
        if positions == 0 {
            rows.push(row(String::new(), None, None));
        }
        for place in 0..positions {
            rows.push(row((place + 1).to_string(), machine.get(place).copied(), hand.get(place).copied()));
        }
    }
    rows
}

fn differences(results: &ResultsView) -> Vec<Row> {
    let row = |one: &tamga_ledger::tally::Difference| {
        vec![
            one.unit.station.to_string(),
            one.unit.unit.to_string(),
            one.constituency.to_string(),
            one.votes.to_string(),
            flag(one.swap),
        ]
    };
    results.differences.iter().map(row).collect()
}

fn acts(results: &ResultsView) -> Vec<Row> {
    let row = |act: &crate::verify::ActView| {
        vec![
            act.leaf.to_string(),
            act.id.clone(),
            act.number.clone(),
            act.date.clone(),
            name(act.issuer),
            act.effect.to_owned(),
            act.about.to_string(),
            act.effective_ms.to_string(),
            flag(act.final_act),
            flag(act.in_force),
            act.document.clone(),
        ]
    };
    results.acts.iter().map(row).collect()
}

fn turnout(results: &ResultsView) -> Vec<Row> {
    let row = |hour: &crate::verify::HourTurnout| {
        vec![hour.label.clone(), hour.local.to_string(), hour.remote.to_string(), text(hour.permille)]
    };
    results.turnout.iter().map(row).collect()
}
