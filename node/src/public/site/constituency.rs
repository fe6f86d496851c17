//! Constituencies: all in one table, each on its page with turnout, machine and hand counts side by side, margins, stations.

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use maud::{Markup, html};
use tamga_ledger::kinds::Constituency;
use tamga_ledger::tally::{ConstituencyResult, Shares, shares};

use super::frame::{Page, not_found};
use super::{Scene, SiteState, chart, decisions, overview, results, scene, words};
use crate::public::catalogue::margins;
use crate::view::ConstituencyTurnout;

/// `GET /{lang}/constituencies`.
pub(super) async fn list(State(site): SiteState, Path(lang): Path<String>, headers: HeaderMap) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let title = scene.t(words::CONSTITUENCIES);
    let main = html! {
        (overview::preliminary(&scene))
        div.wide tabindex="0" role="region" aria-label=(title) { (table(&scene)) }
        p.aside { (scene.t(words::TURNOUT_NOTE)) }
    };
    Page { path: "constituencies", title, json: Some("/api/v1/constituencies"), main, scripts: &[] }
        .answer(&scene, &headers)
}

fn turnout_of(scene: &Scene, number: u32) -> Option<&ConstituencyTurnout> {
    scene.view().turnout.constituencies.iter().find(|row| row.constituency == number)
}

fn identified(turnout: &ConstituencyTurnout) -> u64 {
    turnout.hours.iter().map(|count| u64::from(count.local) + u64::from(count.remote)).sum()
}

fn table(scene: &Scene) -> Markup {
    let lang = scene.lang;
    html! {
        table {
            caption { (scene.t(words::CONSTITUENCIES)) }
            thead {
                tr {
                    th scope="col" { (scene.t(words::CONSTITUENCY)) }
                    th.n scope="col" { (scene.column(words::ON_ROLL)) }
                    th.n scope="col" { (scene.column(words::IDENTIFIED)) }
                    th.n scope="col" { (scene.column(words::SHARE)) }
                    th.n scope="col" { (scene.column(words::MACHINE)) }
                    th.n scope="col" { (scene.column(words::HAND)) }
                }
            }
            tbody {
                @for (constituency, row) in scene.definition.constituencies().iter().zip(&scene.view().results.constituencies) {
                    @let turnout = turnout_of(scene, constituency.number);
                    @let (roll, came) = turnout.map_or((0, 0), |turnout| (turnout.roll, identified(turnout)));
                    tr {
                        th scope="row" {
                            a href=(scene.link(&format!("constituencies/{}", constituency.number))) {
                                (constituency.number) ". " (lang.title(&constituency.title))
                            }
                        }
                        td.n { (lang.number(roll)) }
                        td.n { (lang.number(came)) }
                        td.n { (lang.share(came, roll)) }
                        td.n { (lang.coverage(row.machine.coverage)) }
                        td.n { (lang.coverage(row.hand.coverage)) }
                    }
                }
            }
        }
    }
}

