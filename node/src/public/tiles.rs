//! Tiles of both trees, entry bundles and bundles of confidential bodies (C2SP tlog-tiles).
//!
//! Full tiles never change and may be cached for ever. Of a partial tile the asked width is served as long as it lies
//! within the published checkpoint, also after the tile has become full.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header;
use tamga_ledger::kinds::ConfidentialClass;
use tamga_ledger::store::{Confidential, Store, StoreError, StoredTree};
use tamga_ledger::tree::{Blake3Tree, LeafIndex, Sha256Tree, TILE_WIDTH, TileKind, TilePath, TileWidth, TreeSize};

use super::problem::Problem;
use super::{Site, SiteState};

/// For what never changes.
pub(super) const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For partial tiles: right for ever, but soon nobody asks for them.
const PARTIAL: &str = "public, max-age=3600";

/// `GET /tile/{*path}`.
pub(super) async fn sha256(State(site): SiteState, Path(path): Path<String>) -> Result<Response, Problem> {
    let published = site.published_size()?;
    if let Some(rest) = path.strip_prefix("confidential/") {
        let tile = parse(&format!("entries/{rest}"), published)?;
        if !site.core.confidential_is_public() {
            return Err(Problem::confidential());
        }
        let bundle = site.read(move |core| confidential_bundle(core.store(), &tile)).await;
        return answer(&tile, bundle.map(Bytes::from), published);
    }
    let tile = parse(&path, published)?;
    match tile.kind() {
        TileKind::Hashes(_) => hashes::<Sha256Tree>(&site, &tile, published).await,
        TileKind::Entries => {
            let bytes = match site.shelf.kept_bundle(&tile) {
                Some(bundle) => Ok(bundle),
                None => {
                    let shelf = Arc::clone(&site.shelf);
                    site.read(move |core| shelf.bundle(core.store(), &tile)).await
                }
            };
            answer(&tile, bytes, published)
        }
    }
}

/// A hash tile: out of memory, or from where reading may block.
async fn hashes<H: StoredTree>(site: &Site, tile: &TilePath, published: TreeSize) -> Result<Response, Problem> {
    let (shelf, path) = (Arc::clone(&site.shelf), *tile);
    let found = match shelf.kept::<H>(tile) {
        Some(kept) => Ok(kept),
        None => site.read(move |core| shelf.tile::<H>(core.store(), &path, published)).await,
    };
    answer(tile, found.map(|tile| tile.bytes.clone()), published)
}

/// `GET /blake3/tile/{*path}`.
pub(super) async fn blake3(State(site): SiteState, Path(path): Path<String>) -> Result<Response, Problem> {
    let published = site.published_size()?;
    let tile = parse(&path, published)?;
    if tile.kind() == TileKind::Entries {
        let detail = format!("Both trees stand over the same entries: they are at /{tile}.");
        return Err(Problem::bad_tile_path(detail));
    }
    hashes::<Blake3Tree>(&site, &tile, published).await
}

/// A tile that lies within the published checkpoint.
pub(super) fn parse(path: &str, published: TreeSize) -> Result<TilePath, Problem> {
    let tile: TilePath = format!("tile/{path}")
        .parse()
        .map_err(|error: tamga_ledger::tree::TileError| Problem::bad_tile_path(error.to_string()))?;
    let widest = TilePath::in_tree(tile.kind(), tile.index(), published);
    match widest {
        Some(widest) if tile.width().count() <= widest.width().count() => Ok(tile),
        _ => Err(Problem::no_such_tile(&tile, published)),
    }
}

fn answer(tile: &TilePath, bytes: Result<Bytes, StoreError>, published: TreeSize) -> Result<Response, Problem> {
    let bytes = bytes.map_err(|error| match error {
        StoreError::NoSuchTile { .. } | StoreError::NoSuchLeaf { .. } => Problem::no_such_tile(tile, published),
        other => Problem::internal(&other),
    })?;
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, cache_of(tile))];
    Ok((headers, bytes).into_response())
}

/// How long a tile may be kept.
pub(super) fn cache_of(tile: &TilePath) -> &'static str {
    if tile.width() == TileWidth::Full { IMMUTABLE } else { PARTIAL }
}

/// The class V bodies beside the entries of a bundle, each behind its length; length 0 where there is none.
fn confidential_bundle(store: &Store, tile: &TilePath) -> Result<Vec<u8>, StoreError> {
    let first = tile.index() * TILE_WIDTH;
    let mut bundle = Vec::new();
    for index in first..first + tile.width().count() as u64 {
        let leaf = LeafIndex::new(index).map_err(|_| StoreError::NoSuchLeaf { leaf: index, size: store.size() })?;
        let body = public_body(store, leaf)?;
        // A class V body has at most 16 KiB.
        let length = u16::try_from(body.len()).unwrap_or(0);
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(&body[..usize::from(length)]);
    }
    Ok(bundle)
}

/// The confidential body of an entry if its class is one that the Voting seal makes public; else nothing.
pub(super) fn public_body(store: &Store, leaf: LeafIndex) -> Result<Vec<u8>, StoreError> {
    match store.confidential(leaf)? {
        Confidential::Kept { class, body } if class == ConfidentialClass::UntilVotingSeal as u8 => Ok(body),
        Confidential::Kept { .. } | Confidential::Erased { .. } | Confidential::None => Ok(Vec::new()),
    }
}
