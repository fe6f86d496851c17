//! `tamga anomalies` and `tamga export`: only out of a ledger whose audit finds nothing.

use crate::args::{Anomalies as AnomaliesArguments, Export, Place};
use crate::audit::nothing_shown;
use crate::failure::{Done, Failure, failed, unwritten};
use crate::governance::write;
use crate::output::{CheckpointView, Output, advance, open_source, scratch, standing};
use crate::words::anomaly_word;
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tamga_client::author::place_in_words;
use tamga_client::evidence::Language;
use tamga_client::report::{Anomalies, NIST_FILE, Stamp, anomalies, nist_report, tables};
use tamga_client::verify::{Opened, audit, over_entries, results};
use tamga_ledger::audit::Report;
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::state::State;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Refuted {
    checkpoint: CheckpointView,
    audit: Report,
}

/// The state of an audited ledger, or the audit's refutation.
pub(crate) fn audited(
    command: &str,
    opened: &Opened<'_>,
    language: Language,
    output: &Output,
) -> Result<(CheckpointView, State), Failure> {
    let bar = output.bar("жазуулардын аудити", "аудит записей", "auditing entries");
    let audited = audit(opened, |done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    let audited = audited?;
    let checkpoint = CheckpointView::of(&opened.checkpoint, &opened.trust);
    if audited.report.ok {
        return Ok((checkpoint, audited.state));
    }
    let content = Refuted { checkpoint, audit: audited.report };
    Err(output.refutation(command, &content, || nothing_shown(&content.audit, language)))
}

/// What `read` makes of all entries with their leaves.
pub(crate) fn entries_read<T>(
    opened: &Opened<'_>,
    output: &Output,
    read: impl FnOnce(&mut dyn Iterator<Item = (u64, Vec<u8>)>) -> T,
) -> Result<T, Failure> {
    let bar = output.bar("жазуулар окулууда", "чтение записей", "reading entries");
    let made = over_entries(opened, |done, all| advance(&bar, done, all), read);
    bar.finish_and_clear();
    Ok(made?)
}

#[derive(Serialize)]
struct Found {
    checkpoint: CheckpointView,
    anomalies: Anomalies,
}

pub(crate) fn run_anomalies(arguments: &AnomaliesArguments, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    const NAME: &str = "anomalies";
    let language = output.language();
    let Place { source, pinned } = &arguments.place;
    let source = open_source(source, disk)?;
    let opened = Opened::open(&*source, &pinned.genesis)?.with_scratch(scratch(disk));
    let (checkpoint, state) = audited(NAME, &opened, language, output)?;
    let anomalies = entries_read(&opened, output, |entries| anomalies(&state, entries, arguments.listed))?;
    let content = Found { checkpoint, anomalies };
    output.answer(NAME, &content, || text(&content, language));
    Ok(())
}

fn text(content: &Found, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let Found { checkpoint, anomalies } = content;
    let mut text = format!("{}\n  {}\n\n", standing(true, language), checkpoint.line_in(language));
    for group in &anomalies.groups {
        let _ = writeln!(text, "{}: {}", anomaly_word(group.anomaly, language), group.count);
        for one in &group.findings {
            let scope = match (one.station, one.unit) {
                (Some(station), Some(unit)) => Scope::Unit(UnitId { station, unit }),
                (Some(station), None) => Scope::Station(station),
                _ => Scope::Election,
            };
            let place = place_in_words(scope, language);
            let detail = if one.detail == 0 { String::new() } else { format!(" ({})", one.detail) };
            let _ = writeln!(text, "  {} {:>9}  {place}  {}{detail}", of("орду", "место", "leaf"), one.leaf, one.code);
        }
        let shown = group.findings.len() as u64;
        if group.count > shown {
            let _ = writeln!(text, "  … {} {}", of("дагы", "и ещё", "and more:"), group.count - shown);
        }
    }
    let lists = [
        (of("ачылган эмес", "не открывались", "never opened"), &anomalies.never_opened),
        (of("ачылып, жабылган эмес", "открыты и не закрыты", "opened and not closed"), &anomalies.never_closed),
        (
            of("кол эсебинин протоколу жок", "без протокола ручного подсчёта", "without a hand protocol"),
            &anomalies.without_hand_protocol,
        ),
        (of("дагы эле байланышсыз", "всё ещё без связи", "still offline"), &anomalies.still_offline),
    ];
    for (what, units) in lists.iter().filter(|(_, units)| !units.is_empty()) {
        let _ =
            writeln!(text, "{} {what}: {} ({})", of("Бирдиктер,", "Единицы,", "Units"), units.len(), units.join(", "));
    }
    if !anomalies.on_two_rolls.is_empty() {
        let what = of(
            "Эки тизмеде турган шайлоочулар (шайлоочунун саны: участоктор)",
            "Избиратели в двух списках (число избирателя: участки)",
            "Voters on two rolls (leaf: stations)",
        );
        let _ = writeln!(text, "{what}: {}", anomalies.on_two_rolls.join("; "));
    }
    text += of(
        "\nМында эч ким айыпталбайт: ар бир сап кайсы жазууну карап көрүү керектигин айтат.",
        "\nЭтим никто не обвиняется: каждая строка называет запись, на которую стоит посмотреть.",
        "\nNobody is accused by this: each line names the entry to look at.",
    );
    text
}

#[derive(Serialize)]
struct Written {
    checkpoint: CheckpointView,
    files: Vec<String>,
}

pub(crate) fn run_export(arguments: &Export, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    const NAME: &str = "export";
    let language = output.language();
    let Place { source, pinned } = &arguments.place;
    let source = open_source(source, disk)?;
    let opened = Opened::open(&*source, &pinned.genesis)?.with_scratch(scratch(disk));
    let (checkpoint, state) = audited(NAME, &opened, language, output)?;
    let stamp = Stamp {
        election: checkpoint.election.to_string(),
        size: checkpoint.size,
        sha256: checkpoint.sha256.clone(),
        rehearsal: checkpoint.rehearsal,
    };
    let shown = results(&state);
    let made = tables(&shown, state.definition(), &stamp).map_err(failed)?;
    let nist = nist_report(&shown, state.definition(), opened.trust.election(), &stamp, state.time_ms());
    let nist = serde_json::to_vec_pretty(&nist).map_err(failed)?;
    disk.create_dir_all(&arguments.out).map_err(|error| unwritten(&arguments.out, error))?;
    let mut files = Vec::new();
    for table in made {
        let path = arguments.out.join(table.name);
        write(disk, &path, &table.csv)?;
        files.push(path.display().to_string());
    }
    let path = arguments.out.join(NIST_FILE);
    write(disk, &path, &nist)?;
    files.push(path.display().to_string());
    let content = Written { checkpoint, files };
    output.answer(NAME, &content, || {
        let (line, written) = (content.checkpoint.line_in(language), language.of("жазылды", "записано", "written"));
        format!("{}\n  {line}\n  {written}: {}", standing(true, language), content.files.join(", "))
    });
    Ok(())
}
