//! Stations: a paged table, and each station with its units: status, balance, machine and hand protocols side by side, records.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use maud::{Markup, html};
use tamga_ledger::balance::Term;
use tamga_ledger::kinds::{Form, Station};
use tamga_ledger::state::UnitStatus;

use super::frame::{Page, not_found};
use super::lang::Word;
use super::{Scene, SiteState, decisions, equipment, lists, query_number, scene, words};
use crate::view::{ProtocolView, UnitView};

/// Stations of one page: little enough for a slow phone.
const PAGE: usize = 60;

/// `GET /{lang}/stations?constituency=&from=&number=`.
pub(super) async fn list(State(site): SiteState, Path(lang): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let number = |name| query_number(&uri, name).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    let constituency = number("constituency");
    // Whoever looks for a number finds the list beginning there.
    let from = number("number").or_else(|| number("from")).unwrap_or(0);
    let belongs = |station: &&Station| constituency.is_none_or(|only| station.constituency == only);
    let mut rest = scene.definition.stations().range(from..).map(|(_, station)| station).filter(belongs);
    let here: Vec<&Station> = rest.by_ref().take(PAGE).collect();
    let next = rest.next().map(|station| station.number);
    let title = scene.t(words::STATIONS);
    let of_same = constituency.map(|only| format!("constituency={only}&")).unwrap_or_default();
    let main = html! {
        form.find method="get" action=(scene.link("stations")) {
            label for="number" { (scene.t(words::NUMBER)) }
            input #number type="number" name="number" min="1" inputmode="numeric" required;
            button type="submit" { (scene.t(words::FIND)) }
        }
        div.wide tabindex="0" role="region" aria-label=(title) { (table(&scene, &here)) }
        p.pages {
            @if from > 0 { a href=(scene.link(&format!("stations?{of_same}"))) { (scene.t(words::FIRST)) } " " }
            @if let Some(next) = next {
                a href=(scene.link(&format!("stations?{of_same}from={next}"))) { (scene.t(words::NEXT)) " →" }
            }
        }
    };
    Page { path: "stations", title, json: Some("/api/v1/stations"), main, scripts: &[] }.answer(&scene, &headers)
}

fn units_of(scene: &Scene, station: u32) -> impl Iterator<Item = &UnitView> {
    let units = &scene.view().units;
    let start = units.partition_point(|unit| unit.unit.station < station);
    units
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(move |unit| unit.unit.station == station)
        .map(|unit| &**unit)
}

const fn status_word(unit: &UnitView) -> Word {
    match unit.status {
        UnitStatus::NotOpened => words::NOT_OPENED,
        UnitStatus::Open if unit.offline => words::OFFLINE,
        UnitStatus::Open => words::OPEN,
        UnitStatus::Suspended => words::SUSPENDED,
        UnitStatus::Closed => words::CLOSED,
    }
}

fn table(scene: &Scene, stations: &[&Station]) -> Markup {
    let lang = scene.lang;
    let there = |protocol: &Option<ProtocolView>| scene.t(if protocol.is_some() { words::YES } else { words::NO });
    html! {
        table {
            caption { (scene.t(words::STATIONS)) }
            thead {
                tr {
                    th scope="col" { (scene.t(words::STATION)) }
                    th scope="col" { (scene.t(words::UNIT)) }
                    th scope="col" { (scene.t(words::STATUS)) }
                    th.n scope="col" { (scene.column(words::IDENTIFIED)) }
                    th scope="col" { (scene.t(words::MACHINE)) }
                    th scope="col" { (scene.t(words::HAND)) }
                }
            }
            tbody {
                @for station in stations {
                    @for unit in units_of(scene, station.number) {
                        tr {
                            th scope="row" {
                                a href=(scene.link(&format!("stations/{}", station.number))) {
                                    (station.number) ". " (station.title)
                                }
                            }
                            td { (unit.unit.unit) }
                            td { (scene.t(status_word(unit))) }
                            td.n { (lang.number(u64::from(unit.identified_local) + u64::from(unit.identified_remote))) }
                            td { (there(&unit.machine)) }
                            td { (there(&unit.hand)) }
                        }
                    }
                }
            }
        }
    }
}

