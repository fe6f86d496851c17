//! openraft's state machine over the caller's application, and the members as last applied.
//!
//! The application keeps its own position. The members are kept in [`Files`], replaced **before** the application sees
//! the entry: so at any crash the file is at least as new as the application, which is what openraft asks for (it scans
//! the log behind the applied position anyway). Should the file be lost or damaged, the members are found again in the
//! log or in the snapshot that stands for its purged part.
//!
//! Another replica's snapshot is installed in two steps: [`StateMachine::prepare`] brings the application to it, for as
//! long as that takes and without openraft knowing; then openraft is told, and [`install_snapshot`] has nothing left to
//! do. (openraft runs nothing else, not even the answer to a heartbeat, between the command to install a snapshot and
//! its end.) In between the application is ahead of openraft: entries it already has are not applied again.
//!
//! [`install_snapshot`]: RaftStateMachine::install_snapshot

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::storage::{EntryResponder, RaftStateMachine};
use tokio::sync::{Mutex, watch};

use super::files::{Files, Found};
use super::snapshot::{Builder, usable};
use super::{
    Answer, EntryPayload, LogId, Snapshot, SnapshotMeta, SnapshotState, StoredMembership, TypeConfig, entry_to_wal,
    membership_to_raft, position_from_raft, position_to_raft,
};
use crate::application::Application;
use crate::codec::Membership;
use crate::error::{Fatal, InstallError};
use crate::types::{Committed, EntryKind, LogPosition, SNAPSHOT_BYTES_MAX};
use crate::wal::Wal;

/// Entries handed to the application at a time.
const APPLY_ENTRIES_MAX: usize = 512;
/// Bytes handed to the application at a time, give or take one entry.
const APPLY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What others watch and ask of the state machine.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    /// Becomes `Some` when the application, or a file, failed.
    pub(crate) failed: watch::Sender<Option<Fatal>>,
    /// Where the application is being brought to.
    pub(crate) installing: watch::Sender<Option<LogPosition>>,
    /// Set to end an installation.
    pub(crate) stop: watch::Sender<bool>,
}

impl Default for Signals {
    fn default() -> Self {
        Self { failed: watch::Sender::new(None), installing: watch::Sender::new(None), stop: watch::Sender::new(false) }
    }
}

/// The application, guarded by what openraft needs to know of it.
pub(crate) struct StateMachine {
    /// Never locked: only the exclusive access of `get_mut` is used, so that an application need not be `Sync`.
    application: Mutex<Box<dyn Application>>,
    /// The members as they changed, ascending; the last ones are in force. Older ones are kept while a snapshot may
    /// need them.
    memberships: Vec<StoredMembership>,
    /// The application's position. Ahead of openraft's between preparing and installing a snapshot.
    applied: Option<LogPosition>,
    /// What openraft has been told.
    known: Option<LogPosition>,
    /// Where the log began when it was opened: no snapshot may end before.
    begins: Option<LogPosition>,
    snapshot: SnapshotState,
    files: Files,
    signals: Signals,
}

/// Drops members as of entries that neither log nor application has. openraft applies what a quorum has made durable, also
/// before this node has: then the file survives a power loss and the entry does not. The entry comes again, and openraft
/// relies on its members being newer than those it knows. They stay only where nothing else says who the members are.
fn forget_ahead(memberships: &mut Vec<StoredMembership>, reached: Option<u64>) {
    let is_there = |stored: &StoredMembership| stored.log_id().map(|id| id.index) <= reached;
    if memberships.iter().any(is_there) {
        memberships.retain(is_there);
    }
}

