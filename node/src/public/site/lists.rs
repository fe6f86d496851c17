//! Lists of records: what has a flag or was refused, seals, and what a station has recorded.

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use maud::{Markup, html};
use tamga_ledger::kinds::{CustodyEvent, Kind, Phase, ProtocolBasis, Stage};

use super::frame::Page;
use super::lang::Word;
use super::{Scene, SiteState, equipment, query_number, scene, words};
use crate::public::chronicle::{self, Line};

/// Records of one page.
const PAGE: usize = 100;
/// Kinds by which organisations decide about the election as a whole; legal acts have their own list (`decisions`).
const DECISIONS: [Kind; 3] = [Kind::Election, Kind::Governance, Kind::Seal];

/// `GET /{lang}/irregularities?from=`.
pub(super) async fn irregularities(
    State(site): SiteState,
    Path(lang): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let from = query_number(&uri, "from").unwrap_or(0);
    let (title, counts) = (scene.t(words::IRREGULARITIES), &scene.view().counts);
    let (lines, next, covered) = {
        let lists = scene.site.chronicle.now();
        let (here, next) = chronicle::page(lists.irregular(), from, PAGE);
        (here.to_vec(), next, lists.size())
    };
    let main = html! {
        p { (scene.t(words::IRREGULARITIES_NOTE)) }
        table {
            tbody {
                @for (word, count) in [
                    (words::SECOND_ATTEMPTS, counts.second_attempts),
                    (words::WRONG_STATION, counts.wrong_station),
                    (words::CONFLICTS, counts.conflicts),
                ] {
                    tr { th scope="row" { (scene.t(word)) } td.n { (scene.lang.number(count)) } }
                }
            }
        }
        (table(&scene, &lines, title))
        (behind(&scene, covered))
        p.pages {
            @if from > 0 { a href=(scene.link("irregularities")) { (scene.t(words::FIRST)) } " " }
            @if let Some(next) = next {
                a href=(scene.link(&format!("irregularities?from={next}"))) { (scene.t(words::NEXT)) " →" }
            }
        }
    };
    Page { path: "irregularities", title, json: Some("/api/v1/irregularities"), main, scripts: &[] }
        .answer(&scene, &headers)
}

/// Seals and decisions of the organisations, as a table.
pub(super) fn seals(scene: &Scene) -> Markup {
    let (mut lines, covered) = {
        let lists = scene.site.chronicle.now();
        let of = |kind: Kind| lists.kind(kind as u16).iter().take(PAGE).copied();
        (DECISIONS.into_iter().flat_map(of).collect::<Vec<Line>>(), lists.size())
    };
    lines.sort_by_key(|line| line.leaf);
    html! {
        (table(scene, &lines, scene.t(words::ACTS_SEALS)))
        (behind(scene, covered))
    }
}

/// A station's own records.
pub(super) fn of_station(scene: &Scene, station: u32) -> Markup {
    let (lines, more, covered) = {
        let lists = scene.site.chronicle.now();
        let (here, next) = chronicle::page(lists.station(station), 0, PAGE);
        (here.to_vec(), next, lists.size())
    };
    html! {
        section aria-labelledby="records" {
            h2 #records { (scene.t(words::RECORDS)) }
            p.aside { (scene.t(words::RECORDS_NOTE)) }
            (table(scene, &lines, scene.t(words::RECORDS)))
            (behind(scene, covered))
            @if let Some(next) = more {
                p { a href=(format!("/api/v1/stations/{station}/records?from={next}")) { (scene.t(words::NEXT)) " (JSON)" } }
            }
        }
    }
}

/// Lists are made in the background; said only while it matters.
fn behind(scene: &Scene, covered: u64) -> Markup {
    html! {
        @if covered < scene.published.checkpoint.size.get() {
            p.aside { (scene.t(words::LISTS_BEHIND)) " " (scene.lang.number(covered)) }
        }
    }
}

