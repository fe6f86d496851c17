//! Batches compared between nodes. When roots differ, two nodes have applied different entries; if their batches for one
//! place differ as well, both are signed by one proposer, and together they convict it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tamga_ledger::batch::{Batch, SignedBatch};
use tamga_ledger::evidence::Claim;
use tamga_platform::blocking::BlockingExt as _;

use crate::core::shared::Shared;
use crate::proto::{BatchDigest, CompareBatchesReply, CompareBatchesRequest};

/// Batches kept for comparison, and their bytes together: those of the last seconds to minutes.
const KEPT_MAX: usize = 512;
const KEPT_BYTES_MAX: usize = 16 << 20;
/// Most digests one request compares.
const COMPARED_MAX: usize = 1_024;

/// Whose batch, and for which place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Cluster epoch.
    epoch: u32,
    /// Raft term.
    term: u64,
    /// Number within it.
    number: u64,
    /// Who proposed.
    proposer: u32,
}

/// The batches applied last, signed as they came.
#[derive(Debug, Default)]
pub(crate) struct Batches(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_place: BTreeMap<Place, Bytes>,
    bytes: usize,
}

impl Batches {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a batch; another one for its place comes back.
    pub(crate) fn keep(&self, batch: &Batch, payload: &Bytes) -> Option<Bytes> {
        let Batch { epoch, term, number, proposer, .. } = *batch;
        let mut inner = self.lock();
        let before = inner.by_place.insert(Place { epoch, term, number, proposer }, payload.clone());
        inner.bytes += payload.len();
        inner.bytes -= before.as_ref().map_or(0, Bytes::len);
        while inner.by_place.len() > KEPT_MAX || inner.bytes > KEPT_BYTES_MAX {
            let Some((_, dropped)) = inner.by_place.pop_first() else { break };
            inner.bytes -= dropped.len();
        }
        before.filter(|before| before != payload)
    }

    fn digests(&self) -> Vec<BatchDigest> {
        let digest = |(place, payload): (&Place, &Bytes)| BatchDigest {
            epoch: place.epoch,
            term: place.term,
            number: place.number,
            proposer: place.proposer,
            blake3: Bytes::copy_from_slice(blake3::hash(payload).as_bytes()),
        };
        self.lock().by_place.iter().map(digest).collect()
    }

    fn get(&self, place: &Place) -> Option<Bytes> {
        self.lock().by_place.get(place).cloned()
    }

    /// The first batch of ours that is another one than theirs.
    fn first_other(&self, theirs: &[BatchDigest]) -> Option<Bytes> {
        let inner = self.lock();
        let other = |digest: &BatchDigest| {
            let BatchDigest { epoch, term, number, proposer, blake3 } = digest;
            let place = Place { epoch: *epoch, term: *term, number: *number, proposer: *proposer };
            let own = inner.by_place.get(&place)?;
            (blake3::hash(own).as_bytes().as_slice() != blake3.as_ref()).then(|| own.clone())
        };
        theirs.iter().take(COMPARED_MAX).find_map(other)
    }
}

impl Shared {
    /// Peer service: the first batch of ours that differs from theirs for one place; empty if there is none.
    pub(crate) fn compare_batches(&self, request: &CompareBatchesRequest) -> CompareBatchesReply {
        CompareBatchesReply { batch: self.batches.first_other(&request.batches).unwrap_or_default() }
    }

    /// Asks a node whose roots differ what it was sent, and keeps the pair that convicts a proposer.
    pub(crate) async fn compare_with(self: Arc<Self>, peer: u32) {
        let request = CompareBatchesRequest { batches: self.batches.digests() };
        let theirs = match self.peers.compare_batches(peer, request).await {
            Ok(reply) if reply.batch.is_empty() => return,
            Ok(reply) => reply.batch,
            Err(error) => return tracing::debug!(peer, error, "batches could not be compared"),
        };
        let shared = Arc::clone(&self);
        self.seams.blocking.run(move || shared.two_batches(&theirs)).await;
    }

    /// Keeps two batches for one place, ours and this one, if they are that. Blocks.
    pub(crate) fn two_batches(&self, theirs: &Bytes) {
        let key_of = |id| self.with_nodes(|nodes| nodes.batch_key(id));
        let Ok(signed) = SignedBatch::verify(theirs, self.trust.election_id(), key_of) else { return };
        let Batch { epoch, term, number, proposer, .. } = *signed.batch();
        let place = Place { epoch, term, number, proposer };
        if let Some(ours) = self.batches.get(&place).filter(|ours| ours != theirs) {
            self.accuse_of_two(&ours, theirs);
        }
    }

    /// Keeps a pair once. Blocks.
    pub(crate) fn accuse_of_two(&self, ours: &[u8], theirs: &[u8]) {
        let mut pair = [*blake3::hash(ours).as_bytes(), *blake3::hash(theirs).as_bytes()];
        pair.sort_unstable();
        if self.suspects.is_new_pair(*blake3::hash(&pair.concat()).as_bytes()) {
            self.keep_evidence(Claim::Batches { first: ours.to_vec(), second: theirs.to_vec() }, theirs);
        }
    }
}
