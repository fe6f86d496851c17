//! `tamga checkpoint`.

use crate::args::Place;
use crate::output::{CheckpointView, Done, Output, open_source};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tamga_client::verify::Opened;
use tamga_platform::clock::Clock;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content {
    checkpoint: CheckpointView,
    /// Seconds since the latest cosignature, by this machine's clock; none if that lies in the future.
    age_s: Option<u64>,
    note: String,
}

pub(crate) fn run(place: &Place, disk: &Arc<dyn Disk>, clock: &dyn Clock, output: &Output) -> Done {
    let source = open_source(&place.source, disk)?;
    let opened = Opened::open(&*source, &place.pinned.genesis)?;
    let checkpoint = CheckpointView::of(&opened.checkpoint, &opened.trust);
    let latest_s = checkpoint.cosignatures.iter().map(|one| one.time_s).max();
    let age_s = latest_s.and_then(|latest_s| (clock.now_ms() / 1000).checked_sub(latest_s));
    let content = Content { checkpoint, age_s, note: opened.checkpoint.note().to_string() };
    output.answer("checkpoint", &content, || text(&content, &opened));
    Ok(())
}

fn text(content: &Content, opened: &Opened<'_>) -> String {
    let checkpoint = &content.checkpoint;
    let mut text = format!("VERIFIED  {}\n", opened.trust.election().title.en);
    let _ = writeln!(text, "  {}", checkpoint.line());
    let _ = writeln!(text, "  origin   {}", checkpoint.origin);
    let _ = writeln!(text, "  SHA-256  {}", checkpoint.sha256);
    let _ = writeln!(text, "  BLAKE3   {}", checkpoint.blake3);
    for one in &checkpoint.cosignatures {
        let organisation = one.organisation.as_deref().unwrap_or("(not counted)");
        let _ = writeln!(text, "  cosigned by {} for {organisation} at {} s", one.cosigner, one.time_s);
    }
    let _ = match content.age_s {
        Some(age_s) => writeln!(text, "  the latest cosignature is {age_s} s old"),
        None => writeln!(text, "  the latest cosignature lies in the future: compare this machine's clock"),
    };
    text
}
