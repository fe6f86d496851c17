//! Compaction: a snapshot of metadata takes the place of the oldest part of the log.

use std::time::Duration;

use openraft::RaftMetrics;

use super::Consensus;
use crate::error::{CompactError, Fatal};
use crate::raft::{TypeConfig, position_from_raft};
use crate::types::{Compacted, LogPosition};

impl Consensus {
    /// Takes the application's [`snapshot`](crate::Application::snapshot) and purges the log below it, but not above
    /// `up_to_index`, and not the last entries before either: as many of them as both
    /// [`log_entries_kept`](crate::Config::log_entries_kept) and [`log_bytes_kept`](crate::Config::log_bytes_kept) allow.
    ///
    /// The caller promises that its state holds, durably, everything up to `up_to_index`. Each replica compacts its own
    /// log. Idempotent. Returns before the log is purged.
    ///
    /// # Errors
    /// [`CompactError`]; nothing was purged.
    pub async fn compact(&self, up_to_index: u64) -> Result<Compacted, CompactError> {
        let patience = Duration::from_millis(self.0.config.propose_timeout_ms);
        let compacted = tokio::time::timeout(patience, self.compact_now(up_to_index)).await;
        compacted.unwrap_or_else(|_| Err(CompactError::Busy(format!("no snapshot within {patience:?}"))))
    }

    async fn compact_now(&self, up_to_index: u64) -> Result<Compacted, CompactError> {
        if let Some(fatal) = self.failure() {
            return Err(fatal.into());
        }
        if let Some(position) = *self.0.local.installing.borrow() {
            return Err(CompactError::Busy(format!("the snapshot of {position} is being installed")));
        }
        let snapshot = self.build_snapshot().await?;
        let status = self.status();
        let (entries_max, bytes_max) = (self.0.config.log_entries_kept, self.0.config.log_bytes_kept);
        let upto = up_to_index.min(snapshot.index);
        let kept = self.0.wal.look(|view| view.entries_within(upto, entries_max, bytes_max));
        let purging = upto.checked_sub(kept);
        let purging = purging.filter(|purging| status.purged.is_none_or(|purged| purged < *purging));
        if let Some(purging) = purging {
            self.0.raft.trigger().purge_log(purging).await.map_err(|fatal| self.fatal(&fatal))?;
        }
        Ok(Compacted { snapshot, purging })
    }

    /// Makes the application's snapshot the current one; returns where it is.
    async fn build_snapshot(&self) -> Result<LogPosition, CompactError> {
        let position = self.0.raft.with_state_machine(|machine| {
            let position = machine.snapshot_position();
            Box::pin(std::future::ready(position))
        });
        let position = position.await.map_err(|fatal| self.fatal(&fatal))?;
        let position = position.ok_or(CompactError::NothingToSnapshot)?;
        if self.status().snapshot >= Some(position) {
            return Ok(position);
        }
        self.0.raft.trigger().snapshot().await.map_err(|fatal| self.fatal(&fatal))?;
        let wait = self.0.raft.wait(None);
        let built = |metrics: &RaftMetrics<TypeConfig>| metrics.snapshot.map(position_from_raft) >= Some(position);
        match wait.metrics(built, "a snapshot of metadata").await {
            Ok(metrics) => Ok(metrics.snapshot.map_or(position, position_from_raft)),
            Err(error) => Err(self.failure().unwrap_or_else(|| Fatal::new(error.to_string())).into()),
        }
    }
}
