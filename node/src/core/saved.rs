//! The judging state, saved beside the ledger, so that a start replays only what came since: O(tail), not O(ledger).
//!
//! `state/journal` grows by what changed since the last save; `state/head`, replaced atomically, says how much of it
//! counts ([`tamga_ledger::saved`] has the bytes). It is a private cache of this node: whatever is odd about it (version,
//! checksum, election, another ledger than the store's) costs a full replay and nothing else. It is never believed
//! against the store: size and roots of the saved state must be the store's own.
//!
//! Order of a save: journal, then the **store** made durable, then the journal, then the head. Crash before the head is
//! replaced: the old head still names the beginning of the journal. A head that is ahead of the store after a power cut
//! cannot be.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tamga_ledger::ids::ElectionId;
use tamga_ledger::nodes::Nodes;
use tamga_ledger::saved::{self, FileReader, HEAD_BYTES_MAX, Mark, SavedError, Step};
use tamga_ledger::state::State;
use tamga_ledger::store::{Store, StoreError};
use tamga_ledger::tree::TreeSize;
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::disk::{Disk, DiskFile, Open};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::lock::Access as _;
use super::shared::Shared;

/// How often growth is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a save waits until what it holds is published: then a start finds the published view on its way.
const PUBLISHED_WAIT: Duration = Duration::from_secs(10);
/// Read ahead so much of the journal.
const READ_BYTES: usize = 1 << 20;

/// Why there is no saved state to start from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("there is none")]
    Absent,
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Saved(#[from] SavedError),
    #[error("it was saved at {saved} entries, and the ledger has {size}")]
    Ahead { saved: TreeSize, size: TreeSize },
    #[error("its roots at {0} entries are not the ledger's")]
    OtherRoots(TreeSize),
    #[error("it is at {0} entries, beyond the published view, which is not in the index and has to be computed")]
    BeyondView(TreeSize),
    #[error("the ledger cannot be compared with it: {0}")]
    Store(#[from] StoreError),
}

/// Writes saves, one at a time.
#[derive(Debug)]
pub(crate) struct Saver {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// What is durable.
    mark: Mark,
}

impl Saver {
    /// Goes on after `mark`; from the start of the journal if nothing was loaded.
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf, mark: Mark) -> Self {
        Self { disk, folder, mark }
    }

    fn open_journal(&self) -> io::Result<Box<dyn DiskFile>> {
        self.disk.create_dir_all(&self.folder)?;
        let file = self.disk.open(&journal(&self.folder), Open::ReadWrite)?;
        self.disk.sync_dir(&self.folder)?;
        Ok(file)
    }
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("journal")
}

fn head(folder: &Path) -> PathBuf {
    folder.join("head")
}

/// Loads the saved state, if it is one of this very store; blocks.
pub(crate) fn load(
    disk: &dyn Disk,
    folder: &Path,
    election: &ElectionId,
    store: &Store,
) -> Result<(State, Mark), Unusable> {
    let absent = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Unusable::Absent,
        _ => Unusable::Io(error),
    };
    let head = disk.read(&head(folder), HEAD_BYTES_MAX).map_err(absent)?;
    let at = saved::peek(&head, election)?.head;
    if at.size > store.size() {
        return Err(Unusable::Ahead { saved: at.size, size: store.size() });
    }
    if store.roots_at(at.size)? != at.roots {
        return Err(Unusable::OtherRoots(at.size));
    }
    let file = disk.open(&journal(folder), Open::Read).map_err(absent)?;
    let mut reader = io::BufReader::with_capacity(READ_BYTES, FileReader::new(file.as_ref()));
    // Loading compares the state with the head that was compared with the store.
    let loaded = saved::load(&head, &mut reader, election)?;
    Ok((loaded.state, loaded.mark))
}

/// The nodes as the saved state has them, whatever became of the ledger it belongs to; blocks. For whoever repairs that ledger
/// and has to know whom to ask: nothing of it is a proof.
pub(crate) fn nodes(disk: &dyn Disk, folder: &Path, election: &ElectionId) -> Option<Arc<Nodes>> {
    let head = disk.read(&head(folder), HEAD_BYTES_MAX).ok()?;
    let file = disk.open(&journal(folder), Open::Read).ok()?;
    let mut reader = io::BufReader::with_capacity(READ_BYTES, FileReader::new(file.as_ref()));
    let loaded = saved::load(&head, &mut reader, election);
    let loaded = loaded.inspect_err(|why| tracing::info!(%why, "the saved state does not tell who the nodes are"));
    Some(Arc::clone(loaded.ok()?.state.nodes()))
}

