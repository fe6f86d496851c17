//! Turnout and results at the latest published checkpoint. Every answer says at which; how old it is follows from the
//! times in it.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use serde::Serialize;
use serde_json::json;
use tamga_ledger::state::HourCount;

use super::checkpoint::Source;
use super::edge;
use super::problem::Problem;
use super::{SiteState, number};
use crate::core::Published;
use crate::view::Turnout;

/// Identifications up to one official hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Cumulative<'a> {
    /// The hour's name; `after` for everything up to now.
    label: &'a str,
    /// When; nothing for `after`.
    at_ms: Option<u64>,
    local: u64,
    remote: u64,
    pub(super) total: u64,
}

/// `GET /api/v1/turnout`.
pub(super) async fn turnout(State(site): SiteState, headers: HeaderMap) -> Result<Response, Problem> {
    let published = site.published()?;
    let turnout = &published.view.turnout;
    let answer = json!({
        "checkpoint": Source::of(&published),
        "turnout": turnout,
        "nation_cumulative": cumulative(turnout),
        "counts": published.view.counts,
    });
    Ok(tagged(&headers, &published, "turnout", answer))
}

/// The nation's identifications, hour by hour, added up.
pub(super) fn cumulative(turnout: &Turnout) -> Vec<Cumulative<'_>> {
    let hours = turnout.hours.iter().map(|hour| (hour.label.as_str(), Some(hour.at_ms))).chain([("after", None)]);
    let (mut local, mut remote) = (0, 0);
    let row = |((label, at_ms), count): ((_, _), &HourCount)| {
        local += u64::from(count.local);
        remote += u64::from(count.remote);
        Cumulative { label, at_ms, local, remote, total: local + remote }
    };
    hours.zip(&turnout.nation).map(row).collect()
}

/// `GET /api/v1/results`.
pub(super) async fn results(State(site): SiteState, headers: HeaderMap) -> Result<Response, Problem> {
    let published = site.published()?;
    let results = &published.view.results;
    let hand_complete = results.constituencies.iter().all(|row| row.hand.is_complete());
    let answer = json!({
        "checkpoint": Source::of(&published),
        // Machine counts are always preliminary; the whole is as long as a hand count is missing.
        "preliminary": !hand_complete || results.constituencies.is_empty(),
        "results": results,
    });
    Ok(tagged(&headers, &published, "results", answer))
}

/// `GET /api/v1/units/{station}`: the units of one station.
pub(super) async fn units(
    State(site): SiteState,
    Path(station): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let station = number("the station", &station)?;
    let published = site.published()?;
    let units: Vec<_> = published.view.units.iter().filter(|unit| u64::from(unit.unit.station) == station).collect();
    if units.is_empty() {
        return Err(Problem::no_such_station(station));
    }
    let answer = json!({ "checkpoint": Source::of(&published), "units": units });
    Ok(tagged(&headers, &published, &format!("units-{station}"), answer))
}

/// The answer with the checkpoint's size as its tag, or "not modified".
fn tagged(headers: &HeaderMap, published: &Published, what: &str, answer: serde_json::Value) -> Response {
    // Figures are a function of the entries below a size: the size names them.
    let tag = format!("W/\"{what}-{}\"", published.checkpoint.size);
    edge::conditional(headers, tag, "no-cache", || Json(answer).into_response())
}
