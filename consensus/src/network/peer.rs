//! The calling side of the peer protocol. Every call has a deadline; a stream that makes no progress is given up.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use hyper_util::rt::TokioIo;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use super::dialer::Dialer;
use super::proto::{self, raft_client::RaftClient};
use super::wire;
use crate::error::Malformed;
use crate::raft::{Snapshot, TypeConfig, Vote, position_from_raft};
use crate::types::{ClusterId, LogPosition, MESSAGE_BYTES_MAX, Member, NodeId};

/// Messages of one stream that may wait for their reply: bounds what a slow follower holds in memory.
const IN_FLIGHT_MAX: usize = 16;

/// All peers, as this replica reaches them: one HTTP/2 connection each, opened when needed and again when it broke.
#[derive(Debug, Clone)]
pub(crate) struct Peers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cluster: ClusterId,
    node: NodeId,
    timeout: Duration,
    dialer: Arc<dyn Dialer>,
    channels: Mutex<BTreeMap<NodeId, (String, Channel)>>,
}

impl Peers {
    pub(crate) fn new(cluster: ClusterId, node: NodeId, timeout: Duration, dialer: Arc<dyn Dialer>) -> Self {
        Self(Arc::new(Shared { cluster, node, timeout, dialer, channels: Mutex::default() }))
    }

    fn peer(&self, target: &Member) -> Peer {
        let mut channels = self.0.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = match channels.get(&target.id) {
            Some((address, channel)) if *address == target.address => channel.clone(),
            _ => {
                let channel = self.connect(target);
                channels.insert(target.id, (target.address.clone(), channel.clone()));
                channel
            }
        };
        drop(channels);
        Peer { peers: self.clone(), target: target.id, client: client(channel) }
    }

    fn connect(&self, target: &Member) -> Channel {
        let timeout = self.0.timeout;
        // The address is the dialer's business; HTTP only needs some name.
        let endpoint = Endpoint::from_static("http://peer")
            .connect_timeout(timeout)
            .http2_keep_alive_interval(timeout)
            .keep_alive_timeout(timeout)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        let (dialer, target) = (Arc::clone(&self.0.dialer), target.clone());
        endpoint.connect_with_connector_lazy(tower::service_fn(move |_: http::Uri| {
            let (dialer, target) = (Arc::clone(&dialer), target.clone());
            async move { dialer.dial(target.id, &target.address).await.map(TokioIo::new) }
        }))
    }

    /// Whether `member` answers and could lead.
    pub(crate) async fn could_lead(&self, member: &Member) -> bool {
        let mut peer = self.peer(member);
        let request = proto::HealthRequest { envelope: Some(peer.envelope()) };
        match tokio::time::timeout(self.0.timeout, peer.client.health(request)).await {
            Ok(Ok(reply)) => reply.get_ref().roomy && !reply.get_ref().installing,
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Asks `leader` for a position that a linearizable read must have applied.
    pub(crate) async fn read_index(&self, leader: &Member) -> Result<ReadIndex, String> {
        let mut peer = self.peer(leader);
        let request = proto::ReadIndexRequest { envelope: Some(peer.envelope()) };
        let call = tokio::time::timeout(self.0.timeout, peer.client.read_index(request));
        let reply = match call.await {
            Ok(Ok(reply)) => reply.into_inner(),
            Ok(Err(status)) => return Err(format!("{leader}: {status}")),
            Err(_) => return Err(format!("{leader} did not answer in {:?}", self.0.timeout)),
        };
        match (reply.position, reply.unavailable) {
            (Some(position), _) => Ok(ReadIndex::At(position_from_raft(wire::log_id(&position)))),
            (None, why) if why.is_empty() => Ok(ReadIndex::NotLeader),
            (None, why) => Err(format!("{leader}: {why}")),
        }
    }
}

/// A leader's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadIndex {
    /// What must be applied.
    At(LogPosition),
    /// It no longer leads.
    NotLeader,
}

fn client(channel: Channel) -> RaftClient<Channel> {
    RaftClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
}

impl RaftNetworkFactory<TypeConfig> for Peers {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Peer {
        self.peer(&Member { id: NodeId(target), address: node.addr.clone() })
    }
}

/// One peer, as openraft calls it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    peers: Peers,
    target: NodeId,
    client: RaftClient<Channel>,
}

impl Peer {
    fn envelope(&self) -> proto::Envelope {
        wire::envelope(self.peers.0.cluster, self.peers.0.node, self.target)
    }

    fn timed_out(&self, action: RPCTypes, timeout: Duration) -> RPCError<TypeConfig> {
        RPCError::Timeout(Timeout { action, id: self.peers.0.node.0, target: self.target.0, timeout })
    }

