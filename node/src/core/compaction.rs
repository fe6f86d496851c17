//! Keeping the Raft log short: what a published checkpoint covers need not be in it.
//!
//! Each cut has a place in the log: applying up to there gives exactly the cut's ledger. Once the cut is published, its
//! entries are durable in this node's ledger (publishing syncs before it shows), and any node can take them from any
//! other, proven against the checkpoint ([`catchup`](super::catchup)). So the log up to that place may go, and the
//! checkpoint is the snapshot that stands for it.
//!
//! The place is not written down anywhere else: after a restart it is found in the ledger's own frames. A crash at any
//! point leaves a longer log than necessary, never a shorter one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tamga_consensus::{CompactError, Consensus};
use tamga_ledger::store::LogPosition;
use tamga_ledger::tree::TreeSize;
use tokio::time::{Duration, sleep};

use super::shared::Shared;

/// Cuts whose place is remembered until one of them is published.
const CUTS_MAX: usize = 4_096;
/// Between attempts while consensus is busy.
const RETRY: Duration = Duration::from_secs(1);

/// A published checkpoint and its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) position: LogPosition,
    /// The signed note.
    pub(crate) note: Bytes,
}

/// What may be purged, and what stands for it.
#[derive(Debug, Default)]
pub(crate) struct Compaction {
    inner: Mutex<Inner>,
    /// Bytes of payloads applied since the last compaction.
    applied_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    cuts: BTreeMap<TreeSize, LogPosition>,
    latest: Option<Snapshot>,
}

impl Compaction {
    /// Starts with the latest published checkpoint, found again.
    pub(crate) fn new(latest: Option<Snapshot>) -> Self {
        Self { inner: Mutex::new(Inner { cuts: BTreeMap::new(), latest }), applied_bytes: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cut of that size, which applying the log up to `position` gives.
    pub(crate) fn cut(&self, size: TreeSize, position: LogPosition) {
        let mut inner = self.lock();
        inner.cuts.insert(size, position);
        while inner.cuts.len() > CUTS_MAX {
            inner.cuts.pop_first();
        }
    }

    /// So many bytes of the log were applied.
    pub(crate) fn applied(&self, bytes: usize) {
        self.applied_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The checkpoint that stands for the log up to its place.
    pub(crate) fn latest(&self) -> Option<Snapshot> {
        self.lock().latest.clone()
    }

    /// That cut is published, so durable. Cuts up to it are of no use any more.
    pub(crate) fn published(&self, size: TreeSize, note: &str) -> Option<LogPosition> {
        let mut inner = self.lock();
        let place = inner.cuts.get(&size).copied();
        if let Some(position) = place
            && inner.latest.as_ref().is_none_or(|latest| latest.position.index <= position.index)
        {
            inner.latest = Some(Snapshot { position, note: Bytes::copy_from_slice(note.as_bytes()) });
        }
        inner.cuts = inner.cuts.split_off(&size);
        place
    }
}

impl Shared {
    /// Compacts the log after published checkpoints, whenever enough has gathered, until this node stops.
    pub(crate) async fn compact(self: Arc<Self>, consensus: Consensus) {
        let mut published = self.published.subscribe();
        let mut compacted = 0;
        loop {
            let latest = published.borrow_and_update().clone();
            if let Some(latest) = latest {
                self.compaction.published(latest.checkpoint.size, &latest.note);
                if let Some(index) = self.due(compacted)
                    && self.compact_up_to(&consensus, index).await
                {
                    compacted = index;
                }
            }
            tokio::select! {
                changed = published.changed() => if changed.is_err() { return },
                () = self.stopped() => return,
            }
        }
    }

    /// Up to where to compact, if it is worth the while.
    fn due(&self, compacted: u64) -> Option<u64> {
        let index = self.compaction.latest()?.position.index;
        let entries = index.checked_sub(compacted)?;
        let bytes = self.compaction.applied_bytes.load(Ordering::Relaxed);
        let enough = entries >= self.tuning.compact_entries || bytes >= self.tuning.compact_bytes;
        (enough && entries > 0).then_some(index)
    }

    async fn compact_up_to(&self, consensus: &Consensus, index: u64) -> bool {
        loop {
            match consensus.compact(index).await {
                Ok(compacted) => {
                    self.compaction.applied_bytes.store(0, Ordering::Relaxed);
                    metrics::counter!("tamga_raft_compactions_total").increment(1);
                    metrics::gauge!("tamga_raft_snapshot_index").set(index as f64);
                    tracing::debug!(index, ?compacted, "compacted the log");
                    return true;
                }
                Err(CompactError::NothingToSnapshot) => return false,
                Err(CompactError::Busy(why)) => tracing::debug!(index, why, "the log is compacted later"),
                Err(CompactError::Fatal(fatal)) => {
                    self.fail(fatal.what());
                    return false;
                }
            }
            tokio::select! {
                () = sleep(RETRY) => {}
                () = self.stopped() => return false,
            }
        }
    }
}