impl StateMachine {
    /// Takes the application over and finds the members as of its position.
    pub(crate) async fn open(application: Box<dyn Application>, wal: &Wal, files: Files) -> Result<Self, Fatal> {
        let applied = application.applied();
        settle(wal, applied)?;
        let Found { membership, snapshot } = files.read(applied).await?;
        let mut memberships = from_log(wal, applied).await?;
        memberships.extend(membership);
        memberships.extend(snapshot.as_ref().map(|snapshot| snapshot.meta.last_membership.clone()));
        memberships.sort_by_key(|stored| *stored.log_id());
        memberships.dedup_by_key(|stored| *stored.log_id());
        memberships.retain(|stored| stored.log_id().is_some());
        let (purged, last) = wal.look(|view| (view.purged, view.last()));
        forget_ahead(&mut memberships, applied.max(last).map(|reached| reached.index));
        // Where the log will begin: openraft purges what the application has and the log has not.
        let begins = purged.max(applied.filter(|applied| Some(applied.index) > last.map(|last| last.index)));
        if memberships.is_empty() && begins.is_some() {
            let what = "neither the log nor the files beside it say who the members are; give this node a fresh folder \
                        under a new node id";
            return Err(Fatal::new(what));
        }
        let current = SnapshotState::default();
        let covers = |snapshot: &Snapshot| snapshot.meta.last_log_id.map(position_from_raft) >= begins;
        snapshot.filter(covers).into_iter().for_each(|snapshot| current.set(snapshot));
        Ok(Self {
            application: Mutex::new(application),
            memberships,
            applied,
            known: applied,
            begins,
            snapshot: current,
            files,
            signals: Signals::default(),
        })
    }

    pub(crate) fn signals(&self) -> Signals {
        self.signals.clone()
    }

    fn fail(&self, fatal: Fatal) -> Fatal {
        tracing::error!(%fatal, "applying has failed");
        self.signals.failed.send_replace(Some(fatal.clone()));
        fatal
    }

    fn membership(&self) -> StoredMembership {
        self.memberships.last().cloned().unwrap_or_default()
    }

    /// Stores the members, unless newer ones are known.
    async fn store_membership(&mut self, membership: StoredMembership) -> io::Result<()> {
        if membership.log_id() <= self.membership().log_id() {
            return Ok(());
        }
        let written = self.files.write_membership(&membership).await;
        // Crash here: the members are newer than the application; it gets the entry again.
        self.memberships.push(membership);
        written.map_err(|error| io::Error::other(self.fail(self.files.fatal("membership", &error))))
    }