/// `GET /{lang}/stations/{number}`.
pub(super) async fn page(
    State(site): SiteState,
    Path((lang, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let Some(station) = number.parse().ok().and_then(|number| scene.definition.station(number)) else {
        return not_found(&scene);
    };
    let number = station.number;
    let title = format!("{}: {number}. {}", scene.t(words::STATION), station.title);
    let main = html! {
        (about(&scene, station))
        @for unit in units_of(&scene, number) { (unit_section(&scene, station, unit)) }
        (equipment::of_station(&scene, number, units_of(&scene, number)))
        (decisions::of_station(&scene, number, station.constituency))
        (lists::of_station(&scene, number))
    };
    let (path, json) = (format!("stations/{number}"), format!("/api/v1/stations/{number}"));
    Page { path: &path, title: &title, json: Some(&json), main, scripts: &[] }.answer(&scene, &headers)
}

fn about(scene: &Scene, station: &Station) -> Markup {
    let kind = match station.station_kind {
        0 => words::KIND_ORDINARY,
        1 => words::KIND_REMOTE,
        _ => words::KIND_ABROAD,
    };
    html! {
        dl {
            dt { (scene.t(words::KIND)) } dd { (scene.t(kind)) }
            @if let Some(constituency) = scene.definition.constituency(station.constituency) {
                dt { (scene.t(words::CONSTITUENCY)) }
                dd {
                    a href=(scene.link(&format!("constituencies/{}", constituency.number))) {
                        (constituency.number) ". " (scene.lang.title(&constituency.title))
                    }
                }
            }
            dt { (scene.t(words::HOURS)) }
            dd { (scene.lang.time(station.opens_ms)) " – " (scene.lang.time(station.closes_ms)) }
        }
    }
}

fn unit_section(scene: &Scene, station: &Station, unit: &UnitView) -> Markup {
    let number = unit.unit.unit;
    let id = format!("unit-{number}");
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (scene.t(words::UNIT)) " " (number) ": " (scene.t(status_word(unit))) }
            div.wide tabindex="0" role="region" aria-labelledby=(id) { (balance(scene, unit)) }
            p.aside { (scene.t(words::BALANCE_NOTE)) }
            @if unit.box_out { p { (scene.t(words::BOX_OUT)) } }
            (discrepancies(scene, unit))
            h3 id=(format!("protocols-{number}")) { (scene.t(words::SIDE_BY_SIDE)) }
            @if unit.machine.is_none() && unit.hand.is_none() {
                p { (scene.t(words::NO_PROTOCOL)) }
                @let embargo_ms = scene.site.core.trust().election().embargo_ms;
                @if scene.published.sequenced_ms < embargo_ms {
                    p.aside { (scene.t(words::EMBARGO)) " " (scene.lang.time(embargo_ms)) }
                }
            } @else {
                @if unit.hand.as_ref().is_some_and(|protocol| protocol.blocked) {
                    p.flag { (scene.t(words::BLOCKED_HERE)) }
                }
                div.wide tabindex="0" role="region" aria-labelledby=(format!("protocols-{number}")) {
                    (protocols(scene, station, unit))
                }
                @for protocol in [&unit.machine, &unit.hand].into_iter().flatten() { (paper(scene, protocol)) }
                (countersigned(scene, unit))
                p {
                    @for (word, protocol) in [(words::MACHINE, &unit.machine), (words::HAND, &unit.hand)] {
                        @if let Some(protocol) = protocol {
                            a href=(scene.link(&format!("records/{}", protocol.leaf))) {
                                (scene.t(words::PROTOCOL)) ", " (scene.t(word)) ": " (scene.t(words::VERIFY))
                            } " "
                        }
                    }
                }
            }
        }
    }
}

