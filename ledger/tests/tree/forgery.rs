//! What must not verify does not.

use proptest::prelude::*;
use tamga_ledger::tree::{
    Blake3Tree, ConsistencyProof, Hash, InclusionProof, LeafHashes, ProofError, Sha256Tree, TreeHash, TreeHead,
    TwinConsistencyProof, TwinFrontier, TwinInclusionProof, TwinProofError, prove_consistency, prove_inclusion,
    root_at,
};

use crate::{Subtrees, entry, index, size};

fn flipped(hash: Hash, bit: usize) -> Hash {
    let mut bytes = hash.to_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash::new(bytes)
}

/// Every path that differs from the true one in one element, by one element, or in order.
fn altered(path: &[Hash]) -> Vec<Vec<Hash>> {
    let mut forgeries = Vec::new();
    for place in 0..path.len() {
        let mut one = path.to_vec();
        one[place] = flipped(one[place], place * 37);
        forgeries.push(one);
        forgeries.push([&path[..place], &path[place + 1..]].concat());
        if place > 0 && path[place] != path[place - 1] {
            let mut one = path.to_vec();
            one.swap(place, place - 1);
            forgeries.push(one);
        }
    }
    for place in 0..=path.len() {
        let mut one = path.to_vec();
        one.insert(place, Hash::new([7; 32]));
        forgeries.push(one);
    }
    if let Some(last) = path.last() {
        forgeries.push([path, &[*last]].concat());
    }
    forgeries
}

fn no_forged_inclusion_verifies<H: TreeHash>() {
    let tree = Subtrees::<H>::of(70);
    let mut reader = tree.reader();
    for now in 1..=70 {
        let root = root_at::<H, _>(&mut reader, size(now)).unwrap();
        for at in 0..now {
            let leaf = H::leaf(&entry(at));
            let proof = prove_inclusion::<H, _>(&mut reader, index(at), size(now)).unwrap();
            proof.verify(leaf, index(at), size(now), &root).unwrap();
            for path in altered(proof.path()) {
                let forged = InclusionProof::<H>::new(path).unwrap();
                assert!(forged.verify(leaf, index(at), size(now), &root).is_err(), "{at} in {now}");
            }
            // An index may not be moved. (A size may not either, but the same path can be right for several sizes with
            // other roots, so there the root decides.)
            for elsewhere in (0..now).filter(|other| *other != at) {
                assert!(proof.verify(leaf, index(elsewhere), size(now), &root).is_err(), "{at} as {elsewhere}");
            }
            assert!(proof.verify(flipped(leaf, 3), index(at), size(now), &root).is_err());
            assert!(proof.verify(leaf, index(at), size(now), &flipped(root, 3)).is_err());
            let outside = proof.verify(leaf, index(now), size(now), &root);
            assert_eq!(outside, Err(ProofError::IndexOutsideTree { index: index(now), size: size(now) }));
        }
    }
}

fn no_forged_consistency_verifies<H: TreeHash>() {
    let tree = Subtrees::<H>::of(70);
    let mut reader = tree.reader();
    for now in 0..=70 {
        let root = root_at::<H, _>(&mut reader, size(now)).unwrap();
        for before in 0..=now {
            let old_root = root_at::<H, _>(&mut reader, size(before)).unwrap();
            let proof = prove_consistency::<H, _>(&mut reader, size(before), size(now)).unwrap();
            let check =
                |proof: &ConsistencyProof<H>, old: &Hash, new: &Hash| proof.verify(size(before), old, size(now), new);
            check(&proof, &old_root, &root).unwrap();
            for path in altered(proof.path()) {
                let forged = ConsistencyProof::<H>::new(path).unwrap();
                assert!(check(&forged, &old_root, &root).is_err(), "{before} to {now}");
            }
            assert!(check(&proof, &flipped(old_root, 200), &root).is_err(), "{before} to {now}");
            if before > 0 {
                assert!(check(&proof, &old_root, &flipped(root, 200)).is_err(), "{before} to {now}");
            }
            if before < now {
                let back = proof.verify(size(now), &root, size(before), &old_root);
                assert_eq!(back, Err(ProofError::Shrinks { old: size(now), new: size(before) }));
            }
        }
    }
}

#[test]
fn no_forged_inclusion_verifies_in_either_tree() {
    no_forged_inclusion_verifies::<Sha256Tree>();
    no_forged_inclusion_verifies::<Blake3Tree>();
}

#[test]
fn no_forged_consistency_verifies_in_either_tree() {
    no_forged_consistency_verifies::<Sha256Tree>();
    no_forged_consistency_verifies::<Blake3Tree>();
}

#[test]
fn a_wrong_length_is_named_with_the_right_one() {
    let tree = Subtrees::<Sha256Tree>::of(13);
    let mut reader = tree.reader();
    let root = root_at::<Sha256Tree, _>(&mut reader, size(13)).unwrap();
    for at in 0..13 {
        let proof = prove_inclusion::<Sha256Tree, _>(&mut reader, index(at), size(13)).unwrap();
        let expected = proof.path().len();
        for given in (0..=PATH_MAX).filter(|given| *given != expected) {
            let forged = InclusionProof::<Sha256Tree>::new(vec![root; given]).unwrap();
            let error = forged.verify(root, index(at), size(13), &root);
            assert_eq!(error, Err(ProofError::WrongLength { expected, actual: given }));
        }
    }
    for before in 1..13 {
        let old_root = root_at::<Sha256Tree, _>(&mut reader, size(before)).unwrap();
        let proof = prove_consistency::<Sha256Tree, _>(&mut reader, size(before), size(13)).unwrap();
        let expected = proof.path().len();
        for given in (0..=PATH_MAX).filter(|given| *given != expected) {
            let forged = ConsistencyProof::<Sha256Tree>::new(vec![root; given]).unwrap();
            let error = forged.verify(size(before), &old_root, size(13), &root);
            assert_eq!(error, Err(ProofError::WrongLength { expected, actual: given }), "{before}");
        }
    }
}

