//! Results as NIST SP 1500-100 version 2 (Election Results Reporting Common Data Format), JSON.
//!
//! Of the format's classes only those are used that these results fill: a report with one election, its constituencies (contests),
//! candidates, and the reporting units: the nation, constituencies, stations, units. What the mapping cannot say stands in
//! docs/EXPORTS.md: machine counts have a `Device`, the hand count is the one without; papers cast elsewhere count at the
//! constituency as `other`, and a unit whose counts are not shown is marked `IsSuppressedForPrivacy` and has no figure that means anything.

use super::Stamp;
use crate::verify::ResultsView;
use serde_json::{Map, Value, json};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{Constituency, Election, Title};
use tamga_ledger::tally::{ConstituencyResult, UnitResult, UnitWithheld};

/// What the file is called.
pub const NIST_FILE: &str = "nist-sp-1500-100.json";

fn typed(class: &str, fields: Value) -> Value {
    let mut object = Map::new();
    object.insert("@type".to_owned(), Value::String(format!("ElectionResults.{class}")));
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Value::Object(object)
}

fn text(parts: &[(&str, &str)]) -> Value {
    let one = |(language, content): &(&str, &str)| {
        typed("LanguageString", json!({ "Language": language, "Content": content }))
    };
    typed("InternationalizedText", json!({ "Text": parts.iter().map(one).collect::<Vec<_>>() }))
}

fn title(title: &Title) -> Value {
    text(&[("ky", &title.ky), ("ru", &title.ru), ("en", &title.en)])
}

fn nation() -> String {
    "gp-nation".to_owned()
}

fn district(number: u32) -> String {
    format!("gp-constituency-{number}")
}

fn station(number: u32) -> String {
    format!("gp-station-{number}")
}

fn unit(unit: &UnitResult) -> String {
    format!("gp-unit-{}-{}", unit.unit.station, unit.unit.unit)
}

/// The report. `made_ms` is the sequenced time of the last entry that the figures are of.
#[must_use]
pub fn nist_report(
    results: &ResultsView,
    definition: &Definition,
    election: &Election,
    stamp: &Stamp,
    made_ms: u64,
) -> Value {
    let (date, generated) = (voting_day(definition), instant(made_ms));
    let complete = results.tally.constituencies.iter().all(|row| row.hand.is_complete());
    let status = match (results.sealed, complete) {
        (true, _) => "certified",
        (false, true) => "unofficial-complete",
        (false, false) => "unofficial-partial",
    };
    let issuer = election.organisations.first();
    let contests = definition.constituencies().iter().zip(&results.tally.constituencies);
    let contests: Vec<Value> = contests.map(|(one, row)| contest(one, row, results)).collect();
    let candidates: Vec<Value> = definition
        .constituencies()
        .iter()
        .zip(&results.tally.constituencies)
        .flat_map(|(one, row)| candidates(one, row))
        .collect();
    typed(
        "ElectionReport",
        json!({
            "Format": "precinct-level",
            "GeneratedDate": generated,
            "IsTest": stamp.rehearsal,
            "Issuer": issuer.map_or("", |issuer| &issuer.title.en),
            "IssuerAbbreviation": issuer.map_or("", |issuer| &issuer.name),
            "Notes": format!(
                "Computed from checkpoint of {} entries, SHA-256 root {}, of election {}. Verify with: tamga audit",
                stamp.size, stamp.sha256, stamp.election
            ),
            "SequenceStart": 1,
            "SequenceEnd": 1,
            "Status": status,
            "VendorApplicationId": concat!("tamga ", env!("CARGO_PKG_VERSION")),
            "ExternalIdentifier": [
                external("checkpoint-size", &stamp.size.to_string()),
                external("checkpoint-sha256", &stamp.sha256),
            ],
            "GpUnit": reporting_units(results, definition),
            "Election": [typed("Election", json!({
                "ElectionScopeId": nation(),
                "StartDate": date,
                "EndDate": date,
                "Name": title(&election.title),
                "Type": "general",
                "ExternalIdentifier": [external("tamga-election-id", &stamp.election)],
                "Candidate": candidates,
                "Contest": contests,
            }))],
        }),
    )
}

