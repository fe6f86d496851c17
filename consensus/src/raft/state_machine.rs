//! openraft's state machine over the caller's application, and the members as last applied.
//!
//! The application keeps its own position. The members are kept here, in `<folder>/membership`, replaced atomically
//! **before** the application sees the entry: so at any crash the file is at least as new as the application, which is
//! what openraft asks for (it scans the log behind the applied position anyway). Should the file be lost or damaged,
//! the members are found again in the log, which is not purged beneath them without a snapshot having stored them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::storage::{EntryResponder, RaftStateMachine};
use tamga_platform::blocking::{Blocking, BlockingExt};
use tamga_platform::disk::Disk;
use tokio::sync::{Mutex, watch};

use super::snapshot::Builder;
use super::{
    EntryPayload, LogId, Snapshot, SnapshotMeta, SnapshotState, StoredMembership, TypeConfig, entry_to_wal,
    membership_from_raft, membership_to_raft, position_from_raft, position_to_raft,
};
use crate::application::Application;
use crate::codec::{Membership, Reader, put_position};
use crate::error::{Fatal, Malformed};
use crate::types::{Committed, EntryKind, LogPosition};
use crate::wal::Wal;

/// Entries handed to the application at a time.
const APPLY_ENTRIES_MAX: usize = 512;
/// Bytes handed to the application at a time, give or take one entry.
const APPLY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// No membership file is longer: 128 members with addresses of 256 bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
const FILE_MAGIC: &[u8; 8] = b"TAMGAMEM";

/// The application, guarded by what openraft needs to know of it.
pub(crate) struct StateMachine {
    /// Never locked: only the exclusive access of `get_mut` is used, so that an application need not be `Sync`.
    application: Mutex<Box<dyn Application>>,
    membership: StoredMembership,
    applied: Option<LogPosition>,
    snapshot: SnapshotState,
    disk: Arc<dyn Disk>,
    blocking: Arc<dyn Blocking>,
    file: PathBuf,
    failed: watch::Sender<Option<Fatal>>,
}

impl StateMachine {
    /// Takes the application over and finds the members as of its position.
    pub(crate) async fn open(
        application: Box<dyn Application>,
        wal: &Wal,
        disk: Arc<dyn Disk>,
        blocking: Arc<dyn Blocking>,
        file: PathBuf,
    ) -> Result<Self, Fatal> {
        let applied = application.applied();
        let (reader, path) = (Arc::clone(&disk), file.clone());
        let stored = match blocking.run(move || reader.read(&path, FILE_BYTES_MAX)).await {
            Ok(bytes) => decode_file(&bytes).inspect_err(|error| {
                tracing::warn!(path = %file.display(), %error, "the members are read from the log instead of their file");
            }),
            Err(_) => Err(Malformed::Missing("the file of the members")),
        };
        let membership = match stored {
            Ok(membership) => membership,
            Err(_) => from_log(wal, applied).await?,
        };
        let snapshot = SnapshotState::default();
        let application = Mutex::new(application);
        Ok(Self { application, membership, applied, snapshot, disk, blocking, file, failed: watch::Sender::new(None) })
    }

    /// Becomes `Some` when the application, or the file of the members, failed.
    pub(crate) fn watch_failed(&self) -> watch::Receiver<Option<Fatal>> {
        self.failed.subscribe()
    }

    fn fail(&self, fatal: Fatal) -> io::Error {
        tracing::error!(%fatal, "applying has failed");
        self.failed.send_replace(Some(fatal.clone()));
        io::Error::other(fatal)
    }

    async fn store_membership(&mut self, membership: StoredMembership) -> io::Result<()> {
        let bytes = encode_file(&membership);
        let (disk, path) = (Arc::clone(&self.disk), self.file.clone());
        let replaced = self.blocking.run(move || disk.replace(&path, &bytes)).await;
        // Crash here: the members are newer than the application; it gets the entry again.
        self.membership = membership;
        replaced
            .map_err(|error| self.fail(Fatal::new(format!("storing the members in {}: {error}", self.file.display()))))
    }

