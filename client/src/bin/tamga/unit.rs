//! `tamga unit` and `tamga tables`: only out of a ledger whose audit finds nothing.

use crate::args::{Tables, Unit};
use crate::governance::failed;
use crate::output::{CheckpointView, Done, Output, open_source};
use crate::report::{audited, entries_of};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tamga_client::author::role_word;
use tamga_client::evidence::Language;
use tamga_client::report::{TableReport, UnitReport, table_reports, unit_report};
use tamga_client::verify::Opened;
use tamga_ledger::record::UnitId;
use tamga_ledger::verdict::FlagCode;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Found {
    checkpoint: CheckpointView,
    report: UnitReport,
}

pub(crate) fn run(arguments: &Unit, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    const NAME: &str = "unit";
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let (checkpoint, state) = audited(NAME, &opened, output)?;
    let entries = entries_of(&opened)?;
    let all = entries.iter().map(|(leaf, entry)| (*leaf, entry.as_slice()));
    let unit = UnitId { station: arguments.station, unit: arguments.unit };
    let report = unit_report(&state, unit, all).ok_or_else(|| failed(format!("there is no unit {unit}")))?;
    let content = Found { checkpoint, report };
    output.answer(NAME, &content, || text(&content));
    Ok(())
}

fn flags_in_words(flags: &[u16]) -> String {
    let names = flags.iter().filter_map(|code| FlagCode::from_number(*code)).map(FlagCode::slug).collect::<Vec<_>>();
    if names.is_empty() { String::new() } else { format!("  FLAGGED {}", names.join(", ")) }
}

fn slug<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn text(content: &Found) -> String {
    let Found { checkpoint, report } = content;
    let mut text = format!("VERIFIED\n  from a {}\n\n", checkpoint.line());
    let out = if report.box_out { ", the mobile box is out" } else { "" };
    let offline = if report.offline { ", offline" } else { "" };
    let _ = writeln!(text, "Unit {}: {}{offline}{out}", report.unit, slug(&report.status));
    let _ = writeln!(
        text,
        "  identified {} with the own ballot, {} with another; {} of them without a ballot; papers in batches {}",
        report.identified_local, report.identified_remote, report.without_ballot, report.papers
    );
    if let Some(c) = &report.reported {
        let _ = writeln!(
            text,
            "  reported: identified {} + {}, slips {}, signatures {}, printed {} + {}, spoiled {}, scanned {}",
            c.identified_local,
            c.identified_remote,
            c.slips,
            c.signatures,
            c.printed_own,
            c.printed_other,
            c.spoiled,
            c.scanned
        );
        if report.discrepancies.is_empty() {
            text += "  the balance holds\n";
        }
    }
    for one in &report.discrepancies {
        let _ = writeln!(text, "  DOES NOT ADD UP  {}: reported {}, due {}", slug(&one.term), one.reported, one.due);
    }
    for phase in &report.phases {
        let _ = write!(text, "  leaf {:>9}  {}", phase.leaf, slug(&phase.phase));
        for (what, names) in [("seals", &phase.seals), ("equipment", &phase.equipment)] {
            if !names.is_empty() {
                let _ = write!(text, "  {what} {}", names.join(", "));
            }
        }
        for member in &phase.roles {
            let _ = write!(text, "  {} {}", role_word(member.role, Language::En), member.key);
        }
        let _ = writeln!(text, "{}", flags_in_words(&phase.flags));
    }
    for version in &report.protocols {
        let basis = version.basis.as_ref().map(slug).unwrap_or_default();
        let standing = if version.in_force { "in force" } else { "replaced" };
        let _ = writeln!(
            text,
            "Protocol, {basis}, code {}: leaf {}, {standing}, signed by {}, dissenting {}{}",
            version.code,
            version.leaf,
            version.signed,
            version.dissenting,
            flags_in_words(&version.flags)
        );
        if let Some(replaces) = version.replaces {
            let _ = writeln!(text, "  replaces leaf {replaces}; reason {}", reason(version.explanation));
        }
        for change in &version.changes {
            let figure =
                |figure: Option<u64>| figure.map_or_else(|| "not shown".to_owned(), |figure| figure.to_string());
            let _ = writeln!(text, "  {}: {} → {}", change.figure, figure(change.before), figure(change.after));
        }
    }
    for word in &report.countersigned {
        let about = word.protocol.map_or_else(|| "no protocol in force".to_owned(), |leaf| format!("leaf {leaf}"));
        let differing = if word.differing > 0 { format!("  {} figures DIFFER", word.differing) } else { String::new() };
        let _ = writeln!(
            text,
            "  leaf {:>9}  {} by {} about {about}{differing}",
            word.leaf,
            slug(&word.finding),
            slug(&word.by)
        );
    }
    text
}

const fn reason(explanation: u32) -> &'static str {
    match explanation {
        0 => "none given",
        1 => "an error of arithmetic",
        2 => "a figure in a wrong line",
        3 => "counted again",
        4 => "decided by a commission or a court",
        5 => "the paper could not be read",
        6 => "an opening was lost, counted anew from the papers",
        _ => "another one",
    }
}

#[derive(Serialize)]
struct FoundTables {
    checkpoint: CheckpointView,
    tables: Vec<TableReport>,
}

pub(crate) fn run_tables(arguments: &Tables, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    const NAME: &str = "tables";
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let (checkpoint, state) = audited(NAME, &opened, output)?;
    let content = FoundTables { checkpoint, tables: table_reports(&state) };
    output.answer(NAME, &content, || tables_text(&content));
    Ok(())
}

fn tables_text(content: &FoundTables) -> String {
    let mut text = format!("VERIFIED\n  from a {}\n\n", content.checkpoint.line());
    for table in &content.tables {
        let place =
            table.constituency.map_or_else(|| "the nation".to_owned(), |number| format!("constituency {number}"));
        let holds = if table.holds { "holds" } else { "DOES NOT HOLD" };
        let _ = writeln!(text, "Table of {place}, leaf {}, {} sources: {holds}", table.leaf, table.sources);
        for (code, said, due) in &table.check.lines {
            let _ = writeln!(text, "  line {code}: {said}, the sources give {due}");
        }
        for (position, said, due) in &table.check.counts {
            let _ = writeln!(text, "  position {position}: {said}, the sources give {due}");
        }
        for source in &table.check.void_sources {
            let _ = writeln!(text, "  not in force, not its own, or twice: {source}");
        }
        if !table.check.uncovered.is_empty() {
            let units: Vec<String> = table.check.uncovered.iter().take(20).map(ToString::to_string).collect();
            let _ = writeln!(text, "  not covered: {} units ({})", table.check.uncovered.len(), units.join(", "));
        }
    }
    if content.tables.is_empty() {
        text += "No summary table is in force.\n";
    }
    text
}
