//! The election's definition and lists of records, page by page: everything that a page of the site shows, for programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Uri, header};
use serde_json::{Value, json};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{Constituency, CustodyEvent, Kind, Phase, ProtocolBasis, Stage, Station};
use tamga_ledger::tally::{ConstituencyResult, Contest, Margin, Seats, shares};

use super::checkpoint::Source;
use super::chronicle::{self, Line, Lists};
use super::edge;
use super::problem::Problem;
use super::{Site, SiteState, number, parameters};
use crate::core::Published;
use tamga_platform::calendar::iso_utc;

/// Elements of a page if the caller does not say, and at most.
const PAGE_DEFAULT: u64 = 50;
const PAGE_MAX: u64 = 200;

/// Where a page begins, and how many elements it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) from: u64,
    pub(super) limit: usize,
}

/// `from` and `limit` of a query, with the parameters that a list has besides.
pub(super) fn range(uri: &Uri, besides: &[&str]) -> Result<(Range, BTreeMap<String, String>), Problem> {
    let known: Vec<&str> = ["from", "limit"].iter().chain(besides).copied().collect();
    let given = parameters(uri, &known)?;
    let from = given.get("from").map_or(Ok(0), |text| number("from", text))?;
    let limit = given.get("limit").map_or(Ok(PAGE_DEFAULT), |text| number("limit", text))?;
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_parameter(format!("limit is a number from 1 to {PAGE_MAX}, not {limit}")));
    }
    // At most 200.
    Ok((Range { from, limit: limit as usize }, given))
}

/// A number that names a constituency, station or kind; what is too large names none.
fn small(name: &str, text: &str) -> Result<u32, Problem> {
    Ok(u32::try_from(number(name, text)?).unwrap_or(u32::MAX))
}

/// An answer that is a function of the published checkpoint.
pub(super) fn figures(headers: &HeaderMap, published: &Published, what: &str, answer: Value) -> Response {
    let tag = format!("W/\"{what}-{}\"", published.checkpoint.size);
    edge::conditional(headers, tag, "no-cache", || Json(answer).into_response())
}

/// Lists grow behind the checkpoint, so that their own size belongs into their tag.
fn listed(headers: &HeaderMap, published: &Published, what: &str, covered: u64, answer: Value) -> Response {
    let tag = format!("W/\"{what}-{}-{covered}\"", published.checkpoint.size);
    edge::conditional(headers, tag, "no-cache", || Json(answer).into_response())
}

/// `GET /api/v1/election`.
pub(super) async fn election(State(site): SiteState, headers: HeaderMap) -> Result<Response, Problem> {
    let published = site.published()?;
    let trust = site.core.trust();
    let election = trust.election();
    let organisations: Vec<Value> = election
        .organisations
        .iter()
        .map(|one| json!({ "name": one.name, "title": one.title, "nodes": one.nodes.len() }))
        .collect();
    let answer = json!({
        "checkpoint": Source::of(&published),
        "election_id": trust.election_id(),
        "real": election.real == 1,
        "title": election.title,
        "origin": trust.origin().to_string(),
        "decree": election.decree,
        "rules_version": election.rules_version,
        "official_hours": election.official_hours,
        "embargo": iso_utc(election.embargo_ms),
        "embargo_ms": election.embargo_ms,
        "cell_papers_min": election.cell_papers_min,
        "member_quorum": election.member_quorum,
        "organisations": organisations,
        "trust_policy": election.trust_policy,
    });
    Ok(figures(&headers, &published, "election", answer))
}

/// `GET /api/v1/constituencies?from=&limit=`.
pub(super) async fn constituencies(State(site): SiteState, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let (range, _) = range(&uri, &[])?;
    let published = site.published()?;
    let definition = Arc::clone(site.chronicle.now().definition());
    let mut rest = definition.constituencies().iter().filter(|one| u64::from(one.number) >= range.from);
    let items: Vec<&Constituency> = rest.by_ref().take(range.limit).collect();
    let answer = json!({
        "checkpoint": Source::of(&published),
        "items": items,
        "next": rest.next().map(|one| one.number),
    });
    Ok(listed(&headers, &published, "constituencies", definition.constituencies().len() as u64, answer))
}

