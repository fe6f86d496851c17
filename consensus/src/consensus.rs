//! [`Consensus`]: the handle of a running replica.

mod compact;
#[cfg(test)]
mod crash;
mod leadership;
mod members;
#[cfg(feature = "testing")]
mod observe;
mod start;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use openraft::ReadPolicy;
use openraft::errors::{ClientWriteError, ForwardReason, ForwardToLeader, LinearizableReadError, RaftError};
use tamga_platform::planted;
use tokio::sync::{Semaphore, watch};

use crate::config::Config;
use crate::error::{Fatal, ProposeError, ReadError};
use crate::network::{Gate, Peers, RaftServer, ReadIndex, Service, Shunned};
use crate::raft::{
    Answer, Installer, Local, Payload, Raft, Signals, TypeConfig, leader_of, position_from_raft, status_of,
};
use crate::types::{Accepted, LogPosition, MESSAGE_BYTES_MAX, Member, NodeId, PAYLOAD_BYTES_MAX, Status};
use crate::wal::Wal;

#[cfg(feature = "testing")]
pub use observe::EntrySeen;

/// A running replica. Cheap to clone; all clones are the same replica. It runs until [`shutdown`](Self::shutdown), a
/// fatal error or the end of the async runtime: dropping the handles does not stop it.
#[derive(Clone)]
pub struct Consensus(Arc<Inner>);

struct Inner {
    config: Config,
    raft: Raft,
    wal: Wal,
    peers: Peers,
    installer: Installer,
    status: watch::Receiver<Status>,
    local: Local,
    shunned: Shunned,
    held: watch::Sender<bool>,
    log_was_new: bool,
    /// Answers no replica. Only ever goes from true to false.
    apart: Arc<AtomicBool>,
    signals: Signals,
    fatal: watch::Receiver<Option<Fatal>>,
    /// Bounds what proposals hold in memory, in KiB.
    room: Semaphore,
}

/// What proposals of this node may hold in memory, in KiB.
const ROOM_KIB: u32 = 64 * 1024;

impl fmt::Debug for Consensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consensus").field("node", &self.0.config.node).finish_non_exhaustive()
    }
}

impl Consensus {
    /// The service that peers call, to be mounted on the listener for peers. That listener puts the
    /// [`PeerIdentity`](crate::PeerIdentity) of the connection into each request's extensions. It must set `TCP_NODELAY`
    /// on accepted connections (tonic does not when it is given a stream of connections; each write then takes 44 ms),
    /// and should allow HTTP/2 windows of a few MiB (`initial_stream_window_size`): messages are up to 16 MiB long.
    #[must_use]
    pub fn raft_service(&self) -> RaftServer<Service> {
        RaftServer::new(self.service())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Whether nothing had ever been recorded in the log when it was opened: this replica had not voted, acknowledged or
    /// heard of anything.
    #[must_use]
    pub fn log_was_new(&self) -> bool {
        self.0.log_was_new
    }

    /// Whether this replica takes no part yet ([`Config::apart_while_new`](crate::Config::apart_while_new)): it answers
    /// no replica, and having no members it stands for nothing and proposes nothing.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.0.apart.load(Ordering::SeqCst)
    }

    /// Takes part from now on. Idempotent.
    pub fn take_part(&self) {
        self.0.apart.store(false, Ordering::SeqCst);
    }

    /// Proposes a payload and waits until this node applied it. Only the leader takes proposals.
    ///
    /// # Errors
    /// [`ProposeError`]; each variant says whether the payload may still be committed.
    pub async fn propose(&self, payload: Bytes) -> Result<Accepted, ProposeError> {
        let (bytes, max) = (payload.len(), PAYLOAD_BYTES_MAX);
        if bytes > max {
            return Err(ProposeError::TooLarge { bytes, max });
        }
        if let Some(fatal) = self.failure() {
            return Err(fatal.into());
        }
        if self.0.local.room().low {
            return Err(ProposeError::Unavailable("the disk that holds the log is nearly full".to_owned()));
        }
        let patience = Duration::from_millis(self.0.config.propose_timeout_ms);
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(ROOM_KIB);
        let Ok(Ok(_room)) = tokio::time::timeout(patience, self.0.room.acquire_many(kib)).await else {
            return Err(ProposeError::Unavailable("too many proposals are waiting".to_owned()));
        };
        match tokio::time::timeout(patience, self.0.raft.client_write(Payload(payload))).await {
            Ok(Ok(written)) => match written.data {
                Answer::Applied(response) => Ok(Accepted { position: position_from_raft(written.log_id), response }),
                Answer::Superseded => Err(ProposeError::Unknown("it came by another replica's snapshot".to_owned())),
            },
            Ok(Err(error)) => Err(self.propose_error(error)),
            Err(_) => Err(ProposeError::Unknown(format!("not applied within {patience:?}"))),
        }
    }

