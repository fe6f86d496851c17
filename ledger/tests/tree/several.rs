//! One proof for several leaves: against roots of `ct-merkle`, and every small forgery.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use std::collections::BTreeSet;
use tamga_ledger::tree::{Blake3Tree, Hash, LeafIndex, SeveralProof, Sha256Tree, TreeHash, prove_inclusion, root_at};

use crate::{Subtrees, entry, index, size};

fn leaves<H: TreeHash>(chosen: &BTreeSet<u64>) -> Vec<(LeafIndex, Hash)> {
    chosen.iter().map(|leaf| (index(*leaf), H::leaf(&entry(*leaf)))).collect()
}

fn prove<H: TreeHash>(tree: &Subtrees<H>, chosen: &BTreeSet<u64>, now: u64) -> SeveralProof<H> {
    let wanted: Vec<LeafIndex> = chosen.iter().map(|leaf| index(*leaf)).collect();
    SeveralProof::prove(&mut tree.reader(), &wanted, size(now)).unwrap()
}

#[test]
fn every_subset_of_small_trees_is_proven_to_the_root_of_ct_merkle() {
    for now in 1..=9_u64 {
        let (tree, mut oracle) = (Subtrees::<Sha256Tree>::of(now), MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new());
        (0..now).for_each(|number| oracle.push(entry(number)));
        let root = Hash::new(oracle.root().as_bytes().as_slice().try_into().unwrap());
        for subset in 1..1_u64 << now {
            let chosen: BTreeSet<u64> = (0..now).filter(|leaf| subset >> leaf & 1 == 1).collect();
            let (proof, given) = (prove(&tree, &chosen, now), leaves::<Sha256Tree>(&chosen));
            proof.verify(&given, size(now), &root).unwrap();
            // One leaf fewer or more, another order, another hash, another size: none of them verifies.
            for at in 0..given.len() {
                let mut other = given.clone();
                other.remove(at);
                assert!(proof.verify(&other, size(now), &root).is_err(), "{now} {subset:b} without {at}");
                let mut other = given.clone();
                other[at].1 = Hash::new([7; 32]);
                assert!(proof.verify(&other, size(now), &root).is_err(), "{now} {subset:b} another {at}");
                let mut other = given.clone();
                other.insert(at, given[at]);
                assert!(proof.verify(&other, size(now), &root).is_err(), "{now} {subset:b} twice {at}");
            }
            for at in 0..proof.hashes().len() {
                for change in 0..3 {
                    let mut hashes = proof.hashes().to_vec();
                    match change {
                        0 => drop(hashes.remove(at)),
                        1 => hashes.insert(at, hashes[at]),
                        _ => hashes[at] = Hash::new([9; 32]),
                    }
                    let forged = SeveralProof::<Sha256Tree>::new(hashes);
                    assert!(forged.verify(&given, size(now), &root).is_err(), "{now} {subset:b} {at} {change}");
                }
            }
            let mut longer = proof.hashes().to_vec();
            longer.push(Hash::new([1; 32]));
            assert!(SeveralProof::<Sha256Tree>::new(longer).verify(&given, size(now), &root).is_err());
            let last = chosen.last().unwrap();
            assert!(proof.verify(&given, size(*last), &root).is_err(), "beyond the tree");
        }
        assert!(SeveralProof::<Sha256Tree>::new(vec![root]).verify(&[], size(now), &root).is_err(), "of nothing");
    }
}

proptest! {
    #[test]
    fn any_leaves_of_any_tree_are_proven_and_one_leaf_needs_its_path(
        now in 1_u64..400, chosen in prop::collection::btree_set(0_u64..400, 1..40)
    ) {
        let chosen: BTreeSet<u64> = chosen.into_iter().map(|leaf| leaf % now).collect();
        let tree = Subtrees::<Blake3Tree>::of(now);
        let root = root_at::<Blake3Tree, _>(&mut tree.reader(), size(now)).unwrap();
        let proof = prove(&tree, &chosen, now);
        prop_assert!(proof.verify(&leaves::<Blake3Tree>(&chosen), size(now), &root).is_ok());
        let first = *chosen.first().unwrap();
        let path = prove_inclusion::<Blake3Tree, _>(&mut tree.reader(), index(first), size(now)).unwrap();
        let alone = prove(&tree, &BTreeSet::from([first]), now);
        let sorted = |hashes: &[Hash]| hashes.iter().map(|hash| hash.to_bytes()).collect::<BTreeSet<_>>();
        prop_assert_eq!(sorted(alone.hashes()), sorted(path.path()));
        // Shared: never more than the paths together.
        prop_assert!(proof.hashes().len() <= chosen.len() * path.path().len().max(9));
    }

    #[test]
    fn any_hashes_are_refused_without_a_panic(
        now in 0_u64..=(1 << 53) - 1, chosen in prop::collection::btree_set(0_u64..(1 << 53) - 1, 0..20),
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..300)
    ) {
        let given: Vec<_> = chosen.iter().map(|leaf| (index(*leaf), Hash::new([3; 32]))).collect();
        let proof = SeveralProof::<Sha256Tree>::new(hashes.into_iter().map(Hash::new).collect());
        prop_assert!(proof.verify(&given, size(now), &Hash::new([0; 32])).is_err());
    }
}
