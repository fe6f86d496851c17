//! The source's side: entries of this node's ledger, proven against a checkpoint that the asking node holds.
//!
//! A part is read only when the one before has been taken, so that a slow or idle receiver costs one part of memory.

use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::store::{Confidential, Store, StoreError};
use tamga_ledger::tree::{Blake3Tree, Hash, LeafIndex, Sha256Tree, TreeSize};
use tamga_platform::blocking::BlockingExt as _;
use tokio::sync::OwnedSemaphorePermit;

use super::part::{PART_BYTES, PART_CHECKPOINTS_MAX, PART_ENTRIES_MAX, put};
use crate::core::shared::Shared;
use crate::proto::{EntriesPart, TakeEntriesRequest};

/// Transfers that one node serves at once; each holds one part.
pub(crate) const SERVED_MAX: usize = 16;

/// Why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServeError {
    /// This node is not that far.
    #[error("this node's ledger has {size} entries, less than the target {target}; ask again or another node")]
    NotYet {
        /// This node's size.
        size: u64,
        /// What was asked for.
        target: u64,
    },
    /// A range that cannot be.
    #[error("entries {from} to {upto} of a ledger of size {target} make no range")]
    Range {
        /// First leaf.
        from: u64,
        /// Leaf after the last one.
        upto: u64,
        /// Of which ledger.
        target: u64,
    },
    /// Too many at once.
    #[error("this node serves as many transfers as it can; ask another node")]
    Busy,
    /// This node stops, or cannot read its own ledger.
    #[error("this node cannot serve entries now; ask another node")]
    Unavailable,
}

/// A transfer being served.
struct Serving {
    shared: Arc<Shared>,
    next: u64,
    upto: u64,
    target: TreeSize,
    _permit: OwnedSemaphorePermit,
}

impl Shared {
    /// Peer service: the parts of a range.
    pub(crate) fn serve_entries(
        self: &Arc<Self>,
        request: TakeEntriesRequest,
    ) -> Result<impl Stream<Item = Result<EntriesPart, ServeError>> + use<>, ServeError> {
        let TakeEntriesRequest { from, upto, target } = request;
        let size = self.store.size();
        if self.is_stopping() {
            return Err(ServeError::Unavailable);
        }
        let target_size = TreeSize::new(target).map_err(|_| ServeError::Range { from, upto, target })?;
        if from >= upto || upto > target {
            return Err(ServeError::Range { from, upto, target });
        }
        if target_size > size {
            return Err(ServeError::NotYet { size: size.get(), target });
        }
        let permit = Arc::clone(&self.catchup.serving).try_acquire_owned().map_err(|_| ServeError::Busy)?;
        let serving = Serving { shared: Arc::clone(self), next: from, upto, target: target_size, _permit: permit };
        Ok(futures::stream::unfold(Some(serving), |serving| async {
            let mut serving = serving.filter(|serving| serving.next < serving.upto)?;
            match serving.part().await {
                Ok(part) => Some((Ok(part), Some(serving))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

impl Serving {
    async fn part(&mut self) -> Result<EntriesPart, ServeError> {
        if self.shared.is_stopping() {
            return Err(ServeError::Unavailable);
        }
        let (store, from, upto, target) = (Arc::clone(&self.shared.store), self.next, self.upto, self.target);
        let part = self.shared.seams.blocking.run(move || read_part(&store, from, upto, target)).await;
        let (part, end) = part.map_err(|error| {
            tracing::error!(%error, "entries for another node cannot be read");
            ServeError::Unavailable
        })?;
        self.next = end;
        metrics::counter!("tamga_entries_served_total").increment(end - from);
        Ok(part)
    }
}

/// Reads one part, and says where it ends.
pub(super) fn read_part(
    store: &Store,
    from: u64,
    upto: u64,
    target: TreeSize,
) -> Result<(EntriesPart, u64), StoreError> {
    let index = |leaf| LeafIndex::new(leaf).unwrap_or_default();
    let size = |size| TreeSize::new(size).unwrap_or_default();
    let limit = upto.min(from + PART_ENTRIES_MAX as u64);
    let read = store.entries(index(from)..index(limit), PART_BYTES)?;
    let mut end = from + read.len() as u64;
    let notes = store.checkpoints(size(from + 1)..size(end + 1), PART_CHECKPOINTS_MAX)?;
    if let Some(last) = notes.get(PART_CHECKPOINTS_MAX - 1) {
        // There may be more of them: they come with the next part.
        end = last.size.get();
    }
    let (mut entries, mut bodies, mut at) = (Vec::new(), Vec::new(), from);
    for entry in read.iter().take((end - from) as usize) {
        let body = body_of(store, index(at), entry)?;
        let full = at > from && entries.len() + bodies.len() + entry.len() + body.len() > PART_BYTES;
        if full {
            break;
        }
        put(&mut entries, entry);
        put(&mut bodies, &body);
        at += 1;
    }
    let (sha256_proof, blake3_proof) =
        if size(at) < target { proofs(store, size(at), target)? } else { Default::default() };
    let part = EntriesPart {
        first_leaf: from,
        entries: entries.into(),
        bodies: bodies.into(),
        sha256_proof,
        blake3_proof,
        checkpoints: notes.into_iter().filter(|note| note.size.get() <= at).map(|note| note.note).collect(),
    };
    Ok((part, at))
}

/// The confidential body of an entry. A stub's is not sent: nothing in the stub proves it.
fn body_of(store: &Store, leaf: LeafIndex, entry: &[u8]) -> Result<Vec<u8>, StoreError> {
    let body = match store.confidential(leaf)? {
        Confidential::Kept { body, .. } => body,
        Confidential::None | Confidential::Erased { .. } => return Ok(Vec::new()),
    };
    let stub = Entry::from_bytes(entry).is_ok_and(|entry| matches!(entry.payload, Payload::Stub(_)));
    Ok(if stub { Vec::new() } else { body })
}

type Hashes = Vec<Bytes>;

fn proofs(store: &Store, old: TreeSize, new: TreeSize) -> Result<(Hashes, Hashes), StoreError> {
    let bytes = |path: &[Hash]| path.iter().map(|hash| Bytes::copy_from_slice(hash.as_bytes())).collect();
    let sha256 = store.consistency_proof::<Sha256Tree>(old, new)?;
    let blake3 = store.consistency_proof::<Blake3Tree>(old, new)?;
    Ok((bytes(sha256.path()), bytes(blake3.path())))
}
