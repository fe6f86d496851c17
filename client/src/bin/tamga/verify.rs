//! `tamga verify`: a receipt file or a court's bundle, offline.

use crate::args::Verify;
use crate::bundle;
use crate::failure::Done;
use crate::output::{CheckpointView, Output, open_source, standing};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use tamga_client::author::place_in_words;
use tamga_client::court::{kind_name, verdict_in_words};
use tamga_client::evidence::Language;
use tamga_client::source::{Files, SourceError};
use tamga_client::verify::{ProofBundle, VerifyError};
use tamga_ledger::court::{COURT_BYTES_MAX, CourtBundle};
use tamga_ledger::entry::{ENTRY_BYTES_MAX, Payload};
use tamga_ledger::history::{HISTORY_BYTES_MAX, History};
use tamga_ledger::ids::RecordId;
use tamga_ledger::kinds::Kind;
use tamga_ledger::receipt::{Receipt, VerifiedReceipt};
use tamga_ledger::record::Scope;
use tamga_ledger::trust::Trust;
use tamga_platform::calendar::iso_utc;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content {
    record: RecordId,
    leaf: u64,
    kind: Option<Kind>,
    scope: Option<String>,
    verdict: String,
    time_ms: u64,
    checkpoint: CheckpointView,
}

pub(crate) fn run(arguments: &Verify, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let bytes = read(&**disk, &arguments.file, COURT_BYTES_MAX)?;
    if CourtBundle::is_one(&bytes) {
        let (pinned, page) = (&arguments.pinned.genesis, arguments.html.as_deref());
        return bundle::verify("verify", &bytes, pinned, page, output.language(), disk, output);
    }
    let (trust, receipt) = match ProofBundle::from_bytes(&bytes) {
        Ok(bundle) => (bundle.trust(&arguments.pinned.genesis)?, bundle.receipt),
        // A bare receipt has no genesis entry; if it is none either, the bundle's fault is the better answer.
        Err(fault) => match Receipt::from_bytes(&bytes) {
            Ok(receipt) => (trust(arguments, disk)?, receipt),
            Err(_) => return Err(fault.into()),
        },
    };
    let verified = receipt.verify(&trust)?;
    let content = content(&verified, &trust);
    output.answer("verify", &content, || text(&content, &verified, &trust, output.language()));
    Ok(())
}

fn trust(arguments: &Verify, disk: &Arc<dyn Disk>) -> Result<Trust, VerifyError> {
    let (entry, mut history) = match (&arguments.genesis_file, &arguments.source) {
        (Some(path), _) => (read(&**disk, path, ENTRY_BYTES_MAX)?, None),
        (None, Some(place)) => {
            let source = open_source(place, disk)?;
            let files = Files::new(&*source);
            (files.genesis(None)?, files.history()?)
        }
        (None, None) => {
            let what =
                "entry 0: this is a bare receipt; give --genesis-file or --source (it is checked against --genesis)";
            return Err(SourceError::Missing(what.to_owned()).into());
        }
    };
    if let Some(path) = &arguments.history {
        history = Some(read(&**disk, path, HISTORY_BYTES_MAX)?);
    }
    let history = history.map(|bytes| History::from_bytes(&bytes)).transpose()?.unwrap_or_default();
    Ok(Trust::from_entry(&entry, &arguments.pinned.genesis)?.follow(&history)?)
}

fn read(disk: &dyn Disk, path: &Path, max: usize) -> Result<Vec<u8>, SourceError> {
    let fault =
        |error: std::io::Error| SourceError::Unreadable { place: path.display().to_string(), what: error.to_string() };
    disk.read(path, max as u64).map_err(fault)
}

fn content(verified: &VerifiedReceipt, trust: &Trust) -> Content {
    let entry = verified.entry();
    let record = match &entry.payload {
        Payload::Full(signed) => signed.parse().ok(),
        Payload::Stub(_) => None,
    };
    Content {
        record: verified.record_id(),
        leaf: verified.leaf().get(),
        kind: record.as_ref().and_then(|record| Kind::from_number(record.kind)),
        scope: record.as_ref().map(|record| format!("{:?}", record.scope)),
        verdict: entry.verdict.to_string(),
        time_ms: entry.time_ms,
        checkpoint: CheckpointView::of(verified.checkpoint(), trust),
    }
}

fn text(content: &Content, verified: &VerifiedReceipt, trust: &Trust, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let (entry, title) = (verified.entry(), &trust.election().title);
    let mut lines = vec![
        format!("{}  {}", standing(true, language), language.of(&title.ky, &title.ru, &title.en)),
        format!("{} {} ({})", of("документ", "документ", "record"), content.record, kind_name(content.kind, language)),
    ];
    if let Some(scope) = verified_scope(verified) {
        lines.push(place_in_words(scope, language));
    }
    let place = of("реестрдеги орду", "место в реестре", "is entry");
    lines.push(format!(
        "{place} {}, {}, {}",
        content.leaf,
        verdict_in_words(&entry.verdict, language),
        iso_utc(entry.time_ms)
    ));
    lines.push(content.checkpoint.line_in(language));
    lines.push(content.checkpoint.origin.clone());
    lines.join("\n  ")
}

fn verified_scope(verified: &VerifiedReceipt) -> Option<Scope> {
    match &verified.entry().payload {
        Payload::Full(signed) => signed.parse().ok().map(|record| record.scope),
        Payload::Stub(_) => None,
    }
}
