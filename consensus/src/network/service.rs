//! The serving side of the peer protocol: checks who speaks, then hands the message to openraft.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, StreamExt, stream};
use openraft::ReadPolicy;
use openraft::errors::{LinearizableReadError, RaftError};
use openraft::raft::AppendEntriesRequest;
use tokio::time::Instant;
use tonic::{Request, Response, Status, Streaming};

use super::proto::{self, raft_server};
use super::wire;
use crate::error::Malformed;
use crate::raft::{Installer, Local, Offered, Raft, TypeConfig, Vote};
use crate::types::{ClusterId, NodeId, PeerIdentity};

/// The serving side of the peer protocol; from [`Consensus::raft_service`](crate::Consensus::raft_service).
#[derive(Clone)]
pub struct Service {
    raft: Raft,
    installer: Installer,
    gate: Gate,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl Service {
    pub(crate) const fn new(raft: Raft, installer: Installer, gate: Gate) -> Self {
        Self { raft, installer, gate }
    }
}

/// Whom this replica listens to.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) cluster: ClusterId,
    pub(crate) node: NodeId,
    pub(crate) require_peer_identity: bool,
    pub(crate) local: Local,
    /// This replica takes no part yet.
    pub(crate) apart: Arc<AtomicBool>,
    pub(crate) shunned: Shunned,
}

/// Whose entries are dropped, and until when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shunned(Arc<Mutex<Option<(NodeId, Instant)>>>);

impl Shunned {
    pub(crate) fn set(&self, node: NodeId, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((node, until));
    }

    fn holds(&self, node: NodeId) -> bool {
        let shunned = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shunned.is_some_and(|(shunned, until)| shunned == node && Instant::now() < until)
    }
}

impl Gate {
    /// The sender that `request`'s connection proves, if it proves one.
    fn identity<T>(&self, request: &Request<T>) -> Result<Option<NodeId>, Status> {
        match request.extensions().get::<PeerIdentity>() {
            Some(PeerIdentity(node)) => Ok(Some(*node)),
            None if self.require_peer_identity => {
                Err(Status::permission_denied("the connection does not prove which node it comes from"))
            }
            None => Ok(None),
        }
    }

    /// The sender of a message, if it may speak here.
    fn admit(&self, identity: Option<NodeId>, envelope: Option<&proto::Envelope>) -> Result<NodeId, Status> {
        let envelope = envelope.ok_or_else(|| Status::invalid_argument("envelope is missing"))?;
        if envelope.cluster[..] != self.cluster.0 {
            return Err(Status::permission_denied(format!("this node belongs to cluster {}", self.cluster)));
        }
        if envelope.target != self.node.0 {
            let what = format!("this is {}, the message is for {}", self.node, NodeId(envelope.target));
            return Err(Status::permission_denied(what));
        }
        let sender = NodeId(envelope.sender);
        if let Some(proven) = identity.filter(|proven| *proven != sender) {
            let what = format!("the connection is {proven}'s, the message names {sender}");
            return Err(Status::permission_denied(what));
        }
        // As if it could not be reached: no vote, no acknowledgement leaves.
        if self.apart.load(Ordering::SeqCst) {
            return Err(Status::unavailable("this replica takes no part yet"));
        }
        Ok(sender)
    }

    /// Refuses what would need room on a full disk, as if this replica could not be reached: its leader goes on
    /// without it and tries again.
    fn room(&self) -> Result<(), Status> {
        if self.local.room().full { Err(Status::unavailable("the disk that holds the log is full")) } else { Ok(()) }
    }
}

/// A ballot speaks for its node: nobody else may send it.
fn own(sender: NodeId, vote: &Vote) -> Result<(), Status> {
    let owner = NodeId(vote.leader_id.node_id);
    if owner == sender {
        return Ok(());
    }
    Err(Status::permission_denied(format!("{sender} sent a ballot of {owner}")))
}

fn malformed(error: Malformed) -> Status {
    Status::invalid_argument(error.to_string())
}

fn stopped(error: impl fmt::Display) -> Status {
    Status::unavailable(format!("consensus on this node has stopped: {error}"))
}

type ReplyStream = Pin<Box<dyn Stream<Item = Result<proto::AppendStreamReply, Status>> + Send>>;

#[tonic::async_trait]
impl raft_server::Raft for Service {
    async fn append(&self, request: Request<proto::AppendRequest>) -> Result<Response<proto::AppendReply>, Status> {
        let identity = self.gate.identity(&request)?;
        let request = checked_append(&self.gate, identity, request.into_inner())?;
        let response = self.raft.append_entries(request).await.map_err(stopped)?;
        Ok(Response::new(wire::append_reply(response)))
    }

    type AppendStreamStream = ReplyStream;

