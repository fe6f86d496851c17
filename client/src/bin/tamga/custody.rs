//! `tamga custody`: only out of a ledger whose audit finds nothing.

use crate::args::CustodyShow;
use crate::failure::{Done, Failure};
use crate::output::{CheckpointView, Output, open_source, scratch, standing};
use crate::report::{audited, entries_read};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tamga_client::author::{custody_word, item_word, phase_word, place_in_words};
use tamga_client::evidence::Language;
use tamga_client::report::{Event, Inventory, PieceLine, history, inventory};
use tamga_client::verify::{Opened, Weight};
use tamga_ledger::state::Stand;
use tamga_ledger::verdict::FlagCode;
use tamga_platform::disk::Disk;

const NAME: &str = "custody";

#[derive(Serialize)]
struct Found<T> {
    checkpoint: CheckpointView,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize)]
struct History {
    serial: String,
    events: Vec<Event>,
}

pub(crate) fn run(arguments: &CustodyShow, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?.with_scratch(scratch(disk));
    let (checkpoint, state) = audited(NAME, &opened, output.language(), output)?;
    let language = output.language();
    if let Some(serial) = &arguments.serial {
        let events = entries_read(&opened, output, |entries| history(serial, entries))?;
        let content = History { serial: serial.clone(), events };
        let content = Found { checkpoint, content };
        output.answer(NAME, &content, || told(&content.checkpoint, &content.content, language));
        // Nothing about a serial number is an answer, and no good one.
        return if content.content.events.is_empty() { Err(Failure::Shown(Weight::Refuted)) } else { Ok(()) };
    }
    let content = entries_read(&opened, output, |entries| inventory(&state, entries))?;
    let content = Found { checkpoint, content };
    output.answer(NAME, &content, || listed(&content.checkpoint, &content.content, language));
    Ok(())
}

const fn stand_word(stand: Stand, language: Language) -> &'static str {
    match stand {
        Stand::Held => language.of("колдо", "на руках", "held"),
        Stand::Stored => language.of("сакталууда", "на хранении", "stored"),
        Stand::Moving => language.of("жолдо", "в пути", "on its way"),
        Stand::Deployed => language.of("иште", "в работе", "deployed"),
        Stand::Lost => language.of("жоголду", "утрачено", "lost"),
        Stand::Retired => language.of("эсептен чыкты", "списано", "retired"),
    }
}

fn line(piece: &PieceLine, language: Language) -> String {
    let place = place_in_words(piece.scope, language);
    let sealed =
        if piece.sealed { language.of(", мөөрлөнгөн", ", опечатано", ", sealed") } else { "" };
    let missing = match (piece.stand, piece.missing.as_slice()) {
        (Stand::Held | Stand::Stored | Stand::Moving, [_, ..]) => {
            format!("; {} {}", language.of("даяр эмес:", "не готово:", "not ready:"), piece.missing.join(", "))
        }
        _ => String::new(),
    };
    let (item, stand) = (item_word(piece.item, language), stand_word(piece.stand, language));
    let store = if piece.place.is_empty() { String::new() } else { format!(" ({})", piece.place) };
    format!("  {:<20} {item}: {stand}, {place}{store}{sealed}, {}{missing}", piece.serial, piece.holder)
}

fn listed(checkpoint: &CheckpointView, content: &Inventory, language: Language) -> String {
    let mut text = format!("{}\n  {}\n\n", standing(true, language), checkpoint.line_in(language));
    content.pieces.iter().for_each(|piece| text += &(line(piece, language) + "\n"));
    if content.pieces.is_empty() {
        text += language.of("Эсепте жабдуу жок.\n", "На учёте ничего нет.\n", "The inventory is empty.\n");
    }
    let mut warn = |what: &str, serials: Vec<String>| {
        if !serials.is_empty() {
            let _ = writeln!(text, "! {what}: {}", serials.join(", "));
        }
    };
    warn(
        language.of("жоголду, ачкычы жарактуу", "утрачено, ключ ещё действует", "lost, and the key is still valid"),
        content.lost_and_valid.clone(),
    );
    warn(
        language.of(
            "участокто, бирок колдонулбайт",
            "на участке, но не используется",
            "deployed, and not in use there",
        ),
        content.unused.clone(),
    );
    warn(
        language.of(
            "колдонулат, эсепте ал жерде эмес",
            "используется, по учёту не там",
            "in use, and not deployed there",
        ),
        content.unknown.iter().map(|(unit, serial)| format!("{serial} ({unit})")).collect(),
    );
    text
}

fn told(checkpoint: &CheckpointView, content: &History, language: Language) -> String {
    let head = (standing(true, language), checkpoint.line_in(language));
    let mut text = format!("{}\n  {}\n\n{}\n", head.0, head.1, content.serial);
    for event in &content.events {
        let what = event.event.map(|event| custody_word(event, language));
        let what = what.or_else(|| event.phase.map(|phase| phase_word(phase, language))).unwrap_or("?");
        let _ = write!(text, "  {:>9}  {what}, {}", event.leaf, place_in_words(event.scope, language));
        if let Some((from, to)) = event.handed {
            let _ = write!(text, ", {from} → {to}");
        }
        if !event.seals.is_empty() {
            let _ = write!(text, ", {} {}", language.of("мөөрлөр", "пломбы", "seals"), event.seals.join(" "));
        }
        let flags = event.flags.iter().filter_map(|code| FlagCode::from_number(*code)).map(FlagCode::slug);
        let flags = flags.collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "{}", if flags.is_empty() { String::new() } else { format!("  ! {flags}") });
    }
    if content.events.is_empty() {
        text += language.of("  эч нерсе белгисиз\n", "  ничего не известно\n", "  nothing is known of it\n");
    }
    text
}
