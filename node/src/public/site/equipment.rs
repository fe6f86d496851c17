//! Equipment in custody: what a station has of it, and the history of one piece.

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use maud::{Markup, html};
use tamga_ledger::kinds::{CustodyEvent, Item};
use tamga_ledger::state::Stand;

use super::frame::{Page, not_found};
use super::lang::Word;
use super::{Scene, SiteState, encoded, lists, scene, words};
use crate::public::chronicle;
use crate::view::{PieceView, UnitView};

/// Events of one page; the rest is in the API.
const PAGE: usize = 100;

/// `GET /{lang}/equipment/{serial}`.
pub(super) async fn page(
    State(site): SiteState,
    Path((lang, serial)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let (lines, more) = {
        let lists = scene.site.chronicle.now();
        let (here, next) = chronicle::page(lists.serial(&serial), 0, PAGE);
        (here.to_vec(), next)
    };
    if lines.is_empty() {
        return not_found(&scene);
    }
    let json = format!("/api/v1/custody/{}", encoded(&serial));
    let piece = scene.view().equipment.iter().find(|piece| piece.serial == serial);
    let title = format!("{}: {serial}", scene.t(words::EQUIPMENT));
    let main = html! {
        @match piece {
            Some(piece) => (card(&scene, piece)),
            None => p.flag { (scene.t(words::NOT_IN_INVENTORY)) },
        }
        h2 { (scene.t(words::RECORDS)) }
        (lists::table(&scene, &lines, &title))
        @if let Some(next) = more { p { a href=(format!("{json}?from={next}")) { (scene.t(words::NEXT)) " (JSON)" } } }
    };
    let path = format!("equipment/{}", encoded(&serial));
    Page { path: &path, title: &title, json: Some(&json), main, scripts: &[] }.answer(&scene, &headers)
}

/// A station's equipment; nothing where none is known.
pub(super) fn of_station<'a>(scene: &Scene, station: u32, units: impl Iterator<Item = &'a UnitView>) -> Markup {
    let all = scene.view().equipment.iter().map(|piece| &**piece);
    let here: Vec<&PieceView> = all.filter(|piece| piece.about.station == Some(station)).collect();
    let units: Vec<&UnitView> = units.filter(|unit| unit.equipment != Default::default()).collect();
    html! {
        @if !here.is_empty() || !units.is_empty() {
            section aria-labelledby="equipment" {
                h2 #equipment { (scene.t(words::EQUIPMENT)) }
                p.aside { (scene.t(words::EQUIPMENT_NOTE)) }
                @for unit in units { (readiness(scene, unit)) }
                @if !here.is_empty() {
                    div.wide tabindex="0" role="region" aria-labelledby="equipment" { (table(scene, &here)) }
                }
            }
        }
    }
}

fn readiness(scene: &Scene, unit: &UnitView) -> Markup {
    let found = &unit.equipment;
    let named = |word: Word, serials: &[String]| {
        html! {
            @if !serials.is_empty() {
                li.flag { (scene.t(word)) " " @for (place, serial) in serials.iter().enumerate() {
                    @if place > 0 { ", " }
                    a href=(scene.link(&format!("equipment/{}", encoded(serial)))) { (serial) }
                } }
            }
        }
    };
    html! {
        p {
            (scene.t(words::UNIT)) " " (unit.unit.unit) ": "
            (scene.t(words::DEPLOYED_HERE)) " " (scene.lang.number(found.deployed.into())) ", "
            (scene.t(words::READY_OF_THEM)) " " (scene.lang.number(found.ready.into())) "."
        }
        ul {
            (named(words::NOT_READY, &found.unready))
            (named(words::NOT_NAMED, &found.unused))
            (named(words::NAMED_ELSEWHERE, &found.elsewhere))
            @if found.unknown > 0 {
                li.flag { (scene.t(words::NAMED_UNKNOWN)) " " (scene.lang.number(found.unknown.into())) }
            }
        }
    }
}

/// One piece, as a list: a table of six columns is wider than a phone.
fn card(scene: &Scene, piece: &PieceView) -> Markup {
    html! {
        dl {
            dt { (scene.t(words::SERIAL)) } dd { code { (piece.serial) } }
            dt { (scene.t(words::ITEM)) } dd { (scene.t(item_word(piece.item))) }
            dt { (scene.t(words::STATUS)) } dd { (stand(scene, piece)) }
            dt { (scene.t(words::UNIT)) }
            dd {
                @match piece.about.station {
                    Some(station) => a href=(scene.link(&format!("stations/{station}"))) { (place(piece)) },
                    None => (place(piece)),
                }
            }
            dt { (scene.t(words::SEALED)) } dd { (scene.t(if piece.sealed { words::YES } else { words::NO })) }
            dt { (scene.t(words::READY)) } dd { (ready(scene, piece)) (missing(scene, piece)) }
        }
    }
}

