//! Records that wait for this node, the leader, to sequence them.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tamga_ledger::ids::RecordId;
use tokio::sync::Notify;

/// The leader's queue. A record is in it once, from [`push`](Self::push) until [`done`](Self::done).
#[derive(Debug)]
pub(crate) struct Pending {
    inner: Mutex<Inner>,
    bytes_max: usize,
    /// Something was pushed.
    pub(crate) pushed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<(RecordId, Bytes)>,
    known: HashSet<RecordId>,
    bytes: usize,
}

/// A record on its way into a batch.
pub(crate) type PendingRecord = (RecordId, Bytes);

impl Pending {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { inner: Mutex::default(), bytes_max, pushed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so many more bytes would be taken.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.lock().bytes + bytes <= self.bytes_max
    }

    /// Takes a record; true if it is in the queue now. False if there is no room.
    pub(crate) fn push(&self, id: RecordId, bytes: Bytes) -> bool {
        let mut inner = self.lock();
        if inner.known.contains(&id) {
            return true;
        }
        if inner.bytes + bytes.len() > self.bytes_max {
            return false;
        }
        inner.known.insert(id);
        inner.bytes += bytes.len();
        inner.queue.push_back((id, bytes));
        drop(inner);
        self.pushed.notify_one();
        true
    }

    /// The next records of a batch, in order of arrival.
    pub(crate) fn take(&self, records_max: usize, bytes_max: usize) -> Vec<PendingRecord> {
        let mut inner = self.lock();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some((_, next)) = inner.queue.front() {
            bytes += next.len();
            if taken.len() >= records_max || (bytes > bytes_max && !taken.is_empty()) {
                break;
            }
            taken.extend(inner.queue.pop_front());
        }
        taken
    }

    /// Puts records back to the front, in their order.
    pub(crate) fn put_back(&self, records: Vec<PendingRecord>) {
        let mut inner = self.lock();
        for record in records.into_iter().rev() {
            inner.queue.push_front(record);
        }
    }

    /// Forgets records that were taken: they are in the ledger, or never will be.
    pub(crate) fn done(&self, records: &[PendingRecord]) {
        let mut inner = self.lock();
        for (id, bytes) in records {
            if inner.known.remove(id) {
                inner.bytes -= bytes.len();
            }
        }
    }

    /// Drops everything: this node leads no more. Whoever promised the records still has them.
    pub(crate) fn clear(&self) {
        *self.lock() = Inner::default();
    }

    /// Records in the queue.
    pub(crate) fn len(&self) -> usize {
        self.lock().queue.len()
    }
}
