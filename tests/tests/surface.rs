//! The public HTTP surface against other people's code: `tlog_tiles` reads the tiles, `signed_note` the checkpoint,
//! `ct-merkle` the proofs. Both trees are also computed here from the entries.

#![allow(clippy::unwrap_used, reason = "test code")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::digest::consts::U32;
use sha2::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tamga_tests::copy::{BUNDLE, Copy, Hashing, KeyedBlake3, Sha256, root_of, tile_path};
use tamga_tests::load::Load;
use tamga_tests::{Plan, Rehearsal, http};
use tlog_tiles::{TileHashReader, TileReader};

/// BLAKE3 in the shape `ct-merkle` expects: its prefix of leaves and nodes turned into the choice of key.
#[derive(Default, Clone)]
struct Prefixed(Vec<u8>);

impl OutputSizeUser for Prefixed {
    type OutputSize = U32;
}

impl HashMarker for Prefixed {}

impl Update for Prefixed {
    fn update(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }
}

impl FixedOutput for Prefixed {
    fn finalize_into(self, out: &mut Output<Self>) {
        let (context, input) = match self.0.split_first() {
            Some((0, entry)) => ("tamga 2025 leaf v1", entry),
            Some((_, children)) => ("tamga 2025 node v1", children),
            None => ("tamga 2025 node v1", &[][..]),
        };
        out.copy_from_slice(blake3::keyed_hash(&blake3::derive_key(context, &[]), input).as_bytes());
    }
}

/// Tiles fetched before, for a reader that is not asynchronous; what is missing is noted.
#[derive(Default)]
struct Tiles {
    there: BTreeMap<String, Vec<u8>>,
    missing: RefCell<Vec<String>>,
}

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let paths = tiles.iter().map(|tile| tile.path().replacen("tile/8/", "/tile/", 1));
        let paths: Vec<String> = paths.collect();
        self.missing.borrow_mut().extend(paths.iter().filter(|path| !self.there.contains_key(*path)).cloned());
        let found: Option<Vec<Vec<u8>>> = paths.iter().map(|path| self.there.get(path).cloned()).collect();
        found.ok_or(tlog_tiles::Error::InvalidTile)
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_is_what_other_implementations_compute() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    // More than one full tile, so that there are two levels.
    let load = Load::begin(&rehearsal);
    load.more(300).await;
    load.end().await;
    rehearsal.agreed(rehearsal.ids()).await;
    for node in rehearsal.ids() {
        let address = rehearsal.public(node);
        let copy = Copy::fetch(address, &rehearsal.world.trust).await;
        tiles_are_the_trees::<Sha256>(address, "", &copy.entries).await;
        tiles_are_the_trees::<KeyedBlake3>(address, "/blake3", &copy.entries).await;
        proofs_are_those_of_ct_merkle(address, &copy).await;
        tlog_tiles_reads_the_log(address, &copy).await;
        signed_note_verifies_the_checkpoint(address, &rehearsal, &copy).await;
        entries_are_told_in_words(address, &copy).await;
        nothing_else_is_served(address, &copy).await;
    }
}

/// Every tile of a tree of this size: full ones, and the partial one at each level's end.
async fn tiles_are_the_trees<H: Hashing>(address: SocketAddr, prefix: &str, entries: &[Vec<u8>]) {
    let mut level: Vec<[u8; 32]> = entries.iter().map(|entry| H::leaf(entry)).collect();
    for number in 0.. {
        for (tile, index) in level.chunks(BUNDLE as usize).zip(0..) {
            let path = format!("{prefix}/tile/{number}/{}", tile_path(index, tile.len() as u64));
            let served = http::found(address, &path).await;
            assert!(served.body == tile.concat(), "{path}");
            let immutable = served.header("cache-control").unwrap().contains("immutable");
            assert_eq!(immutable, tile.len() as u64 == BUNDLE, "{path}");
        }
        level = level.chunks_exact(BUNDLE as usize).map(root_of::<H>).collect();
        if level.is_empty() {
            assert!(number > 0, "too few entries for two levels");
            break;
        }
    }
}

fn hashes(path: &serde_json::Value) -> Vec<u8> {
    path.as_array().unwrap().iter().flat_map(|hash| hex::decode(hash.as_str().unwrap()).unwrap()).collect()
}

async fn proofs_are_those_of_ct_merkle(address: SocketAddr, copy: &Copy) {
    let size = copy.size();
    let roots = copy.checkpoint.checkpoint().roots;
    let sha256 = ct_merkle::RootHash::<sha2::Sha256>::new((*roots.sha256.as_bytes()).into(), size);
    let blake3 = ct_merkle::RootHash::<Prefixed>::new((*roots.blake3.as_bytes()).into(), size);
    for leaf in [0, 1, 255, 256, size / 2, size - 1] {
        let proof = http::found(address, &format!("/api/v1/proofs/inclusion?leaf={leaf}&size={size}")).await.json();
        let entry = &copy.entries[leaf as usize];
        let path = ct_merkle::InclusionProof::try_from_bytes(hashes(&proof["sha256"]["path"])).unwrap();
        sha256.verify_inclusion(entry, leaf, &path).unwrap();
        assert!(sha256.verify_inclusion(entry, leaf ^ 1, &path).is_err());
        let path = ct_merkle::InclusionProof::try_from_bytes(hashes(&proof["blake3"]["path"])).unwrap();
        blake3.verify_inclusion(entry, leaf, &path).unwrap();
    }
    for from in [1, 2, 255, 256, 257, size - 1] {
        let proof = http::found(address, &format!("/api/v1/proofs/consistency?from={from}&to={size}")).await.json();
        let old = &copy.entries[..from as usize];
        let root = tamga_tests::copy::root::<Sha256>(old);
        let old_sha256 = ct_merkle::RootHash::<sha2::Sha256>::new(root.into(), from);
        let path = ct_merkle::ConsistencyProof::try_from_bytes(hashes(&proof["sha256"]["path"])).unwrap();
        sha256.verify_consistency(&old_sha256, &path).unwrap();
        let root = tamga_tests::copy::root::<KeyedBlake3>(old);
        let old_blake3 = ct_merkle::RootHash::<Prefixed>::new(root.into(), from);
        let path = ct_merkle::ConsistencyProof::try_from_bytes(hashes(&proof["blake3"]["path"])).unwrap();
        blake3.verify_consistency(&old_blake3, &path).unwrap();
    }
}

