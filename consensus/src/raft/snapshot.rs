//! Snapshots are metadata: a position, the members at it, and a few opaque bytes of the application.
//!
//! Where a snapshot's bytes are empty it says only how far the log was purged, not how to get there: whoever is offered
//! it waits for a better one (see [`usable`]).

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use openraft::RaftSnapshotBuilder;

use super::files::Files;
use super::{Snapshot, TypeConfig};

/// The current snapshot, as openraft reads it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SnapshotState(Arc<Mutex<Option<Snapshot>>>);

impl SnapshotState {
    pub(crate) fn get(&self) -> Option<Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, snapshot: Snapshot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot);
    }
}

/// Whether the application of another replica can do something with it.
pub(crate) fn usable(snapshot: &Snapshot) -> bool {
    !snapshot.snapshot.is_empty()
}

/// Holds a snapshot as it was when the builder was asked for.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(super) snapshot: Snapshot,
    pub(super) current: SnapshotState,
    pub(super) files: Files,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        match self.files.write_snapshot(&self.snapshot).await {
            Ok(()) => {}
            // The file only spares work at the next start; a full disk is no reason not to make room by purging.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                tracing::warn!(%error, "the snapshot's file could not be written; it is kept in memory");
            }
            Err(error) => return Err(io::Error::other(self.files.fatal("snapshot", &error))),
        }
        // Crash here, or before openraft purges: the log is still whole, the snapshot covers less than it could.
        self.current.set(self.snapshot.clone());
        Ok(self.snapshot.clone())
    }
}
