//! `tamga prove`.

use crate::args::Prove;
use crate::failure::{Done, Failure};
use crate::output::{CheckpointView, Output, advance, open_source, standing};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_client::court::verdict_in_words;
use tamga_client::evidence::Language;
use tamga_client::source::{DownloadError, SourceError};
use tamga_client::verify::{Opened, ProofBundle, find_record, prove};
use tamga_ledger::ids::RecordId;
use tamga_ledger::tree::LeafIndex;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content<'a> {
    record: RecordId,
    leaf: u64,
    verdict: String,
    /// The verdict in the language that was asked for.
    #[serde(skip)]
    said: String,
    time_ms: u64,
    file: &'a Path,
    bytes: usize,
    checkpoint: CheckpointView,
}

pub(crate) fn run(arguments: &Prove, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let leaf = find(arguments, &opened, output)?;
    let (receipt, verified) = prove(&opened, leaf)?;
    if let Some(path) = &arguments.tlog_proof {
        write(&**disk, path, receipt.to_tlog_proof().as_bytes())?;
        write(&**disk, &beside(path), &receipt.entry)?;
    }
    let bytes = ProofBundle { genesis: opened.genesis.clone(), receipt, history: opened.history.clone() }.to_bytes();
    let path = &arguments.out;
    write(&**disk, path, &bytes)?;
    let content = Content {
        record: verified.record_id(),
        leaf: leaf.get(),
        verdict: verified.entry().verdict.to_string(),
        said: verdict_in_words(&verified.entry().verdict, output.language()),
        time_ms: verified.entry().time_ms,
        file: path,
        bytes: bytes.len(),
        checkpoint: CheckpointView::of(&opened.checkpoint, &opened.trust),
    };
    output.answer("prove", &content, || text(&content, output.language()));
    Ok(())
}

fn text(content: &Content<'_>, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let (file, bytes, digest) = (content.file.display(), content.bytes, &content.checkpoint.election);
    let written = match language {
        Language::Ky => format!("{file} файлына жазылды ({bytes} байт); тармаксыз текшерүү"),
        Language::Ru => format!("записано в {file} (байт: {bytes}); проверить без сети"),
        Language::En => format!("written to {file} ({bytes} bytes); check it offline with"),
    };
    format!(
        "{}  {} {}\n  {} {}, {}\n  {}\n  {written}: tamga verify {file} --genesis {digest}",
        standing(true, language),
        of("документ", "документ", "record"),
        content.record,
        of("реестрдеги орду", "место в реестре", "is entry"),
        content.leaf,
        content.said,
        content.checkpoint.line_in(language),
    )
}

fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), DownloadError> {
    disk.replace(path, bytes).map_err(|error| DownloadError::Disk { path: path.to_owned(), error })
}

/// `FILE.entry`: what the proof is about.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".entry");
    name.into()
}

fn find(arguments: &Prove, opened: &Opened<'_>, output: &Output) -> Result<LeafIndex, Failure> {
    match (arguments.what.record, arguments.what.leaf) {
        (Some(record), _) => {
            let bar = output.bar("топтомдор каралууда", "поиск по записям", "searching bundles");
            let found = find_record(opened, &record, |done, all| advance(&bar, done, all));
            bar.finish_and_clear();
            Ok(found?)
        }
        (None, leaf) => {
            let leaf = leaf.and_then(|leaf| LeafIndex::new(leaf).ok());
            Ok(leaf.ok_or_else(|| SourceError::Missing("a leaf with this index".to_owned()))?)
        }
    }
}
