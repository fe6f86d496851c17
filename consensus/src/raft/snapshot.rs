//! Snapshots are metadata: a position, the members at it, and a few opaque bytes of the application.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use openraft::RaftSnapshotBuilder;

use super::{Snapshot, SnapshotMeta, TypeConfig};

/// The current snapshot. Kept in memory only: the application's state is itself durable, and openraft builds another
/// one when it needs it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SnapshotState(Arc<Mutex<Option<Snapshot>>>);

impl SnapshotState {
    pub(crate) fn get(&self) -> Option<Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, meta: SnapshotMeta, snapshot: Bytes) -> Snapshot {
        let snapshot = Snapshot { meta, snapshot };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.clone());
        snapshot
    }
}

/// Holds what a snapshot is to contain, as it was when the builder was asked for.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(super) meta: SnapshotMeta,
    pub(super) bytes: Bytes,
    pub(super) current: SnapshotState,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        Ok(self.current.set(self.meta.clone(), self.bytes.clone()))
    }
}
