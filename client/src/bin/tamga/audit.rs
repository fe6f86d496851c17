//! `tamga audit`.

use crate::args::Audit;
use crate::bundle;
use crate::failure::Done;
use crate::governance::write;
use crate::output::{CheckpointView, Output, advance, open_source, scratch, standing};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tamga_client::evidence::Language;
use tamga_client::report::audit::{Page, class_name, not_proven, page, sentence};
use tamga_client::verify::{Memory, Opened, audit, audit_remembering};
use tamga_ledger::audit::Report;
use tamga_ledger::court::{COURT_BYTES_MAX, CourtBundle};
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content {
    checkpoint: CheckpointView,
    confidential: bool,
    /// Why the memory was not used, or is not kept, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_unused: Option<String>,
    audit: Value,
}

pub(crate) fn run(arguments: &Audit, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let place = &arguments.place;
    if let Ok(bytes) = disk.read(Path::new(&place.source), COURT_BYTES_MAX as u64)
        && CourtBundle::is_one(&bytes)
    {
        // Of a bundle, what can be re-derived is what verifying it re-derives.
        let (pinned, page) = (&place.pinned.genesis, arguments.html.as_deref());
        return bundle::verify("audit", &bytes, pinned, page, output.language(), disk, output);
    }
    let source = open_source(&place.source, disk)?;
    let opened = Opened::open(&*source, &place.pinned.genesis)?.with_scratch(scratch(disk));
    let bar = output.bar("жазуулардын аудити", "аудит записей", "auditing entries");
    let heard = |done, all| advance(&bar, done, all);
    let audited = match &arguments.memory {
        Some(folder) => audit_remembering(&opened, &mut Memory::new(Arc::clone(disk), folder), heard),
        None => audit(&opened, heard),
    };
    bar.finish_and_clear();
    let audited = audited?;
    let checkpoint = CheckpointView::of(&opened.checkpoint, &opened.trust);
    let report = &audited.report;
    if let Some(path) = &arguments.html {
        let election = checkpoint.election.to_string();
        let about = Page {
            title: &opened.trust.election().title,
            election: &election,
            rehearsal: checkpoint.rehearsal,
            source: &place.source,
            organisations: &checkpoint.organisations,
            organisations_of: checkpoint.organisations_of,
            policy_epoch: checkpoint.policy_epoch,
            version: env!("CARGO_PKG_VERSION"),
            report,
        };
        write(disk, path, page(&about).as_bytes())?;
    }
    let content = Content {
        checkpoint,
        confidential: audited.confidential,
        memory_unused: audited.memory_unused,
        audit: told(report),
    };
    let text = || text(&content, report, arguments.findings, output.language());
    if report.ok {
        output.answer("audit", &content, text);
        Ok(())
    } else {
        Err(output.refutation("audit", &content, text))
    }
}

/// The report as JSON, with the sentences that people read.
fn told(report: &Report) -> Value {
    let sentences = |say: &dyn Fn(Language) -> String| json!({ "ky": say(Language::Ky), "ru": say(Language::Ru), "en": say(Language::En) });
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Some(findings) = value.get_mut("findings").and_then(Value::as_array_mut) {
        for (shown, finding) in findings.iter_mut().zip(&report.findings) {
            shown["sentence"] = sentences(&|language| sentence(finding, language));
        }
    }
    let limits = report.not_proven.iter();
    let limit = |what: &tamga_ledger::audit::NotProven| json!({ "what": what, "sentence": sentences(&|language| not_proven(*what, language).to_owned()) });
    value["not_proven"] = limits.map(limit).collect();
    value
}

fn text(content: &Content, report: &Report, listed: usize, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let mut lines = vec![
        format!("{}  {}: {}", standing(report.ok, language), of("жазуулар", "записей", "entries"), report.entries),
        content.checkpoint.line_in(language),
    ];
    if report.entries_before > 0 {
        let what = of("алардын ичинен мурда окулгандар", "из них прочитано раньше", "read by an earlier run of them");
        lines.push(format!("{what}: {}", report.entries_before));
    }
    let fit = of(
        "дал келген жарыяланган көзөмөл чекиттери",
        "опубликованных контрольных точек совпало",
        "published checkpoints that fit",
    );
    let looked_at = of("архивден каралды", "просмотрено в архиве", "of the archive looked at");
    lines.push(match report.checkpoints_archived {
        0 => format!("{fit}: {}", report.checkpoints_confirmed),
        all => format!("{fit}: {}; {looked_at}: {all}", report.checkpoints_confirmed),
    });
    lines.extend(content.memory_unused.clone());
    lines.extend(found(report, listed, language));
    if report.verdicts_not_rederived > 0 {
        let what = of(
            "идентификациялар боюнча айтылгандай кабыл алынган чечимдер, анткени алардын жашыруун бөлүгү (азырынча) ачык эмес",
            "решений об идентификациях принято как заявлено: их закрытые части (пока) не опубликованы",
            "verdicts on identifications that were taken as stated, because their confidential bodies are not public (yet)",
        );
        lines.push(format!("{what}: {}", report.verdicts_not_rederived));
    }
    if report.stubs > 0 {
        let what = of(
            "мазмунун көрсөтүүгө болбогон четке кагылган документтер",
            "отклонённых документов, содержание которых показывать нельзя",
            "refused records whose content may not be shown",
        );
        lines.push(format!("{what}: {}", report.stubs));
    }
    lines.push(format!("{}:", of("мындан далилденбегени", "этим не доказано", "not proven by this")));
    lines.extend(report.not_proven.iter().map(|what| format!("  - {}", not_proven(*what, language))));
    lines.join("\n  ")
}

/// Why a report that needs a sound ledger shows nothing.
pub(crate) fn nothing_shown(report: &Report, language: Language) -> String {
    const LISTED: usize = 10;
    let what = language.of(
        "эч нерсе көрсөтүлбөйт, текшерүү муну тапты",
        "ничего не показано, проверка нашла",
        "nothing is shown: the audit found",
    );
    let mut lines = vec![format!("{}  {what}", standing(false, language))];
    lines.extend(found(report, LISTED, language));
    lines.join("\n  ")
}

/// The first bad entry by name, then the list: the sentence that a reader needs, and below it what a programmer looks for.
fn found(report: &Report, listed: usize, language: Language) -> Vec<String> {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let mut lines = Vec::new();
    if let Some(leaf) = report.findings.iter().find_map(|finding| finding.leaf) {
        lines.push(format!("{}: {leaf}", of("биринчи жаман жазуу", "первая плохая запись", "first bad entry")));
    }
    for finding in report.findings.iter().take(listed) {
        let class = class_name(finding.class, language);
        lines.push(format!("({}, {class}) {}", finding.number, sentence(finding, language)));
        lines.push(format!("  {}", finding.text));
    }
    let more = report.findings_total.saturating_sub(report.findings.len().min(listed) as u64);
    if more > 0 {
        lines.push(format!("… {} {more}", of("дагы табылгандар:", "и ещё находок:", "and more findings:")));
    }
    lines
}
