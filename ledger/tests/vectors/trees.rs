//! Both trees over made-up entries: leaves, nodes, roots at sizes 0 to 300, proofs, and proofs that must not verify.

use serde_json::{Value, json};
use std::convert::Infallible;
use tamga_ledger::tree::{
    Blake3Tree, ConsistencyProof, Frontier, Hash, InclusionProof, LeafIndex, Sha256Tree, TreeHash, TreeSize,
    prove_consistency, prove_inclusion, tile_root,
};

const LEAVES: u64 = 300;

/// Entry i is i mod 70 bytes of the repeated eight big-endian bytes of i.
pub fn entry(number: u64) -> Vec<u8> {
    number.to_be_bytes().iter().copied().cycle().take(number as usize % 70).collect()
}

fn size(size: u64) -> TreeSize {
    TreeSize::new(size).unwrap()
}

fn index(index: u64) -> LeafIndex {
    LeafIndex::new(index).unwrap()
}

fn texts(path: &[Hash]) -> Vec<String> {
    path.iter().map(Hash::to_string).collect()
}

/// Complete subtrees by the definition: nothing here is shared with the code that proves.
fn subtree<H: TreeHash>(level: u8, place: u64) -> Hash {
    if level == 0 {
        return H::leaf(&entry(place));
    }
    H::node(&subtree::<H>(level - 1, 2 * place), &subtree::<H>(level - 1, 2 * place + 1))
}

struct Tree<H> {
    roots: Vec<Hash>,
    hashed_with: std::marker::PhantomData<H>,
}

impl<H: TreeHash> Tree<H> {
    fn new() -> Self {
        let mut frontier = Frontier::<H>::new();
        let mut roots = vec![frontier.root()];
        for number in 0..LEAVES {
            frontier.push(H::leaf(&entry(number))).unwrap();
            roots.push(frontier.root());
        }
        Self { roots, hashed_with: std::marker::PhantomData }
    }

    fn root(&self, at: u64) -> Hash {
        self.roots[at as usize]
    }

    fn inclusion(&self, leaf: u64, at: u64) -> InclusionProof<H> {
        let mut reader = |level: u8, place: u64| Ok::<_, Infallible>(subtree::<H>(level, place));
        prove_inclusion::<H, _>(&mut reader, index(leaf), size(at)).unwrap()
    }

    fn consistency(&self, old: u64, new: u64) -> ConsistencyProof<H> {
        let mut reader = |level: u8, place: u64| Ok::<_, Infallible>(subtree::<H>(level, place));
        prove_consistency::<H, _>(&mut reader, size(old), size(new)).unwrap()
    }

    fn inclusion_case(&self, what: &str, leaf: Hash, place: u64, at: u64, root: Hash, path: Vec<Hash>) -> Value {
        let proof = InclusionProof::<H>::new(path);
        let valid = proof.as_ref().is_ok_and(|proof| proof.verify(leaf, index(place), size(at), &root).is_ok());
        let path = proof.map(|proof| texts(proof.path())).unwrap_or_default();
        json!({
            "what": what, "leaf": leaf.to_string(), "index": place, "size": at, "root": root.to_string(), "path": path,
            "valid": valid,
        })
    }

    fn consistency_case(&self, what: &str, old: (u64, Hash), new: (u64, Hash), path: Vec<Hash>) -> Value {
        let proof = ConsistencyProof::<H>::new(path).unwrap();
        let valid = proof.verify(size(old.0), &old.1, size(new.0), &new.1).is_ok();
        json!({
            "what": what, "old_size": old.0, "old_root": old.1.to_string(), "new_size": new.0,
            "new_root": new.1.to_string(), "path": texts(proof.path()), "valid": valid,
        })
    }

