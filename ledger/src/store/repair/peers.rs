//! Asking peers in turn. An answer is used only after it was proven; a peer that answered falsely once is asked no more.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::tree::{LeafIndex, TileKind, TilePath, TreeSize, tile_hashes};

use super::super::types::NOTE_BYTES_MAX;
use super::{BodyClaim, Job, PeerEntry, Peers, Proofs, ProvenHead, Refusal, RepairError, Step, TreeName};
use crate::store::ArchivedCheckpoint;
use crate::tree::Hash;

/// Refusals that are remembered; a liar costs one, a silent peer may cost one a question.
const REFUSALS_MAX: usize = 64;
/// Checkpoints taken from one answer.
const CHECKPOINTS_MAX: usize = 4096;

/// Why an answer is not used.
pub(super) enum Unusable {
    /// The peer did not answer, or has not got it.
    Missing(String),
    /// The answer is not what it says it is.
    Forged(String),
}

/// Everybody who can be asked, and what became of asking.
pub(super) struct Asked<'a> {
    peers: &'a dyn Peers,
    names: Vec<String>,
    progress: &'a dyn Fn(Step),
    liars: BTreeSet<usize>,
    refusals: Vec<Refusal>,
    /// Leaves that came from peers.
    pub(super) leaves: u64,
}

impl<'a> Asked<'a> {
    pub(super) fn new(job: &Job<'a>) -> Self {
        let (peers, progress) = (job.peers, job.progress);
        Self { peers, names: peers.names(), progress, liars: BTreeSet::new(), refusals: Vec::new(), leaves: 0 }
    }

    pub(super) fn into_refusals(self) -> Vec<Refusal> {
        self.refusals
    }

    fn refuse(&mut self, peer: usize, asked: &str, why: Unusable) {
        let (forged, what) = match why {
            Unusable::Missing(what) => (false, what),
            Unusable::Forged(what) => (true, what),
        };
        if forged {
            self.liars.insert(peer);
        }
        let peer = self.names.get(peer).cloned().unwrap_or_default();
        let refusal = Refusal { peer, asked: asked.to_owned(), forged, what };
        if self.refusals.len() < REFUSALS_MAX && !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
    }

    /// The first answer that `check` finds true.
    fn ask<A, T>(
        &mut self,
        what: &str,
        ask: impl Fn(&dyn Peers, usize) -> Result<A, String>,
        mut check: impl FnMut(A) -> Result<T, Unusable>,
    ) -> Result<T, RepairError> {
        let before = self.refusals.len();
        for peer in 0..self.names.len() {
            if self.liars.contains(&peer) {
                continue;
            }
            let answer = ask(self.peers, peer).map_err(Unusable::Missing).and_then(&mut check);
            match answer {
                Ok(proven) => return Ok(proven),
                Err(why) => self.refuse(peer, what, why),
            }
        }
        let liars = |refusal: &&Refusal| refusal.forged;
        let earlier = self.refusals.iter().take(before).filter(liars);
        let refusals = earlier.chain(self.refusals.iter().skip(before)).cloned().collect();
        Err(RepairError::NoPeer { asked: what.to_owned(), refusals })
    }

    /// A tile whose hashes please `proves`.
    pub(super) fn tile<T>(
        &mut self,
        tree: TreeName,
        path: &TilePath,
        proves: impl Fn(Vec<Hash>) -> Option<T>,
    ) -> Result<T, RepairError> {
        let what = format!("{} ({})", named(path), if tree == TreeName::Sha256 { "SHA-256" } else { "BLAKE3" });
        self.ask(
            &what,
            |peers, peer| peers.tile(peer, tree, path),
            |bytes| {
                let hashes = tile_hashes(path, &bytes).map_err(|error| Unusable::Forged(error.to_string()))?;
                let false_tile = || Unusable::Forged("it does not hash up to the published root".to_owned());
                proves(hashes).ok_or_else(false_tile)
            },
        )
    }

    /// Tiles that only together prove anything: all of them from one peer.
    pub(super) fn tiles_together<T>(
        &mut self,
        tree: TreeName,
        paths: &[TilePath],
        proves: impl Fn(&[Vec<u8>]) -> Option<T>,
    ) -> Result<T, RepairError> {
        self.ask(
            "the tiles at the right edge of the published tree",
            |peers, peer| paths.iter().map(|path| peers.tile(peer, tree, path)).collect::<Result<Vec<_>, _>>(),
            |tiles| {
                let false_tiles = || Unusable::Forged("they do not give the published root".to_owned());
                proves(&tiles).ok_or_else(false_tiles)
            },
        )
    }

