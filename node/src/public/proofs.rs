//! Proofs in both trees, and receipts.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};
use serde_json::{Value, json};
use tamga_ledger::receipt::Receipt;
use tamga_ledger::store::{Store, StoredTree};
use tamga_ledger::tree::{
    Blake3Tree, Hash, InclusionProof, LeafIndex, ProveError, Roots, Sha256Tree, TreeHead, TreeSize, prove_consistency,
    prove_inclusion, root_at,
};

use super::problem::{self, Problem};
use super::shelf::{Hashes, NoHash, Shelf};
use super::{Site, SiteState, number, parameters, tiles};
use crate::core::Core;

/// `GET /api/v1/proofs/inclusion?leaf=&size=`; without `size` against the latest published checkpoint.
pub(super) async fn inclusion(State(site): SiteState, uri: Uri) -> Result<Response, Problem> {
    let asked = inclusion_asked(&site, &uri)?;
    let named = asked.named;
    let proof = with_hashes(&site, move |tiles| inclusion_json(tiles, &asked)).await?;
    Ok(cached(proof, named))
}

/// The same at once: JSON, and how long it may be kept. None if a tile is not in memory, or anything is wrong.
pub(super) fn quick_inclusion(site: &Site, uri: &Uri) -> Option<(Vec<u8>, &'static str)> {
    let asked = inclusion_asked(site, uri).ok()?;
    let tiles = Tiles { shelf: &site.shelf, store: None, published: asked.published.size };
    let proof = inclusion_json(&tiles, &asked).ok()?;
    let mut json = Vec::with_capacity(ANSWER_BYTES);
    serde_json::to_writer(&mut json, &proof).ok()?;
    Some((json, cache_of(asked.named)))
}

/// Two paths of 23 hashes, at eight million entries, with room.
const ANSWER_BYTES: usize = 4 << 10;

/// What is asked for.
struct Asked {
    leaf: LeafIndex,
    size: TreeSize,
    /// Whether the caller named the size.
    named: bool,
    /// What is published now.
    published: TreeHead,
}

fn inclusion_asked(site: &Site, uri: &Uri) -> Result<Asked, Problem> {
    let given = parameters(uri, &["leaf", "size"])?;
    let head = site.published()?.checkpoint.head();
    let published = head.size;
    let size = match given.get("size") {
        Some(text) => problem::size(number("size", text)?, published)?,
        None => published,
    };
    let leaf = given.get("leaf").ok_or_else(|| Problem::bad_parameter("the parameter leaf is missing".to_owned()))?;
    let leaf = problem::leaf(number("leaf", leaf)?, published)?;
    if leaf.within(size).is_err() {
        return Err(Problem::bad_parameter(format!("leaf {leaf} is not among the first {size} entries")));
    }
    Ok(Asked { leaf, size, named: given.contains_key("size"), published: head })
}

/// Written field by field: a value in between would be a text of its own for each of some fifty hashes.
#[derive(Serialize)]
struct Inclusion {
    blake3: Side<Blake3Tree>,
    leaf: LeafIndex,
    sha256: Side<Sha256Tree>,
    size: TreeSize,
}

struct Side<H> {
    proof: InclusionProof<H>,
    root: Hash,
}

impl<H> Serialize for Side<H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut side = serializer.serialize_struct("Side", 2)?;
        side.serialize_field("path", self.proof.path())?;
        side.serialize_field("root", &self.root)?;
        side.end()
    }
}

fn inclusion_json(tiles: &Tiles<'_>, asked: &Asked) -> Result<Inclusion, NoHash> {
    fn side<H: StoredTree>(tiles: &Tiles<'_>, asked: &Asked, published: Hash) -> Result<Side<H>, NoHash> {
        let mut hashes = tiles.of::<H>(asked.size);
        let proof = prove_inclusion::<H, _>(&mut hashes, asked.leaf, asked.size).map_err(no_proof)?;
        // Most ask for the published size, whose root a quorum has signed.
        let root = match asked.size == asked.published.size {
            true => published,
            false => root_at::<H, _>(&mut hashes, asked.size)?,
        };
        Ok(Side { proof, root })
    }
    let Roots { sha256, blake3 } = asked.published.roots;
    Ok(Inclusion {
        blake3: side::<Blake3Tree>(tiles, asked, blake3)?,
        leaf: asked.leaf,
        sha256: side::<Sha256Tree>(tiles, asked, sha256)?,
        size: asked.size,
    })
}

/// Where a proof's hashes come from.
struct Tiles<'a> {
    shelf: &'a Shelf,
    store: Option<&'a Store>,
    published: TreeSize,
}

impl Tiles<'_> {
    fn of<H: StoredTree>(&self, size: TreeSize) -> Hashes<'_, H> {
        self.shelf.hashes(self.store, size, self.published)
    }
}

/// A proof out of memory at once, or, if a tile is not there, where reading may block.
async fn with_hashes<T: Send + 'static>(
    site: &Site,
    prove: impl Fn(&Tiles<'_>) -> Result<T, NoHash> + Send + 'static,
) -> Result<T, Problem> {
    let published = site.published_size()?;
    let proof = match prove(&Tiles { shelf: &site.shelf, store: None, published }) {
        Err(NoHash::NotKept) => {
            let shelf = Arc::clone(&site.shelf);
            let work = move |core: &Core| prove(&Tiles { shelf: &shelf, store: Some(core.store()), published });
            site.read(work).await
        }
        proof => proof,
    };
    proof.map_err(|error| match error {
        NoHash::Store(error) => Problem::internal(&error),
        // With a store nothing is only kept.
        NoHash::NotKept => Problem::internal(&"a tile was neither in memory nor read"),
    })
}

fn no_proof(error: ProveError<NoHash>) -> NoHash {
    match error {
        ProveError::Impossible(error) => NoHash::Store(error.into()),
        ProveError::Read(error) => error,
    }
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
    let proof = with_hashes(&site, move |tiles| consistency_json(tiles, from, to)).await?;
    Ok(cached(proof, given.contains_key("to")))
}

fn consistency_json(tiles: &Tiles<'_>, from: TreeSize, to: TreeSize) -> Result<Value, NoHash> {
    fn side<H: StoredTree>(tiles: &Tiles<'_>, from: TreeSize, to: TreeSize) -> Result<Value, NoHash> {
        // All of the smaller tree's complete subtrees are in the larger one.
        let mut hashes = tiles.of::<H>(to);
        let proof = prove_consistency::<H, _>(&mut hashes, from, to).map_err(no_proof)?;
        let (old, new) = (root_at::<H, _>(&mut hashes, from)?, root_at::<H, _>(&mut hashes, to)?);
        Ok(json!({ "from_root": old, "to_root": new, "path": proof.path() }))
    }
    Ok(json!({
        "from": from,
        "to": to,
        "sha256": side::<Sha256Tree>(tiles, from, to)?,
        "blake3": side::<Blake3Tree>(tiles, from, to)?,
    }))
}

/// A proof between named sizes never changes; one against the latest checkpoint does.
fn cached(proof: impl Serialize, named: bool) -> Response {
    ([(header::CACHE_CONTROL, cache_of(named))], Json(proof)).into_response()
}

/// A proof between sizes that its address names never changes.
const fn cache_of(named: bool) -> &'static str {
    if named { tiles::IMMUTABLE } else { "no-cache" }
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
