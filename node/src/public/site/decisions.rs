//! Legal acts in order of time, cases, summary tables; and which of them concern one place.

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use maud::{Markup, html};
use tamga_ledger::kinds::{CaseState, Issuer};

use super::frame::Page;
use super::lang::Word;
use super::{Scene, SiteState, lists, scene, words};
use crate::view::{About, ActView, CaseView, TableView};

/// Newest acts and cases of a page; all of them are in the API.
const PAGE: usize = 200;

/// `GET /{lang}/acts`.
pub(super) async fn page(State(site): SiteState, Path(lang): Path<String>, headers: HeaderMap) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let decisions = &scene.view().decisions;
    let title = scene.t(words::ACTS);
    let main = html! {
        p { (scene.t(words::ACTS_NOTE)) }
        section aria-labelledby="legal" {
            h2 #legal { (scene.t(words::ACTS_LEGAL)) }
            (acts(&scene, decisions.acts.iter().rev().take(PAGE)))
            p.aside { a href="/api/v1/acts" { (scene.t(words::AS_JSON)) } }
        }
        section aria-labelledby="cases" {
            h2 #cases { (scene.t(words::ACTS_CASES)) }
            (cases(&scene, decisions.cases.iter().rev().take(PAGE)))
            p.aside { a href="/api/v1/cases" { (scene.t(words::AS_JSON)) } }
        }
        section aria-labelledby="tables" {
            h2 #tables { (scene.t(words::ACTS_TABLES)) }
            p.aside { (scene.t(words::ACTS_TABLES_NOTE)) }
            (tables(&scene, decisions.tables.iter()))
            p.aside { a href="/api/v1/tables" { (scene.t(words::AS_JSON)) } }
        }
        section aria-labelledby="seals" {
            h2 #seals { (scene.t(words::ACTS_SEALS)) }
            (lists::seals(&scene))
            p.aside { a href="/api/v1/records?kind=seal" { (scene.t(words::AS_JSON)) } }
        }
    };
    Page { path: "acts", title, json: None, main, scripts: &[] }.answer(&scene, &headers)
}

/// Acts and cases about a station, its units, or the constituency around it; nothing where there are none.
pub(super) fn of_station(scene: &Scene, station: u32, constituency: u32) -> Markup {
    concerning(scene, |about| {
        about.station == Some(station) || (about.constituency == Some(constituency) && constituency != 0)
    })
}

/// Acts, cases and tables about a constituency and its stations.
pub(super) fn of_constituency(scene: &Scene, number: u32) -> Markup {
    let within = |station| scene.definition.station(station).is_some_and(|station| station.constituency == number);
    let its = |table: &&TableView| table.constituency == Some(number);
    let tables_here = scene.view().decisions.tables.iter().filter(its);
    html! {
        (concerning(scene, |about| about.constituency == Some(number) || about.station.is_some_and(within)))
        @if tables_here.clone().next().is_some() {
            section aria-labelledby="tables" {
                h2 #tables { (scene.t(words::ACTS_TABLES)) }
                (tables(scene, tables_here))
            }
        }
    }
}

fn concerning(scene: &Scene, of: impl Fn(&About) -> bool) -> Markup {
    let decisions = &scene.view().decisions;
    let here: Vec<&ActView> = decisions.acts.iter().filter(|act| of(&act.about)).collect();
    // An act that sets another one aside speaks of the election; whoever reads of the one wants to read of the other.
    let about_these = |act: &&ActView| act.act.as_ref().is_some_and(|id| here.iter().any(|one| one.id == *id));
    let aside: Vec<&ActView> = decisions.acts.iter().filter(about_these).collect();
    let cases_here: Vec<&CaseView> = decisions.cases.iter().filter(|case| of(&case.about)).collect();
    html! {
        @if !here.is_empty() {
            section aria-labelledby="legal" {
                h2 #legal { (scene.t(words::ACTS_LEGAL)) }
                (acts(scene, here.into_iter().chain(aside)))
            }
        }
        @if !cases_here.is_empty() {
            section aria-labelledby="cases" {
                h2 #cases { (scene.t(words::ACTS_CASES)) }
                (cases(scene, cases_here.into_iter()))
            }
        }
    }
}

fn record(scene: &Scene, leaf: u64) -> Markup {
    html! { a href=(scene.link(&format!("records/{leaf}"))) { (leaf) } }
}

