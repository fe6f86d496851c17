//! The first page: turnout, coverage, who gets seats so far, the nodes.

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use maud::{Markup, html};
use tamga_ledger::state::UnitStatus;
use tamga_ledger::tally::{Coverage, Seats};

use super::frame::Page;
use super::{Scene, SiteState, chart, scene, words};

/// `GET /{lang}/`.
pub(super) async fn page(State(site): SiteState, Path(lang): Path<String>, headers: HeaderMap) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let title = scene.t(words::OVERVIEW);
    let main = html! {
        (turnout(&scene))
        (coverage(&scene))
        (seats(&scene))
        (nodes(&scene))
    };
    Page { path: "", title, json: Some("/api/v1/turnout"), main, scripts: &[] }.answer(&scene, &headers)
}

fn turnout(scene: &Scene) -> Markup {
    let (lang, turnout) = (scene.lang, &scene.view().turnout);
    let points = chart::points(&turnout.hours, &turnout.nation, scene.published.sequenced_ms);
    let now = points.last();
    let (total, remote) = now.map_or((0, 0), |now| (now.total(), now.remote));
    html! {
        section aria-labelledby="turnout" {
            h2 #turnout { (scene.t(words::TURNOUT)) }
            p.big {
                strong { (lang.share(total, turnout.roll)) } " "
                span { (lang.number(total)) " / " (lang.number(turnout.roll)) }
            }
            p {
                (scene.t(words::IDENTIFIED)) ": " (lang.number(total)) ", " (scene.t(words::REMOTELY)) ": "
                (lang.number(remote)) ". " (scene.t(words::ON_ROLL)) ": " (lang.number(turnout.roll)) ". "
                (scene.t(words::COVERAGE)) ": " (scene.t(words::OPENED_UNITS)) " " (lang.coverage(opened(scene))) "."
            }
            (chart::turnout(scene, &points, turnout.roll, "chart"))
            p.aside { (scene.t(words::TURNOUT_NOTE)) }
        }
    }
}

fn of_units(scene: &Scene, counts: impl Fn(UnitStatus) -> bool) -> Coverage {
    let units = &scene.view().units;
    let n = units.iter().filter(|unit| counts(unit.status)).count();
    // Bounded by the definition's units.
    Coverage { n: u32::try_from(n).unwrap_or(u32::MAX), of: u32::try_from(units.len()).unwrap_or(u32::MAX) }
}

pub(super) fn opened(scene: &Scene) -> Coverage {
    of_units(scene, |status| status != UnitStatus::NotOpened)
}

/// How much of the day is in, as four rows.
pub(super) fn coverage(scene: &Scene) -> Markup {
    let results = &scene.view().results;
    let rows = [
        (words::OPENED_UNITS, opened(scene)),
        (words::CLOSED_UNITS, of_units(scene, |status| status == UnitStatus::Closed)),
        (words::MACHINE_PROTOCOLS, results.machine_protocols),
        (words::HAND_PROTOCOLS, results.hand_protocols),
    ];
    let lang = scene.lang;
    html! {
        section aria-labelledby="coverage" {
            h2 #coverage { (scene.t(words::COVERAGE)) }
            table {
                tbody {
                    @for (word, coverage) in rows {
                        tr {
                            th scope="row" { (scene.t(word)) }
                            td.n { (lang.coverage(coverage)) }
                            td.n { (lang.share(coverage.n.into(), coverage.of.into())) }
                        }
                    }
                }
            }
            @if !results.blocked.is_empty() {
                p.flag {
                    (scene.t(words::BLOCKED)) ": "
                    @for unit in &results.blocked {
                        a href=(scene.link(&format!("stations/{}", unit.station))) { (unit.station) "/" (unit.unit) } " "
                    }
                }
            }
        }
    }
}

fn seats(scene: &Scene) -> Markup {
    let results = &scene.view().results;
    let filled = results.constituencies.iter().filter(|row| matches!(row.seats, Seats::Filled { .. })).count();
    let complete = Coverage {
        n: u32::try_from(filled).unwrap_or(u32::MAX),
        of: u32::try_from(results.constituencies.len()).unwrap_or(u32::MAX),
    };
    html! {
        section aria-labelledby="results" {
            h2 #results { (scene.t(words::RESULTS)) }
            (preliminary(scene))
            p {
                a href=(scene.link("results")) { (scene.t(words::ELECTED_LIST)) } ": "
                (scene.t(words::CONSTITUENCIES)) " " (scene.lang.coverage(complete)) "."
            }
        }
    }
}

/// Whether the hand count is complete, in a sentence.
pub(super) fn preliminary(scene: &Scene) -> Markup {
    let rows = &scene.view().results.constituencies;
    let complete = !rows.is_empty() && rows.iter().all(|row| row.hand.is_complete());
    html! {
        @if complete { p.note { (scene.t(words::HAND_COMPLETE)) } }
        @else { p.note.preliminary { (scene.t(words::PRELIMINARY)) } }
    }
}

fn nodes(scene: &Scene) -> Markup {
    let (lang, status) = (scene.lang, scene.site.core.status());
    html! {
        section aria-labelledby="nodes" {
            h2 #nodes { (scene.t(words::NODES)) }
            p.aside { (scene.t(words::NODES_NOTE)) }
            div.wide tabindex="0" role="region" aria-labelledby="nodes" {
                table {
                    thead {
                        tr {
                            th scope="col" { (scene.t(words::NODE)) }
                            th scope="col" { (scene.t(words::ORGANISATION)) }
                            th.n scope="col" { (scene.column(words::ENTRIES)) }
                            th.n scope="col" { (scene.column(words::HEARD)) }
                        }
                    }
                    tbody {
                        @for node in &status.nodes {
                            @let own = node.id == status.node;
                            tr {
                                th scope="row" { (node.id) }
                                td { (node.organisation) }
                                td.n {
                                    @match if own { Some(status.applied_size) } else { node.applied_size } {
                                        Some(size) => (lang.number(size)),
                                        None => "–",
                                    }
                                }
                                td.n {
                                    @match (own, node.heard_ms) {
                                        (true, _) => (scene.t(words::THIS_NODE)),
                                        (false, Some(ms)) => { (lang.number(ms / 1_000)) " " (scene.t(words::SECONDS_AGO)) },
                                        (false, None) => (scene.t(words::NOT_HEARD)),
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
