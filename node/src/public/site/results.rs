//! Who gets the seats, constituency by constituency.

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use maud::{Markup, html};
use tamga_ledger::kinds::Constituency;
use tamga_ledger::tally::{ConstituencyResult, Elected, Seats};

use super::frame::Page;
use super::{Scene, SiteState, overview, scene, words};

/// `GET /{lang}/results`.
pub(super) async fn page(State(site): SiteState, Path(lang): Path<String>, headers: HeaderMap) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let title = scene.t(words::RESULTS);
    let main = html! {
        (overview::preliminary(&scene))
        (overview::coverage(&scene))
        section aria-labelledby="seats" {
            h2 #seats { (scene.t(words::ELECTED_LIST)) }
            div.wide tabindex="0" role="region" aria-labelledby="seats" { (table(&scene)) }
        }
    };
    Page { path: "results", title, json: Some("/api/v1/results"), main, scripts: &[] }.answer(&scene, &headers)
}

fn table(scene: &Scene) -> Markup {
    let lang = scene.lang;
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (scene.t(words::CONSTITUENCY)) }
                    th.n scope="col" { (scene.column(words::SEATS)) }
                    th.n scope="col" { (scene.column(words::MACHINE)) }
                    th.n scope="col" { (scene.column(words::HAND)) }
                    th scope="col" { (scene.t(words::ELECTED_LIST)) }
                }
            }
            tbody {
                @for row in &scene.view().results.constituencies {
                    @if let Some(constituency) = scene.definition.constituency(row.constituency) {
                        tr {
                            th scope="row" {
                                a href=(scene.link(&format!("constituencies/{}", row.constituency))) {
                                    (row.constituency) ". " (lang.title(&constituency.title))
                                }
                            }
                            td.n { (lang.number(constituency.seats.into())) }
                            td.n { (lang.coverage(row.machine.coverage)) }
                            td.n { (lang.coverage(row.hand.coverage)) }
                            td { (seats(scene, constituency, row)) }
                        }
                    }
                }
            }
        }
    }
}

/// The seats by the hand count, or why they are not given yet.
pub(super) fn seats(scene: &Scene, constituency: &Constituency, row: &ConstituencyResult) -> Markup {
    match &row.seats {
        Seats::Incomplete => html! { span.pending { (scene.t(words::INCOMPLETE)) } },
        Seats::Annulled => html! { p.flag { (scene.t(words::ANNULLED)) } },
        Seats::Uncertain { papers } => html! {
            span.pending { (scene.t(words::UNCERTAIN)) " (" (scene.lang.number(*papers)) ")" }
        },
        Seats::Filled { elected } => names(scene, constituency, elected),
        Seats::NeedsLot { tied, elected } => html! {
            (names(scene, constituency, elected))
            p.flag {
                (scene.t(words::NEEDS_LOT)) ": "
                @for position in tied { (name(scene, constituency, *position)) "; " }
            }
        },
    }
}

fn names(scene: &Scene, constituency: &Constituency, elected: &[Elected]) -> Markup {
    html! {
        ol.names {
            @for one in elected {
                li { (name(scene, constituency, one.position)) " (" (scene.lang.number(one.votes)) ")" }
            }
        }
    }
}

fn name<'a>(scene: &Scene, constituency: &'a Constituency, position: u32) -> &'a str {
    let found = constituency.candidates.iter().find(|candidate| candidate.position == position);
    found.map_or("?", |candidate| scene.lang.candidate(candidate))
}