const PATH_MAX: usize = 64;

#[test]
fn a_path_above_the_limit_is_not_taken() {
    let path = vec![Hash::new([0; 32]); PATH_MAX + 1];
    assert_eq!(InclusionProof::<Sha256Tree>::new(path.clone()), Err(ProofError::TooLong(65)));
    assert_eq!(ConsistencyProof::<Blake3Tree>::new(path), Err(ProofError::TooLong(65)));
}

#[test]
fn both_trees_have_to_agree() {
    let mut log = TwinFrontier::new();
    let mut heads: Vec<TreeHead> = vec![log.head()];
    for number in 0..9 {
        log.push_entry(&entry(number)).unwrap();
        heads.push(log.head());
    }
    let (sha256, blake3) = (Subtrees::<Sha256Tree>::of(9), Subtrees::<Blake3Tree>::of(9));
    let inclusion = TwinInclusionProof {
        sha256: prove_inclusion(&mut sha256.reader(), index(4), size(9)).unwrap(),
        blake3: prove_inclusion(&mut blake3.reader(), index(4), size(9)).unwrap(),
    };
    let consistency = TwinConsistencyProof {
        sha256: prove_consistency(&mut sha256.reader(), size(5), size(9)).unwrap(),
        blake3: prove_consistency(&mut blake3.reader(), size(5), size(9)).unwrap(),
    };
    inclusion.verify(&entry(4), index(4), &heads[9]).unwrap();
    consistency.verify(&heads[5], &heads[9]).unwrap();

    // A collision in one function alone: the leaf of another entry in one of the two trees.
    let (right, wrong) = (LeafHashes::of(&entry(4)), LeafHashes::of(&entry(5)));
    let sha256_broken = LeafHashes { sha256: wrong.sha256, ..right };
    let blake3_broken = LeafHashes { blake3: wrong.blake3, ..right };
    let refused = inclusion.verify_leaf(sha256_broken, index(4), &heads[9]);
    assert!(matches!(refused, Err(TwinProofError::Sha256(_))), "{refused:?}");
    let refused = inclusion.verify_leaf(blake3_broken, index(4), &heads[9]);
    assert!(matches!(refused, Err(TwinProofError::Blake3(_))), "{refused:?}");

    let mut mixed = heads[5];
    mixed.roots.blake3 = heads[4].roots.blake3;
    let refused = consistency.verify(&mixed, &heads[9]);
    assert!(matches!(refused, Err(TwinProofError::Blake3(_))), "{refused:?}");
}

proptest! {
    /// Totality: whatever the numbers and hashes, verification answers.
    #[test]
    fn verification_is_total(
        path in prop::collection::vec(any::<[u8; 32]>(), 0..=PATH_MAX),
        a in 0..1_u64 << 53, b in 0..1_u64 << 53, root: [u8; 32],
    ) {
        let path: Vec<Hash> = path.into_iter().map(Hash::new).collect();
        let root = Hash::new(root);
        let inclusion = InclusionProof::<Blake3Tree>::new(path.clone()).unwrap();
        let _ = inclusion.verify(root, index(a.min((1 << 53) - 2)), size(b), &root);
        let consistency = ConsistencyProof::<Sha256Tree>::new(path).unwrap();
        let _ = consistency.verify(size(a), &root, size(b), &root);
    }

    /// Giant trees: when all leaves are equal, so are all complete subtrees of a level, and 53 hashes are the whole tree.
    #[test]
    fn proofs_hold_at_any_size(a in 1..1_u64 << 53, b in 1..1_u64 << 53, bits in 0..53_u32) {
        // Sizes of all magnitudes, not only of the largest.
        let (small, large) = ((a >> bits).clamp(1, b), b.max(a >> bits));
        let mut levels = vec![Sha256Tree::leaf(b"same")];
        for level in 0..53 {
            levels.push(Sha256Tree::node(&levels[level], &levels[level]));
        }
        let mut reader = |level: u8, _: u64| Ok::<_, std::convert::Infallible>(levels[usize::from(level)]);
        let root = root_at::<Sha256Tree, _>(&mut reader, size(large)).unwrap();
        let old_root = root_at::<Sha256Tree, _>(&mut reader, size(small)).unwrap();
        let proof = prove_inclusion::<Sha256Tree, _>(&mut reader, index(small - 1), size(large)).unwrap();
        prop_assert_eq!(proof.verify(levels[0], index(small - 1), size(large), &root), Ok(()));
        let proof = prove_consistency::<Sha256Tree, _>(&mut reader, size(small), size(large)).unwrap();
        prop_assert_eq!(proof.verify(size(small), &old_root, size(large), &root), Ok(()));
    }
}