    /// Entries of the range in order; `is_entry` proves each.
    pub(super) fn entries(
        &mut self,
        leaves: Range<u64>,
        is_entry: impl Fn(u64, &[u8]) -> bool,
    ) -> Result<Vec<PeerEntry>, RepairError> {
        let mut found: Vec<PeerEntry> = Vec::new();
        let mut next = leaves.start;
        while next < leaves.end {
            let first = LeafIndex::new(next).map_err(super::super::error::StoreError::from)?;
            let due = leaves.end - next;
            let some = self.ask(
                &format!("entries from leaf {next} on"),
                |peers, peer| peers.entries(peer, first, due),
                |answer| {
                    if answer.is_empty() || answer.len() as u64 > due {
                        return Err(Unusable::Forged(format!("{} entries where 1 to {due} are due", answer.len())));
                    }
                    match (next..).zip(&answer).find(|(leaf, sent)| !is_entry(*leaf, &sent.entry)) {
                        Some((leaf, _)) => {
                            Err(Unusable::Forged(format!("the entry at leaf {leaf} does not hash to its leaf hash")))
                        }
                        None => Ok(answer),
                    }
                },
            )?;
            next += some.len() as u64;
            self.leaves += some.len() as u64;
            (self.progress)(Step::Fetched(self.leaves));
            found.extend(some);
        }
        Ok(found)
    }

    /// The confidential body of a proven entry.
    pub(super) fn body(&mut self, leaf: u64, claim: &BodyClaim, proofs: &dyn Proofs) -> Result<Vec<u8>, RepairError> {
        let first = LeafIndex::new(leaf).map_err(super::super::error::StoreError::from)?;
        self.ask(
            &format!("the confidential body of leaf {leaf}"),
            |peers, peer| peers.entries(peer, first, 1),
            |answer| match answer.into_iter().next().map(|sent| sent.body) {
                Some(body) if !body.is_empty() && proofs.is_body(claim, &body) => Ok(body),
                Some(body) if body.is_empty() => Err(Unusable::Missing("it has erased it".to_owned())),
                _ => Err(Unusable::Forged("the body does not match the digest in the entry".to_owned())),
            },
        )
    }

    /// Every peer's newest published checkpoint that verifies.
    pub(super) fn newest(&mut self, proofs: &dyn Proofs) -> Vec<ProvenHead> {
        let mut found = Vec::new();
        for peer in 0..self.names.len() {
            let answer = self.peers.newest(peer).map_err(Unusable::Missing).and_then(|note| verified(proofs, &note));
            match answer {
                Ok(proven) => found.push(proven),
                Err(why) => self.refuse(peer, "its newest published checkpoint", why),
            }
        }
        found
    }

    /// Published checkpoints of these sizes, each verified, in the order of sizes; with the one of size `wanted` among
    /// them, if anybody has it.
    pub(super) fn checkpoints(
        &mut self,
        sizes: Range<TreeSize>,
        wanted: Option<u64>,
        proofs: &dyn Proofs,
    ) -> Result<Vec<ArchivedCheckpoint>, RepairError> {
        let found = self.checkpoints_with(sizes.clone(), wanted, proofs);
        if wanted.is_none() { found } else { found.or_else(|_| self.checkpoints_with(sizes, None, proofs)) }
    }

    fn checkpoints_with(
        &mut self,
        sizes: Range<TreeSize>,
        wanted: Option<u64>,
        proofs: &dyn Proofs,
    ) -> Result<Vec<ArchivedCheckpoint>, RepairError> {
        self.ask(
            &format!("the published checkpoints of sizes {} to {}", sizes.start, sizes.end),
            |peers, peer| peers.checkpoints(peer, sizes.clone()),
            |notes| {
                if notes.len() > CHECKPOINTS_MAX {
                    return Err(Unusable::Forged(format!("{} checkpoints at once", notes.len())));
                }
                let mut found = Vec::with_capacity(notes.len());
                for note in notes {
                    let proven = verified(proofs, &note)?;
                    if !sizes.contains(&proven.head.size) {
                        return Err(Unusable::Forged(format!("one of size {}", proven.head.size)));
                    }
                    let (size, time_ms) = (proven.head.size, proven.time_ms);
                    found.push(ArchivedCheckpoint { size, time_ms, note });
                }
                found.sort_by_key(|archived| archived.size);
                let lacks = |wanted: &u64| !found.iter().any(|archived| archived.size.get() == *wanted);
                match wanted.filter(lacks) {
                    Some(wanted) => Err(Unusable::Missing(format!("it has none of size {wanted}"))),
                    None => Ok(found),
                }
            },
        )
    }
}

fn verified(proofs: &dyn Proofs, note: &str) -> Result<ProvenHead, Unusable> {
    if note.is_empty() {
        return Err(Unusable::Missing("it has published nothing".to_owned()));
    }
    if note.len() > NOTE_BYTES_MAX {
        return Err(Unusable::Forged(format!("a note of {} bytes", note.len())));
    }
    proofs.checkpoint(note).map_err(Unusable::Forged)
}

fn named(path: &TilePath) -> String {
    match path.kind() {
        TileKind::Hashes(level) => format!("tile {} of level {level}", path.index()),
        TileKind::Entries => format!("bundle {}", path.index()),
    }
}
