//! One record in words, with what it corrects and how to verify it.

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use maud::{Markup, PreEscaped, html};
use qrcode::QrCode;
use serde_json::Value;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::kinds::{Body as _, Kind, Protocol};
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::summary::{paper_code, paper_qr};
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::verdict::Verdict;

use super::frame::{Page, not_found, trouble};
use super::{Scene, SiteState, assets, codes, lists, scene, station, words};
use crate::public::{body, check_leaf};

/// `GET /{lang}/records/{leaf}`.
pub(super) async fn page(
    State(site): SiteState,
    Path((lang, leaf)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let size = scene.published.checkpoint.size;
    let Some(leaf) = leaf.parse().ok().and_then(|leaf: u64| check_leaf(leaf, size)) else { return not_found(&scene) };
    let Ok(bytes) = site.read(move |core| core.store().entry(leaf)).await else { return trouble(&scene) };
    let Ok(entry) = Entry::from_bytes(&bytes) else { return trouble(&scene) };
    let record = match &entry.payload {
        Payload::Full(signed) => signed.parse().ok(),
        Payload::Stub(_) => None,
    };
    let earlier = match record.as_ref().and_then(|record| record.supersedes.0) {
        Some(id) => earlier(&scene, &id).await,
        None => None,
    };
    let title = format!("{} {leaf}", scene.t(words::RECORD));
    let main = html! {
        (about(&scene, &entry, record.as_ref()))
        (remarks(&scene, &entry.verdict))
        @if let Some(record) = &record { (on_paper(&scene, &entry, record)) }
        @if let (Some((place, before)), Some(record)) = (&earlier, &record) { (difference(&scene, *place, before, record)) }
        (verification(&scene, leaf))
        @if let Some(record) = &record { (content(&scene, record)) }
        @else { p { (scene.t(words::STUB)) } }
    };
    let (path, json) = (format!("records/{leaf}"), format!("/api/v1/entries/{leaf}"));
    let scripts = [assets::BLAKE3, assets::VERIFY, assets::VERIFY_PAGE];
    Page { path: &path, title: &title, json: Some(&json), main, scripts: &scripts }.answer(&scene, &headers)
}

/// The protocol that this one replaces, if it is published.
async fn earlier(scene: &Scene, id: &tamga_ledger::ids::RecordId) -> Option<(u64, Protocol)> {
    let leaf = scene.site.core.lookup(id)?;
    let leaf = check_leaf(leaf.get(), scene.published.checkpoint.size)?;
    let bytes = scene.site.read(move |core| core.store().entry(leaf)).await.ok()?;
    let Payload::Full(signed) = Entry::from_bytes(&bytes).ok()?.payload else { return None };
    let record = signed.parse().ok().filter(|record| record.kind == Kind::Protocol as u16)?;
    Some((leaf.get(), Protocol::from_bytes(&record.body).ok()?))
}

fn about(scene: &Scene, entry: &Entry, record: Option<&Record>) -> Markup {
    let kind = match (&entry.payload, record) {
        (Payload::Stub(stub), _) => stub.kind,
        (_, Some(record)) => record.kind,
        (_, None) => 0,
    };
    let unit = record.and_then(|record| match record.scope {
        Scope::Unit(unit) => Some((unit.station, unit.unit)),
        Scope::Station(station) => Some((station, 0)),
        Scope::Election | Scope::Constituency(_) => None,
    });
    let signers = record.map_or(&[][..], |record| &record.signers);
    html! {
        dl {
            dt { (scene.t(words::KIND)) } dd { (scene.t(lists::kind_word(kind))) }
            dt { (scene.t(words::TIME)) } dd { (scene.lang.time(entry.time_ms)) }
            @if let Some((number, unit)) = unit {
                dt { (scene.t(words::STATION)) }
                dd {
                    a href=(scene.link(&format!("stations/{number}"))) { (number) }
                    @if unit > 0 { ", " (scene.t(words::UNIT)) " " (unit) }
                }
            }
            dt { (scene.t(words::VERDICT)) } dd { (scene.t(lists::verdict_word(entry.verdict.number()))) }
            dt { (scene.t(words::RECORD_ID)) } dd { code { (entry.record_id()) } }
            @if !signers.is_empty() {
                dt { (scene.t(words::SIGNERS)) }
                dd { @for signer in signers { code { (signer) } " " } }
            }
        }
    }
}

/// A protocol's short code and QR code, as they stand on the paper.
fn on_paper(scene: &Scene, entry: &Entry, record: &Record) -> Markup {
    let unit = match record.scope {
        Scope::Unit(unit) if record.kind == Kind::Protocol as u16 => unit,
        _ => return html! {},
    };
    let id = entry.record_id();
    let qr = paper_qr(&scene.site.core.trust().election_id().to_owned(), unit, &id);
    html! {
        p { (scene.t(words::PAPER_CODE)) ": " code { (paper_code(&id)) } }
        // Made of digits, letters and the crate's own markup; the declaration has no place inside a page.
        @if let Some(svg) = qr_svg(&qr) { div role="img" aria-label=(qr) { (PreEscaped(svg)) } }
    }
}

/// Dark squares of a QR code with its quiet zone; none for a text that is too long for one.
fn qr_svg(text: &str) -> Option<String> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let svg = code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(180, 180).build();
    Some(svg.split_once("?>").map_or(svg.as_str(), |(_, svg)| svg).to_owned())
}