fn balance(scene: &Scene, unit: &UnitView) -> Markup {
    let lang = scene.lang;
    let report = |of: fn(&tamga_ledger::kinds::Counters) -> u32| unit.reported.as_ref().map(of);
    let rows: [(Word, Option<u64>, Option<u32>); 12] = [
        (words::ON_ROLL, Some(unit.roll), None),
        (words::IDENTIFIED_LOCAL, Some(unit.identified_local.into()), report(|c| c.identified_local)),
        (words::IDENTIFIED_REMOTE, Some(unit.identified_remote.into()), report(|c| c.identified_remote)),
        (words::WITHOUT_BALLOT, Some(unit.without_ballot.into()), None),
        (words::PAPERS, Some(unit.papers), report(|c| c.scanned)),
        (words::SLIPS, None, report(|c| c.slips)),
        (words::SIGNATURES, None, report(|c| c.signatures)),
        (words::PRINTED_OWN, None, report(|c| c.printed_own)),
        (words::PRINTED_OTHER, None, report(|c| c.printed_other)),
        (words::SPOILED, None, report(|c| c.spoiled)),
        (words::REFUSED_IDENTIFICATIONS, Some(unit.refused.into()), None),
        (words::CONFLICTS, Some(unit.conflicts.into()), None),
    ];
    html! {
        table {
            caption { (scene.t(words::BALANCE)) }
            thead {
                tr {
                    td {}
                    th.n scope="col" { (scene.column(words::IN_LEDGER)) }
                    th.n scope="col" { (scene.column(words::BY_REPORT)) }
                }
            }
            tbody {
                @for (word, ledger, report) in rows {
                    // While voting goes on, the report is of another moment than the ledger.
                    @let differs = unit.closing.is_some() && ledger.zip(report).is_some_and(|(ledger, report)| ledger != u64::from(report));
                    tr.differs[differs] {
                        th scope="row" { (scene.t(word)) }
                        td.n { (ledger.map_or_else(|| "–".to_owned(), |figure| lang.number(figure))) }
                        td.n { (report.map_or_else(|| "–".to_owned(), |figure| lang.number(figure.into()))) }
                    }
                }
            }
        }
    }
}

/// How a protocol came about, and how to compare it with the paper.
fn paper(scene: &Scene, protocol: &ProtocolView) -> Markup {
    let lang = scene.lang;
    let figure = |figure: u32| lang.number(figure.into());
    html! {
        dl {
            dt { (scene.t(words::PROTOCOL)) } dd { (scene.t(lists::basis_word(protocol.basis))) }
            dt { (scene.t(words::PAPER_CODE)) } dd { code { (protocol.code) } }
            @if protocol.explanation > 0 {
                dt { (scene.t(words::REASON)) } dd { (scene.t(reason_word(protocol.explanation))) }
            }
            dt { (scene.t(words::SIGNED_BY_MEMBERS)) }
            dd { (figure(protocol.signers)) " (" (scene.t(words::OF_MEMBERS)) ": " (figure(protocol.members)) ")" }
            @if protocol.dissenting > 0 { dt { (scene.t(words::DISSENTING)) } dd { (figure(protocol.dissenting)) } }
            @if protocol.absent > 0 { dt { (scene.t(words::ABSENT)) } dd { (figure(protocol.absent)) } }
        }
    }
}

/// Why a protocol replaces another.
pub(super) const fn reason_word(explanation: u32) -> Word {
    match explanation {
        1 => words::REASON_1,
        2 => words::REASON_2,
        3 => words::REASON_3,
        4 => words::REASON_4,
        5 => words::REASON_5,
        6 => words::REASON_6,
        7 => words::REASON_7,
        _ => words::REASON_0,
    }
}

/// What observers and others said of the unit's protocols.
fn countersigned(scene: &Scene, unit: &UnitView) -> Markup {
    let said = &unit.countersigned;
    let rows = [
        (words::ASSENTS, said.assents),
        (words::COPIES_SAME, said.copies_same),
        (words::COPIES_DIFFER, said.copies_differing),
        (words::COPIES_REFUSED, said.copies_refused),
        (words::NOT_POSTED, said.not_posted),
    ];
    html! {
        @if rows.iter().any(|(_, many)| *many > 0) {
            h3 { (scene.t(words::COUNTERSIGNED)) }
            ul {
                @for (word, many) in rows.into_iter().filter(|(_, many)| *many > 0) {
                    li { (scene.t(word)) ": " (scene.lang.number(many.into())) }
                }
            }
        }
    }
}

/// What does not add up, each with its two figures.
fn discrepancies(scene: &Scene, unit: &UnitView) -> Markup {
    let lang = scene.lang;
    html! {
        @if !unit.discrepancies.is_empty() {
            p.flag { (scene.t(words::DISCREPANCIES)) }
            ul {
                @for one in &unit.discrepancies {
                    li.flag {
                        (scene.t(term_word(one.term))) ": " (lang.number(one.reported)) " / " (lang.number(one.due))
                    }
                }
            }
        }
    }
}