    async fn apply_batch(&mut self, batch: Vec<EntryResponder<TypeConfig>>) -> io::Result<()> {
        let mut entries = Vec::with_capacity(batch.len());
        let mut responders = Vec::with_capacity(batch.len());
        for (entry, responder) in batch {
            self.known = self.known.max(Some(position_from_raft(entry.log_id)));
            if let EntryPayload::Membership(membership) = &entry.payload {
                self.store_membership(StoredMembership::new(Some(entry.log_id), membership.clone())).await?;
            }
            if self.applied.is_some_and(|applied| entry.log_id.index <= applied.index) {
                // A snapshot brought it already. What the application answered is not known here.
                responder.into_iter().for_each(|responder| responder.send(Answer::Superseded));
                continue;
            }
            let entry = entry_to_wal(entry);
            let payload = if entry.kind == EntryKind::Normal { entry.payload } else { Bytes::new() };
            responders.push((entry.kind, responder));
            entries.push(Committed { position: entry.position, kind: entry.kind, payload });
        }
        let Some(last) = entries.last().map(|entry| entry.position) else { return Ok(()) };
        let expected = responders.iter().filter(|(kind, _)| *kind == EntryKind::Normal).count();
        let applied = self.application.get_mut().apply(entries).await;
        let responses = applied.map_err(|fatal| io::Error::other(self.fail(fatal)))?;
        if responses.len() != expected {
            let what = format!("the application answered {} of {expected} entries up to {last}", responses.len());
            return Err(io::Error::other(self.fail(Fatal::new(what))));
        }
        self.applied = Some(last);
        let mut responses = responses.into_iter();
        for (kind, responder) in responders {
            let response = if kind == EntryKind::Normal { responses.next() } else { None };
            if let Some(responder) = responder {
                responder.send(Answer::Applied(response.unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// Position of the snapshot that could be built now.
    pub(crate) fn snapshot_position(&mut self) -> Option<LogPosition> {
        self.offerable().and_then(|snapshot| snapshot.meta.last_log_id).map(position_from_raft)
    }

    /// The application's snapshot with the members as of it. `None` when it has none, or when the application is ahead
    /// of openraft, or when the members as of it are no longer known.
    fn offerable(&mut self) -> Option<Snapshot> {
        if self.applied != self.known {
            return None;
        }
        let (position, bytes) = self.application.get_mut().snapshot()?;
        if Some(position) > self.applied || bytes.len() > SNAPSHOT_BYTES_MAX {
            tracing::error!(%position, bytes = bytes.len(), "the application offers an impossible snapshot; ignored");
            return None;
        }
        let newest =
            self.memberships.iter().rposition(|stored| stored.log_id().is_some_and(|id| id.index <= position.index))?;
        self.memberships.drain(..newest);
        let last_membership = self.memberships.first()?.clone();
        let meta = SnapshotMeta { last_log_id: Some(position_to_raft(position)), last_membership };
        Some(Snapshot { meta, snapshot: bytes })
    }

    /// A snapshot that only says how far the log was purged.
    fn bare(&self) -> Snapshot {
        let meta = SnapshotMeta { last_log_id: self.known.map(position_to_raft), last_membership: self.membership() };
        Snapshot { meta, snapshot: Bytes::new() }
    }

    /// Brings the application to `offered`; openraft hears of it only afterwards.
    pub(crate) async fn prepare(&mut self, offered: &Snapshot) -> Result<(), InstallError> {
        let Some(position) = offered.meta.last_log_id.map(position_from_raft) else { return Ok(()) };
        if self.applied.is_some_and(|applied| applied.index >= position.index) {
            return Ok(());
        }
        if !usable(offered) {
            let what = format!("the leader's log begins behind {position} and it has no snapshot there yet");
            return Err(InstallError::Interrupted(what));
        }
        match self.files.write_offer(offered).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                return Err(InstallError::Interrupted(format!("no room on the disk: {error}")));
            }
            Err(error) => return Err(self.fail(self.files.fatal("snapshot.offer", &error)).into()),
        }
        // Crash from here on: an offer ahead of the application; it means nothing, and the leader offers again.
        self.signals.installing.send_replace(Some(position));
        let mut stop = self.signals.stop.subscribe();
        let installed = tokio::select! {
            biased;
            () = set(&mut stop) => Err(InstallError::Interrupted("this node is stopping".to_owned())),
            installed = self.application.get_mut().install(position, offered.snapshot.clone()) => installed,
        };
        self.signals.installing.send_replace(None);
        match installed {
            Ok(()) => {}
            Err(InstallError::Fatal(fatal)) => return Err(self.fail(fatal).into()),
            Err(interrupted) => return Err(interrupted),
        }
        let applied = self.application.get_mut().applied();
        if applied != Some(position) {
            let what = format!("the application is at {applied:?} after installing the snapshot of {position}");
            return Err(self.fail(Fatal::new(what)).into());
        }
        // Crash here: the offer is at the application's position; the next start takes it for the snapshot.
        self.applied = applied;
        Ok(())
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.known.map(position_to_raft), self.membership()))
    }

    async fn apply<S>(&mut self, entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut entries = entries.ready_chunks(APPLY_ENTRIES_MAX);
        while let Some(chunk) = entries.next().await {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            for item in chunk {
                let (entry, responder) = item?;
                if let EntryPayload::Normal(payload) = &entry.payload {
                    bytes += payload.0.len();
                }
                batch.push((entry, responder));
                if bytes >= APPLY_BYTES_MAX {
                    self.apply_batch(std::mem::take(&mut batch)).await?;
                    bytes = 0;
                }
            }
            self.apply_batch(batch).await?;
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Builder> {
        let begins = self.begins.map(position_to_raft);
        let snapshot = match self.offerable().filter(|snapshot| snapshot.meta.last_log_id >= begins) {
            Some(snapshot) => snapshot,
            None if force => self.bare(),
            None => return None,
        };
        Some(Builder { snapshot, current: self.snapshot.clone(), files: self.files.clone() })
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let snapshot = self.offerable().unwrap_or_else(|| self.bare());
        Builder { snapshot, current: self.snapshot.clone(), files: self.files.clone() }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Bytes) -> io::Result<()> {
        let offered = Snapshot { meta: meta.clone(), snapshot };
        self.prepare(&offered).await.map_err(io::Error::other)?;
        let position = meta.last_log_id.map(position_from_raft);
        if self.known < position {
            let written = self.files.write_snapshot(&offered).await;
            written.map_err(|error| io::Error::other(self.fail(self.files.fatal("snapshot", &error))))?;
            self.store_membership(meta.last_membership.clone()).await?;
            self.known = position;
            self.snapshot.set(offered);
        }
        Ok(())
    }

    /// The snapshot to send to a replica that lacks the purged part of the log. One that only says how far the log was
    /// purged gives way to a better one as soon as the application has it.
    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let Some(current) = self.snapshot.get() else { return Ok(None) };
        if !usable(&current)
            && let Some(better) = self.offerable()
            && better.meta.last_log_id >= current.meta.last_log_id
        {
            self.snapshot.set(better.clone());
            return Ok(Some(better));
        }
        Ok(Some(current))
    }
}

/// Members as they changed up to `applied`, as far as the log says.
async fn from_log(wal: &Wal, applied: Option<LogPosition>) -> Result<Vec<StoredMembership>, Fatal> {
    let Some(applied) = applied else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for index in wal.look(|view| view.memberships_up_to(applied.index)) {
        let Some(entry) = wal.read(index..index + 1, usize::MAX).await?.into_iter().next() else { continue };
        let membership = Membership::decode(&entry.payload).and_then(membership_to_raft);
        let membership =
            membership.map_err(|error| Fatal::new(format!("members of entry {}: {error}", entry.position)))?;
        found.push(StoredMembership::new(Some(position_to_raft(entry.position)), membership));
    }
    Ok(found)
}

/// Makes log and application agree after a snapshot was installed and the process ended before openraft heard of it:
/// what the log then holds instead of the application's position was never committed, nor was anything behind it.
fn settle(wal: &Wal, applied: Option<LogPosition>) -> Result<(), Fatal> {
    let (purged, live, last) = wal.look(|view| (view.purged, view.range(), view.last()));
    let here = wal.look(|view| view.position(applied?.index));
    let contradiction = match (here, purged) {
        (Some(here), _) => Some(here).filter(|here| Some(*here) > applied),
        (None, Some(purged)) if applied.is_none_or(|applied| applied.index <= purged.index) => {
            Some(purged).filter(|purged| Some(*purged) != applied)
        }
        (None, _) => None,
    };
    if let Some(other) = contradiction {
        return Err(Fatal::new(format!(
            "the application is at {applied:?}, but the log has {other} there or begins behind it: one of them is not \
             this node's, or has lost what it promised to keep. Restore it, or give this node a fresh folder under a \
             new node id"
        )));
    }
    let Some(applied) = applied else { return Ok(()) };
    let divergent = here.is_some_and(|here| here < applied);
    let overtaken = last.is_some_and(|last| last.index < applied.index && last > applied);
    if (divergent || overtaken) && !live.is_empty() {
        tracing::warn!(%applied, "the application was brought beyond entries that were never committed; they are dropped");
        // Everything live is either covered by the application or was never committed.
        wal.truncate(live.start.checked_sub(1))?;
    }
    Ok(())
}

async fn set(flag: &mut watch::Receiver<bool>) {
    if flag.wait_for(|set| *set).await.is_err() {
        // Nobody is left who could set it.
        std::future::pending::<()>().await;
    }
}