/// The UTC date on which the first ordinary station opens; of any station if there is none.
fn voting_day(definition: &Definition) -> String {
    let opens = |ordinary: bool| {
        let stations = definition.stations().values();
        stations.filter(|one| !ordinary || one.station_kind == 0).map(|one| one.opens_ms).min()
    };
    day(opens(true).or_else(|| opens(false)).unwrap_or(0) / 86_400_000)
}

/// A time as ISO 8601 has it, UTC, to the second.
pub(crate) fn instant(ms: u64) -> String {
    let seconds = ms / 1_000 % 86_400;
    format!("{}T{:02}:{:02}:{:02}Z", day(ms / 86_400_000), seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Days since 1970-01-01 as a date (Howard Hinnant's `civil_from_days`, unsigned).
fn day(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{:02}", of_year - (153 * shifted_month + 2) / 5 + 1)
}

fn external(what: &str, value: &str) -> Value {
    typed("ExternalIdentifier", json!({ "Type": "other", "OtherType": what, "Value": value }))
}

fn reporting_units(results: &ResultsView, definition: &Definition) -> Vec<Value> {
    let part = |class: &str, id: String, name: &str, parts: Vec<String>| {
        let mut fields = json!({ "@id": id, "Type": class, "Name": name });
        if !parts.is_empty() {
            fields["ComposingGpUnitIds"] = json!(parts);
        }
        fields
    };
    let numbers = definition.constituencies().iter().map(|one| district(one.number));
    let free = definition.stations().values().filter(|one| one.constituency == 0).map(|one| station(one.number));
    let mut nation = part("country", nation(), "nation", numbers.chain(free).collect());
    nation["VotersRegistered"] = json!(results.roll);
    let mut units = vec![typed("ReportingUnit", nation)];
    for (one, row) in definition.constituencies().iter().zip(&results.tally.constituencies) {
        let own = definition.stations().values().filter(|station| station.constituency == one.number);
        let mut fields =
            part("other", district(one.number), &one.title.en, own.map(|own| station(own.number)).collect());
        fields["OtherType"] = json!("constituency");
        fields["Number"] = json!(one.number.to_string());
        fields["IsDistricted"] = json!(true);
        fields["SubUnitsReported"] = json!(row.hand.coverage.n);
        fields["TotalSubUnits"] = json!(row.hand.coverage.of);
        units.push(typed("ReportingUnit", fields));
    }
    for one in definition.stations().values() {
        let own: Vec<String> = results.units.iter().filter(|unit| unit.unit.station == one.number).map(unit).collect();
        let mut fields = part("polling-place", station(one.number), &one.title, own);
        fields["Number"] = json!(one.number.to_string());
        units.push(typed("ReportingUnit", fields));
    }
    for one in &results.units {
        let mut fields = part("precinct", unit(one), &one.unit.to_string(), Vec::new());
        fields["VotersParticipated"] = json!(one.identified);
        let ballots = json!({ "Type": "total", "BallotsCast": one.papers, "GpUnitId": unit(one), "Device": scanner() });
        fields["SummaryCounts"] = json!([typed("SummaryCounts", ballots)]);
        units.push(typed("ReportingUnit", fields));
    }
    units
}

fn scanner() -> Value {
    typed("Device", json!({ "Type": "opscan-precinct" }))
}

fn candidate_id(constituency: u32, position: u32) -> String {
    format!("candidate-{constituency}-{position}")
}

fn candidates(constituency: &Constituency, row: &ConstituencyResult) -> Vec<Value> {
    let seated = &row.standing.seated;
    let one = |candidate: &tamga_ledger::kinds::Candidate| {
        let mut fields = json!({
            "@id": candidate_id(constituency.number, candidate.position),
            "BallotName": text(&[("ky", &candidate.name_ky), ("ru", &candidate.name_ru)]),
        });
        if seated.contains(&candidate.position) {
            fields["PostElectionStatus"] = json!(if row.hand.is_complete() { "winner" } else { "projected-winner" });
        } else if row.standing.without_seat.contains(&candidate.position) {
            fields["PostElectionStatus"] = json!("withdrawn");
        }
        typed("Candidate", fields)
    };
    constituency.candidates.iter().map(one).collect()
}

fn contest(constituency: &Constituency, row: &ConstituencyResult, results: &ResultsView) -> Value {
    let number = constituency.number;
    let units: Vec<&UnitResult> = results.units.iter().filter(|unit| unit.constituency == number).collect();
    let mut selections: Vec<Value> = Vec::new();
    for candidate in &constituency.candidates {
        let place = candidate.position as usize - 1;
        let fields = json!({
            "@id": format!("selection-{number}-{}", candidate.position),
            "CandidateIds": [candidate_id(number, candidate.position)],
            "SequenceOrder": candidate.position,
            "VoteCounts": vote_counts(number, place, row, &units),
        });
        selections.push(typed("CandidateSelection", fields));
    }
    let against = constituency.candidates.len();
    let fields = json!({
        "@id": format!("selection-{number}-against-all"),
        "Selection": text(&[("ky", "Бардыгына каршы"), ("ru", "Против всех"), ("en", "Against all")]),
        "SequenceOrder": against + 1,
        "VoteCounts": vote_counts(number, against, row, &units),
    });
    selections.push(typed("BallotMeasureSelection", fields));
    let done = if row.hand.is_complete() { "completed" } else { "in-process" };
    let invalid = row.hand.counts.last().copied().unwrap_or(0);
    typed(
        "CandidateContest",
        json!({
            "@id": format!("contest-{number}"),
            "Name": constituency.title.en,
            "BallotTitle": title(&constituency.title),
            "ElectoralDistrictId": district(number),
            "NumberElected": constituency.seats,
            "VotesAllowed": 1,
            "VoteVariation": "plurality",
            "SubUnitsReported": row.hand.coverage.n,
            "TotalSubUnits": row.hand.coverage.of,
            "CountStatus": [typed("CountStatus", json!({ "Type": "total", "Status": done }))],
            "SummaryCounts": [typed("SummaryCounts", json!({
                "Type": "total",
                "GpUnitId": district(number),
                "BallotsCast": row.hand.counts.iter().sum::<u64>(),
                "BallotsRejected": invalid,
            }))],
            "BallotSelection": selections,
        }),
    )
}

/// By hand and by machine, of the constituency and of each unit. Nothing is written where the ledger shows nothing.
fn vote_counts(number: u32, place: usize, row: &ConstituencyResult, units: &[&UnitResult]) -> Vec<Value> {
    let count = |fields: Value| typed("VoteCounts", fields);
    let at = |counts: &[u64]| counts.get(place).copied();
    let mut all = Vec::new();
    let sums = [(&row.hand, false), (&row.machine, true)];
    for (basis, machine) in sums {
        let figures = [("total", at(&basis.counts), None), ("other", at(&basis.remote_counts), Some("cast-elsewhere"))];
        for (class, figure, other) in figures {
            let Some(figure) = figure else { continue };
            let mut fields = json!({ "Type": class, "GpUnitId": district(number), "Count": figure });
            if let Some(other) = other {
                fields["OtherType"] = json!(other);
            }
            if machine {
                fields["Device"] = scanner();
            }
            all.push(count(fields));
        }
    }
    for one in units {
        if one.withheld == Some(UnitWithheld::TooFewPapers) {
            let hidden =
                json!({ "Type": "election-day", "GpUnitId": unit(one), "Count": 0, "IsSuppressedForPrivacy": true });
            all.push(count(hidden));
        }
        if one.withheld.is_some() {
            continue;
        }
        let hand = one.hand.as_deref().and_then(at);
        let machine = one.machine.as_deref().and_then(at);
        if let Some(figure) = hand {
            all.push(count(json!({ "Type": "election-day", "GpUnitId": unit(one), "Count": figure })));
        }
        if let Some(figure) = machine {
            let fields = json!({ "Type": "election-day", "GpUnitId": unit(one), "Count": figure, "Device": scanner() });
            all.push(count(fields));
        }
    }
    all
}
