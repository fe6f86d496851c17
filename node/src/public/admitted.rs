//! Who was admitted, for whoever knows a tag: after the Voting seal, in whole buckets, with proofs of presence and of absence.
//!
//! The Voting seal carries the root of the BLAKE3 tree over the roll leaves of all admitted voters, ascending. A reader who knows a
//! tag computes its roll leaf, finds the one bucket of 256 where it belongs out of the index of first leaves, and two neighbours
//! in the tree show that it is there, or that there is nothing in its place. The node sees a bucket being fetched that it gives to
//! hundreds of others, and never a tag. All of it is static: a mirror publishes the same files.
//!
//! | address | bytes |
//! |---|---|
//! | `/admitted/index` | first roll leaf of each bucket, 16 bytes each |
//! | `/admitted/leaves/N[.p/W]` | bucket N: roll leaf (16 bytes) and leaf index of the admission (8 bytes, big-endian) each |
//! | `/admitted/tile/L/N[.p/W]` | tiles of the tree, as C2SP tlog-tiles |
//!
//! The leaf indexes are not covered by the root; the entries themselves are what counts.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header;
use serde_json::json;
use tamga_ledger::ids::{Digest, RollLeaf};
use tamga_ledger::kinds::{Kind, Stage};
use tamga_ledger::tree::{
    Blake3Tree, Hash, TILE_WIDTH, TileBuilder, TileKind, TilePath, TileWidth, TreeHash as _, TreeSize,
};

use super::problem::Problem;
use super::tiles::IMMUTABLE;
use super::{Site, SiteState};

/// The list and its tree. About 24 bytes a voter, and 32 for every 256th.
#[derive(Debug)]
struct Buckets {
    rows: Vec<(RollLeaf, u64)>,
    /// Full tiles above the lowest level; those of the lowest are made of the rows when asked for.
    tiles: HashMap<TilePath, Vec<u8>>,
    edge: TileBuilder<Blake3Tree>,
    size: TreeSize,
}

impl Buckets {
    fn of(rows: Vec<(RollLeaf, u64)>) -> Option<Self> {
        let mut edge = TileBuilder::<Blake3Tree>::new();
        let mut tiles = HashMap::new();
        for (leaf, _) in &rows {
            let complete = edge.push(Blake3Tree::leaf(leaf.as_ref())).ok()?;
            let upper = complete.into_iter().filter(|tile| tile.path.kind() != TileKind::Hashes(0));
            tiles.extend(upper.map(|tile| (tile.path, tile.bytes)));
        }
        let size = edge.size();
        Some(Self { rows, tiles, edge, size })
    }

    /// The rows of one bucket; nothing beyond the end.
    fn rows(&self, path: &TilePath) -> Option<&[(RollLeaf, u64)]> {
        let first = usize::try_from(path.index().checked_mul(TILE_WIDTH)?).ok()?;
        self.rows.get(first..first.checked_add(path.width().count())?)
    }

    fn tile(&self, path: &TilePath) -> Option<Vec<u8>> {
        if path.kind() == TileKind::Hashes(0) {
            let hashes = self.rows(path)?.iter().map(|(leaf, _)| Blake3Tree::leaf(leaf.as_ref()));
            return Some(hashes.flat_map(|hash: Hash| hash.to_bytes()).collect());
        }
        match path.width() {
            TileWidth::Full => self.tiles.get(path).cloned(),
            TileWidth::Partial(_) => self.edge.partial(path),
        }
    }

    /// The bytes of one bucket.
    fn bucket(&self, path: &TilePath) -> Option<Vec<u8>> {
        let row = |(leaf, entry): &(RollLeaf, u64)| [leaf.as_ref(), &entry.to_be_bytes()[..]].concat();
        Some(self.rows(path)?.iter().flat_map(row).collect())
    }

    fn index(&self) -> Vec<u8> {
        self.rows.iter().step_by(TILE_WIDTH as usize).flat_map(|(leaf, _)| leaf.as_ref().to_vec()).collect()
    }
}

/// Made once, by the first reader after the seal: nobody is admitted afterwards, so it never changes.
#[derive(Debug, Default)]
pub(super) struct Admitted(OnceLock<Option<Buckets>>);

async fn buckets(site: &Arc<Site>) -> Result<Arc<Site>, Problem> {
    if !site.core.confidential_is_public() {
        return Err(Problem::confidential());
    }
    let own = Arc::clone(site);
    site.read(move |core| own.admitted.0.get_or_init(|| Buckets::of(core.admitted())).is_some())
        .await
        .then(|| Arc::clone(site))
        .ok_or_else(|| Problem::internal(&"the list of admitted voters does not fit a tree"))
}

impl Site {
    fn buckets(&self) -> Result<&Buckets, Problem> {
        self.admitted.0.get().and_then(Option::as_ref).ok_or_else(Problem::confidential)
    }
}

