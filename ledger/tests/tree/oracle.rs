//! Roots and proofs against `ct-merkle` (generic over the digest) and `tlog_tiles` (SHA-256).

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::digest::consts::U32;
use sha2::digest::{Digest, FixedOutput, HashMarker, Output, OutputSizeUser, Update};
use tamga_ledger::tree::{
    Blake3Tree, ConsistencyProof, Frontier, Hash, InclusionProof, Sha256Tree, TreeHash, prove_consistency,
    prove_inclusion, root_at,
};

use crate::{Subtrees, entry, index, size};

/// The BLAKE3 tree's hashing in the shape `ct-merkle` expects: it prefixes leaves with 0x00 and nodes with 0x01, and this
/// turns the prefix into the choice of key. The keys come from BLAKE3's own `derive_key`, not from the code under test.
#[derive(Default, Clone)]
struct KeyedBlake3(Vec<u8>);

impl OutputSizeUser for KeyedBlake3 {
    type OutputSize = U32;
}

impl HashMarker for KeyedBlake3 {}

impl Update for KeyedBlake3 {
    fn update(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }
}

impl FixedOutput for KeyedBlake3 {
    fn finalize_into(self, out: &mut Output<Self>) {
        let (context, input) = match self.0.split_first() {
            Some((0x00, entry)) => ("tamga 2025 leaf v1", entry),
            Some((0x01, children)) => ("tamga 2025 node v1", children),
            None => ("tamga 2025 node v1", &[][..]),
            Some((other, _)) => panic!("ct-merkle prefixed with {other}"),
        };
        let key = blake3::derive_key(context, &[]);
        out.copy_from_slice(blake3::keyed_hash(&key, input).as_bytes());
    }
}

fn hash<D: Digest>(output: &Output<D>) -> Hash {
    Hash::new(output.as_slice().try_into().unwrap())
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<32>().0.iter().copied().map(Hash::new).collect()
}

fn flat(path: &[Hash]) -> Vec<u8> {
    path.iter().flat_map(|hash| hash.to_bytes()).collect()
}

/// Compares everything at the oracle's present size, for the given leaf indices and older sizes.
fn agree<H: TreeHash, D: Digest>(
    oracle: &MemoryBackedTree<D, Vec<u8>>,
    ours: &Subtrees<H>,
    indices: impl Iterator<Item = u64>,
    older: impl Iterator<Item = u64>,
    roots: &[Hash],
) {
    let now = size(oracle.len());
    let root = hash::<D>(oracle.root().as_bytes());
    let mut reader = ours.reader();
    assert_eq!(root_at::<H, _>(&mut reader, now).unwrap(), root, "root at {now}");
    for at in indices {
        let proof = prove_inclusion::<H, _>(&mut reader, index(at), now).unwrap();
        assert_eq!(proof.path(), hashes(oracle.prove_inclusion(at as usize).as_bytes()), "inclusion {at} in {now}");
        proof.verify(H::leaf(&entry(at)), index(at), now, &root).unwrap();
        let theirs = ct_merkle::InclusionProof::<D>::try_from_bytes(flat(proof.path())).unwrap();
        oracle.root().verify_inclusion(&entry(at), at, &theirs).unwrap();
    }
    for before in older {
        let proof = prove_consistency::<H, _>(&mut reader, size(before), now).unwrap();
        let old_root = roots[before as usize];
        proof.verify(size(before), &old_root, now, &root).unwrap();
        if before > 0 {
            let theirs = oracle.prove_consistency((now.get() - before) as usize);
            assert_eq!(proof.path(), hashes(theirs.as_bytes()), "consistency {before} to {now}");
            let old = ct_merkle::RootHash::<D>::new(Output::<D>::try_from(&old_root.as_bytes()[..]).unwrap(), before);
            let proof = ct_merkle::ConsistencyProof::<D>::try_from_bytes(flat(proof.path())).unwrap();
            oracle.root().verify_consistency(&old, &proof).unwrap();
        }
    }
}

