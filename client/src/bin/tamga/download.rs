//! `tamga download`.

use crate::args::Download;
use crate::failure::Done;
use crate::output::{CheckpointView, Output, advance, open_source};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use tamga_client::evidence::Language;
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
    let bar = output.bar("файлдар көчүрүлүүдө", "копирование файлов", "copying files");
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
    output.answer("download", &content, || text(&content, output.language()));
    Ok(())
}

fn text(content: &Content<'_>, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let (files, bytes, kept, folder) =
        (content.files_written, content.bytes, content.files_kept, content.folder.display());
    let copied = match language {
        Language::Ky => format!("КӨЧҮРҮЛДҮ  {folder}: файлдар {files} ({bytes} байт), мурунтан бар {kept}"),
        Language::Ru => format!("СКОПИРОВАНО  {folder}: файлов {files} (байт: {bytes}), уже было {kept}"),
        Language::En => format!("COPIED    {files} files ({bytes} bytes), {kept} kept, into {folder}"),
    };
    let bodies = bodies_in_words(content.confidential, language);
    let archived = content.archived.map_or_else(
        || {
            of(
                "акыркысы гана; булак архив көрсөтпөйт",
                "только последняя; источник архива не показывает",
                "only the latest; the source shows no archive",
            )
            .to_owned()
        },
        |archived| archived.to_string(),
    );
    let checkpoints = of("жарыяланган көзөмөл чекиттери", "опубликованные контрольные точки", "published checkpoints");
    let next =
        of("ичиндегиси азырынча текшериле элек", "содержимое ещё не проверено", "what is in it is not judged yet");
    format!(
        "{copied}\n  {}\n  {bodies}\n  {checkpoints}: {archived}\n  {next}: tamga audit {folder} --genesis {}",
        content.checkpoint.line_in(language),
        content.checkpoint.election,
    )
}

/// Whether confidential bodies are in a copy.
pub(crate) fn bodies_in_words(there: bool, language: Language) -> String {
    let what = language.of("жашыруун бөлүктөр", "закрытые части", "confidential bodies");
    let standing = if there {
        language.of("көчүрүлдү", "скопированы", "copied")
    } else {
        language.of(
            "ачык эмес (Добуш берүү мөөрүнөн кийин ачылат)",
            "не опубликованы (публикуются после печати голосования)",
            "not public (they are after the Voting seal)",
        )
    };
    format!("{what}: {standing}")
}
