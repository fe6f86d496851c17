//! Tiles and bundles, with `tlog_tiles` as the other opinion.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;
use tamga_ledger::tree::{
    Blake3Tree, BundleError, Frontier, Hash, HashReader, Sha256Tree, TileBuilder, TileError, TileHashReader, TileKind,
    TilePath, TileReadError, TileWidth, TreeHash, TreeSize, decode_bundle, encode_bundle, full_tiles_between,
    prove_consistency, prove_inclusion, root_at, tile_hashes, tile_root, tiles_for_consistency, tiles_for_inclusion,
    tiles_for_root, tiles_of_size,
};

use crate::{Subtrees, entry, index, size};

#[test]
fn paths_are_those_of_the_specification() {
    let full = |kind, index| TilePath::new(kind, index, TileWidth::Full).unwrap().to_string();
    assert_eq!(full(TileKind::Hashes(0), 1_234_067), "tile/0/x001/x234/067");
    assert_eq!(full(TileKind::Hashes(63), 0), "tile/63/000");
    assert_eq!(full(TileKind::Entries, 999), "tile/entries/999");
    assert_eq!(full(TileKind::Entries, 1000), "tile/entries/x001/000");
    let partial = TilePath::in_tree(TileKind::Hashes(0), 273, size(70_000)).unwrap();
    assert_eq!(partial.to_string(), "tile/0/273.p/112");
}

/// The worked example of tlog-tiles: a tree of size 70,000, and one of size 256.
#[test]
fn the_specifications_worked_example() {
    let shown = |size| tiles_of_size(size).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        shown(size(70_000)),
        ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
    assert_eq!(shown(size(256)), ["tile/1/000.p/1"]);
    let mut full = BTreeMap::new();
    full_tiles_between(size(0), size(70_000)).for_each(|tile| *full.entry(tile.kind()).or_insert(0) += 1);
    assert_eq!(full, BTreeMap::from([(TileKind::Hashes(0), 273), (TileKind::Hashes(1), 1)]));
}

#[test]
fn only_the_canonical_path_is_read() {
    let bad = [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/+1/000",
        "tile/64/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x01/000",
        "tile/0/+01",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/Entries/000",
        "tile/entries/0/000",
        "tile/0/000.p/+1",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/8/0/000",
        "tile/0/٠٠٠",
    ];
    for text in bad {
        assert!(matches!(text.parse::<TilePath>(), Err(TileError::BadPath { .. })), "{text}");
    }
}

fn any_path() -> impl Strategy<Value = TilePath> {
    let kind = prop_oneof![Just(TileKind::Entries), (0..64_u8).prop_map(TileKind::Hashes)];
    let index = prop_oneof![0..2000_u64, 0..1_u64 << 53];
    (kind, index, 1..=256_u64)
        .prop_map(|(kind, index, width)| TilePath::new(kind, index, TileWidth::new(width).unwrap()).unwrap())
}

