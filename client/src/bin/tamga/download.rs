//! `tamga download`.

use crate::args::Download;
use crate::output::{CheckpointView, Done, Output, advance, open_source};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use tamga_client::source::{Downloaded, download};
use tamga_client::verify::Opened;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content<'a> {
    checkpoint: CheckpointView,
    folder: &'a Path,
    files_written: u64,
    files_kept: u64,
    bytes: u64,
    confidential: bool,
    /// Earlier published checkpoints; none where the source shows no archive.
    archived: Option<u64>,
}

pub(crate) fn run(arguments: &Download, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.source, disk)?;
    let opened = Opened::open(&*source, &arguments.pinned.genesis)?;
    let bar = output.bar("copying files");
    let folder = &arguments.folder;
    let done = download(&*source, &opened.trust, &**disk, folder, |done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    let Downloaded { checkpoint, files, kept, bytes, confidential, archived } = done?;
    let content = Content {
        checkpoint: CheckpointView::of(&checkpoint, &opened.trust),
        folder,
        files_written: files,
        files_kept: kept,
        bytes,
        confidential,
        archived,
    };
    output.answer("download", &content, || {
        format!(
            "COPIED    {} files ({} bytes), {} kept, into {}\n  {}\n  confidential bodies: {}\n  published checkpoints: {}\n  what is in it is not judged yet: tamga audit {} --genesis {}",
            content.files_written,
            content.bytes,
            content.files_kept,
            folder.display(),
            content.checkpoint.line(),
            if confidential { "copied" } else { "not public (they are after the Voting seal)" },
            content.archived.map_or_else(|| "only the latest; the source shows no archive".to_owned(), |n| n.to_string()),
            folder.display(),
            content.checkpoint.election,
        )
    });
    Ok(())
}
