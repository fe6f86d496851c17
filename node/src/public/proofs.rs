//! Proofs in both trees, and receipts.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde_json::{Value, json};
use tamga_ledger::receipt::Receipt;
use tamga_ledger::store::{Store, StoreError, StoredTree};
use tamga_ledger::tree::{Blake3Tree, Hash, LeafIndex, Sha256Tree, TreeSize};

use super::problem::{self, Problem};
use super::{SiteState, number, parameters, tiles};

/// `GET /api/v1/proofs/inclusion?leaf=&size=`; without `size` against the latest published checkpoint.
pub(super) async fn inclusion(State(site): SiteState, uri: Uri) -> Result<Response, Problem> {
    let given = parameters(&uri, &["leaf", "size"])?;
    let published = site.published_size()?;
    let size = match given.get("size") {
        Some(text) => problem::size(number("size", text)?, published)?,
        None => published,
    };
    let leaf = given.get("leaf").ok_or_else(|| Problem::bad_parameter("the parameter leaf is missing".to_owned()))?;
    let leaf = problem::leaf(number("leaf", leaf)?, published)?;
    if leaf.within(size).is_err() {
        return Err(Problem::bad_parameter(format!("leaf {leaf} is not among the first {size} entries")));
    }
    let proof = site.read(move |core| inclusion_json(core.store(), leaf, size)).await;
    Ok(cached(proof.map_err(|error| Problem::internal(&error))?, given.contains_key("size")))
}

fn inclusion_json(store: &Store, leaf: LeafIndex, size: TreeSize) -> Result<Value, StoreError> {
    fn path<H: StoredTree>(store: &Store, leaf: LeafIndex, size: TreeSize) -> Result<Vec<Hash>, StoreError> {
        Ok(store.inclusion_proof::<H>(leaf, size)?.path().to_vec())
    }
    let roots = store.roots_at(size)?;
    Ok(json!({
        "leaf": leaf,
        "size": size,
        "sha256": { "root": roots.sha256, "path": path::<Sha256Tree>(store, leaf, size)? },
        "blake3": { "root": roots.blake3, "path": path::<Blake3Tree>(store, leaf, size)? },
    }))
}

/// `GET /api/v1/proofs/consistency?from=&to=`; without `to` against the latest published checkpoint.
pub(super) async fn consistency(State(site): SiteState, uri: Uri) -> Result<Response, Problem> {
    let given = parameters(&uri, &["from", "to"])?;
    let published = site.published_size()?;
    let to = match given.get("to") {
        Some(text) => problem::size(number("to", text)?, published)?,
        None => published,
    };
    let from = given.get("from").ok_or_else(|| Problem::bad_parameter("the parameter from is missing".to_owned()))?;
    let from = problem::size(number("from", from)?, published)?;
    if from > to || from.is_empty() {
        return Err(Problem::bad_parameter(format!("from is a size from 1 to {to}, not {from}")));
    }
    let proof = site.read(move |core| consistency_json(core.store(), from, to)).await;
    Ok(cached(proof.map_err(|error| Problem::internal(&error))?, given.contains_key("to")))
}

fn consistency_json(store: &Store, from: TreeSize, to: TreeSize) -> Result<Value, StoreError> {
    fn path<H: StoredTree>(store: &Store, from: TreeSize, to: TreeSize) -> Result<Vec<Hash>, StoreError> {
        Ok(store.consistency_proof::<H>(from, to)?.path().to_vec())
    }
    let (old, new) = (store.roots_at(from)?, store.roots_at(to)?);
    Ok(json!({
        "from": from,
        "to": to,
        "sha256": { "from_root": old.sha256, "to_root": new.sha256, "path": path::<Sha256Tree>(store, from, to)? },
        "blake3": { "from_root": old.blake3, "to_root": new.blake3, "path": path::<Blake3Tree>(store, from, to)? },
    }))
}

/// A proof between named sizes never changes; one against the latest checkpoint does.
fn cached(proof: Value, named: bool) -> Response {
    let cache = if named { tiles::IMMUTABLE } else { "no-cache" };
    ([(header::CACHE_CONTROL, cache)], Json(proof)).into_response()
}

/// `GET /api/v1/receipts/{leaf}`: canonical bytes, or JSON on request.
pub(super) async fn receipt(
    State(site): SiteState,
    Path(leaf): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let given = parameters(&uri, &["format", "wait_ms"])?;
    let index = number("the leaf index", &leaf)?;
    let leaf = LeafIndex::new(index).map_err(|error| Problem::bad_parameter(error.to_string()))?;
    let wait_ms = given.get("wait_ms").map_or(Ok(0), |text| number("wait_ms", text))?;
    let wait_ms = wait_ms.min(u64::from(site.limits.wait_ms_max));
    let receipt = site.core.receipt(leaf, Duration::from_millis(wait_ms)).await;
    let receipt = receipt.map_err(|error| Problem::receipt(&error))?;
    let wants_json = match given.get("format").map(String::as_str) {
        Some("json") => true,
        Some("cbor") => false,
        Some(_) => return Err(Problem::bad_parameter("format is json or cbor".to_owned())),
        None => accepts_json(&headers),
    };
    let no_cache = (header::CACHE_CONTROL, "no-cache");
    if wants_json {
        return Ok(([no_cache], Json(receipt_json(&receipt))).into_response());
    }
    Ok(([(header::CONTENT_TYPE, "application/cbor"), no_cache], receipt.to_bytes()).into_response())
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).map(HeaderValue::as_bytes);
    accept.is_some_and(|accept| accept.starts_with(b"application/json"))
}

fn receipt_json(receipt: &Receipt) -> Value {
    json!({
        "leaf": receipt.leaf,
        "entry": BASE64.encode(&receipt.entry),
        "sha256": receipt.proof.sha256.path(),
        "blake3": receipt.proof.blake3.path(),
        "checkpoint": receipt.checkpoint,
        "cbor": BASE64.encode(receipt.to_bytes()),
    })
}