/// `GET /{lang}/constituencies/{number}`.
pub(super) async fn page(
    State(site): SiteState,
    Path((lang, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let Some(constituency) = number.parse().ok().and_then(|number| scene.definition.constituency(number)) else {
        return not_found(&scene);
    };
    let number = constituency.number;
    let row = scene.view().results.constituencies.iter().find(|row| row.constituency == number);
    let title = format!("{number}. {}", scene.lang.title(&constituency.title));
    let main = html! {
        p { (scene.t(words::SEATS)) ": " (scene.lang.number(constituency.seats.into())) }
        @if let Some(row) = row { (votes(&scene, constituency, row)) }
        @if let Some(turnout) = turnout_of(&scene, number) { (turnout_section(&scene, turnout)) }
        (decisions::of_constituency(&scene, number))
        (stations(&scene, number))
    };
    let (path, json) = (format!("constituencies/{number}"), format!("/api/v1/constituencies/{number}"));
    Page { path: &path, title: &title, json: Some(&json), main, scripts: &[] }.answer(&scene, &headers)
}

fn turnout_section(scene: &Scene, turnout: &ConstituencyTurnout) -> Markup {
    let hours = &scene.view().turnout.hours;
    let points = chart::points(hours, &turnout.hours, scene.published.sequenced_ms);
    html! {
        section aria-labelledby="turnout" {
            h2 #turnout { (scene.t(words::TURNOUT)) }
            (chart::turnout(scene, &points, turnout.roll, "chart"))
            p.aside { (scene.t(words::TURNOUT_NOTE)) }
        }
    }
}

fn votes(scene: &Scene, constituency: &Constituency, row: &ConstituencyResult) -> Markup {
    let lang = scene.lang;
    let remote = |opened| scene.t(if opened { words::REMOTE_IN } else { words::REMOTE_OUT });
    html! {
        section aria-labelledby="votes" {
            h2 #votes { (scene.t(words::RESULTS)) }
            @if !row.hand.is_complete() { p.note.preliminary { (scene.t(words::PRELIMINARY)) } }
            p {
                (scene.t(words::COVERAGE)) ": " (scene.t(words::MACHINE)) " " (lang.coverage(row.machine.coverage)) ", "
                (scene.t(words::HAND)) " " (lang.coverage(row.hand.coverage)) ". "
                (scene.t(words::HAND)) ": " (remote(row.hand.remote_opened)) "."
            }
            div.wide tabindex="0" role="region" aria-labelledby="votes" { (counts(scene, constituency, row)) }
            p.aside { (scene.t(words::SHARE_NOTE)) " " (scene.t(words::MARGIN_NOTE)) }
            h3 { (scene.t(words::ELECTED_LIST)) }
            (results::seats(scene, constituency, row))
        }
    }
}

fn counts(scene: &Scene, constituency: &Constituency, row: &ConstituencyResult) -> Markup {
    let lang = scene.lang;
    let candidates = constituency.candidates.len();
    let hand_shares = shares(&row.valid());
    let share = |place: usize| match &hand_shares {
        Shares::Shown { hundredths } => {
            hundredths.get(place).map_or_else(|| "–".to_owned(), |one| lang.hundredths(*one))
        }
        Shares::Withheld { .. } => "–".to_owned(),
    };
    let margins = margins(&scene.definition, constituency, row);
    let names = constituency.candidates.iter().map(|candidate| lang.candidate(candidate));
    let names = names.chain([scene.t(words::AGAINST_ALL), scene.t(words::INVALID)]);
    let at = |counts: &[u64], place: usize| counts.get(place).copied().unwrap_or(0);
    html! {
        table {
            caption { (scene.t(words::VOTES)) }
            thead {
                tr {
                    th scope="col" { (scene.t(words::CANDIDATE)) }
                    th.n scope="col" { (scene.column(words::HAND)) }
                    th.n scope="col" { (scene.column(words::SHARE)) }
                    th.n scope="col" { (scene.column(words::MACHINE)) }
                    @if !margins.is_empty() { th.n scope="col" { (scene.column(words::MARGIN)) } }
                }
            }
            tbody {
                @for (place, name) in names.enumerate() {
                    @let margin = margins.get(place);
                    tr.elected[margin.is_some_and(|margin| margin.elected)] {
                        th scope="row" {
                            @if place < candidates { (place + 1) ". " }
                            (name)
                            @if margin.is_some_and(|margin| margin.elected) { " " strong { "(" (scene.t(words::ELECTED)) ")" } }
                        }
                        td.n { (lang.number(at(&row.hand.counts, place))) }
                        td.n { (share(place)) }
                        td.n { (lang.number(at(&row.machine.counts, place))) }
                        @if !margins.is_empty() {
                            td.n {
                                @match margin.and_then(|margin| margin.votes) {
                                    Some(votes) => (lang.number(votes)),
                                    None => "–",
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn stations(scene: &Scene, number: u32) -> Markup {
    html! {
        section aria-labelledby="stations" {
            h2 #stations { (scene.t(words::STATIONS)) }
            p { a href=(scene.link(&format!("stations?constituency={number}"))) { (scene.t(words::STATIONS)) " →" } }
        }
    }
}