/// `tlog_tiles` fetches the tiles it wants, checks them against the root and proves records and older trees with them.
async fn tlog_tiles_reads_the_log(address: SocketAddr, copy: &Copy) {
    let note = http::found(address, "/checkpoint").await;
    let note = signed_note::Note::from_bytes(&note.body).unwrap();
    let head = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(head.size(), copy.size());
    let mut tiles = Tiles::default();
    let (size, root) = (head.size(), *head.hash());
    for leaf in [0, 200, size - 1] {
        // Asks, fetches what was missing, asks again: at most once a level.
        let proof = loop {
            let missing = {
                let reader = TileHashReader::new(size, root, &tiles);
                match tlog_tiles::prove_record(size, leaf, &reader) {
                    Ok(proof) => break proof,
                    Err(error) => {
                        let missing = tiles.missing.take();
                        assert!(!missing.is_empty(), "{error:?}");
                        missing
                    }
                }
            };
            for path in missing {
                let tile = http::found(address, &path).await.body;
                tiles.there.insert(path, tile);
            }
        };
        let hash = tlog_tiles::record_hash(&copy.entries[leaf as usize]);
        tlog_tiles::check_record(&proof, size, root, leaf, hash).unwrap();
    }
}

async fn signed_note_verifies_the_checkpoint(address: SocketAddr, rehearsal: &Rehearsal, copy: &Copy) {
    let served = http::found(address, "/checkpoint").await;
    let note = signed_note::Note::from_bytes(&served.body).unwrap();
    assert_eq!(note.to_bytes(), served.body);
    let trust = &rehearsal.world.trust;
    let logs: Vec<Box<dyn signed_note::Verifier>> = trust
        .nodes()
        .iter()
        .map(|node| {
            let vkey = node.log_vkey(trust.origin()).unwrap().to_string();
            Box::new(signed_note::StandardVerifier::new(&vkey).unwrap()) as Box<dyn signed_note::Verifier>
        })
        .collect();
    let (verified, others) = note.verify(&signed_note::VerifierList::new(logs)).unwrap();
    assert!(!verified.is_empty(), "no log signature");
    assert!(others.len() >= 3, "three organisations cosign: {others:?}");
    let origin = str::from_utf8(note.text()).unwrap().lines().next().unwrap();
    assert!(origin.ends_with(&trust.election_id().to_string()[..16]), "{origin}");
    let shown = http::found(address, "/api/v1/checkpoint").await.json();
    assert_eq!(shown["size"].as_u64(), Some(copy.size()), "{shown}");
    assert_eq!(shown["organisations"].as_array().unwrap().len(), 3, "{shown}");
}

async fn entries_are_told_in_words(address: SocketAddr, copy: &Copy) {
    for leaf in [0, 3, copy.size() - 1] {
        let told = http::found(address, &format!("/api/v1/entries/{leaf}")).await.json();
        let raw = BASE64.decode(told["raw"].as_str().unwrap()).unwrap();
        assert!(raw == copy.entries[leaf as usize], "{told}");
        let id = told["record_id"].as_str().unwrap();
        let record = http::found(address, &format!("/api/v1/records/{id}")).await.json();
        assert_eq!(record["leaf"].as_u64(), Some(leaf), "{record}");
    }
    let turnout = http::found(address, "/api/v1/turnout").await.json();
    assert_eq!(turnout["checkpoint"]["size"].as_u64(), Some(copy.size()), "{turnout}");
    let results = http::found(address, "/api/v1/results").await.json();
    assert_eq!(results["checkpoint"]["size"].as_u64(), Some(copy.size()), "{results}");
}

/// Beyond the checkpoint there is nothing, confidential bodies are withheld, and each problem says which it is.
async fn nothing_else_is_served(address: SocketAddr, copy: &Copy) {
    let size = copy.size();
    let partial = size % BUNDLE;
    let problems = [
        (format!("/tile/0/{}", tile_path(size / BUNDLE, partial + 1)), 404, "no-such-tile"),
        (format!("/tile/entries/{}", tile_path(size / BUNDLE + 1, 1)), 404, "no-such-tile"),
        ("/tile/0/1".to_owned(), 400, "bad-tile-path"),
        ("/tile/confidential/000".to_owned(), 403, "confidential"),
        (format!("/api/v1/entries/{size}"), 404, "not-published"),
        (format!("/api/v1/records/{}", "00".repeat(32)), 404, "no-such-record"),
        (format!("/api/v1/proofs/inclusion?leaf=0&size={}", size + 1), 404, "size-not-published"),
        ("/api/v1/proofs/inclusion?leaf=x".to_owned(), 400, "bad-parameter"),
        ("/api/v1/nothing".to_owned(), 404, "no-such-route"),
    ];
    for (path, status, slug) in problems {
        let answer = http::get(address, &path).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        let problem = answer.json();
        assert_eq!(problem["type"].as_str(), Some(format!("urn:tamga:problem:{slug}").as_str()), "{path}");
        assert!(problem["detail"].as_str().unwrap().len() > 20, "{path}: {problem}");
    }
}