/// Why a save was given up. The one before stands.
#[derive(Debug, thiserror::Error)]
enum SaveError {
    #[error("writing it: {0}")]
    Io(#[from] io::Error),
    #[error("making the ledger durable: {0}")]
    Store(#[from] StoreError),
}

impl Shared {
    /// Saves the state whenever it has grown enough, until this node stops.
    pub(crate) async fn keep_saved(self: Arc<Self>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.stopped() => return,
            }
            let grown = self.store.size().get().saturating_sub(self.saver.lock().await.mark.size().get());
            if grown >= self.tuning.save_entries && !self.save(true).await {
                return;
            }
        }
    }

    /// At the end: saves what came since the last time. Nothing changes the state any more.
    pub(crate) async fn save_last(self: &Arc<Self>) {
        if self.fatal.borrow().is_none() && self.saver.lock().await.mark.size() < self.store.size() {
            self.save(false).await;
        }
    }

    /// Saves once; false when saving makes no sense any more. `wait`: until what is saved is published, for a while.
    async fn save(self: &Arc<Self>, wait: bool) -> bool {
        let mut saver = self.saver.lock().await;
        let started = tokio::time::Instant::now();
        match self.save_with(&mut saver, wait).await {
            Ok(true) => {
                metrics::histogram!("tamga_state_save_seconds").record(started.elapsed().as_secs_f64());
                metrics::gauge!("tamga_state_saved_size").set(saver.mark.size().get() as f64);
                tracing::debug!(size = %saver.mark.size(), journal_bytes = saver.mark.journal_bytes(), "saved the state");
                true
            }
            Ok(false) => true,
            Err(error) => {
                // Nothing is lost: the next start replays more.
                tracing::error!(%error, "the judging state is no longer saved; the next start takes longer");
                metrics::counter!("tamga_state_save_failures_total").increment(1);
                false
            }
        }
    }

    /// Whether a head was written; not when this node stops in the middle of a save that may wait for its end.
    async fn save_with(self: &Arc<Self>, saver: &mut Saver, wait: bool) -> Result<bool, SaveError> {
        let journal: Arc<dyn DiskFile> = Arc::from(saver.open_journal()?);
        let mut mark = saver.mark.clone();
        loop {
            if wait && self.is_stopping() {
                return Ok(false);
            }
            let (shared, file, from) = (Arc::clone(self), Arc::clone(&journal), mark.clone());
            let step = self.seams.blocking.run(move || -> io::Result<Step> {
                let step = shared.state.look().save(&from, shared.store.position());
                file.write_all_at(&step.append, step.at)?;
                Ok(step)
            });
            let step = step.await?;
            mark = step.mark;
            let Some(bytes) = step.head else { continue };
            if !self.is_behind(&mark, wait).await {
                return Ok(false);
            }
            let (shared, disk, path) = (Arc::clone(self), Arc::clone(&saver.disk), head(&saver.folder));
            let replaced = self.seams.blocking.run(move || -> Result<(), SaveError> {
                shared.store.sync()?;
                journal.sync_data()?;
                // Crash here: the old head stands, and what it names of the journal is untouched.
                Ok(disk.replace(&path, &bytes)?)
            });
            replaced.await?;
            saver.mark = mark;
            return Ok(true);
        }
    }

    /// Waits until the store has what was saved (apply judges first and stores then), and a while for its publication.
    async fn is_behind(&self, mark: &Mark, wait: bool) -> bool {
        let size = mark.size();
        if wait {
            let mut published = self.published.subscribe();
            let covered =
                published.wait_for(|latest| latest.as_ref().is_some_and(|latest| latest.checkpoint.size >= size));
            tokio::select! {
                _covered_or_not = timeout(PUBLISHED_WAIT, covered) => {}
                () = self.stopped() => {}
            }
        }
        self.store.size() >= size
    }
}
