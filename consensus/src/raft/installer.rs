//! Takes other replicas' snapshots: the long part beside openraft, then openraft itself.
//!
//! ```text
//! leader ─ Snapshot ─► Installer::offer ─► StateMachine::prepare (minutes; heartbeats, votes go on)
//!          ◄─ "installing", again in a second                 │ done
//!                                          openraft: log dropped, members taken over ◄┘
//! leader ─ Snapshot ─► already there ─► success: entries follow
//! ```
//! One installation at a time. A leader whose offer is not settled at once is told to come again; its next offer may be
//! a later snapshot, for which the application then only needs the difference.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::SnapshotResponse;
use tokio::sync::Mutex;

use super::{Raft, Signals, Snapshot, TypeConfig, Vote, position_from_raft};
use crate::error::{Fatal, InstallError};

/// What became of an offer.
#[derive(Debug)]
pub(crate) enum Offered {
    /// openraft's answer.
    Answer(SnapshotResponse<TypeConfig>),
    /// Not yet; why.
    Later(String),
    /// Consensus has stopped; why.
    Stopped(String),
}

/// Installs snapshots on this replica.
#[derive(Clone)]
pub(crate) struct Installer {
    raft: Raft,
    signals: Signals,
    /// How long an offer is kept waiting for its installation.
    patience: Duration,
    /// Held by the installation under way.
    busy: Arc<Mutex<()>>,
}

impl Installer {
    pub(crate) fn new(raft: Raft, signals: Signals, patience: Duration) -> Self {
        Self { raft, signals, patience, busy: Arc::default() }
    }

    /// Takes `snapshot`, offered by the leader of `vote`.
    pub(crate) async fn offer(&self, vote: Vote, snapshot: Snapshot) -> Offered {
        let stale = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            metrics.vote > vote || metrics.last_applied >= snapshot.meta.last_log_id
        };
        if stale {
            // Nothing is installed; openraft says so at once.
            return self.tell(vote, snapshot).await;
        }
        let Ok(busy) = Arc::clone(&self.busy).try_lock_owned() else {
            return Offered::Later(self.under_way());
        };
        let this = self.clone();
        // A task of its own: it goes on when the leader's patience, or the connection, ends.
        let mut work = tokio::spawn(async move {
            let offered = this.install(vote, snapshot).await;
            drop(busy);
            offered
        });
        match tokio::time::timeout(self.patience, &mut work).await {
            Ok(Ok(offered)) => offered,
            Ok(Err(error)) => Offered::Stopped(format!("the installation ended: {error}")),
            Err(_) => Offered::Later(self.under_way()),
        }
    }

    fn under_way(&self) -> String {
        let installing = *self.signals.installing.borrow();
        installing.map_or_else(|| "installing".to_owned(), |position| format!("installing {position}"))
    }

    async fn install(&self, vote: Vote, snapshot: Snapshot) -> Offered {
        let (position, bytes) = (snapshot.meta.last_log_id.map(position_from_raft), snapshot.clone());
        tracing::info!(?position, "the leader's log begins behind this node's: installing its snapshot");
        let prepared =
            self.raft.with_state_machine(move |machine| Box::pin(async move { machine.prepare(&bytes).await }));
        match prepared.await {
            Ok(Ok(())) => self.tell(vote, snapshot).await,
            Ok(Err(InstallError::Interrupted(why))) => {
                tracing::warn!(?position, why, "the snapshot was not installed; it is tried again when offered again");
                Offered::Later(why)
            }
            Ok(Err(InstallError::Fatal(fatal))) => Offered::Stopped(fatal.to_string()),
            Err(fatal) => self.ended(&fatal.to_string()),
        }
    }

    /// The state machine went away: on the way to a stop, or because the application panicked. openraft would notice the
    /// latter only when it next has something to apply.
    fn ended(&self, why: &str) -> Offered {
        let story = Fatal::new(format!("the state machine ended while a snapshot was being installed ({why})"));
        if !*self.signals.stop.borrow() {
            self.signals.failed.send_if_modified(|failed| failed.is_none() && failed.replace(story.clone()).is_none());
        }
        Offered::Stopped(story.to_string())
    }

    async fn tell(&self, vote: Vote, snapshot: Snapshot) -> Offered {
        match self.raft.install_full_snapshot(vote, snapshot).await {
            Ok(response) => Offered::Answer(response),
            Err(fatal) => Offered::Stopped(fatal.to_string()),
        }
    }
}