fn stand(scene: &Scene, piece: &PieceView) -> Markup {
    html! {
        (scene.t(stand_word(piece.stand)))
        @if piece.key_valid == Some(false) { ", " (scene.t(words::KEY_REVOKED)) }
    }
}

/// Station and unit, or station.
fn place(piece: &PieceView) -> String {
    match (piece.about.station, piece.about.unit) {
        (Some(station), Some(unit)) => format!("{station}/{unit}"),
        (Some(station), None) => station.to_string(),
        _ => "–".to_owned(),
    }
}

fn table(scene: &Scene, pieces: &[&PieceView]) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (scene.t(words::SERIAL)) }
                    th scope="col" { (scene.t(words::ITEM)) }
                    th scope="col" { (scene.t(words::STATUS)) }
                    th scope="col" { (scene.t(words::UNIT)) }
                    th scope="col" { (scene.t(words::SEALED)) }
                    th scope="col" { (scene.t(words::READY)) }
                }
            }
            tbody {
                @for piece in pieces {
                    tr {
                        th scope="row" {
                            a href=(scene.link(&format!("equipment/{}", encoded(&piece.serial)))) { (piece.serial) }
                        }
                        td { (scene.t(item_word(piece.item))) }
                        td { (stand(scene, piece)) }
                        td { (place(piece)) }
                        td { (scene.t(if piece.sealed { words::YES } else { words::NO })) }
                        td { (ready(scene, piece)) }
                    }
                }
            }
        }
    }
}

/// Yes; or no, with how many points are missing. Of what is lost or gone nobody asks.
fn ready(scene: &Scene, piece: &PieceView) -> Markup {
    html! {
        @if matches!(piece.stand, Stand::Lost | Stand::Retired) { "–" }
        @else if piece.ready { (scene.t(words::YES)) }
        @else {
            (scene.t(words::NO))
            @if !piece.missing.is_empty() { " (" (scene.lang.number(piece.missing.len() as u64)) ")" }
        }
    }
}

/// The points that are missing, by name.
fn missing(scene: &Scene, piece: &PieceView) -> Markup {
    html! {
        @if !piece.ready && !matches!(piece.stand, Stand::Lost | Stand::Retired) {
            @for (place, point) in piece.missing.iter().enumerate() {
                @if place == 0 { ": " } @else { ", " }
                (point_word(point).map_or(point.as_str(), |word| scene.t(word)))
            }
        }
    }
}

fn point_word(point: &str) -> Option<Word> {
    Some(match point {
        "power" => words::POINT_POWER,
        "battery" => words::POINT_BATTERY,
        "clock" => words::POINT_CLOCK,
        "software" => words::POINT_SOFTWARE,
        "connection" => words::POINT_CONNECTION,
        "paper" => words::POINT_PAPER,
        "reader" => words::POINT_READER,
        "counters-zero" => words::POINT_COUNTERS,
        _ => return None,
    })
}

const fn item_word(item: Item) -> Word {
    match item {
        Item::Device => words::ITEM_DEVICE,
        Item::Printer => words::ITEM_PRINTER,
        Item::Scanner => words::ITEM_SCANNER,
        Item::Modem => words::ITEM_MODEM,
        Item::Box => words::ITEM_BOX,
        Item::MobileBox => words::ITEM_MOBILE_BOX,
        Item::KeyCarrier => words::ITEM_KEY_CARRIER,
        Item::Other => words::ITEM_OTHER,
    }
}

const fn stand_word(stand: Stand) -> Word {
    match stand {
        Stand::Held => words::STAND_HELD,
        Stand::Stored => words::STAND_STORED,
        Stand::Moving => words::STAND_MOVING,
        Stand::Deployed => words::STAND_DEPLOYED,
        Stand::Lost => words::STAND_LOST,
        Stand::Retired => words::STAND_RETIRED,
    }
}

/// What an event is called.
pub(super) const fn event_word(event: CustodyEvent) -> Word {
    match event {
        CustodyEvent::Enter => words::EVENT_ENTER,
        CustodyEvent::Seal => words::EVENT_SEAL,
        CustodyEvent::Unseal => words::EVENT_UNSEAL,
        CustodyEvent::Store => words::EVENT_STORE,
        CustodyEvent::Move => words::STAND_MOVING,
        CustodyEvent::HandOver => words::EVENT_HAND_OVER,
        CustodyEvent::Check => words::EVENT_CHECK,
        CustodyEvent::Deploy => words::STAND_DEPLOYED,
        CustodyEvent::TakeBack => words::EVENT_TAKE_BACK,
        CustodyEvent::Lose => words::STAND_LOST,
        CustodyEvent::Find => words::EVENT_FIND,
        CustodyEvent::Retire => words::STAND_RETIRED,
    }
}