const fn term_word(term: Term) -> Word {
    match term {
        Term::Ballots => words::TERM_BALLOTS,
        Term::Slips => words::TERM_SLIPS,
        Term::Papers => words::TERM_PAPERS,
        Term::IdentifiedLocal | Term::IdentifiedRemote => words::TERM_IDENTIFIED,
        Term::Scanned => words::TERM_SCANNED,
        Term::Fell => words::TERM_FELL,
    }
}

/// The form whose lines these are.
pub(super) fn form_of<'a>(scene: &'a Scene, lines: &[tamga_ledger::kinds::LineValue]) -> Option<&'a Form> {
    let codes: BTreeSet<&str> = lines.iter().map(|line| line.code.as_str()).collect();
    let same = |form: &&Form| form.lines.iter().map(|line| line.code.as_str()).collect::<BTreeSet<_>>() == codes;
    scene.definition.forms().values().find(same)
}

fn protocols(scene: &Scene, station: &Station, unit: &UnitView) -> Markup {
    let (machine, hand) = (unit.machine.as_ref(), unit.hand.as_ref());
    let lines = hand.or(machine).map_or(&[][..], |protocol| &protocol.lines);
    let form = form_of(scene, lines);
    let line = |protocol: Option<&ProtocolView>, code: &str| {
        protocol.and_then(|protocol| protocol.lines.iter().find(|line| line.code == code)).map(|line| line.value)
    };
    let constituency = scene.definition.constituency(station.constituency);
    let shown = |protocol: Option<&ProtocolView>| protocol.is_some_and(|protocol| !protocol.counts.is_empty());
    let count = |protocol: Option<&ProtocolView>, place: usize| protocol?.counts.get(place).copied();
    html! {
        table {
            // The heading above says it to the eye.
            caption.unseen { (scene.t(words::SIDE_BY_SIDE)) }
            thead {
                tr {
                    th scope="col" { (scene.t(words::LINE)) }
                    th.n scope="col" { (scene.column(words::MACHINE)) }
                    th.n scope="col" { (scene.column(words::HAND)) }
                    th.n scope="col" { (scene.column(words::DIFFERENCE)) }
                }
            }
            tbody {
                @for one in lines {
                    @let title = form.and_then(|form| form.lines.iter().find(|line| line.code == one.code));
                    @let title = title.map_or("", |line| scene.lang.title(&line.title));
                    (row(scene, &format!("{} {title}", one.code), line(machine, &one.code), line(hand, &one.code)))
                }
                @if let Some(constituency) = constituency {
                    tr { th.group scope="rowgroup" colspan="4" { (scene.t(words::OWN_COUNTS)) } }
                    @if shown(machine) || shown(hand) {
                        @for (place, candidate) in constituency.candidates.iter().enumerate() {
                            @let name = format!("{}. {}", candidate.position, scene.lang.candidate(candidate));
                            (row(scene, &name, count(machine, place), count(hand, place)))
                        }
                        @let last = constituency.candidates.len();
                        (row(scene, scene.t(words::AGAINST_ALL), count(machine, last), count(hand, last)))
                        (row(scene, scene.t(words::INVALID), count(machine, last + 1), count(hand, last + 1)))
                    } @else {
                        tr { td colspan="4" { (scene.t(words::TOO_FEW)) } }
                    }
                }
            }
        }
    }
}

fn row(scene: &Scene, name: &str, machine: Option<u64>, hand: Option<u64>) -> Markup {
    let lang = scene.lang;
    let figure = |figure: Option<u64>| figure.map_or_else(|| "–".to_owned(), |figure| lang.number(figure));
    let difference = machine.zip(hand);
    html! {
        tr.differs[difference.is_some_and(|(machine, hand)| machine != hand)] {
            th scope="row" { (name) }
            td.n { (figure(machine)) }
            td.n { (figure(hand)) }
            td.n { (difference.map_or_else(|| "–".to_owned(), |(machine, hand)| lang.difference(machine, hand))) }
        }
    }
}
