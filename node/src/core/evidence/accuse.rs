//! A note with other roots than this node's: an accusation as soon as there is something signed that contradicts it.
//!
//! Best is a published checkpoint of that size or of a larger one, with a proof out of this node's own ledger that it begins
//! otherwise; until then the signatures that this node holds over its own text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tamga_ledger::evidence::{Claim, Link, WhichTree, signers_of};
use tamga_ledger::note::{SignedNote, UnverifiedCheckpoint};
use tamga_ledger::store::StoreError;
use tamga_ledger::tree::{Blake3Tree, Hash, Sha256Tree, TreeSize};
use tamga_platform::blocking::BlockingExt as _;

use crate::core::shared::Shared;

/// Most notes kept.
const SUSPECTS_MAX: usize = 256;

/// Notes with other roots, by their text and signers.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    notes: Mutex<BTreeMap<[u8; 32], Suspect>>,
    /// Held while a note is settled and its file written: whoever waits finds the file.
    writing: Mutex<()>,
    /// Digests of pairs of batches that were written.
    pairs: Mutex<BTreeSet<[u8; 32]>>,
}

#[derive(Debug, Clone)]
struct Suspect {
    note: UnverifiedCheckpoint,
    /// Written against a published checkpoint, and where: nothing better will come.
    settled: Option<Option<PathBuf>>,
}

impl Suspects {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Suspect>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a note; false if it is known, or there are too many.
    fn add(&self, note: &UnverifiedCheckpoint) -> bool {
        let mut suspects = self.lock();
        if suspects.len() >= SUSPECTS_MAX {
            return false;
        }
        let id = id_of(note);
        let new = !suspects.contains_key(&id);
        suspects.entry(id).or_insert_with(|| Suspect { note: note.clone(), settled: None });
        new
    }

    /// Whether a pair was not seen before.
    pub(super) fn is_new_pair(&self, pair: [u8; 32]) -> bool {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.len() < SUSPECTS_MAX && pairs.insert(pair)
    }

    /// Writes what settles a note, once: a publication may come in between, and then its task has written. Where the file is
    /// by the time this returns. Blocks.
    fn settle(&self, note: &UnverifiedCheckpoint, write: impl FnOnce() -> Option<PathBuf>) -> Option<PathBuf> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let id = id_of(note);
        if let Some(done) = self.lock().get(&id).and_then(|suspect| suspect.settled.clone()) {
            return done;
        }
        let path = write();
        if let Some(suspect) = self.lock().get_mut(&id) {
            suspect.settled = Some(path.clone());
        }
        path
    }

    fn open(&self) -> Vec<UnverifiedCheckpoint> {
        self.lock().values().filter(|suspect| suspect.settled.is_none()).map(|suspect| suspect.note.clone()).collect()
    }
}

/// Over the text and who signed it: the same note offered again is the same, whatever the time of its cosignatures.
fn id_of(note: &UnverifiedCheckpoint) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(note.note().text().as_bytes());
    let mut hashes: Vec<[u8; 4]> = note.note().signatures().iter().map(|line| line.key_hash().to_bytes()).collect();
    hashes.sort_unstable();
    hashes.iter().for_each(|hash| {
        hasher.update(hash);
    });
    *hasher.finalize().as_bytes()
}

impl Shared {
    /// A peer has signed other roots. Returns where that was written, if it was; of a note seen before nothing. A file is
    /// durable when this returns.
    pub(crate) async fn suspect(
        self: &Arc<Self>,
        theirs: &UnverifiedCheckpoint,
        ours: Option<SignedNote>,
    ) -> Option<PathBuf> {
        if !self.suspects.add(theirs) {
            return None;
        }
        let (shared, theirs) = (Arc::clone(self), theirs.clone());
        let written = self.seams.blocking.run(move || {
            let raw = theirs.note().to_string();
            let claim = match shared.against_published(&theirs) {
                Ok(Some(claim)) => {
                    return shared.suspects.settle(&theirs, || shared.keep_evidence(claim, raw.as_bytes()));
                }
                Ok(None) => shared.against_own(&theirs, ours.as_ref()),
                Err(error) => {
                    shared.fail(&error.to_string());
                    None
                }
            };
            match claim {
                Some(claim) => shared.keep_evidence(claim, raw.as_bytes()),
                None => shared.evidence.keep_raw("other-roots", shared.seams.clock.now_ms(), raw.as_bytes()),
            }
        });
        written.await
    }

    /// Accuses with each newly published checkpoint whom it contradicts, until this node stops.
    pub(crate) async fn accuse(self: Arc<Self>) {
        let mut published = self.published.subscribe();
        loop {
            tokio::select! {
                changed = published.changed() => if changed.is_err() { return },
                () = self.stopped() => return,
            }
            for theirs in self.suspects.open() {
                let shared = Arc::clone(&self);
                let settled = self.seams.blocking.run(move || {
                    if let Some(claim) = shared.against_published(&theirs)? {
                        let raw = theirs.note().to_string();
                        shared.suspects.settle(&theirs, || shared.keep_evidence(claim, raw.as_bytes()));
                    }
                    Ok::<_, StoreError>(())
                });
                if let Err(error) = settled.await {
                    return self.fail(&error.to_string());
                }
            }
        }
    }

    /// Against what this node holds over its own text of that size.
    fn against_own(&self, theirs: &UnverifiedCheckpoint, ours: Option<&SignedNote>) -> Option<Claim> {
        let ours = ours.filter(|ours| !signers_of(&self.trust_now(), ours).is_empty())?;
        Some(Claim::Notes { first: theirs.note().to_string(), second: ours.to_string(), link: None })
    }

    /// Against a published checkpoint of that size, or of a larger one.
    fn against_published(&self, theirs: &UnverifiedCheckpoint) -> Result<Option<Claim>, StoreError> {
        let (size, claimed) = (theirs.claimed().size, theirs.claimed().roots);
        let first = theirs.note().to_string();
        if let Some(archived) = self.store.checkpoint_at(size)? {
            return Ok(Some(Claim::Notes { first, second: archived.note, link: None }));
        }
        let Some(published) = self.published.borrow().clone() else { return Ok(None) };
        let larger = published.checkpoint.size;
        if larger <= size {
            return Ok(None);
        }
        let roots = self.store.roots_at(size)?;
        let (tree, root, path) = if roots.sha256 == claimed.sha256 {
            (WhichTree::Blake3, roots.blake3, self.path::<Blake3Tree>(size, larger)?)
        } else {
            (WhichTree::Sha256, roots.sha256, self.path::<Sha256Tree>(size, larger)?)
        };
        let link = Some(Link { tree, root, path });
        Ok(Some(Claim::Notes { first, second: published.note.clone(), link }))
    }

    fn path<H: tamga_ledger::store::StoredTree>(&self, old: TreeSize, new: TreeSize) -> Result<Vec<Hash>, StoreError> {
        Ok(self.store.consistency_proof::<H>(old, new)?.path().to_vec())
    }
}
