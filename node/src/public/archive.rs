//! The archive: every published checkpoint, by size and by time. "The ledger as of 20:15" is the last one published by then.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{Uri, header};
use serde::Serialize;
use tamga_ledger::store::ArchivedCheckpoint;
use tamga_ledger::tree::TreeSize;
use tamga_ledger::trust::Trust;

use super::problem::{self, Problem};
use super::{Site, SiteState, number, parameters};
use tamga_platform::calendar::{iso_utc, parse_utc};

/// Checkpoints of one page.
const PAGE_MAX: usize = 100;

#[derive(Debug, Serialize)]
struct Archived {
    size: u64,
    /// When this node published it, by its own clock; the cosignatures in the note carry their own times.
    published: String,
    published_ms: u64,
    /// Organisations that cosigned, under the policy in force there.
    organisations: Vec<String>,
    /// Organisations that policy counts.
    organisations_total: usize,
    /// Number of the trust policy's epoch; 0 is the genesis record's.
    policy_epoch: usize,
    note: String,
}

impl Archived {
    fn of(archived: ArchivedCheckpoint, trust: &Trust) -> Result<Self, Problem> {
        let verified = trust.verify_checkpoint(archived.note.as_bytes()).map_err(|error| Problem::internal(&error))?;
        Ok(Self {
            size: archived.size.get(),
            published: iso_utc(archived.time_ms),
            published_ms: archived.time_ms,
            organisations: verified.organisations().iter().map(ToString::to_string).collect(),
            organisations_total: trust.policy_at(archived.size).organisations().len(),
            policy_epoch: trust.epoch_at(archived.size),
            note: archived.note,
        })
    }
}

#[derive(Debug, Serialize)]
struct Page {
    checkpoints: Vec<Archived>,
    /// Where the next page begins; none after the last.
    next_from: Option<u64>,
}

/// `GET /api/v1/checkpoints?from=&limit=`: ascending by size, `limit` at most 100. `?at=TIME`: the last one published by then.
/// `?covering=SIZE`: the first one of at least that size.
pub(super) async fn list(State(site): SiteState, uri: Uri) -> Result<Response, Problem> {
    let given = parameters(&uri, &["from", "limit", "at", "covering"])?;
    let single = ["at", "covering"].into_iter().filter(|name| given.contains_key(*name)).count();
    if single > 1 || (single == 1 && given.len() > 1) {
        return Err(Problem::bad_parameter("at and covering stand alone".to_owned()));
    }
    let no_cache = [(header::CACHE_CONTROL, "no-cache")];
    if let Some(text) = given.get("at") {
        let at_ms = parse_utc(text).ok_or_else(|| {
            Problem::bad_parameter("at is a time like 2025-11-30T14:15:00Z, or milliseconds since 1970".to_owned())
        })?;
        let found = site.read(move |core| core.store().checkpoint_before_time(at_ms)).await;
        let found = found.map_err(|error| Problem::internal(&error))?;
        return Ok((no_cache, Json(published_only(&site, found)?)).into_response());
    }
    if let Some(text) = given.get("covering") {
        let size = problem::size(number("covering", text)?, site.published_size()?)?;
        let upto = end(site.published_size()?);
        let found = site.read(move |core| core.store().checkpoints(size..upto, 1)).await;
        let found = found.map_err(|error| Problem::internal(&error))?.into_iter().next();
        return Ok((no_cache, Json(published_only(&site, found)?)).into_response());
    }
    let from = given.get("from").map_or(Ok(0), |text| number("from", text))?;
    let limit = given.get("limit").map_or(Ok(PAGE_MAX as u64), |text| number("limit", text))?;
    if limit == 0 || limit > PAGE_MAX as u64 {
        return Err(Problem::bad_parameter(format!("limit is 1 to {PAGE_MAX}")));
    }
    let published = site.published_size()?;
    let Ok(from) = TreeSize::new(from) else { return Err(Problem::size_not_published(from, published)) };
    let (upto, limit) = (end(published), limit as usize);
    // One more than asked for says where the next page begins.
    let found = site.read(move |core| core.store().checkpoints(from..upto, limit + 1)).await;
    let mut found = found.map_err(|error| Problem::internal(&error))?;
    let next_from = found.get(limit).map(|next| next.size.get());
    found.truncate(limit);
    let trust = site.core.trust_now();
    let checkpoints = found.into_iter().map(|one| Archived::of(one, &trust)).collect::<Result<_, _>>()?;
    Ok((no_cache, Json(Page { checkpoints, next_from })).into_response())
}

/// `GET /checkpoints/{size}`: the signed note of the checkpoint of exactly that size. Late cosignatures may still be added.
pub(super) async fn note(State(site): SiteState, Path(size): Path<String>) -> Result<Response, Problem> {
    let size = problem::size(number("the size", &size)?, site.published_size()?)?;
    let found = site.read(move |core| core.store().checkpoint_at(size)).await;
    let found = found.map_err(|error| Problem::internal(&error))?.ok_or_else(|| Problem::no_such_checkpoint(size))?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, found.note).into_response())
}

/// `GET /history`: every published decision of the organisations with its proof, from the genesis record's policy to today's.
pub(super) async fn history(State(site): SiteState) -> Result<Response, Problem> {
    let history = site.read(crate::core::Core::history).await.map_err(|error| Problem::internal(&error))?;
    let headers = [(header::CONTENT_TYPE, "application/cbor"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, history.as_ref().clone()).into_response())
}

/// The size after which nothing is asked for.
fn end(size: TreeSize) -> TreeSize {
    TreeSize::new(size.get().saturating_add(1)).unwrap_or(size)
}

fn published_only(site: &Site, found: Option<ArchivedCheckpoint>) -> Result<Archived, Problem> {
    let published = site.published_size()?;
    let found = found.filter(|found| found.size <= published).ok_or_else(Problem::no_checkpoint_by_then)?;
    Archived::of(found, &site.core.trust_now())
}