/// `GET /api/v1/constituencies/{number}`.
pub(super) async fn constituency(
    State(site): SiteState,
    Path(wanted): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wanted = small("the constituency", &wanted)?;
    let published = site.published()?;
    let definition = Arc::clone(site.chronicle.now().definition());
    let found = definition.constituency(wanted).ok_or_else(|| Problem::no_such_constituency(wanted))?;
    let view = &published.view;
    let result = view.results.constituencies.iter().find(|row| row.constituency == wanted);
    let stations = definition.stations().values().filter(|station| station.constituency == wanted);
    let answer = json!({
        "checkpoint": Source::of(&published),
        "constituency": found,
        "turnout": view.turnout.constituencies.iter().find(|row| row.constituency == wanted),
        "result": result,
        "hand_shares": result.map(|row| shares(&row.valid())),
        "machine_shares": result.map(|row| shares(&row.valid_of(&row.machine))),
        "margins": result.map_or_else(Vec::new, |row| margins(&definition, found, row)),
        "stations": stations.map(|station| station.number).collect::<Vec<_>>(),
    });
    Ok(figures(&headers, &published, &format!("constituency-{wanted}"), answer))
}

/// Votes for margins only where the result itself stands: every unit's counts are in and no lot is waited for.
pub(super) fn margins(definition: &Definition, constituency: &Constituency, row: &ConstituencyResult) -> Vec<Margin> {
    if !matches!(row.seats, Seats::Filled { .. }) {
        return Vec::new();
    }
    let contest = Contest {
        candidates: &constituency.candidates,
        counts: &row.ranked(),
        seats: constituency.seats,
        same_sex_max: definition.seat_rule().map_or(0, |rule| rule.same_sex_max),
    };
    contest.margins().unwrap_or_default()
}

/// `GET /api/v1/stations?constituency=&from=&limit=`.
pub(super) async fn stations(State(site): SiteState, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let (range, given) = range(&uri, &["constituency"])?;
    let only = given.get("constituency").map(|text| small("constituency", text)).transpose()?;
    let published = site.published()?;
    let definition = Arc::clone(site.chronicle.now().definition());
    let from = u32::try_from(range.from).unwrap_or(u32::MAX);
    let belongs = |station: &&Station| only.is_none_or(|only| station.constituency == only);
    let mut rest = definition.stations().range(from..).map(|(_, station)| station).filter(belongs);
    let items: Vec<&Station> = rest.by_ref().take(range.limit).collect();
    let answer = json!({
        "checkpoint": Source::of(&published),
        "items": items,
        "next": rest.next().map(|station| station.number),
    });
    Ok(listed(&headers, &published, "stations", definition.stations().len() as u64, answer))
}

/// `GET /api/v1/stations/{number}`: what the definition says of it, and its units.
pub(super) async fn station(
    State(site): SiteState,
    Path(wanted): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wanted = small("the station", &wanted)?;
    let published = site.published()?;
    let definition = Arc::clone(site.chronicle.now().definition());
    let station = definition.station(wanted).ok_or_else(|| Problem::no_such_station(wanted.into()))?;
    let units: Vec<_> = published.view.units.iter().filter(|unit| unit.unit.station == wanted).collect();
    let answer = json!({ "checkpoint": Source::of(&published), "station": station, "units": units });
    Ok(figures(&headers, &published, &format!("station-{wanted}"), answer))
}

/// `GET /api/v1/stations/{number}/records?from=&limit=`: phases, batches, openings, protocols, in order.
pub(super) async fn station_records(
    State(site): SiteState,
    Path(wanted): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wanted = small("the station", &wanted)?;
    let (range, _) = range(&uri, &[])?;
    if site.chronicle.now().definition().station(wanted).is_none() {
        return Err(Problem::no_such_station(wanted.into()));
    }
    list(&site, &headers, &format!("station-records-{wanted}"), range, |lists| lists.station(wanted))
}