    /// openraft gives heartbeats and appends the heartbeat interval; a message of several MiB through a stalled disk
    /// needs more, and giving up early only sends it twice.
    fn patience(&self, option: &RPCOption) -> Duration {
        option.soft_ttl().max(self.peers.0.timeout)
    }

    async fn call<T>(
        &self,
        action: RPCTypes,
        timeout: Duration,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, RPCError<TypeConfig>> {
        match tokio::time::timeout(timeout, call).await {
            Ok(Ok(reply)) => Ok(reply.into_inner()),
            Ok(Err(status)) => Err(unreachable(&status)),
            Err(_) => Err(self.timed_out(action, timeout)),
        }
    }
}

/// Every refusal makes openraft wait before it tries again: none of them goes away by asking faster.
fn unreachable(status: &Status) -> RPCError<TypeConfig> {
    RPCError::Unreachable(Unreachable::from_string(format!("{:?}: {}", status.code(), status.message())))
}

fn malformed(error: Malformed) -> RPCError<TypeConfig> {
    RPCError::Unreachable(Unreachable::from_string(format!("unusable reply: {error}")))
}

type Replies<'s> = BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>;

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = wire::append_request(self.envelope(), request);
        let mut client = self.client.clone();
        let reply = self.call(RPCTypes::AppendEntries, self.patience(&option), client.append(message)).await?;
        wire::append_reply_back(reply).map_err(malformed)
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<Replies<'s>, RPCError<TypeConfig>>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            let patience = self.patience(&option);
            let window = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
            let (envelope, room) = (self.envelope(), Arc::clone(&window));
            let messages = input.then(move |request| {
                let (message, room) = (wire::append_request(envelope.clone(), request), Arc::clone(&room));
                async move {
                    // The semaphore is never closed. The reply gives the permit back.
                    if let Ok(permit) = room.acquire().await {
                        permit.forget();
                    }
                    message
                }
            });
            let mut client = self.client.clone();
            let call = client.append_stream(messages);
            let replies = self.call(RPCTypes::AppendEntries, patience, call).await?;
            let state = Some(Waiting { replies, window, patience, answered: 0 });
            let this = &*self;
            Ok(stream::unfold(state, move |state| this.next_reply(state)).boxed())
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = wire::vote_request(self.envelope(), request, false);
        let mut client = self.client.clone();
        let reply = self.call(RPCTypes::Vote, option.soft_ttl(), client.vote(message)).await?;
        wire::vote_reply_back(reply).map_err(malformed)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = wire::vote_request(self.envelope(), request, true);
        let mut client = self.client.clone();
        let reply = self.call(RPCTypes::Vote, option.soft_ttl(), client.vote(message)).await?;
        wire::vote_reply_back(reply).map_err(malformed)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let message = wire::snapshot_request(self.envelope(), &vote, snapshot);
        let mut client = self.client.clone();
        let call = self.call(RPCTypes::InstallSnapshot, option.soft_ttl(), client.snapshot(message));
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            reply = call => Ok(wire::snapshot_reply_back(reply?).map_err(malformed)?),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = wire::transfer_request(self.envelope(), &request);
        let mut client = self.client.clone();
        let reply = self.call(RPCTypes::TransferLeader, self.patience(&option), client.transfer_leader(message));
        wire::transfer_reply_back(reply.await?).map_err(malformed)
    }
}

/// The receiving half of a stream of appends.
struct Waiting {
    replies: tonic::Streaming<proto::AppendStreamReply>,
    window: Arc<Semaphore>,
    patience: Duration,
    /// Replies so far.
    answered: u64,
}

impl Waiting {
    /// Messages without a reply.
    fn unanswered(&self) -> usize {
        IN_FLIGHT_MAX - self.window.available_permits().min(IN_FLIGHT_MAX)
    }
}

type NextReply = (Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>, Option<Waiting>);

impl Peer {
    /// The next reply. Silence is no error while nothing is asked: a stream idles between proposals.
    async fn next_reply(&self, waiting: Option<Waiting>) -> Option<NextReply> {
        let mut waiting = waiting?;
        loop {
            let asked_before = waiting.unanswered() > 0;
            match tokio::time::timeout(waiting.patience, waiting.replies.message()).await {
                Ok(Ok(Some(reply))) => {
                    waiting.window.add_permits(1);
                    waiting.answered += 1;
                    return Some(match wire::stream_reply_back(reply) {
                        Ok(result) => (Ok(result), Some(waiting)),
                        Err(error) => (Err(malformed(error)), None),
                    });
                }
                Ok(Ok(None)) => return None,
                Ok(Err(status)) => return Some((Err(unreachable(&status)), None)),
                Err(_) if asked_before => {
                    tracing::debug!(target = %self.target, answered = waiting.answered, "no reply to an append");
                    return Some((Err(self.timed_out(RPCTypes::AppendEntries, waiting.patience)), None));
                }
                Err(_) => {}
            }
        }
    }
}
