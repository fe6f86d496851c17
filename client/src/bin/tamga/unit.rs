//! `tamga unit` and `tamga tables`: only out of a ledger whose audit finds nothing.

use crate::args::{Tables, Unit};
use crate::failure::{Done, said};
use crate::output::{CheckpointView, Output, open_source, scratch, standing};
use crate::report::{audited, entries_read};
use crate::words::{basis_word, finding_word, holder_word, reason_word, status_word, term_word};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tamga_client::author::{phase_word, place_in_words, role_word};
use tamga_client::evidence::Language;
use tamga_client::report::{Figure, TableReport, UnitReport, Version, table_reports, unit_report};
use tamga_client::verify::Opened;
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::verdict::FlagCode;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Found {
    checkpoint: CheckpointView,
    report: UnitReport,
}

pub(crate) fn run(arguments: &Unit, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    const NAME: &str = "unit";
    let language = output.language();
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?.with_scratch(scratch(disk));
    let (checkpoint, state) = audited(NAME, &opened, language, output)?;
    let unit = UnitId { station: arguments.station, unit: arguments.unit };
    let report = entries_read(&opened, output, |entries| unit_report(&state, unit, entries))?;
    let report = report.ok_or_else(|| {
        said(format!("{unit} бирдиги жок"), format!("единицы {unit} нет"), format!("there is no unit {unit}"))
    })?;
    let content = Found { checkpoint, report };
    output.answer(NAME, &content, || text(&content, language));
    Ok(())
}

fn flags_in_words(flags: &[u16], language: Language) -> String {
    let names = flags.iter().filter_map(|code| FlagCode::from_number(*code)).map(FlagCode::slug).collect::<Vec<_>>();
    let flagged = language.of("БЕЛГИЛЕНГЕН", "ОТМЕЧЕНО", "FLAGGED");
    if names.is_empty() { String::new() } else { format!("  {flagged} {}", names.join(", ")) }
}

fn text(content: &Found, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let Found { checkpoint, report } = content;
    let mut text = format!("{}\n  {}\n\n", standing(true, language), checkpoint.line_in(language));
    let out = match report.box_out {
        true => of(", көчмө куту сыртта", ", переносной ящик вне участка", ", the mobile box is out"),
        false => "",
    };
    let offline = if report.offline { of(", байланышсыз", ", без связи", ", offline") } else { "" };
    let unit = of("Бирдик", "Единица", "Unit");
    let _ = writeln!(text, "{unit} {}: {}{offline}{out}", report.unit, status_word(report.status, language));
    let (local, remote, without, papers) =
        (report.identified_local, report.identified_remote, report.without_ballot, report.papers);
    let _ = match language {
        Language::Ky => writeln!(
            text,
            "  идентификация: өз бюллетени менен {local}, башканыкы менен {remote}; алардын бюллетень албаганы {without}; пакеттердеги баракчалар {papers}"
        ),
        Language::Ru => writeln!(
            text,
            "  идентифицировано: со своим бюллетенем {local}, с другим {remote}; из них без бюллетеня {without}; бумаг в пакетах {papers}"
        ),
        Language::En => writeln!(
            text,
            "  identified {local} with the own ballot, {remote} with another; {without} of them without a ballot; papers in batches {papers}"
        ),
    };
    if let Some(c) = &report.reported {
        let reported = [
            (
                of("идентификация", "идентифицировано", "identified"),
                format!("{} + {}", c.identified_local, c.identified_remote),
            ),
            (of("чектер", "чеков", "slips"), c.slips.to_string()),
            (of("колдор", "подписей", "signatures"), c.signatures.to_string()),
            (of("басылды", "напечатано", "printed"), format!("{} + {}", c.printed_own, c.printed_other)),
            (of("бузулду", "испорчено", "spoiled"), c.spoiled.to_string()),
            (of("сканерленди", "в сканере", "scanned"), c.scanned.to_string()),
        ];
        let reported: Vec<String> = reported.iter().map(|(what, figure)| format!("{what} {figure}")).collect();
        let _ = writeln!(text, "  {}: {}", of("отчёт боюнча", "по отчёту", "reported"), reported.join(", "));
        if report.discrepancies.is_empty() {
            let _ = writeln!(text, "  {}", of("баланс дал келет", "баланс сходится", "the balance holds"));
        }
    }
    for one in &report.discrepancies {
        let wrong = of("ДАЛ КЕЛБЕЙТ", "НЕ СХОДИТСЯ", "DOES NOT ADD UP");
        let (said, due) = (of("отчётто", "в отчёте", "reported"), of("болушу керек", "должно быть", "due"));
        let _ =
            writeln!(text, "  {wrong}  {}: {said} {}, {due} {}", term_word(one.term, language), one.reported, one.due);
    }
    let leaf = of("орду", "место", "leaf");
    for phase in &report.phases {
        let _ = write!(text, "  {leaf} {:>9}  {}", phase.leaf, phase_word(phase.phase, language));
        let (seals, equipment) = (of("пломбалар", "пломбы", "seals"), of("жабдуу", "оборудование", "equipment"));
        for (what, names) in [(seals, &phase.seals), (equipment, &phase.equipment)] {
            if !names.is_empty() {
                let _ = write!(text, "  {what} {}", names.join(", "));
            }
        }
        for member in &phase.roles {
            let _ = write!(text, "  {} {}", role_word(member.role, language), member.key);
        }
        let _ = writeln!(text, "{}", flags_in_words(&phase.flags, language));
    }
    report.protocols.iter().for_each(|version| text += &protocol(version, language));
    for word in &report.countersigned {
        let about = match word.protocol {
            Some(protocol) => format!("{leaf} {protocol}"),
            None => of("күчүндөгү протокол жок", "действующего протокола нет", "no protocol in force").to_owned(),
        };
        let differing = match word.differing {
            0 => String::new(),
            figures => format!("  {}: {figures}", of("АЙЫРМАЛАНГАН сандар", "чисел РАСХОДИТСЯ", "figures that DIFFER")),
        };
        let (by, said) = (holder_word(word.by, language), finding_word(word.finding, language));
        let _ = writeln!(text, "  {leaf} {:>9}  {by} {said} ({about}){differing}", word.leaf);
    }
    text
}