proptest! {
    #[test]
    fn paths_round_trip_and_tlog_tiles_agrees(path in any_path()) {
        prop_assert_eq!(path.to_string().parse::<TilePath>(), Ok(path));
        // Their paths carry the height as well: tile/8/<L>/…, and "data" for entries.
        let (level, is_data) = match path.kind() {
            TileKind::Hashes(level) => (level, false),
            TileKind::Entries => (0, true),
        };
        let theirs = tlog_tiles::tile::Tile::new(8, level, path.index(), path.width().count() as u32, is_data);
        let expected = theirs.path().replacen("tile/8/", "tile/", 1).replacen("tile/data/", "tile/entries/", 1);
        prop_assert_eq!(path.to_string(), expected);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*|tile/[0-9x/.pentris+-]{0,30}") {
        if let Ok(path) = text.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn new_tiles_are_those_of_tlog_tiles(old in 0..200_000_u64, more in 0..70_000_u64) {
        let theirs: Vec<_> = tlog_tiles::tile::Tile::new_tiles(8, old, old + more)
            .iter()
            .filter(|tile| tile.width() == 256)
            .map(|tile| (tile.level(), tile.level_index()))
            .collect();
        let ours: Vec<_> = full_tiles_between(size(old), size(old + more))
            .map(|tile| match tile.kind() {
                TileKind::Hashes(level) => (level, tile.index()),
                TileKind::Entries => panic!("not a hash tile"),
            })
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn bundles_round_trip(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..=256)) {
        let bundle = encode_bundle(&entries).unwrap();
        let read: Vec<Vec<u8>> = decode_bundle(&bundle).unwrap().into_iter().map(<[u8]>::to_vec).collect();
        prop_assert_eq!(read, entries);
        if let Some((_, cut)) = bundle.split_last() {
            let truncated = decode_bundle(cut);
            let refused = matches!(truncated, Err(BundleError::Truncated { .. }));
            prop_assert!(refused, "{:?}", truncated);
        }
    }

    #[test]
    fn any_bytes_are_a_bundle_or_refused(bytes in prop::collection::vec(0..4_u8, 0..2000)) {
        if let Ok(entries) = decode_bundle(&bytes) {
            prop_assert_eq!(encode_bundle(&entries).unwrap(), bytes);
        }
    }
}

#[test]
fn a_bundle_has_limits() {
    assert!(encode_bundle(&vec![b""; 256]).is_ok());
    assert_eq!(encode_bundle(&vec![b""; 257]), Err(BundleError::TooManyEntries { at: 512 }));
    assert_eq!(decode_bundle(&[0; 514]), Err(BundleError::TooManyEntries { at: 512 }));
    let long = vec![0; 65_536];
    assert!(encode_bundle(&[&long[..65_535]]).is_ok());
    assert_eq!(encode_bundle(&[&[][..], &long]), Err(BundleError::EntryTooLong { place: 1, length: 65_536 }));
}

/// A server's files: full tiles as they were handed out, partial ones from the builder.
struct Files<H> {
    full: BTreeMap<TilePath, Vec<u8>>,
    edge: TileBuilder<H>,
}

impl<H: TreeHash> Files<H> {
    fn of(leaves: u64) -> Self {
        let mut files = Self { full: BTreeMap::new(), edge: TileBuilder::new() };
        for number in 0..leaves {
            let complete = files.edge.push(H::leaf(&entry(number))).unwrap();
            let expected: Vec<_> = full_tiles_between(size(number), size(number + 1)).collect();
            assert_eq!(complete.iter().map(|tile| tile.path).collect::<Vec<_>>(), expected);
            files.full.extend(complete.into_iter().map(|tile| (tile.path, tile.bytes)));
        }
        files
    }

    /// Partial tiles of older sizes are gone once full, as the specification allows; the full one is given instead.
    fn read(&self, path: &TilePath) -> Result<Vec<u8>, String> {
        let full = self.full.get(&path.to_full()).cloned();
        self.edge.partial(path).or(full).ok_or_else(|| format!("no {path}"))
    }
}

fn proofs_out_of_tiles<H: TreeHash>() {
    const LEAVES: u64 = 66_100; // three tile levels
    let files = Files::<H>::of(LEAVES);
    let plain = Subtrees::<H>::of(LEAVES);
    for now in [1, 2, 255, 256, 257, 300, 511, 512, 65_535, 65_536, 65_537, LEAVES] {
        let now = size(now);
        let asked = RefCell::new(std::collections::BTreeSet::new());
        let new_reader = || {
            asked.borrow_mut().clear();
            TileHashReader::<H, _>::new(now, |path: &TilePath| {
                asked.borrow_mut().insert(*path);
                files.read(path)
            })
        };
        let mut expected = plain.reader();
        let root = root_at::<H, _>(&mut new_reader(), now).unwrap();
        assert_eq!(root, root_at::<H, _>(&mut expected, now).unwrap());
        assert_eq!(*asked.borrow(), tiles_for_root(now));
        for at in [0, 1, now.get() / 3, now.get() / 2, now.get() - 1].into_iter().filter(|at| *at < now.get()) {
            let proof = prove_inclusion::<H, _>(&mut new_reader(), index(at), now).unwrap();
            assert_eq!(proof, prove_inclusion::<H, _>(&mut expected, index(at), now).unwrap());
            assert_eq!(*asked.borrow(), tiles_for_inclusion(index(at), now).unwrap());
            proof.verify(H::leaf(&entry(at)), index(at), now, &root).unwrap();

            let proof = prove_consistency::<H, _>(&mut new_reader(), size(at), now).unwrap();
            assert_eq!(proof, prove_consistency::<H, _>(&mut expected, size(at), now).unwrap());
            assert_eq!(*asked.borrow(), tiles_for_consistency(size(at), now).unwrap());
        }
    }
    assert_eq!(files.edge.root(), root_at::<H, _>(&mut plain.reader(), size(LEAVES)).unwrap());
}

#[test]
fn proofs_out_of_tiles_are_the_same_proofs() {
    proofs_out_of_tiles::<Sha256Tree>();
    proofs_out_of_tiles::<Blake3Tree>();
}

#[test]
fn a_builder_restored_from_partial_tiles_goes_on_as_if_never_stopped() {
    let mut builder = TileBuilder::<Blake3Tree>::new();
    let mut frontier = Frontier::<Blake3Tree>::new();
    for number in 0..1100 {
        assert_eq!(builder.root(), frontier.root());
        let restored = TileBuilder::<Blake3Tree>::restore(builder.size(), |path| {
            builder.partial(path).ok_or_else(|| format!("asked for {path}"))
        });
        let mut restored = restored.unwrap();
        let leaf = Blake3Tree::leaf(&entry(number));
        assert_eq!(builder.push(leaf).unwrap(), restored.push(leaf).unwrap());
        assert_eq!(builder.root(), restored.root());
        frontier.push(leaf).unwrap();
    }
}

#[test]
fn a_tile_above_holds_the_roots_of_the_tiles_below() {
    let files = Files::<Sha256Tree>::of(65_536);
    let above = TilePath::new(TileKind::Hashes(1), 0, TileWidth::Full).unwrap();
    let above = tile_hashes(&above, &files.read(&above).unwrap()).unwrap();
    for (place, hash) in (0..).zip(above) {
        let below = TilePath::new(TileKind::Hashes(0), place, TileWidth::Full).unwrap();
        let below = tile_hashes(&below, &files.read(&below).unwrap()).unwrap();
        assert_eq!(tile_root::<Sha256Tree>(&below), hash);
    }
}

#[test]
fn a_bad_source_is_named_and_nothing_panics() {
    let failing = |_: &TilePath| Err("no network");
    let mut reader = TileHashReader::<Sha256Tree, _>::new(size(300), failing);
    assert_eq!(reader.subtree(0, 5), Err(TileReadError::Read("no network")));
    let short = |_: &TilePath| Ok::<_, Infallible>(vec![0; 33]);
    let mut reader = TileHashReader::<Sha256Tree, _>::new(size(300), short);
    assert!(matches!(reader.subtree(0, 5), Err(TileReadError::Malformed(TileError::WrongLength { actual: 33, .. }))));
    let zeros = |path: &TilePath| Ok::<_, Infallible>(vec![0; path.width().count() * 32]);
    let mut reader = TileHashReader::<Sha256Tree, _>::new(size(300), zeros);
    assert_eq!(reader.subtree(0, 299), Ok(Hash::new([0; 32])));
    for (level, index) in [(0, 300), (8, 1), (9, 0), (64, 0), (255, u64::MAX), (0, u64::MAX)] {
        let incomplete = TileReadError::Incomplete { level, index, size: size(300) };
        assert_eq!(reader.subtree(level, index), Err(incomplete));
    }
    assert_eq!(TilePath::in_tree(TileKind::Hashes(0), u64::MAX, TreeSize::ZERO), None);
    assert_eq!(tile_root::<Sha256Tree>(&[]), Sha256Tree::empty());
}