    async fn append_stream(
        &self,
        request: Request<Streaming<proto::AppendRequest>>,
    ) -> Result<Response<ReplyStream>, Status> {
        let identity = self.gate.identity(&request)?;
        let gate = self.gate.clone();
        // What ended the input early, to be told after the replies to what came before.
        let refusal = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&refusal);
        let input = request.into_inner().map(move |message| checked_append(&gate, identity, message?));
        let input = input.scan(slot, |slot, checked| {
            let good = checked.map_err(|status| *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(status));
            std::future::ready(good.ok())
        });
        let replies = self.raft.stream_append(input.fuse()).map(|result| match result {
            Ok(result) => Ok(wire::stream_reply(result)),
            Err(fatal) => Err(stopped(fatal)),
        });
        let end = stream::once(async move { refusal.lock().unwrap_or_else(PoisonError::into_inner).take() });
        let end = end.filter_map(|refusal| std::future::ready(refusal.map(Err)));
        Ok(Response::new(Box::pin(replies.chain(end))))
    }

    async fn vote(&self, request: Request<proto::VoteRequest>) -> Result<Response<proto::VoteReply>, Status> {
        let identity = self.gate.identity(&request)?;
        let request = request.into_inner();
        let sender = self.gate.admit(identity, request.envelope.as_ref())?;
        let pre_vote = request.pre_vote;
        let request = wire::vote_request_back(request).map_err(malformed)?;
        own(sender, &request.vote)?;
        #[cfg(feature = "testing")]
        let request = blind_to_logs(request);
        let response = if pre_vote { self.raft.pre_vote(request).await } else { self.raft.vote(request).await };
        Ok(Response::new(wire::vote_reply(response.map_err(stopped)?)))
    }

    async fn snapshot(
        &self,
        request: Request<proto::SnapshotRequest>,
    ) -> Result<Response<proto::SnapshotReply>, Status> {
        let identity = self.gate.identity(&request)?;
        let request = request.into_inner();
        let sender = self.gate.admit(identity, request.envelope.as_ref())?;
        let (vote, snapshot) = wire::snapshot_request_back(request).map_err(malformed)?;
        own(sender, &vote)?;
        self.gate.room()?;
        match self.installer.offer(vote, snapshot).await {
            Offered::Answer(response) => Ok(Response::new(wire::snapshot_reply(&response))),
            Offered::Later(why) => Err(Status::unavailable(why)),
            Offered::Stopped(why) => Err(stopped(why)),
        }
    }

    async fn transfer_leader(
        &self,
        request: Request<proto::TransferLeaderRequest>,
    ) -> Result<Response<proto::TransferLeaderReply>, Status> {
        let identity = self.gate.identity(&request)?;
        let request = request.into_inner();
        let sender = self.gate.admit(identity, request.envelope.as_ref())?;
        let request = wire::transfer_request_back(request).map_err(malformed)?;
        own(sender, request.from_leader())?;
        let response = self.raft.handle_transfer_leader(request).await.map_err(stopped)?;
        Ok(Response::new(wire::transfer_reply(response)))
    }

    async fn read_index(
        &self,
        request: Request<proto::ReadIndexRequest>,
    ) -> Result<Response<proto::ReadIndexReply>, Status> {
        let identity = self.gate.identity(&request)?;
        self.gate.admit(identity, request.get_ref().envelope.as_ref())?;
        let mut reply = proto::ReadIndexReply::default();
        match self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(read) => reply.position = Some(wire::position(*read.read_log_id().log_id())),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => {
                reply.leader = forward.leader_id;
            }
            Err(RaftError::APIError(error)) => reply.unavailable = error.to_string(),
            Err(RaftError::Fatal(fatal)) => return Err(stopped(fatal)),
        }
        Ok(Response::new(reply))
    }

    async fn health(&self, request: Request<proto::HealthRequest>) -> Result<Response<proto::HealthReply>, Status> {
        let identity = self.gate.identity(&request)?;
        self.gate.admit(identity, request.get_ref().envelope.as_ref())?;
        let local = &self.gate.local;
        let installing = local.installing.borrow().is_some();
        Ok(Response::new(proto::HealthReply { roomy: !local.room().low, installing }))
    }
}

/// A planted bug: every candidate's log looks longer than ours.
#[cfg(feature = "testing")]
fn blind_to_logs(request: openraft::raft::VoteRequest<TypeConfig>) -> openraft::raft::VoteRequest<TypeConfig> {
    if !tamga_platform::planted::is("election-ignores-logs") {
        return request;
    }
    let last = crate::types::LogPosition { term: request.vote.leader_id.term, leader: NodeId(0), index: u64::MAX / 2 };
    let last = Some(crate::raft::position_to_raft(last));
    openraft::raft::VoteRequest { last_log_id: last, ..request }
}

fn checked_append(
    gate: &Gate,
    identity: Option<NodeId>,
    message: proto::AppendRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Status> {
    let sender = gate.admit(identity, message.envelope.as_ref())?;
    if gate.shunned.holds(sender) {
        return Err(Status::unavailable(format!("{sender} is shunned here: it holds records back")));
    }
    let request = wire::append_request_back(message).map_err(malformed)?;
    own(sender, &request.vote)?;
    if !request.entries.is_empty() {
        gate.room()?;
    }
    Ok(request)
}