/// `GET /api/v1/records?kind=&from=&limit=`.
pub(super) async fn records(State(site): SiteState, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let (range, given) = range(&uri, &["kind"])?;
    let name = given.get("kind").ok_or_else(|| Problem::bad_parameter("the parameter kind is missing".to_owned()))?;
    let kind = kind_by_name(name)?;
    list(&site, &headers, &format!("records-{}", kind as u16), range, |lists| lists.kind(kind as u16))
}

fn kind_by_name(name: &str) -> Result<Kind, Problem> {
    let listed = Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Identification | Kind::RollChunk));
    let names: Vec<(String, Kind)> = listed.filter_map(|kind| Some((kind_name(kind)?, kind))).collect();
    names.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind).ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        Problem::bad_parameter(format!("kind is one of {}", known.join(", ")))
    })
}

fn kind_name(kind: Kind) -> Option<String> {
    Some(serde_json::to_value(kind).ok()?.as_str()?.to_owned())
}

/// `GET /api/v1/irregularities?from=&limit=`: every entry with a flag, and every refused one.
pub(super) async fn irregularities(State(site): SiteState, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let (range, _) = range(&uri, &[])?;
    list(&site, &headers, "irregularities", range, Lists::irregular)
}

pub(super) fn list(
    site: &Site,
    headers: &HeaderMap,
    what: &str,
    range: Range,
    of: impl FnOnce(&Lists) -> &[Line],
) -> Result<Response, Problem> {
    let published = site.published()?;
    let lists = site.chronicle.now();
    let lines = of(&lists);
    let (here, next) = chronicle::page(lines, range.from, range.limit);
    let answer = json!({
        "checkpoint": Source::of(&published),
        // Lists are made in the background: this many entries have been looked at.
        "covered_size": lists.size(),
        "total": lines.len(),
        "left_out": lists.dropped(),
        "items": here.iter().map(line_json).collect::<Vec<_>>(),
        "next": next,
    });
    Ok(listed(headers, &published, what, lists.size(), answer))
}

/// One line of a list.
pub(super) fn line_json(line: &Line) -> Value {
    let detail = match Kind::from_number(line.kind) {
        Some(Kind::StationPhase) => json!(Phase::from_number(line.detail)),
        Some(Kind::Protocol) => json!(line.detail.checked_sub(1).and_then(ProtocolBasis::from_number)),
        Some(Kind::Seal) => json!(Stage::from_number(line.detail)),
        Some(Kind::Custody) => json!(CustodyEvent::from_number(line.detail)),
        _ => Value::Null,
    };
    json!({
        "leaf": line.leaf,
        "time": iso_utc(line.time_ms),
        "time_ms": line.time_ms,
        "kind": Kind::from_number(line.kind),
        "verdict": (["accepted", "accepted-with-flags"].get(usize::from(line.verdict))).unwrap_or(&"refused"),
        "what": detail,
        "station": (line.station > 0).then_some(line.station),
        "unit": (line.unit > 0).then_some(line.unit),
        "entry": format!("/api/v1/entries/{}", line.leaf),
    })
}

/// `GET /api/v1/nodes`: the nodes as this one sees them; its own word, covered by no checkpoint.
pub(super) async fn nodes(State(site): SiteState) -> Result<Response, Problem> {
    let status = site.core.status();
    // Addresses of peers' listeners are for peers.
    let nodes: Vec<Value> = status
        .nodes
        .iter()
        .map(|node| {
            json!({
                "id": node.id,
                "organisation": node.organisation,
                "decided": node.decided,
                "member": node.member,
                "software": node.software,
                "applied_size": if node.id == status.node { Some(status.applied_size) } else { node.applied_size },
                "heard_ms": if node.id == status.node { Some(0) } else { node.heard_ms },
            })
        })
        .collect();
    let answer = json!({
        "node": status.node,
        "published_size": status.published_size,
        "nodes": nodes,
    });
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(answer)).into_response())
}
