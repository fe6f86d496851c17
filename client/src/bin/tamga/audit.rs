//! `tamga audit`.

use crate::args::Audit;
use crate::bundle;
use crate::governance::write;
use crate::output::{CheckpointView, Done, Output, advance, open_source};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
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
        return bundle::verify("audit", &bytes, pinned, page, arguments.lang.into(), disk, output);
    }
    let source = open_source(&place.source, disk)?;
    let opened = Opened::open(&*source, &place.pinned.genesis)?;
    let bar = output.bar("auditing entries");
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
    let text = || text(&content, report, arguments.findings, arguments.lang.into());
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
    let mut text = format!(
        "{}  {} entries\n  under a {}\n",
        if report.ok { "VERIFIED" } else { "REFUTED " },
        report.entries,
        content.checkpoint.line(),
    );
    if report.entries_before > 0 {
        let _ = writeln!(text, "  {} of them were read by an earlier run", report.entries_before);
    }
    let _ = match report.checkpoints_archived {
        0 => writeln!(text, "  published checkpoints that fit: {}", report.checkpoints_confirmed),
        all => writeln!(
            text,
            "  published checkpoints that fit: {}, {all} of the archive looked at",
            report.checkpoints_confirmed
        ),
    };
    if let Some(why) = &content.memory_unused {
        let _ = writeln!(text, "  {why}");
    }
    for finding in report.findings.iter().take(listed) {
        let _ = writeln!(
            text,
            "  ({}, {}) {}",
            finding.number,
            class_name(finding.class, language),
            sentence(finding, language)
        );
    }
    text += &findings(report, listed);
    if report.verdicts_not_rederived > 0 {
        let _ = writeln!(
            text,
            "  {} verdicts on identifications were taken as stated: their confidential bodies are not public (yet)",
            report.verdicts_not_rederived
        );
    }
    if report.stubs > 0 {
        let _ = writeln!(text, "  {} refused records are there as stubs: their content may not be shown", report.stubs);
    }
    let _ = writeln!(text, "  {}:", of("мындан далилденбегени", "этим не доказано", "not proven by this"));
    report.not_proven.iter().for_each(|what| text += &format!("    - {}\n", not_proven(*what, language)));
    text
}

/// The first bad entry by name, then the list.
pub(crate) fn findings(report: &Report, listed: usize) -> String {
    let mut text = String::new();
    if let Some(leaf) = report.findings.iter().find_map(|finding| finding.leaf) {
        let _ = writeln!(text, "  first bad entry: {leaf}");
    }
    for finding in report.findings.iter().take(listed) {
        let _ = writeln!(text, "  [{}] {}", finding.check.number(), finding.text);
    }
    let shown = report.findings.len().min(listed) as u64;
    if report.findings_total > shown {
        let _ = writeln!(text, "  … and {} more findings", report.findings_total - shown);
    }
    text
}