/// `GET /api/v1/admitted`: how many, the root, and the seal that carries it.
pub(super) async fn summary(State(site): SiteState) -> Result<Response, Problem> {
    let site = buckets(&site).await?;
    let found = site.buckets()?;
    let voting = |line: &&super::chronicle::Line| line.detail == Stage::Voting as u8 && line.verdict < 2;
    let seal = site.chronicle.now().kind(Kind::Seal as u16).iter().find(voting).map(|line| line.leaf);
    let answer = json!({
        "count": found.size,
        "buckets": found.rows.len().div_ceil(TILE_WIDTH as usize),
        "root": Digest(found.edge.root().to_bytes()),
        "seal": seal,
    });
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(answer)).into_response())
}

fn file(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, IMMUTABLE)], bytes).into_response()
}

/// `GET /admitted/index`.
pub(super) async fn index(State(site): SiteState) -> Result<Response, Problem> {
    let site = buckets(&site).await?;
    Ok(file(site.buckets()?.index()))
}

/// A tile's path that lies within the tree.
fn parse(path: &str, size: TreeSize) -> Result<TilePath, Problem> {
    let tile: TilePath =
        path.parse().map_err(|error: tamga_ledger::tree::TileError| Problem::bad_tile_path(error.to_string()))?;
    match TilePath::in_tree(tile.kind(), tile.index(), size) {
        Some(widest) if widest == tile => Ok(tile),
        _ => Err(Problem::no_such_tile(&tile, size)),
    }
}

/// `GET /admitted/leaves/{*path}`.
pub(super) async fn leaves(State(site): SiteState, Path(path): Path<String>) -> Result<Response, Problem> {
    let site = buckets(&site).await?;
    let found = site.buckets()?;
    let tile = parse(&format!("tile/entries/{path}"), found.size)?;
    Ok(file(found.bucket(&tile).ok_or_else(|| Problem::no_such_tile(&tile, found.size))?))
}

/// `GET /admitted/tile/{*path}`.
pub(super) async fn tile(State(site): SiteState, Path(path): Path<String>) -> Result<Response, Problem> {
    let site = buckets(&site).await?;
    let found = site.buckets()?;
    let tile = parse(&format!("tile/{path}"), found.size)?;
    let bytes = found.tile(&tile).ok_or_else(|| Problem::no_such_tile(&tile, found.size))?;
    Ok(file(bytes))
}

#[cfg(test)]
mod tests {
    use tamga_ledger::tree::Frontier;

    use super::*;

    /// Each file of the conformance vectors, to the byte (FORMAT.md §15).
    #[test]
    fn files_are_those_of_the_vectors() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ledger/tests/vectors/json/copies.json");
        let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for case in vectors["admitted"].as_array().unwrap() {
            let files: HashMap<&str, Vec<u8>> = case["files"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(path, bytes)| (path.as_str(), hex::decode(bytes.as_str().unwrap()).unwrap()))
                .collect();
            let mut rows: Vec<(RollLeaf, u64)> = Vec::new();
            for (_, bytes) in files.iter().filter(|(path, _)| path.starts_with("admitted/leaves/")) {
                rows.extend(bytes.as_chunks::<24>().0.iter().map(|row| {
                    let (leaf, entry) = row.split_at(16);
                    (RollLeaf(leaf.try_into().unwrap()), u64::from_be_bytes(entry.try_into().unwrap()))
                }));
            }
            rows.sort_unstable();
            let found = Buckets::of(rows).unwrap();
            assert_eq!(found.size.get(), case["count"]);
            assert_eq!(Digest(found.edge.root().to_bytes()).to_string(), case["root"]);
            for (path, bytes) in &files {
                let made = match path.strip_prefix("admitted/").unwrap() {
                    "index" => Some(found.index()),
                    other => match other.strip_prefix("leaves/") {
                        Some(bucket) => found.bucket(&format!("tile/entries/{bucket}").parse().unwrap()),
                        None => found.tile(&other.parse().unwrap()),
                    },
                };
                assert_eq!(made.as_ref(), Some(bytes), "{path}");
            }
        }
    }

    #[test]
    fn tiles_and_buckets_are_those_of_one_tree() {
        for count in [0_u64, 1, 255, 256, 257, 1_000, 65_536, 66_000] {
            let leaf = |number: u64| RollLeaf((u128::from(number) * 7).to_be_bytes());
            let found = Buckets::of((0..count).map(|number| (leaf(number), number)).collect()).unwrap();
            let mut frontier = Frontier::<Blake3Tree>::new();
            for number in 0..count {
                frontier.push(Blake3Tree::leaf(leaf(number).as_ref())).unwrap();
            }
            assert_eq!(found.edge.root(), frontier.root());
            for path in tamga_ledger::tree::tiles_of_size(found.size) {
                if let TileKind::Hashes(_) = path.kind() {
                    assert_eq!(found.tile(&path).unwrap().len(), path.width().count() * 32, "{count}: {path}");
                }
            }
            assert_eq!(found.index().len() as u64, count.div_ceil(256) * 16);
        }
    }
}