fn protocol(version: &Version, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let leaf = of("орду", "место", "leaf");
    let basis = version.basis.map(|basis| basis_word(basis, language)).unwrap_or_default();
    let standing = match version.in_force {
        true => of("күчүндө", "действует", "in force"),
        false => of("алмаштырылган", "заменён", "replaced"),
    };
    let mut text = format!(
        "{}, {basis}, {} {}: {leaf} {}, {standing}, {} {}, {} {}{}\n",
        of("Протокол", "Протокол", "Protocol"),
        of("коду", "код", "code"),
        version.code,
        version.leaf,
        of("кол койду", "подписали", "signed by"),
        version.signed,
        of("өзгөчө пикирде", "особое мнение", "dissenting"),
        version.dissenting,
        flags_in_words(&version.flags, language)
    );
    if let Some(replaces) = version.replaces {
        let (what, why) =
            (of("алмаштырат, орду", "заменяет, место", "replaces leaf"), of("себеби", "причина", "reason"));
        let _ = writeln!(text, "  {what} {replaces}; {why}: {}", reason_word(version.explanation, language));
    }
    let hidden = of("көрсөтүлбөйт", "не показано", "not shown");
    for change in &version.changes {
        let figure = |figure: Option<u64>| figure.map_or_else(|| hidden.to_owned(), |figure| figure.to_string());
        let _ = writeln!(
            text,
            "  {}: {} → {}",
            figure_in_words(&change.figure, language),
            figure(change.before),
            figure(change.after)
        );
    }
    text
}

/// `line 4`, `position 2`, `papers for constituency 7`.
fn figure_in_words(figure: &Figure, language: Language) -> String {
    match figure {
        Figure::Line(code) => format!("{} {code}", language.of("сап", "строка", "line")),
        Figure::Position(place) => format!("{} {place}", language.of("позиция", "позиция", "position")),
        Figure::Papers(constituency) => {
            let what = language.of("округдун бюллетендери:", "бюллетени округа", "papers for constituency");
            format!("{what} {constituency}")
        }
    }
}

#[derive(Serialize)]
struct FoundTables {
    checkpoint: CheckpointView,
    tables: Vec<TableReport>,
}

pub(crate) fn run_tables(arguments: &Tables, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    const NAME: &str = "tables";
    let language = output.language();
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?.with_scratch(scratch(disk));
    let (checkpoint, state) = audited(NAME, &opened, language, output)?;
    let content = FoundTables { checkpoint, tables: table_reports(&state) };
    output.answer(NAME, &content, || tables_text(&content, language));
    Ok(())
}

fn tables_text(content: &FoundTables, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let mut text = format!("{}\n  {}\n\n", standing(true, language), content.checkpoint.line_in(language));
    let give = of("булактар берет", "источники дают", "the sources give");
    for table in &content.tables {
        let place = place_in_words(table.constituency.map_or(Scope::Election, Scope::Constituency), language);
        let holds = match table.holds {
            true => of("дал келет", "сходится", "holds"),
            false => of("ДАЛ КЕЛБЕЙТ", "НЕ СХОДИТСЯ", "DOES NOT HOLD"),
        };
        let _ = writeln!(
            text,
            "{}, {place}, {} {}, {} {}: {holds}",
            of("Жыйынтык таблица", "Сводная таблица", "Summary table"),
            of("орду", "место", "leaf"),
            table.leaf,
            of("булактар", "источников", "sources"),
            table.sources
        );
        for (code, said, due) in &table.check.lines {
            let _ = writeln!(text, "  {} {code}: {said}, {give} {due}", of("сап", "строка", "line"));
        }
        for (position, said, due) in &table.check.counts {
            let _ = writeln!(text, "  {} {position}: {said}, {give} {due}", of("позиция", "позиция", "position"));
        }
        for source in &table.check.void_sources {
            let what = of(
                "күчүндө эмес, өзүнүкү эмес же эки жолу",
                "не действует, не его или дважды",
                "not in force, not its own, or twice",
            );
            let _ = writeln!(text, "  {what}: {source}");
        }
        if !table.check.uncovered.is_empty() {
            let units: Vec<String> = table.check.uncovered.iter().take(20).map(ToString::to_string).collect();
            let what = of("камтылбаган бирдиктер", "не охвачено единиц", "units not covered");
            let _ = writeln!(text, "  {what}: {} ({})", table.check.uncovered.len(), units.join(", "));
        }
    }
    if content.tables.is_empty() {
        text += of(
            "Күчүндөгү жыйынтык таблица жок.\n",
            "Действующих сводных таблиц нет.\n",
            "No summary table is in force.\n",
        );
    }
    text
}
