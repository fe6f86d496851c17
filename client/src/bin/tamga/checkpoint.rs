//! `tamga checkpoint`.

use crate::args::Checkpoint;
use crate::failure::{Done, Failure, failed, unread};
use crate::output::{CheckpointView, Output, open_source, standing};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use tamga_client::evidence::Language;
use tamga_client::source::SourceError;
use tamga_client::verify::{Opened, VerifyError, check_extends, prove};
use tamga_ledger::note::{NOTE_BYTES_MAX, VerifiedCheckpoint};
use tamga_ledger::tree::{Hash, LeafIndex, TreeSize};
use tamga_platform::calendar::iso_utc;
use tamga_platform::clock::Clock;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content {
    checkpoint: CheckpointView,
    /// Everything sequenced up to this time is covered, ms.
    sequenced_ms: u64,
    /// The same in words: how far, and by how many organisations.
    confirmed: String,
    /// Seconds since the latest cosignature, by this machine's clock; none if that lies in the future.
    age_s: Option<u64>,
    /// The earlier checkpoint that this one extends, if that was asked.
    extends: Option<Extends>,
    note: String,
}

#[derive(Serialize)]
struct Extends {
    size: u64,
    sha256_path: Vec<Hash>,
    blake3_path: Vec<Hash>,
}

pub(crate) fn run(arguments: &Checkpoint, disk: &Arc<dyn Disk>, clock: &dyn Clock, output: &Output) -> Done {
    let place = &arguments.place;
    let source = open_source(&place.source, disk)?;
    let latest = Opened::open(&*source, &place.pinned.genesis)?;
    let opened = match wanted(arguments, &latest)? {
        Some(size) => latest.as_of(size)?,
        None => latest,
    };
    let extends = match earlier(arguments, &opened, disk)? {
        Some(earlier) => {
            let proof = check_extends(&opened, &earlier)?;
            Some(Extends {
                size: earlier.checkpoint().size.get(),
                sha256_path: proof.sha256.path().to_vec(),
                blake3_path: proof.blake3.path().to_vec(),
            })
        }
        None => None,
    };
    let sequenced_ms = last_time_ms(&opened)?;
    let checkpoint = CheckpointView::of(&opened.checkpoint, &opened.trust);
    let confirmed = format!(
        "confirmed to {:02}:{:02} UTC by {} of {} organisations",
        sequenced_ms / 3_600_000 % 24,
        sequenced_ms / 60_000 % 60,
        checkpoint.organisations.len(),
        checkpoint.organisations_of
    );
    let latest_s = checkpoint.cosignatures.iter().map(|one| one.time_s).max();
    let age_s = latest_s.and_then(|latest_s| (clock.now_ms() / 1000).checked_sub(latest_s));
    let note = opened.checkpoint.note().to_string();
    let content = Content { checkpoint, sequenced_ms, confirmed, age_s, extends, note };
    output.answer("checkpoint", &content, || text(&content, &opened, output.language()));
    Ok(())
}

/// The size of the earlier checkpoint that is asked for.
fn wanted(arguments: &Checkpoint, latest: &Opened<'_>) -> Result<Option<TreeSize>, Failure> {
    let missing = |what: String| Failure::Error(SourceError::Missing(what).into());
    match (arguments.size, &arguments.at) {
        (Some(size), _) => TreeSize::new(size).map(Some).map_err(failed),
        (None, Some(at)) => {
            let size = latest.files.source().published_by(at)?;
            Ok(Some(size.ok_or_else(|| missing(format!("a checkpoint published by {at}")))?))
        }
        (None, None) => Ok(None),
    }
}

/// The checkpoint that is to be extended.
fn earlier(
    arguments: &Checkpoint,
    opened: &Opened<'_>,
    disk: &Arc<dyn Disk>,
) -> Result<Option<VerifiedCheckpoint>, Failure> {
    let note = match (arguments.since, &arguments.since_file) {
        (Some(size), _) => {
            let size = TreeSize::new(size).map_err(failed)?;
            opened.files.archived(size)?
        }
        (None, Some(path)) => read(disk, path)?,
        (None, None) => return Ok(None),
    };
    Ok(Some(opened.trust.verify_checkpoint(&note).map_err(VerifyError::from)?))
}

fn read(disk: &Arc<dyn Disk>, path: &Path) -> Result<Vec<u8>, Failure> {
    disk.read(path, NOTE_BYTES_MAX as u64).map_err(|error| unread(path, error))
}

/// Sequenced time of the last entry that the checkpoint covers, proven.
fn last_time_ms(opened: &Opened<'_>) -> Result<u64, Failure> {
    let last = opened.size().get().checked_sub(1).and_then(|last| LeafIndex::new(last).ok());
    match last {
        Some(last) => Ok(prove(opened, last)?.1.entry().time_ms),
        None => Ok(0),
    }
}

fn text(content: &Content, opened: &Opened<'_>, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let (checkpoint, title) = (&content.checkpoint, &opened.trust.election().title);
    let mut lines = vec![
        format!("{}  {}", standing(true, language), language.of(&title.ky, &title.ru, &title.en)),
        checkpoint.line_in(language),
        format!(
            "{} {}",
            of("ушул убакытка чейин тастыкталган:", "подтверждено до", "confirmed to"),
            iso_utc(content.sequenced_ms)
        ),
        format!("origin   {}", checkpoint.origin),
        format!("SHA-256  {}", checkpoint.sha256),
        format!("BLAKE3   {}", checkpoint.blake3),
    ];
    for one in &checkpoint.cosignatures {
        let nobody = of("(эсепке алынбайт)", "(не учитывается)", "(not counted)");
        let (who, at) = (one.organisation.as_deref().unwrap_or(nobody), iso_utc(one.time_s.saturating_mul(1_000)));
        lines.push(match language {
            Language::Ky => format!("{who} атынан {} кол койгон, {at}", one.cosigner),
            Language::Ru => format!("подписал {} за {who}, {at}", one.cosigner),
            Language::En => format!("cosigned by {} for {who}, {at}", one.cosigner),
        });
    }
    if checkpoint.policy_epoch > 0 {
        let epoch = checkpoint.policy_epoch;
        lines.push(match language {
            Language::Ky => format!("ишеним эрежелеринин {epoch}-доору боюнча, негиздөөдөн бери далилденген"),
            Language::Ru => format!("по эпохе {epoch} правил доверия, доказано от учреждения выборов"),
            Language::En => format!("under trust policy epoch {epoch}, proven from the genesis record"),
        });
    }
    if let Some(extends) = &content.extends {
        let size = extends.size;
        lines.push(match language {
            Language::Ky => format!("{size} жазуунун жарыяланган көзөмөл чекитин улантат, эки даракта тең далилденген"),
            Language::Ru => {
                format!("продолжает опубликованную контрольную точку на {size} записей, доказано в обоих деревьях")
            }
            Language::En => format!("extends the published checkpoint of {size} entries, proven in both trees"),
        });
    }
    lines.push(match (content.age_s, language) {
        (Some(age_s), Language::Ky) => format!("акыркы кол тамгага {age_s} с болду"),
        (Some(age_s), Language::Ru) => format!("последней подписи {age_s} с"),
        (Some(age_s), Language::En) => format!("the latest cosignature is {age_s} s old"),
        (None, _) => of(
            "акыркы кол тамга келечекте: бул машинанын саатын текшериңиз",
            "последняя подпись в будущем: проверьте часы этой машины",
            "the latest cosignature lies in the future: compare this machine's clock",
        )
        .to_owned(),
    });
    lines.join("\n  ")
}