pub(super) fn table(scene: &Scene, lines: &[Line], name: &str) -> Markup {
    html! {
        @if lines.is_empty() { p { (scene.t(words::NONE)) } }
        @else {
            div.wide tabindex="0" role="region" aria-label=(name) {
                table {
                    thead {
                        tr {
                            th scope="col" { (scene.t(words::RECORD)) }
                            th scope="col" { (scene.t(words::TIME)) }
                            th scope="col" { (scene.t(words::KIND)) }
                            th scope="col" { (scene.t(words::STATION)) }
                            th scope="col" { (scene.t(words::VERDICT)) }
                        }
                    }
                    tbody {
                        @for line in lines {
                            tr {
                                th scope="row" { a href=(scene.link(&format!("records/{}", line.leaf))) { (line.leaf) } }
                                td { (scene.lang.time(line.time_ms)) }
                                td { (kind(scene, line)) }
                                td {
                                    @if line.station > 0 {
                                        a href=(scene.link(&format!("stations/{}", line.station))) { (line.station) }
                                        @if line.unit > 1 { "/" (line.unit) }
                                    } @else { "–" }
                                }
                                td.flag[line.verdict > 0] { (scene.t(verdict_word(line.verdict))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) const fn verdict_word(number: u8) -> Word {
    match number {
        0 => words::ACCEPTED,
        1 => words::FLAGGED,
        _ => words::REFUSED,
    }
}

fn kind(scene: &Scene, line: &Line) -> String {
    let detail = match Kind::from_number(line.kind) {
        Some(Kind::StationPhase) => Phase::from_number(line.detail).map(phase_word),
        Some(Kind::Protocol) => line.detail.checked_sub(1).and_then(ProtocolBasis::from_number).map(basis_word),
        Some(Kind::Seal) => Stage::from_number(line.detail).map(stage_word),
        Some(Kind::Custody) => CustodyEvent::from_number(line.detail).map(equipment::event_word),
        _ => None,
    };
    let name = scene.t(kind_word(line.kind));
    detail.map_or_else(|| name.to_owned(), |detail| format!("{name}: {}", scene.t(detail)))
}

/// What a kind is called. A kind of a later version is shown as "another record" until it has a word.
pub(super) fn kind_word(number: u16) -> Word {
    match Kind::from_number(number) {
        Some(Kind::Election) => words::KIND_ELECTION,
        Some(Kind::DefinitionPart) => words::KIND_DEFINITION,
        Some(Kind::Key) => words::KIND_KEY,
        Some(Kind::RollChunk) => words::KIND_ROLL,
        Some(Kind::RollAmendment) => words::KIND_AMENDMENT,
        Some(Kind::StationPhase) => words::KIND_PHASE,
        Some(Kind::Identification) => words::KIND_IDENTIFICATION,
        Some(Kind::IdentificationVoid) => words::KIND_VOID,
        Some(Kind::BallotBatch) => words::KIND_BATCH,
        Some(Kind::TotalOpening) => words::KIND_OPENING,
        Some(Kind::Protocol) => words::KIND_PROTOCOL,
        Some(Kind::Countersign) => words::KIND_COUNTERSIGN,
        Some(Kind::SummaryTable) => words::KIND_TABLE,
        Some(Kind::Custody) => words::KIND_CUSTODY,
        Some(Kind::LegalAct) => words::KIND_ACT,
        Some(Kind::Case) => words::KIND_CASE,
        Some(Kind::Governance) => words::KIND_GOVERNANCE,
        Some(Kind::Seal) => words::KIND_SEAL,
        _ => words::KIND_OTHER,
    }
}

const fn phase_word(phase: Phase) -> Word {
    match phase {
        Phase::Open => words::PHASE_OPEN,
        Phase::Suspend => words::PHASE_SUSPEND,
        Phase::Resume => words::PHASE_RESUME,
        Phase::OfflineStart => words::PHASE_OFFLINE_START,
        Phase::OfflineEnd => words::PHASE_OFFLINE_END,
        Phase::Balance => words::PHASE_BALANCE,
        Phase::Close => words::PHASE_CLOSE,
        Phase::BoxOut => words::PHASE_BOX_OUT,
        Phase::BoxIn => words::PHASE_BOX_IN,
        Phase::Replace => words::PHASE_REPLACE,
    }
}

pub(super) const fn basis_word(basis: ProtocolBasis) -> Word {
    match basis {
        ProtocolBasis::Machine => words::MACHINE,
        ProtocolBasis::Hand => words::HAND,
        ProtocolBasis::Recount => words::RECOUNT,
        ProtocolBasis::Transcribed => words::TRANSCRIBED,
    }
}

const fn stage_word(stage: Stage) -> Word {
    match stage {
        Stage::Roll => words::STAGE_ROLL,
        Stage::Voting => words::STAGE_VOTING,
        Stage::Results => words::STAGE_RESULTS,
        Stage::Archive => words::STAGE_ARCHIVE,
    }
}
