//! Opening what is on disk: the store, the latest published checkpoint, the index, and the state by replay.

use std::path::Path;
use std::sync::{Arc, RwLock};

use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::saved::Mark;
use tamga_ledger::state::State;
use tamga_ledger::store::{ArchivedCheckpoint, Options, Store};
use tamga_ledger::tree::{TreeHead, TreeSize};
use tamga_ledger::trust::Trust;
use tamga_platform::blocking::BlockingExt as _;

use super::compaction::Snapshot;
use super::lock::Access as _;
use super::replay::{Replay, Replayed};
use super::saved::{self, Saver, Unusable};
use super::setup::Index;
use super::shared::Shared;
use super::{CoreError, CoreSeams, CoreSetup, Published};
use crate::view::{MemViews, SledViews, View, ViewStore, Views};

/// The ledger as replayed.
pub(super) struct Opened {
    pub(super) store: Arc<Store>,
    pub(super) state: Arc<RwLock<State>>,
    pub(super) views: Views,
    pub(super) view_store: Arc<dyn ViewStore>,
    pub(super) replayed: Replayed,
    pub(super) published: Option<Arc<Published>>,
    /// Saves the state from here on.
    pub(super) saver: Saver,
    /// The latest published checkpoint with its place in the log.
    pub(super) snapshot: Option<Snapshot>,
}

/// Opens and checks everything; nothing of it is believed before.
pub(super) async fn open_ledger(setup: &CoreSetup, seams: &CoreSeams, trust: &Arc<Trust>) -> Result<Opened, CoreError> {
    let (disk, folder) = (Arc::clone(&seams.disk), setup.data_dir.join("ledger"));
    let opened = seams.blocking.run(move || Store::open(disk, &folder, Options::default())).await;
    let (store, recovery) = opened?;
    tracing::info!(size = %recovery.head.size, cut_bytes = recovery.cut_bytes, "opened the ledger");
    let store = Arc::new(store);
    let latest = store.checkpoint_latest()?;
    let view_store = open_views(setup, seams).await;
    let kept = match &latest {
        Some(archived) => load_view(seams, &view_store, &store, archived.size).await,
        None => None,
    };
    let view_from = latest.as_ref().filter(|_| kept.is_none()).map(|archived| archived.size);
    let (state, saver) = load_state(setup, seams, trust, &store, view_from).await;
    let (views, state) = (Views::default(), Arc::new(RwLock::new(state)));
    let replay = Replay {
        store: &store,
        election: *trust.election_id(),
        blocking: &seams.blocking,
        views: &views,
        view_at: view_from,
    };
    let mut replayed = replay.run(&state).await?;
    let (head, judged) = (store.head(), state.look().head());
    if head != judged {
        let path = setup.data_dir.join("ledger");
        let what = format!(
            "its roots are {head:?}, its entries give {judged:?}: `tamga-node repair --config FILE` compares it with what is published"
        );
        return Err(CoreError::Damaged { path, what });
    }
    // Who had to cosign it, the ledger itself says: replaying it has believed nothing.
    let now = if head.size.is_empty() { Trust::clone(trust) } else { trust.with_nodes(state.look().nodes())? };
    let archived = latest.map(|archived| verify_latest(archived, &now, &setup.data_dir)).transpose()?;
    if let Some((verified, _)) = &archived {
        refuse_other_roots(&store, verified, &setup.data_dir)?;
    }
    let snapshot = match &archived {
        Some((verified, _)) => find_snapshot(seams, &store, verified).await?,
        None => None,
    };
    let view = kept.or_else(|| replayed.view.take());
    let published = archived
        .zip(view)
        .filter(|((verified, _), view)| verified.checkpoint().head() == view.head)
        .map(|((verified, published_ms), view)| Arc::new(Shared::published_from(&verified, view, published_ms)));
    Ok(Opened { store, state, views, view_store, replayed, published, saver, snapshot })
}