    fn propose_error(&self, error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> ProposeError {
        match error {
            RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => match forward.reason {
                ForwardReason::NotLeader => ProposeError::NotLeader { leader: self.leader(&forward) },
                ForwardReason::LeadershipTransfer => {
                    ProposeError::Unavailable("leadership is being handed over".to_owned())
                }
                ForwardReason::LeaseExpired => ProposeError::Unavailable("no quorum answers this leader".to_owned()),
            },
            // Discarded here, yet another leader may have committed it.
            RaftError::APIError(error) => ProposeError::Unknown(error.to_string()),
            RaftError::Fatal(fatal) => self.fatal(&fatal).into(),
        }
    }

    /// Waits until this node has applied everything that was committed before the call, and returns how far that is.
    /// Works on the leader and, by asking the leader, on followers and learners.
    ///
    /// # Errors
    /// [`ReadError`]; the caller may retry.
    pub async fn read_barrier(&self) -> Result<LogPosition, ReadError> {
        if planted::is("read-without-barrier")
            && let Some(applied) = self.status().applied
        {
            return Ok(applied);
        }
        let patience = Duration::from_millis(self.0.config.read_timeout_ms);
        let read = tokio::time::timeout(patience, self.read_position_applied()).await;
        read.unwrap_or_else(|_| Err(ReadError::Unavailable(format!("no answer within {patience:?}"))))
    }

    async fn read_position_applied(&self) -> Result<LogPosition, ReadError> {
        let position = self.read_position().await?;
        let applied = self.0.raft.wait(None).applied_index_at_least(Some(position.index), "read barrier").await;
        match applied {
            Ok(_) => Ok(position),
            Err(error) => Err(self.failure().unwrap_or_else(|| Fatal::new(error.to_string())).into()),
        }
    }

    /// A position such that whoever applied it has seen everything committed so far: the leader's, once a quorum has
    /// confirmed that it still leads.
    async fn read_position(&self) -> Result<LogPosition, ReadError> {
        let forward = match self.0.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(read) => return Ok(position_from_raft(*read.read_log_id().log_id())),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => forward,
            Err(RaftError::APIError(error)) => return Err(ReadError::Unavailable(error.to_string())),
            Err(RaftError::Fatal(fatal)) => return Err(self.fatal(&fatal).into()),
        };
        let leader = self.leader(&forward);
        let Some(leader) = leader.filter(|leader| leader.id != self.0.config.node) else {
            return Err(ReadError::NotLeader { leader: None });
        };
        match self.0.peers.read_index(&leader).await {
            Ok(ReadIndex::At(position)) => Ok(position),
            Ok(ReadIndex::NotLeader) => Err(ReadError::NotLeader { leader: None }),
            Err(why) => Err(ReadError::Unavailable(why)),
        }
    }

    /// This replica's view, now.
    #[must_use]
    pub fn status(&self) -> Status {
        let metrics = self.0.raft.metrics();
        let metrics = openraft::async_runtime::watch::WatchReceiver::borrow_watched(&metrics).clone();
        status_of(&metrics, &self.0.local)
    }

    /// Tells consensus whether the caller could no longer store what is committed, for example because another file
    /// system is full. While it is held, this replica behaves as with a full disk of its own
    /// ([`Status::disk_full`]). Idempotent and cheap.
    pub fn hold_entries(&self, hold: bool) {
        self.0.held.send_if_modified(|held| std::mem::replace(held, hold) != hold);
    }

    /// This replica's view as it changes.
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.0.status.clone()
    }

    /// Becomes `Some` when consensus on this node stopped for good because something failed: the process should exit.
    /// Stays `None` after [`shutdown`](Self::shutdown).
    #[must_use]
    pub fn watch_fatal(&self) -> watch::Receiver<Option<Fatal>> {
        self.0.fatal.clone()
    }

    /// Stops taking part; what was queued for the log is written first, an installation is broken off. Idempotent. The
    /// folder may be opened again afterwards.
    pub async fn shutdown(&self) {
        self.0.signals.stop.send_replace(true);
        // An application that is dropped at its next await is soon done.
        let mut installing = self.0.local.installing.clone();
        let _ended = installing.wait_for(Option::is_none).await.is_ok();
        if let Err(error) = self.0.raft.shutdown().await {
            tracing::warn!(%error, "consensus did not stop cleanly");
        }
        // Already closed, or failed and reported as such.
        let _ = self.0.wal.close().await;
    }

    pub(crate) fn service(&self) -> Service {
        let Config { cluster, node, require_peer_identity, .. } = self.0.config;
        let (local, apart) = (self.0.local.clone(), Arc::clone(&self.0.apart));
        let shunned = self.0.shunned.clone();
        let gate = Gate { cluster, node, require_peer_identity, local, apart, shunned };
        Service::new(self.0.raft.clone(), self.0.installer.clone(), gate)
    }

    fn failure(&self) -> Option<Fatal> {
        self.0.fatal.borrow().clone()
    }

    /// The story behind openraft's end, when we know a better one.
    fn fatal(&self, fatal: &openraft::errors::Fatal<TypeConfig>) -> Fatal {
        self.failure().unwrap_or_else(|| Fatal::new(fatal.to_string()))
    }

    fn leader(&self, forward: &ForwardToLeader<TypeConfig>) -> Option<Member> {
        match (forward.leader_id, &forward.leader_node) {
            (Some(id), Some(node)) => Some(Member { id: NodeId(id), address: node.addr.clone() }),
            _ => {
                let metrics = self.0.raft.metrics();
                leader_of(&openraft::async_runtime::watch::WatchReceiver::borrow_watched(&metrics).clone())
            }
        }
    }
}
