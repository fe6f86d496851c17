//! The latest published checkpoint as its signed note and as JSON, and the genesis entry.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};
use serde::Serialize;
use tamga_ledger::tree::{Hash, LeafIndex};

use super::SiteState;
use super::edge;
use super::problem::Problem;
use crate::core::{Cosigner, Published};
use tamga_platform::calendar::iso_utc;

/// A checkpoint's identity, as it stands beside every figure.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Source {
    origin: String,
    size: u64,
    sha256: Hash,
    blake3: Hash,
    sequenced: String,
    sequenced_ms: u64,
    published_ms: u64,
}

impl Source {
    pub(super) fn of(published: &Published) -> Self {
        let checkpoint = &published.checkpoint;
        Self {
            origin: checkpoint.origin.to_string(),
            size: checkpoint.size.get(),
            sha256: checkpoint.roots.sha256,
            blake3: checkpoint.roots.blake3,
            sequenced: iso_utc(published.sequenced_ms),
            sequenced_ms: published.sequenced_ms,
            published_ms: published.published_ms,
        }
    }
}

#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    source: Source,
    /// Since this node published it, by its own clock.
    age_ms: u64,
    /// In words: up to which sequenced time everything is confirmed, and by how many organisations.
    confirmed: String,
    /// Number of the trust policy's epoch; 0 is the genesis record's.
    policy_epoch: usize,
    /// Organisations that cosigned.
    organisations: Vec<String>,
    /// Organisations there are.
    organisations_total: usize,
    cosigners: Vec<Cosigner>,
    note: String,
}

/// `GET /checkpoint`.
pub(super) async fn note(State(site): SiteState, headers: HeaderMap) -> Result<Response, Problem> {
    let published = site.published()?;
    let answer = || ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], published.note.clone()).into_response();
    // Later cosignatures change the note, not its size.
    Ok(edge::conditional(&headers, edge::tag_of(published.note.as_bytes()), "no-cache", answer))
}

/// `GET /api/v1/checkpoint`.
pub(super) async fn summary(State(site): SiteState) -> Result<Response, Problem> {
    let published = site.published()?;
    let trust = site.core.trust_now();
    let of = trust.policy_at(published.checkpoint.size).organisations().len();
    let until = iso_utc(published.sequenced_ms);
    let confirmed = format!(
        "confirmed to {} UTC by {} of {of} organisations",
        until.get(11..16).unwrap_or_default(),
        published.organisations.len()
    );
    let summary = Summary {
        confirmed,
        policy_epoch: trust.epoch_at(published.checkpoint.size),
        source: Source::of(&published),
        age_ms: site.clock.now_ms().saturating_sub(published.published_ms),
        organisations: published.organisations.clone(),
        organisations_total: of,
        cosigners: published.cosigners.clone(),
        note: published.note.clone(),
    };
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(summary)).into_response())
}

/// `GET /api/v1/genesis`: entry 0 as it stands in the ledger.
pub(super) async fn genesis(State(site): SiteState) -> Result<Response, Problem> {
    if site.published_size()?.is_empty() {
        return Err(Problem::nothing_published());
    }
    let entry =
        site.read(|core| core.store().entry(LeafIndex::ZERO)).await.map_err(|error| Problem::internal(&error))?;
    let headers = [(header::CONTENT_TYPE, "application/cbor"), (header::CACHE_CONTROL, super::tiles::IMMUTABLE)];
    Ok((headers, entry).into_response())
}
