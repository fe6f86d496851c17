//! `tamga mirror`.

use crate::args::Mirror as Arguments;
use crate::download::bodies_in_words;
use crate::failure::{Done, Failure, said};
use crate::output::{CheckpointView, Output, advance, open_source, standing};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tamga_client::evidence::Language;
use tamga_client::mirror::{Mirror, MirrorError, Step, Update};
use tamga_client::verify::Weight;
use tamga_platform::disk::{Disk, PublicDisk};

#[derive(Serialize)]
struct Content<'a> {
    checkpoint: CheckpointView,
    folder: &'a Path,
    /// Entries that the mirror had before; none if there was no mirror.
    before: Option<u64>,
    changed: bool,
    files_fetched: u64,
    bytes_fetched: u64,
    confidential: bool,
    pages: u64,
    /// Why everything was read again, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_unused: Option<String>,
}

#[derive(Serialize)]
struct Fault {
    error: String,
    /// What the audit found, if it found something.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<serde_json::Value>,
}

pub(crate) fn run(arguments: &Arguments, output: &Output) -> Done {
    let disk: Arc<dyn Disk> = Arc::new(PublicDisk);
    let source = open_source(&arguments.source, &disk)?;
    let work = arguments.work.clone().unwrap_or_else(|| {
        let mut name = arguments.folder.clone().into_os_string();
        name.push(".work");
        name.into()
    });
    if work.starts_with(&arguments.folder) {
        return Err(said(
            "--work күзгүнүн ичинде: ал дагы жарыяланып калмак",
            "--work лежит в зеркале: его бы опубликовали",
            "--work lies in the mirror: it would be published",
        ));
    }
    let mirror = Mirror::new(Arc::clone(&disk), &arguments.folder, &work, arguments.pinned.genesis);
    loop {
        let done = once(&mirror, &*source, arguments, output);
        let Some(seconds) = arguments.every else { return done };
        // A source that lies or is away now may be right later; what is published stays as it is.
        std::thread::sleep(Duration::from_secs(seconds));
    }
}

fn once(mirror: &Mirror, source: &dyn tamga_client::source::Source, arguments: &Arguments, output: &Output) -> Done {
    let bars = [
        output.bar("файлдар алынууда", "получение файлов", "fetching files"),
        output.bar("жазуулардын аудити", "аудит записей", "auditing entries"),
        output.bar("файлдар жарыяланууда", "публикация файлов", "publishing files"),
    ];
    let heard = |step, done, all| {
        let place = match step {
            Step::Fetching => 0,
            Step::Auditing => 1,
            Step::Publishing => 2,
        };
        if let Some(bar) = bars.get(place) {
            advance(bar, done, all);
        }
    };
    let updated = mirror.update(source, heard);
    bars.iter().for_each(indicatif::ProgressBar::finish_and_clear);
    match updated {
        Ok(update) => {
            let content = content(update, &arguments.folder);
            output.answer("mirror", &content, || text(&content, output.language()));
            Ok(())
        }
        Err(error) => Err(told(&error, output)),
    }
}

fn content(update: Update, folder: &Path) -> Content<'_> {
    Content {
        checkpoint: CheckpointView::of(&update.checkpoint, &update.trust),
        folder,
        before: update.before.map(tamga_ledger::tree::TreeSize::get),
        changed: update.changed,
        files_fetched: update.fetched.0,
        bytes_fetched: update.fetched.1,
        confidential: update.confidential,
        pages: update.pages,
        memory_unused: update.memory_unused,
    }
}

fn text(content: &Content<'_>, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let (verified, line) = (standing(true, language), content.checkpoint.line_in(language));
    if !content.changed {
        return format!("{verified}  {}\n  {line}", of("жаңы эч нерсе жок", "ничего нового", "nothing new"));
    }
    let (folder, files, bytes, pages) =
        (content.folder.display(), content.files_fetched, content.bytes_fetched, content.pages);
    let made = match (content.before, language) {
        (None, Language::Ky) => format!("күзгү жасалды: {folder}"),
        (None, Language::Ru) => format!("зеркало создано: {folder}"),
        (None, Language::En) => format!("mirror made: {folder}"),
        (Some(size), Language::Ky) => format!("күзгү {size} жазуудан жаңыланды: {folder}"),
        (Some(size), Language::Ru) => format!("зеркало обновлено с {size} записей: {folder}"),
        (Some(size), Language::En) => format!("mirror updated from {size} entries: {folder}"),
    };
    let fetched = match language {
        Language::Ky => format!("алынган файлдар {files} ({bytes} байт); барактар жана таблицалар {pages}"),
        Language::Ru => format!("получено файлов {files} (байт: {bytes}); страниц и таблиц {pages}"),
        Language::En => format!("fetched {files} files ({bytes} bytes); {pages} pages and tables"),
    };
    let bodies = bodies_in_words(content.confidential, language);
    let mut text = format!("{verified}  {made}\n  {line}\n  {fetched}\n  {bodies}");
    if let Some(why) = &content.memory_unused {
        text += &format!("\n  {why}");
    }
    text
}

fn told(error: &MirrorError, output: &Output) -> Failure {
    let audit = match error {
        MirrorError::Refuted(report) => serde_json::to_value(report).ok(),
        _ => None,
    };
    let language = output.language();
    let (outcome, words) = match error.weight() {
        Weight::Refuted => ("refuted", standing(false, language)),
        Weight::Unchecked => {
            ("unchecked", language.of("жаңыртуу мүмкүн болбоду", "обновить не удалось", "could not update"))
        }
    };
    let fault = Fault { error: error.to_string(), audit };
    output.print("mirror", outcome, &fault, || format!("{words}: {error}"));
    Failure::Shown(error.weight())
}