fn about(scene: &Scene, about: About) -> Markup {
    html! {
        @match about {
            About { station: Some(station), unit, .. } => {
                a href=(scene.link(&format!("stations/{station}"))) {
                    (scene.t(words::STATION)) " " (station) @if let Some(unit) = unit { "/" (unit) }
                }
            },
            About { constituency: Some(number), .. } => {
                a href=(scene.link(&format!("constituencies/{number}"))) { (scene.t(words::CONSTITUENCY)) " " (number) }
            },
            About { .. } => (scene.t(words::ABOUT_ELECTION)),
        }
    }
}

fn acts<'a>(scene: &Scene, acts: impl Iterator<Item = &'a ActView>) -> Markup {
    let mut acts = acts.peekable();
    html! {
        @if acts.peek().is_none() { p { (scene.t(words::NONE)) } }
        @else {
            div.wide tabindex="0" role="region" aria-labelledby="legal" {
                table {
                    thead {
                        tr {
                            th scope="col" { (scene.t(words::RECORD)) }
                            th scope="col" { (scene.t(words::TIME)) }
                            th scope="col" { (scene.t(words::ISSUED_BY)) }
                            th scope="col" { (scene.t(words::DECIDES)) }
                            th scope="col" { (scene.t(words::ABOUT)) }
                            th scope="col" { (scene.t(words::STATUS)) }
                        }
                    }
                    tbody { @for act in acts { (act_row(scene, act)) } }
                }
            }
        }
    }
}

fn act_row(scene: &Scene, act: &ActView) -> Markup {
    // The one it sets aside is in this ledger before it.
    let other = act.act.as_ref().and_then(|id| scene.view().decisions.acts.iter().find(|one| one.id == *id));
    html! {
        tr {
            th scope="row" { (record(scene, act.leaf)) }
            td { (scene.lang.time(act.recorded_ms)) }
            td {
                (scene.t(issuer_word(act.issuer)))
                @if act.issuer_number > 0 { " " (act.issuer_number) }
                br; "№ " (act.number) ", " (act.date)
            }
            td {
                (scene.t(effect_word(&act.effect)))
                @if let Some(other) = other { ": № " (other.number) ", " (record(scene, other.leaf)) }
                @if let Some(until) = act.until_ms { " " (scene.t(words::UNTIL)) " " (scene.lang.time(until)) }
                @if !act.positions.is_empty() { ": " (names(scene, act)) }
            }
            td { (about(scene, act.about)) }
            td {
                (scene.t(if act.in_force { words::IN_FORCE } else { words::NOT_IN_FORCE }))
                @if act.final_act { ", " (scene.t(words::FINAL_ACT)) }
                @if act.effective_ms > act.recorded_ms {
                    ", " (scene.t(words::EFFECTIVE_FROM)) " " (scene.lang.time(act.effective_ms))
                }
            }
        }
    }
}

/// Candidates by name, in the act's order.
fn names(scene: &Scene, act: &ActView) -> String {
    let constituency = act.about.constituency.and_then(|number| scene.definition.constituency(number));
    let name = |position: &u32| {
        let found = constituency.and_then(|one| one.candidates.iter().find(|one| one.position == *position));
        let name = found.map_or("?", |candidate| scene.lang.candidate(candidate));
        format!("{position}. {name}")
    };
    act.positions.iter().map(name).collect::<Vec<_>>().join(if act.effect == "succeed" { " → " } else { "; " })
}

