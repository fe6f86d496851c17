//! What is proven becomes part of the ledger: judged like everything else, one frame a part, and at the end the position.
//!
//! Crash in here, at any point: the ledger is a whole number of parts, each of them proven; the mark still stands, and
//! the next start asks for what follows.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tamga_ledger::judge::NewLeaf;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::promise::Judged;
use tamga_ledger::store::{LogPosition, NewEntry};
use tamga_ledger::tree::{TreeHead, TwinFrontier};
use tamga_platform::blocking::BlockingExt as _;

use super::{CatchUpError, marker};
use crate::core::lock::Access as _;
use crate::core::rejudge::{Read, Verified};
use crate::core::shared::Shared;

/// Entries after which what came is made durable: no more than these come again after a power cut.
const SYNC_ENTRIES: u64 = 65_536;

/// A proven part whose signatures were verified.
pub(super) struct Checked {
    pub(super) round: Vec<Verified>,
    pub(super) checkpoints: Vec<VerifiedCheckpoint>,
    pub(super) frontier: TwinFrontier,
}

/// A leaf as it was taken in; a stub comes without a judged one.
type Taken = (Read, Option<NewLeaf>);

impl Shared {
    /// Judges and stores a part whose frame says `position`.
    pub(super) async fn take_in(self: &Arc<Self>, checked: Checked, position: LogPosition) -> Result<(), CatchUpError> {
        let shared = Arc::clone(self);
        self.write_part(move || shared.take_in_now(checked, position)).await
    }

    /// Sets the position behind which the log is to be applied; no entries.
    pub(super) async fn move_to(self: &Arc<Self>, position: LogPosition) -> Result<(), CatchUpError> {
        let shared = Arc::clone(self);
        self.write_part(move || Ok(shared.store.append(position, &[]).map(drop)?)).await
    }

    /// The ledger is there: shows the target as the published checkpoint and removes the mark.
    pub(super) async fn arrived(self: &Arc<Self>, target: VerifiedCheckpoint) -> Result<(), CatchUpError> {
        let (shared, checkpoint) = (Arc::clone(self), target.clone());
        self.write_part(move || {
            shared.archive_published(&checkpoint)?;
            // Crash before this returns: the last frame may be gone; the mark stands.
            Ok(shared.store.sync()?)
        })
        .await?;
        // Durable now: ledger, target and position. Crash before the mark is gone: the next start comes here again.
        let shared = Arc::clone(self);
        self.write_part(move || {
            marker::remove(shared.seams.disk.as_ref(), &shared.data_dir).map_err(CatchUpError::Mark)
        })
        .await?;
        self.catchup.unfinished.store(false, Ordering::SeqCst);
        self.show(target).await;
        self.catchup.ended.notify_one();
        Ok(())
    }

    async fn show(self: &Arc<Self>, target: VerifiedCheckpoint) {
        let head = target.checkpoint().head();
        let shared = Arc::clone(self);
        let view = self.seams.blocking.run(move || {
            let state = shared.state.look();
            shared.last_batch_ms.fetch_max(state.time_ms(), Ordering::Relaxed);
            (state.head() == head).then(|| shared.views.compute(&state))
        });
        // A ledger that has gone beyond the target shows a later one.
        if let Some(view) = view.await {
            self.last_cut.fetch_max(head.size.get(), Ordering::Relaxed);
            if let Some(position) = self.store.position() {
                self.compaction.cut(head.size, position);
                self.compaction.published(head.size, &target.note().to_string());
            }
            self.adopt(target, view).await;
        }
    }

    /// Runs `work` unless the core was told to stop; whoever stops it waits for what has begun.
    async fn write_part<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> Result<T, CatchUpError> + Send + 'static,
    ) -> Result<T, CatchUpError> {
        let shared = Arc::clone(self);
        let write = move || {
            let _writing = shared.catchup.writing.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.is_stopping() { Err(CatchUpError::Stopping) } else { work() }
        };
        self.seams.blocking.run(write).await
    }

    fn take_in_now(&self, checked: Checked, position: LogPosition) -> Result<(), CatchUpError> {
        let Checked { round, checkpoints, frontier } = checked;
        let taken = self.judge_part(round, &checkpoints)?;
        // Crash here, or in the append: the part comes again.
        self.store_part(position, &taken, frontier.head())?;
        for checkpoint in &checkpoints {
            self.archive_published(checkpoint)?;
        }
        let (before, after) = (frontier.size().get() - taken.len() as u64, frontier.size().get());
        if before / SYNC_ENTRIES != after / SYNC_ENTRIES {
            self.store.sync()?;
        }
        self.tell_taken(&taken);
        Ok(())
    }

    fn judge_part(&self, round: Vec<Verified>, checkpoints: &[VerifiedCheckpoint]) -> Result<Vec<Taken>, CatchUpError> {
        let rejudge = self.rejudge();
        let mut due = checkpoints.iter().map(|verified| verified.checkpoint().size).peekable();
        let mut taken = Vec::with_capacity(round.len());
        let mut state = self.state.change();
        for verified in round {
            state.advance_time(verified.0.entry.time_ms);
            taken.push(rejudge.judge(&mut state, verified)?);
            // Published sizes were cuts, also those asked for in idle times, which leaf times do not tell.
            if due.next_if_eq(&state.head().size).is_some() {
                state.cut();
            }
        }
        Ok(taken)
    }

    fn store_part(&self, position: LogPosition, taken: &[Taken], proven: TreeHead) -> Result<(), CatchUpError> {
        let entries: Vec<NewEntry<'_>> = taken
            .iter()
            .map(|(read, leaf)| NewEntry {
                entry: &read.bytes,
                confidential: &read.body,
                class: leaf.as_ref().and_then(|leaf| leaf.kind.confidential_class()).map_or(0, |class| class as u8),
            })
            .collect();
        let judged = self.state.look().head();
        if judged != proven {
            return Err(CatchUpError::Roots(Box::new((proven, judged))));
        }
        let stored = self.store.append(position, &entries)?;
        if stored != judged {
            return Err(CatchUpError::Roots(Box::new((stored, judged))));
        }
        Ok(())
    }

    /// Archives a checkpoint that is not there yet; its time is that of its latest cosignature.
    fn archive_published(&self, verified: &VerifiedCheckpoint) -> Result<(), CatchUpError> {
        let size = verified.checkpoint().size;
        if self.store.checkpoint_at(size)?.is_none() {
            let time_s = verified.cosignatures().iter().map(|cosignature| cosignature.time_s).max().unwrap_or(0);
            self.store.archive_checkpoint(size, time_s.saturating_mul(1_000), &verified.note().to_string())?;
        }
        Ok(())
    }

    /// Whoever waits for one of these records learns its verdict; promises of this node are kept by now.
    fn tell_taken(&self, taken: &[Taken]) {
        metrics::counter!("tamga_entries_caught_up_total").increment(taken.len() as u64);
        let ids: Vec<_> = taken.iter().map(|(read, _)| read.id()).collect();
        for ((read, _), id) in taken.iter().zip(&ids) {
            let (time_ms, verdict) = (read.entry.time_ms, read.entry.verdict.clone());
            self.waiters.tell(id, &Judged { leaf: read.leaf, time_ms, verdict });
        }
        self.outbox.remove(ids.iter());
    }
}