/// Flags and the refusal, in words.
fn remarks(scene: &Scene, verdict: &Verdict) -> Markup {
    html! {
        @if let Verdict::Refused(refusal) = verdict { p.flag { (codes::refusal(scene.lang, *refusal)) } }
        @if !verdict.flags().is_empty() {
            h2 { (scene.t(words::FLAGS)) }
            ul { @for flag in verdict.flags() { li.flag { (codes::flag(scene.lang, *flag)) } } }
        }
    }
}

/// Which figures a corrected protocol changes.
fn difference(scene: &Scene, place: u64, before: &Protocol, record: &Record) -> Markup {
    let Ok(after) = Protocol::from_bytes(&record.body) else { return html! {} };
    let form = station::form_of(scene, &after.lines);
    let mut rows: Vec<(String, u64, u64)> = Vec::new();
    for line in &after.lines {
        let old = before.lines.iter().find(|old| old.code == line.code).map_or(0, |old| old.value);
        let title = form.and_then(|form| form.lines.iter().find(|one| one.code == line.code));
        let title = title.map_or("", |one| scene.lang.title(&one.title));
        rows.push((format!("{} {title}", line.code), old, line.value));
    }
    // Both show their own counts, or neither: the ledger refuses a correction of fewer papers than may be shown.
    for (position, (old, new)) in (1..).zip(before.counts.iter().zip(&after.counts)) {
        rows.push((format!("{} {position}", scene.t(words::VOTES)), *old, *new));
    }
    rows.retain(|(_, old, new)| old != new);
    let lang = scene.lang;
    html! {
        section aria-labelledby="corrects" {
            h2 #corrects {
                (scene.t(words::CORRECTS)) ": " a href=(scene.link(&format!("records/{place}"))) { (place) }
            }
            p { (scene.t(words::REASON)) ": " (scene.t(station::reason_word(after.explanation))) }
            @if rows.is_empty() { p { (scene.t(words::UNCHANGED)) } }
            @else {
                table {
                    thead {
                        tr {
                            th scope="col" { (scene.t(words::LINE)) }
                            th.n scope="col" { (scene.column(words::BEFORE)) }
                            th.n scope="col" { (scene.column(words::AFTER)) }
                            th.n scope="col" { (scene.column(words::DIFFERENCE)) }
                        }
                    }
                    tbody {
                        @for (name, old, new) in rows {
                            tr {
                                th scope="row" { (name) }
                                td.n { (lang.number(old)) }
                                td.n { (lang.number(new)) }
                                td.n { (lang.difference(old, new)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn verification(scene: &Scene, leaf: LeafIndex) -> Markup {
    html! {
        section.verify aria-labelledby="verify" data-leaf=(leaf) {
            h2 #verify { (scene.t(words::VERIFY)) }
            (super::check::words_for_script(scene.lang))
            p.script-only hidden { button #verify-record type="button" { (scene.t(words::VERIFY_RECORD)) } }
            div #verify-result role="status" aria-live="polite" {}
            p {
                (scene.t(words::WITHOUT_SCRIPT)) ": "
                code { "tamga prove URL --leaf " (leaf) " --genesis " (scene.site.core.trust().election_id()) " --out proof" }
            }
            p {
                a href=(format!("/api/v1/receipts/{leaf}?format=cbor")) download=(format!("tamga-{leaf}.receipt")) {
                    (scene.t(words::RECEIPT))
                }
            }
        }
    }
}

fn content(scene: &Scene, record: &Record) -> Markup {
    let value = body::to_json(record.kind, &record.body);
    let text = if value == Value::Null { None } else { serde_json::to_string_pretty(&value).ok() };
    html! {
        @if let Some(text) = text {
            details {
                summary { (scene.t(words::CONTENT)) }
                pre tabindex="0" { (text) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;
    use tamga_ledger::ids::{ElectionId, RecordId};
    use tamga_ledger::record::UnitId;

    /// Whether a point of the drawing is dark: the rectangles `Mx yhWvH…` of the path.
    fn dark(svg: &str) -> (usize, Vec<bool>) {
        let side: usize = svg.split_once("width=\"").unwrap().1.split_once('"').unwrap().0.parse().unwrap();
        let path = svg.rsplit("d=\"").next().unwrap().split_once('"').unwrap().0;
        let mut points = vec![false; side * side];
        for rectangle in path.split('M').skip(1) {
            let numbers = rectangle.split([' ', 'h', 'v', 'H', 'V']).map(|number| number.parse().unwrap());
            let [left, top, width, height] = numbers.take(4).collect::<Vec<usize>>()[..] else { panic!("{rectangle}") };
            for row in top..top + height {
                points[row * side + left..row * side + left + width].fill(true);
            }
        }
        (side, points)
    }

    /// What a telephone reads from the paper: by a reader that is not the writer's.
    #[test]
    fn a_code_on_paper_is_read_back_by_another_library() {
        for number in 0..20_u8 {
            let (unit, id) = (UnitId { station: 1 + 129 * u32::from(number), unit: 3 }, RecordId([number ^ 0x5a; 32]));
            let text = paper_qr(&ElectionId([number; 32]), unit, &id);
            let (side, points) = dark(&qr_svg(&text).unwrap());
            let grey = |x: usize, y: usize| if points[y * side + x] { 0 } else { 255 };
            let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, grey);
            let grids = image.detect_grids();
            assert_eq!(grids.len(), 1, "{text}");
            assert_eq!(grids[0].decode().unwrap().1, text);
        }
    }
}