    fn inclusions(&self) -> Vec<Value> {
        let mut cases = Vec::new();
        for at in [1_u64, 2, 3, 4, 5, 7, 8, 9, 33, 255, 256, 257, 300] {
            for place in [0, 1, at / 2, at.saturating_sub(2), at - 1] {
                if place < at {
                    let path = self.inclusion(place, at).path().to_vec();
                    let leaf = H::leaf(&entry(place));
                    cases.push(self.inclusion_case("true", leaf, place, at, self.root(at), path));
                }
            }
        }
        for (place, at) in [(0, 1), (2, 3), (4, 7), (5, 8), (256, 257), (100, 300), (299, 300)] {
            let (leaf, root) = (H::leaf(&entry(place)), self.root(at));
            let path = self.inclusion(place, at).path().to_vec();
            let mut longer = path.clone();
            longer.push(leaf);
            cases.push(self.inclusion_case("extended by a hash", leaf, place, at, root, longer));
            let mut longer = path.clone();
            longer.insert(0, leaf);
            cases.push(self.inclusion_case("extended in front", leaf, place, at, root, longer));
            cases.push(self.inclusion_case("another leaf", H::leaf(b"x"), place, at, root, path.clone()));
            cases.push(self.inclusion_case("a node as leaf", self.root(at), place, at, root, path.clone()));
            cases.push(self.inclusion_case("the next index", leaf, place + 1, at, root, path.clone()));
            cases.push(self.inclusion_case("the next size", leaf, place, at + 1, root, path.clone()));
            cases.push(self.inclusion_case("the size before", leaf, place, at - 1, root, path.clone()));
            cases.push(self.inclusion_case("size 0", leaf, place, 0, root, path.clone()));
            cases.push(self.inclusion_case("another root", leaf, place, at, self.root(at - 1), path.clone()));
            if let Some((_, shorter)) = path.split_last() {
                cases.push(self.inclusion_case("cut by a hash", leaf, place, at, root, shorter.to_vec()));
                let mut flipped = path.clone();
                let mut bytes = flipped[0].to_bytes();
                bytes[31] ^= 1;
                flipped[0] = Hash::new(bytes);
                cases.push(self.inclusion_case("a bit flipped", leaf, place, at, root, flipped));
            }
            if path.len() > 1 {
                let mut swapped = path.clone();
                swapped.swap(0, 1);
                cases.push(self.inclusion_case("two hashes swapped", leaf, place, at, root, swapped));
            }
        }
        cases
    }

    fn consistencies(&self) -> Vec<Value> {
        let mut cases = Vec::new();
        let pairs = [
            (0, 0),
            (0, 1),
            (0, 300),
            (1, 1),
            (1, 2),
            (1, 300),
            (2, 3),
            (3, 4),
            (3, 7),
            (4, 7),
            (6, 7),
            (6, 8),
            (7, 8),
            (8, 8),
            (128, 300),
            (255, 256),
            (256, 257),
            (256, 300),
            (257, 300),
            (299, 300),
            (300, 300),
        ];
        for (old, new) in pairs {
            let path = self.consistency(old, new).path().to_vec();
            let (from, to) = ((old, self.root(old)), (new, self.root(new)));
            cases.push(self.consistency_case("true", from, to, path.clone()));
            let mut longer = path.clone();
            longer.push(self.root(1));
            cases.push(self.consistency_case("extended by a hash", from, to, longer));
            if let Some((_, shorter)) = path.split_last() {
                cases.push(self.consistency_case("cut by a hash", from, to, shorter.to_vec()));
            }
            if old > 0 && old < new {
                cases.push(self.consistency_case("another old root", (old, self.root(old - 1)), to, path.clone()));
                cases.push(self.consistency_case("another new root", from, (new, self.root(new - 1)), path.clone()));
                cases.push(self.consistency_case("the old size less one", (old - 1, from.1), to, path.clone()));
                cases.push(self.consistency_case("the new size and one", from, (new + 1, to.1), path.clone()));
                cases.push(self.consistency_case("backwards", to, from, path.clone()));
            }
            if old == new && old > 0 {
                cases.push(self.consistency_case("one size, two roots", (old, self.root(old - 1)), to, path));
            }
        }
        cases.push(self.consistency_case(
            "an empty tree with a root of its own",
            (0, self.root(1)),
            (1, self.root(1)),
            vec![],
        ));
        cases
    }

    fn vectors(&self) -> Value {
        let tile: Vec<Hash> = (0..256).map(|place| H::leaf(&entry(place))).collect();
        let leaves = [0, 1, 2, 69, 70, 255, 299]
            .map(|number| json!({"entry": hex::encode(entry(number)), "hash": H::leaf(&entry(number)).to_string()}));
        let nodes = [(0, 1), (1, 0), (2, 2)].map(|(left, right)| {
            let (left, right) = (self.root(left + 1), self.root(right + 1));
            json!({"left": left.to_string(), "right": right.to_string(), "hash": H::node(&left, &right).to_string()})
        });
        json!({
            "empty": H::empty().to_string(), "leaves": leaves, "nodes": nodes,
            "first_full_tile_root": tile_root::<H>(&tile).to_string(),
            "roots": texts(&self.roots), "inclusion": self.inclusions(), "consistency": self.consistencies(),
        })
    }
}

pub fn vectors() -> Value {
    let (sha256, blake3) = (Tree::<Sha256Tree>::new().vectors(), Tree::<Blake3Tree>::new().vectors());
    let mut sections = serde_json::Map::new();
    sections.insert("entries".into(), json!("entry i has (i mod 70) bytes: the eight big-endian bytes of i, repeated"));
    for (tree, vectors) in [("sha256", sha256), ("blake3", blake3)] {
        let Value::Object(vectors) = vectors else { unreachable!() };
        sections.extend(vectors.into_iter().map(|(name, value)| (format!("{tree}_{name}"), value)));
    }
    Value::Object(sections)
}