fn agree_at_every_size_up_to_300<H: TreeHash, D: Digest>() {
    let mut oracle = MemoryBackedTree::<D, Vec<u8>>::new();
    let mut ours = Subtrees::<H>::new();
    let mut frontier = Frontier::<H>::new();
    let mut roots = vec![H::empty()];
    assert_eq!(hash::<D>(oracle.root().as_bytes()), H::empty());
    for now in 1..=300_u64 {
        oracle.push(entry(now - 1));
        ours.push(H::leaf(&entry(now - 1)));
        assert_eq!(frontier.push(H::leaf(&entry(now - 1))), Ok(index(now - 1)));
        roots.push(hash::<D>(oracle.root().as_bytes()));
        assert_eq!(Some(&frontier.root()), roots.last(), "frontier at {now}");
        let step = if now <= 64 || now % 16 < 2 { 1 } else { 13 };
        agree(&oracle, &ours, (0..now).step_by(step), 0..=now - 1, &roots);
        agree(&oracle, &ours, [now - 1].into_iter(), std::iter::empty(), &roots);
    }
}

#[test]
fn sha256_agrees_with_ct_merkle_at_every_size_up_to_300() {
    agree_at_every_size_up_to_300::<Sha256Tree, sha2::Sha256>();
}

#[test]
fn blake3_agrees_with_ct_merkle_at_every_size_up_to_300() {
    agree_at_every_size_up_to_300::<Blake3Tree, KeyedBlake3>();
}

#[test]
fn both_agree_with_ct_merkle_at_sizes_up_to_100_000() {
    fn check<H: TreeHash, D: Digest>() {
        let mut oracle = MemoryBackedTree::<D, Vec<u8>>::new();
        let mut ours = Subtrees::<H>::new();
        let mut frontier = Frontier::<H>::new();
        let mut roots = vec![H::empty()];
        // Around powers of two and tile borders, and at the end.
        let stops = [511, 1024, 1025, 4095, 65_535, 65_536, 65_537, 83_521, 99_999, 100_000];
        for now in 1..=100_000_u64 {
            oracle.push(entry(now - 1));
            ours.push(H::leaf(&entry(now - 1)));
            frontier.push(H::leaf(&entry(now - 1))).unwrap();
            roots.push(frontier.root());
            if stops.contains(&now) {
                let spread = (0..now).step_by(now as usize / 37 + 1);
                agree(&oracle, &ours, spread.clone(), spread.chain([now - 1]), &roots);
            }
        }
    }
    check::<Sha256Tree, sha2::Sha256>();
    check::<Blake3Tree, KeyedBlake3>();
}

#[test]
fn tlog_tiles_accepts_our_sha256_proofs() {
    let tree = Subtrees::<Sha256Tree>::of(300);
    let theirs = |hash: Hash| tlog_tiles::tlog::Hash(hash.to_bytes());
    let list = |path: &[Hash]| path.iter().copied().map(theirs).collect::<Vec<_>>();
    let mut reader = tree.reader();
    for now in 1..=300 {
        let root = root_at::<Sha256Tree, _>(&mut reader, size(now)).unwrap();
        for at in (0..now).step_by(7) {
            let proof: InclusionProof<Sha256Tree> = prove_inclusion(&mut reader, index(at), size(now)).unwrap();
            let leaf = tlog_tiles::tlog::record_hash(&entry(at));
            tlog_tiles::tlog::check_record(&list(proof.path()), now, theirs(root), at, leaf).unwrap();
        }
        for before in (1..=now).step_by(5) {
            let old_root = root_at::<Sha256Tree, _>(&mut reader, size(before)).unwrap();
            let proof: ConsistencyProof<Sha256Tree> = prove_consistency(&mut reader, size(before), size(now)).unwrap();
            tlog_tiles::tlog::check_tree(&list(proof.path()), now, theirs(root), before, theirs(old_root)).unwrap();
        }
    }
}
