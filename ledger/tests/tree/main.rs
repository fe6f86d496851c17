//! The trees against independent implementations (`ct-merkle`, `tlog_tiles`), known answers and every small forgery.
//!
//! | file | what it shows |
//! |---|---|
//! | `oracle` | our roots and proofs are those of other people's code, both digests, and the other way round |
//! | `forgery` | no altered proof, index, size, leaf or root verifies |
//! | `known_answers` | RFC 6962 reference vectors; our BLAKE3 constants, pinned |
//! | `several` | one proof for several leaves |
//! | `tiles` | tile paths, tile contents, bundles, proofs out of tiles |
//! | `types` | limits and texts of the small types |

#![allow(clippy::unwrap_used, reason = "helpers of the tests fail the test")]

mod forgery;
mod known_answers;
mod oracle;
mod several;
mod tiles;
mod types;

use std::convert::Infallible;

use tamga_ledger::tree::{Hash, LeafIndex, TreeHash, TreeSize};

/// All complete subtrees of a growing tree, kept plainly: `levels[l][i]`.
struct Subtrees<H> {
    levels: Vec<Vec<Hash>>,
    hashed_with: std::marker::PhantomData<H>,
}

impl<H: TreeHash> Subtrees<H> {
    fn new() -> Self {
        Self { levels: vec![Vec::new()], hashed_with: std::marker::PhantomData }
    }

    fn of(leaves: u64) -> Self {
        let mut tree = Self::new();
        (0..leaves).for_each(|number| tree.push(H::leaf(&entry(number))));
        tree
    }

    fn push(&mut self, leaf: Hash) {
        self.levels[0].push(leaf);
        for level in 0.. {
            let row = &self.levels[level];
            if !row.len().is_multiple_of(2) {
                break;
            }
            let parent = H::node(&row[row.len() - 2], &row[row.len() - 1]);
            if self.levels.len() == level + 1 {
                self.levels.push(Vec::new());
            }
            self.levels[level + 1].push(parent);
        }
    }

    fn reader(&self) -> impl FnMut(u8, u64) -> Result<Hash, Infallible> + '_ {
        |level, index| Ok(self.levels[usize::from(level)][index as usize])
    }
}

/// The bytes of a made-up entry; lengths vary, the first is empty.
fn entry(number: u64) -> Vec<u8> {
    number.to_be_bytes().iter().copied().cycle().take(number as usize % 70).collect()
}

fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}
