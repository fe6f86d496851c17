//! `tamga bundle`, and what `tamga verify` and `tamga audit` do with such a file.

use crate::args::Bundle;
use crate::failure::{Done, Failure, failed, said};
use crate::governance::write;
use crate::output::{CheckpointView, Output, advance, open_source, standing};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use tamga_client::court::{MakeError, Wanted, court_page, make, tell_court};
use tamga_client::evidence::Language;
use tamga_client::verify::{Opened, VerifyError};
use tamga_ledger::court::{CourtBundle, Subject};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::kinds::{CONFIDENTIAL_BYTES_MAX, Kind};
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Made<'a> {
    checkpoint: CheckpointView,
    subject: &'a Subject,
    file: &'a Path,
    bytes: usize,
    entries: usize,
    /// Entries about the subject; the others are keys, the definition and seals.
    asked: usize,
    /// Confidential bodies handed over.
    bodies: usize,
}

pub(crate) fn run(arguments: &Bundle, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let order = arguments.order.clone().unwrap_or_default();
    let handed = |leaf: u64| {
        let path = arguments.bodies.as_ref()?.join(format!("{leaf}.body"));
        disk.read(&path, CONFIDENTIAL_BYTES_MAX as u64).ok()
    };
    let wanted = Wanted {
        subject: subject(arguments),
        order,
        body: &handed,
        tool: concat!("tamga ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let bar = output.bar("топтомдор окулууда", "чтение записей", "reading bundles");
    let bundle = make(&opened, &wanted, |done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    let bundle = bundle.map_err(|error| match error {
        MakeError::Verify(error) => Failure::Error(error),
        MakeError::Court(error) => Failure::Error(VerifyError::Court(error)),
        error => failed(error.to_string()),
    })?;
    let bytes = bundle.to_bytes();
    write(disk, &arguments.out, &bytes)?;
    let content = Made {
        checkpoint: CheckpointView::of(&opened.checkpoint, &opened.trust),
        subject: &bundle.subject,
        file: &arguments.out,
        bytes: bytes.len(),
        entries: bundle.items.len(),
        asked: bundle.items.iter().filter(|item| item.asked).count(),
        bodies: bundle.items.iter().filter(|item| !item.body.is_empty()).count(),
    };
    output.answer("bundle", &content, || made(&content, output.language()));
    Ok(())
}

fn made(content: &Made<'_>, language: Language) -> String {
    let (asked, beside, bodies) = (content.asked, content.entries - content.asked, content.bodies);
    let (file, bytes, digest) = (content.file.display(), content.bytes, &content.checkpoint.election);
    let counts = match language {
        Language::Ky => format!("бул боюнча {asked} жазуу, аларга керектүү {beside}, жашыруун бөлүктөр {bodies}"),
        Language::Ru => format!("записей об этом {asked}, нужных к ним {beside}, закрытых частей {bodies}"),
        Language::En => format!("{asked} entries about it, {beside} beside them, {bodies} confidential bodies"),
    };
    let written = match language {
        Language::Ky => format!("{file} файлына жазылды ({bytes} байт); тармаксыз текшерүү"),
        Language::Ru => format!("записано в {file} (байт: {bytes}); проверить без сети"),
        Language::En => format!("written to {file} ({bytes} bytes); check it offline with"),
    };
    format!(
        "{}  {counts}\n  {}\n  {written}: tamga verify {file} --genesis {digest}",
        standing(true, language),
        content.checkpoint.line_in(language),
    )
}

fn subject(arguments: &Bundle) -> Subject {
    let what = &arguments.what;
    match (what.station, what.constituency) {
        (Some(station), _) => Subject::Station(station),
        (None, Some(constituency)) => Subject::Constituency(constituency),
        (None, None) => {
            let ids: std::collections::BTreeSet<_> = what.record.iter().copied().collect();
            Subject::Records(ids.into_iter().collect())
        }
    }
}

#[derive(Serialize)]
struct Held<'a> {
    checkpoint: CheckpointView,
    subject: &'a Subject,
    order: &'a str,
    tool: &'a str,
    checkpoints: Vec<u64>,
    entries: Vec<HeldEntry>,
}

#[derive(Serialize)]
struct HeldEntry {
    leaf: u64,
    about: bool,
    record: String,
    kind: Option<Kind>,
    scope: Option<String>,
    time_ms: u64,
    verdict: String,
    body: bool,
    first_checkpoint: u64,
}

/// Verifies a court's bundle, tells what it says, and writes the page if asked.
pub(crate) fn verify(
    command: &str,
    bytes: &[u8],
    pinned: &ElectionId,
    page: Option<&Path>,
    language: Language,
    disk: &Arc<dyn Disk>,
    output: &Output,
) -> Done {
    let bundle = CourtBundle::from_bytes(bytes).map_err(VerifyError::from)?;
    let verified = bundle.verify(pinned).map_err(VerifyError::from)?;
    if let Some(path) = page {
        write(disk, path, court_page(&bundle, &verified).as_bytes())?;
    }
    let Some(last) = verified.checkpoints.last() else {
        return Err(said(
            "топтомдо көзөмөл чекити жок",
            "в пакете нет контрольной точки",
            "the bundle has no checkpoint",
        ));
    };
    let entry = |item: &tamga_ledger::court::VerifiedItem| HeldEntry {
        leaf: item.leaf.get(),
        about: item.asked,
        record: item.entry.record_id().to_string(),
        kind: item.record.as_ref().and_then(|record| Kind::from_number(record.kind)),
        scope: item.record.as_ref().map(|record| format!("{:?}", record.scope)),
        time_ms: item.entry.time_ms,
        verdict: item.entry.verdict.to_string(),
        body: item.body,
        first_checkpoint: item.covered_by.get(),
    };
    let content = Held {
        checkpoint: CheckpointView::of(last, &verified.trust),
        subject: &bundle.subject,
        order: &bundle.order,
        tool: &bundle.tool,
        checkpoints: verified.checkpoints.iter().map(|one| one.checkpoint().size.get()).collect(),
        entries: verified.items.iter().map(entry).collect(),
    };
    output.answer(command, &content, || {
        format!("{}  {}", standing(true, language), tell_court(&bundle, &verified, language))
    });
    Ok(())
}
