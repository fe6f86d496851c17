//! From a payload to verified items, in parallel and ahead of apply.
//!
//! Consensus reports a payload when it is appended; checking its signatures then overlaps with replication. Apply takes
//! the result, or prepares by itself what was not prepared. The result does not depend on when it was computed, except
//! where it says itself that it wants a key ([`Authentic::wants_key`]): apply repeats those.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use futures::future::join_all;
use tamga_consensus::{LogPosition, Observer};
use tamga_ledger::batch::{BatchError, Item, SignedBatch};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::submission::{Authentic, Rejection, authenticate};
use tamga_platform::blocking::BlockingExt as _;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::authentics::digest;
use super::shared::Shared;

/// Bytes of payloads prepared ahead; more are prepared at apply.
const AHEAD_BYTES_MAX: usize = 32 << 20;
/// Items one thread verifies in one go.
const ITEMS_A_TASK: usize = 16;
/// Threads that verify one batch.
const TASKS_MAX: usize = 4;

/// An item with what checking it gave.
pub(crate) type Checked = (Item, Result<Box<Authentic>, Rejection>);

/// A payload as apply takes it.
#[derive(Debug)]
pub(crate) struct PreparedBatch {
    /// The batch without its items, or why it is void.
    pub(crate) batch: Result<SignedBatch, BatchError>,
    /// Its items, checked.
    pub(crate) items: Vec<Checked>,
    /// The payload, in case it is evidence.
    pub(crate) payload: Bytes,
}

/// Results on their way, by index in the log.
#[derive(Debug, Default)]
pub(crate) struct Prepared(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    ahead: BTreeMap<u64, Slot>,
    bytes: usize,
    /// Length of each payload seen in the log and, as far as anybody asked, not yet applied.
    backlog: BTreeMap<u64, usize>,
}

#[derive(Debug)]
struct Slot {
    position: LogPosition,
    bytes: usize,
    result: oneshot::Receiver<PreparedBatch>,
}

impl Prepared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a payload of the log; a later leader's may take its place.
    fn note(&self, index: u64, bytes: usize) {
        self.lock().backlog.insert(index, bytes);
    }

    /// Bytes of payloads behind the index `applied`.
    pub(crate) fn backlog_bytes(&self, applied: Option<u64>) -> u64 {
        let mut inner = self.lock();
        if let Some(applied) = applied {
            inner.backlog = inner.backlog.split_off(&(applied + 1));
        }
        inner.backlog.values().map(|bytes| *bytes as u64).sum()
    }

    /// Whether there is room for a payload; if so, where to send the result.
    fn reserve(&self, position: LogPosition, bytes: usize) -> Option<oneshot::Sender<PreparedBatch>> {
        let mut inner = self.lock();
        if inner.bytes + bytes > AHEAD_BYTES_MAX {
            return None;
        }
        let (send, result) = oneshot::channel();
        inner.bytes += bytes;
        if let Some(dropped) = inner.ahead.insert(position.index, Slot { position, bytes, result }) {
            inner.bytes -= dropped.bytes;
        }
        Some(send)
    }

    /// The result for exactly this position, if it was begun. Forgets everything up to it.
    async fn take(&self, position: LogPosition) -> Option<PreparedBatch> {
        let slot = {
            let mut inner = self.lock();
            let later = inner.ahead.split_off(&(position.index + 1));
            let mut passed = std::mem::replace(&mut inner.ahead, later);
            inner.bytes -= passed.values().map(|slot| slot.bytes).sum::<usize>();
            passed.remove(&position.index)
        };
        // Another leader's entry may have taken the place of the one that was prepared.
        slot.filter(|slot| slot.position == position)?.result.await.ok()
    }
}

impl Shared {
    /// What apply needs of a payload, prepared ahead or now.
    pub(crate) async fn prepared(self: Arc<Self>, position: LogPosition, payload: Bytes) -> PreparedBatch {
        match self.prepared.take(position).await {
            Some(prepared) => prepared,
            None => self.prepare(payload).await,
        }
    }

    /// Reads and checks a payload now.
    pub(crate) async fn prepare(self: Arc<Self>, payload: Bytes) -> PreparedBatch {
        let (shared, bytes) = (Arc::clone(&self), payload.clone());
        let read = self.seams.blocking.run(move || {
            // By the ledger's own word only: ids and keys of nodes are never used again, so whoever is in it is known alike
            // at the batch's place. Who is not yet, apply asks for again.
            let key_of = |id| shared.with_nodes(|nodes| nodes.batch_key(id));
            SignedBatch::verify(&bytes, shared.trust.election_id(), key_of)
        });
        match read.await {
            Ok(batch) => {
                let items = self.check_items(batch.batch().items.clone()).await;
                PreparedBatch { batch: Ok(batch), items, payload }
            }
            Err(error) => PreparedBatch { batch: Err(error), items: Vec::new(), payload },
        }
    }

    /// Checks items on as many threads as make sense.
    pub(crate) async fn check_items(self: &Arc<Self>, items: Vec<Item>) -> Vec<Checked> {
        let tasks = items.len().div_ceil(ITEMS_A_TASK).clamp(1, TASKS_MAX);
        let size = items.len().div_ceil(tasks).max(1);
        let mut rest = items.into_iter();
        let mut running = Vec::with_capacity(tasks);
        loop {
            let part: Vec<Item> = rest.by_ref().take(size).collect();
            if part.is_empty() {
                break;
            }
            let shared = Arc::clone(self);
            running.push(self.seams.blocking.run(move || part.into_iter().map(|item| shared.check(item)).collect()));
        }
        let checked: Vec<Vec<Checked>> = join_all(running).await;
        checked.into_iter().flatten().collect()
    }

    fn check(&self, item: Item) -> Checked {
        let known = self.authentics.take(&digest(&item.0));
        let result = match known {
            Some(authentic) => Ok(authentic),
            None => authenticate(&item.0, self.trust.election_id(), &self.keys_known()).map(Box::new),
        };
        let result = match result {
            // Before leaf 0 a record belongs to no election. Whether this is the place for it, apply decides.
            Err(Rejection::WrongElection(ElectionId::ZERO)) => {
                authenticate(&item.0, &ElectionId::ZERO, &self.keys_known()).map(Box::new)
            }
            other => other,
        };
        (item, result)
    }
}

/// Begins to prepare what consensus appends.
pub(crate) struct PrepareAhead {
    pub(crate) shared: Weak<Shared>,
    pub(crate) runtime: Handle,
}

impl Observer for PrepareAhead {
    fn appended(&self, position: LogPosition, payload: &Bytes) {
        let Some(shared) = self.shared.upgrade() else { return };
        shared.prepared.note(position.index, payload.len());
        let Some(send) = shared.prepared.reserve(position, payload.len()) else { return };
        let payload = payload.clone();
        self.runtime.spawn(async move {
            let prepared = shared.prepare(payload).await;
            // Nobody takes it if another leader's entry replaced it.
            let _ = send.send(prepared);
        });
    }
}