    async fn apply_batch(&mut self, batch: Vec<EntryResponder<TypeConfig>>) -> io::Result<()> {
        let mut entries = Vec::with_capacity(batch.len());
        let mut responders = Vec::with_capacity(batch.len());
        for (entry, responder) in batch {
            if let EntryPayload::Membership(membership) = &entry.payload {
                self.store_membership(StoredMembership::new(Some(entry.log_id), membership.clone())).await?;
            }
            let entry = entry_to_wal(entry);
            let payload = if entry.kind == EntryKind::Normal { entry.payload } else { Bytes::new() };
            responders.push((entry.kind, responder));
            entries.push(Committed { position: entry.position, kind: entry.kind, payload });
        }
        let Some(last) = entries.last().map(|entry| entry.position) else { return Ok(()) };
        let expected = responders.iter().filter(|(kind, _)| *kind == EntryKind::Normal).count();
        let responses = self.application.get_mut().apply(entries).await.map_err(|fatal| self.fail(fatal))?;
        if responses.len() != expected {
            let what = format!("the application answered {} of {expected} entries up to {last}", responses.len());
            return Err(self.fail(Fatal::new(what)));
        }
        self.applied = Some(last);
        let mut responses = responses.into_iter();
        for (kind, responder) in responders {
            let response = if kind == EntryKind::Normal { responses.next() } else { None };
            if let Some(responder) = responder {
                responder.send(response.unwrap_or_default());
            }
        }
        Ok(())
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied.map(position_to_raft), self.membership.clone()))
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

    async fn get_snapshot_builder(&mut self) -> Self::SnapshotBuilder {
        let meta =
            SnapshotMeta { last_log_id: self.applied.map(position_to_raft), last_membership: self.membership.clone() };
        Builder { meta, bytes: self.application.get_mut().snapshot(), current: self.snapshot.clone() }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Bytes) -> io::Result<()> {
        self.store_membership(meta.last_membership.clone()).await?;
        if let Some(position) = meta.last_log_id.map(position_from_raft) {
            self.application.get_mut().install(position, snapshot.clone()).await.map_err(|fatal| self.fail(fatal))?;
            self.applied = Some(position);
        }
        self.snapshot.set(meta.clone(), snapshot);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        Ok(self.snapshot.get())
    }
}

/// The members as of the last membership entry up to `applied`.
async fn from_log(wal: &Wal, applied: Option<LogPosition>) -> Result<StoredMembership, Fatal> {
    let index = applied.and_then(|applied| wal.look(|view| view.membership_at_or_before(applied.index)));
    let Some(index) = index else { return Ok(StoredMembership::default()) };
    let entries = wal.read(index..index + 1, usize::MAX).await?;
    let Some(entry) = entries.into_iter().next() else { return Ok(StoredMembership::default()) };
    let membership = Membership::decode(&entry.payload).and_then(membership_to_raft);
    let membership = membership.map_err(|error| Fatal::new(format!("members of entry {}: {error}", entry.position)))?;
    Ok(StoredMembership::new(Some(position_to_raft(entry.position)), membership))
}

/// `magic ‖ crc of the rest u32 ‖ position ‖ membership`.
fn encode_file(stored: &StoredMembership) -> Vec<u8> {
    let mut body = Vec::new();
    put_position(&mut body, stored.log_id().map(position_from_raft));
    body.extend(membership_from_raft(stored.membership()).encode());
    [FILE_MAGIC.as_slice(), &crc32c::crc32c(&body).to_le_bytes(), &body].concat()
}

fn decode_file(bytes: &[u8]) -> Result<StoredMembership, Malformed> {
    let mut reader = Reader::new("file of the members", bytes);
    if reader.take(FILE_MAGIC.len())? != FILE_MAGIC {
        return Err(Malformed::Missing("magic of the file of the members"));
    }
    let crc = reader.u32()?;
    let mut body = Reader::new("file of the members", reader.rest());
    let body_bytes = bytes.get(FILE_MAGIC.len() + 4..).unwrap_or_default();
    if crc32c::crc32c(body_bytes) != crc {
        return Err(Malformed::Missing("a matching checksum of the file of the members"));
    }
    let position = body.position()?.map(position_to_raft);
    Ok(StoredMembership::new(position, membership_to_raft(Membership::decode(body.rest())?)?))
}