fn cases<'a>(scene: &Scene, cases: impl Iterator<Item = &'a CaseView>) -> Markup {
    let mut cases = cases.peekable();
    html! {
        @if cases.peek().is_none() { p { (scene.t(words::NONE)) } }
        @else {
            div.wide tabindex="0" role="region" aria-labelledby="cases" {
                table {
                    thead {
                        tr {
                            th scope="col" { (scene.t(words::RECORD)) }
                            th scope="col" { (scene.t(words::KIND)) }
                            th scope="col" { (scene.t(words::ABOUT)) }
                            th scope="col" { (scene.t(words::STATUS)) }
                            th scope="col" { (scene.t(words::DEADLINE)) }
                            th scope="col" { (scene.t(words::NEWEST_STEP)) }
                        }
                    }
                    tbody {
                        @for case in cases {
                            @let late = case.open && (1..scene.published.sequenced_ms).contains(&case.deadline_ms);
                            tr {
                                th scope="row" { (record(scene, case.leaf)) }
                                td { (scene.t(category_word(case.category))) }
                                td { (about(scene, case.about)) }
                                td { (scene.t(state_word(case.state))) }
                                td.flag[late] {
                                    @if case.deadline_ms > 0 { (scene.lang.time(case.deadline_ms)) } @else { "–" }
                                }
                                td { (record(scene, case.last_leaf)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn tables<'a>(scene: &Scene, tables: impl Iterator<Item = &'a TableView>) -> Markup {
    let mut tables = tables.peekable();
    html! {
        @if tables.peek().is_none() { p { (scene.t(words::NONE)) } }
        @for table in tables { (one_table(scene, table)) }
    }
}

fn one_table(scene: &Scene, table: &TableView) -> Markup {
    let lang = scene.lang;
    let of = About { constituency: table.constituency, ..About::default() };
    let differing = || table.lines.iter().chain(&table.counts);
    html! {
        p {
            (about(scene, of)) ", " (record(scene, table.leaf)) ": "
            @if table.holds { (scene.t(words::HOLDS)) "." }
            @else { strong.flag { (scene.t(words::HOLDS_NOT)) "." } }
        }
        @if differing().next().is_some() {
            div.wide tabindex="0" role="region" aria-label=(scene.t(words::HOLDS_NOT)) {
                table {
                    thead {
                        tr {
                            th scope="col" { (scene.t(words::LINE)) }
                            th.n scope="col" { (scene.column(words::STATED)) }
                            th.n scope="col" { (scene.column(words::DUE)) }
                            th.n scope="col" { (scene.column(words::DIFFERENCE)) }
                        }
                    }
                    tbody {
                        @for one in &table.lines { (unequal_row(scene, &one.what, one.stated, one.due)) }
                        @for one in &table.counts {
                            (unequal_row(scene, &format!("{} {}", scene.t(words::VOTES), one.what), one.stated, one.due))
                        }
                    }
                }
            }
        }
        @if !table.void_sources.is_empty() {
            p.flag { (scene.t(words::VOID_SOURCES)) ": " (lang.number(table.void_sources.len() as u64)) }
        }
        @if !table.uncovered.is_empty() {
            p.flag {
                (scene.t(words::UNCOVERED)) ": "
                @for unit in table.uncovered.iter().take(PAGE) {
                    a href=(scene.link(&format!("stations/{}", unit.station))) { (unit.station) "/" (unit.unit) } " "
                }
                @if table.uncovered.len() > PAGE { "… (" (lang.number(table.uncovered.len() as u64)) ")" }
            }
        }
    }
}

fn unequal_row(scene: &Scene, what: &str, stated: u64, due: u64) -> Markup {
    let lang = scene.lang;
    html! {
        tr.differs {
            th scope="row" { (what) }
            td.n { (lang.number(stated)) }
            td.n { (lang.number(due)) }
            td.n { (lang.difference(due, stated)) }
        }
    }
}

fn effect_word(effect: &str) -> Word {
    match effect {
        "annul" => words::EFFECT_ANNUL,
        "cancel" => words::EFFECT_CANCEL,
        "suspend" => words::EFFECT_SUSPEND,
        "strike" => words::EFFECT_STRIKE,
        "withdraw" => words::EFFECT_WITHDRAW,
        "recount" => words::EFFECT_RECOUNT,
        "lot" => words::EFFECT_LOT,
        "extend" => words::EFFECT_EXTEND,
        "elect" => words::EFFECT_ELECT,
        "succeed" => words::EFFECT_SUCCEED,
        _ => words::KIND_OTHER,
    }
}

const fn issuer_word(issuer: Option<Issuer>) -> Word {
    match issuer {
        Some(Issuer::Candidate) => words::ISSUER_CANDIDATE,
        Some(Issuer::Precinct) => words::ISSUER_PRECINCT,
        Some(Issuer::Constituency) => words::ISSUER_CONSTITUENCY,
        Some(Issuer::Central) => words::ISSUER_CENTRAL,
        Some(Issuer::Court) => words::ISSUER_COURT,
        Some(Issuer::Appeal) => words::ISSUER_APPEAL,
        Some(Issuer::Supreme) => words::ISSUER_SUPREME,
        None => words::KIND_OTHER,
    }
}

const fn category_word(category: u8) -> Word {
    match category {
        1 => words::CASE_COMPLAINT,
        2 => words::CASE_INCIDENT,
        3 => words::CASE_IDENTIFICATION,
        _ => words::KIND_OTHER,
    }
}

const fn state_word(state: Option<CaseState>) -> Word {
    match state {
        Some(CaseState::Filed) => words::CASE_FILED,
        Some(CaseState::Examined) => words::CASE_EXAMINED,
        Some(CaseState::Granted) => words::CASE_GRANTED,
        Some(CaseState::Dismissed) => words::CASE_DISMISSED,
        Some(CaseState::Withdrawn) => words::CASE_WITHDRAWN,
        Some(CaseState::Appealed) => words::CASE_APPEALED,
        None => words::KIND_OTHER,
    }
}