/// The saved state, or an empty one; and what saves it from here on. `view_from`: the size at which the published view has
/// to be computed, which a state that is beyond it cannot do.
async fn load_state(
    setup: &CoreSetup,
    seams: &CoreSeams,
    trust: &Arc<Trust>,
    store: &Arc<Store>,
    view_from: Option<TreeSize>,
) -> (State, Saver) {
    let (disk, folder) = (Arc::clone(&seams.disk), setup.data_dir.join("state"));
    let (reader, path, ledger, election) = (Arc::clone(&disk), folder.clone(), Arc::clone(store), *trust.election_id());
    let started = tokio::time::Instant::now();
    let loaded = seams.blocking.run(move || saved::load(reader.as_ref(), &path, &election, &ledger)).await;
    let loaded = loaded.and_then(|(state, mark)| match view_from {
        Some(size) if state.head().size > size => Err(Unusable::BeyondView(state.head().size)),
        _ => Ok((state, mark)),
    });
    match loaded {
        Ok((state, mark)) => {
            tracing::info!(size = %state.head().size, seconds = started.elapsed().as_secs_f64(), "loaded the saved state");
            (state, Saver::new(disk, folder, mark))
        }
        Err(why) => {
            if !store.size().is_empty() {
                tracing::warn!(%why, "the saved state is not used: every entry of the ledger is judged again");
            }
            (State::empty(), Saver::new(disk, folder, Mark::new()))
        }
    }
}

/// The place in the log of the latest published checkpoint: nothing below it need be in the log any more.
async fn find_snapshot(
    seams: &CoreSeams,
    store: &Arc<Store>,
    verified: &VerifiedCheckpoint,
) -> Result<Option<Snapshot>, CoreError> {
    let (store, size) = (Arc::clone(store), verified.checkpoint().size);
    let position = seams.blocking.run(move || store.position_at(size)).await?;
    Ok(position.map(|position| Snapshot { position, note: verified.note().to_string().into() }))
}

/// The latest archived checkpoint, verified again, with its time.
fn verify_latest(
    archived: ArchivedCheckpoint,
    trust: &Trust,
    folder: &Path,
) -> Result<(VerifiedCheckpoint, u64), CoreError> {
    let verified = trust.verify_checkpoint(archived.note.as_bytes()).map_err(|error| CoreError::Damaged {
        path: folder.join("ledger"),
        what: format!("the archived checkpoint of size {} does not verify: {error}", archived.size),
    })?;
    Ok((verified, archived.time_ms))
}

/// The tree begins as the checkpoint says that this node helped to publish. An entry's time and verdict are nobody's
/// signature's: whoever changes them, with every checksum, is found here, before anything is cosigned.
fn refuse_other_roots(store: &Store, verified: &VerifiedCheckpoint, folder: &Path) -> Result<(), CoreError> {
    let published = verified.checkpoint();
    let found = store.roots_at(published.size)?;
    if found == published.roots {
        return Ok(());
    }
    let what = format!(
        "its entries do not give the roots of the archived checkpoint of size {}, which a quorum cosigned: {found:?} \
         instead of {:?}: `tamga-node repair --config FILE` takes what is published from its peers",
        published.size, published.roots
    );
    Err(CoreError::Damaged { path: folder.join("ledger"), what })
}

async fn open_views(setup: &CoreSetup, seams: &CoreSeams) -> Arc<dyn ViewStore> {
    if setup.tuning.index == Index::Memory {
        return Arc::new(MemViews::default());
    }
    let (disk, folder) = (Arc::clone(&seams.disk), setup.data_dir.join("index"));
    match seams.blocking.run(move || SledViews::open(disk, &folder)).await {
        Ok(views) => Arc::new(views),
        Err(error) => {
            tracing::warn!(%error, "the index is kept in memory only");
            Arc::new(MemViews::default())
        }
    }
}

/// The view kept for the head that the ledger has at this size.
async fn load_view(
    seams: &CoreSeams,
    views: &Arc<dyn ViewStore>,
    store: &Arc<Store>,
    size: TreeSize,
) -> Option<Arc<View>> {
    let (views, store) = (Arc::clone(views), Arc::clone(store));
    let loaded = seams.blocking.run(move || {
        // A size that the ledger does not reach is found by whoever verifies the checkpoint.
        let Ok(roots) = store.roots_at(size) else { return Ok(None) };
        views.load(&TreeHead { size, roots })
    });
    loaded.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the index is rebuilt");
        None
    })
}
