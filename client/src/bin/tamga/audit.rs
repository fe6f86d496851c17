//! `tamga audit`.

use crate::args::Audit;
use crate::output::{CheckpointView, Done, Output, advance, open_source};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tamga_client::verify::{Opened, audit};
use tamga_ledger::audit::Report;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content {
    checkpoint: CheckpointView,
    confidential: bool,
    audit: Report,
}

pub(crate) fn run(arguments: &Audit, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let bar = output.bar("auditing entries");
    let audited = audit(&opened, |done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    let audited = audited?;
    let checkpoint = CheckpointView::of(&opened.checkpoint, &opened.trust);
    let content = Content { checkpoint, confidential: audited.confidential, audit: audited.report };
    if content.audit.ok {
        output.answer("audit", &content, || text(&content, arguments.findings));
        Ok(())
    } else {
        Err(output.refutation("audit", &content, || text(&content, arguments.findings)))
    }
}

fn text(content: &Content, listed: usize) -> String {
    let report = &content.audit;
    let mut text = format!(
        "{}  {} entries\n  under a {}\n",
        if report.ok { "VERIFIED" } else { "REFUTED " },
        report.entries,
        content.checkpoint.line(),
    );
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
    text += "  not proven by this:\n";
    report.not_proven.iter().for_each(|what| text += &format!("    - {what}\n"));
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
