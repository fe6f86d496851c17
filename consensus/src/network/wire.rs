//! Between the messages of `proto/raft.proto` and openraft's types. Decoding checks everything a peer may get wrong.

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError, StreamAppendResult,
    TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

use super::proto;
use crate::codec::Membership;
use crate::error::Malformed;
use crate::raft::{
    Entry, LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig, Vote, entry_from_wal, entry_to_wal,
    membership_from_raft, membership_to_raft, position_from_raft, position_to_raft, vote_from_raft, vote_to_raft,
};
use crate::types::{LogPosition, MEMBERS_MAX, NodeId, PAYLOAD_BYTES_MAX, SNAPSHOT_BYTES_MAX};
use crate::wal;

/// Entries in one message; a sender gathers a quarter of this.
const ENTRIES_MAX: usize = 16 * 1024;

/// How an append ended, on the wire.
mod outcome {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const PARTIAL: u32 = 1;
    pub(super) const CONFLICT: u32 = 2;
    pub(super) const HIGHER: u32 = 3;
    pub(super) const DONE: u32 = 0;
    pub(super) const BALLOT_CHANGED: u32 = 1;
    pub(super) const NOT_FLUSHED: u32 = 2;
}

pub(super) fn position(id: LogId) -> proto::Position {
    let LogPosition { term, leader, index } = position_from_raft(id);
    proto::Position { term, leader: leader.0, index }
}

pub(super) const fn log_id(position: &proto::Position) -> LogId {
    position_to_raft(LogPosition { term: position.term, leader: NodeId(position.leader), index: position.index })
}

fn some_log_id(position: Option<proto::Position>, what: &'static str) -> Result<LogId, Malformed> {
    position.as_ref().map(log_id).ok_or(Malformed::Missing(what))
}

pub(super) fn ballot(vote: &Vote) -> proto::Ballot {
    let wal::Ballot { term, node, committed } = vote_from_raft(vote);
    proto::Ballot { term, node: node.0, committed }
}

pub(super) fn vote(ballot: Option<proto::Ballot>) -> Result<Vote, Malformed> {
    let proto::Ballot { term, node, committed } = ballot.ok_or(Malformed::Missing("ballot"))?;
    Ok(vote_to_raft(wal::Ballot { term, node: NodeId(node), committed }))
}

fn entry(entry: Entry) -> proto::Entry {
    let position = position(entry.log_id);
    let wal::Entry { kind, payload, .. } = entry_to_wal(entry);
    proto::Entry { position: Some(position), kind: wal::kind_code(kind).into(), payload }
}

fn entry_back(entry: proto::Entry) -> Result<Entry, Malformed> {
    let position = position_from_raft(some_log_id(entry.position, "position of an entry")?);
    let code = u8::try_from(entry.kind).map_err(|_| Malformed::Kind("entry", entry.kind))?;
    bounded("payload", entry.payload.len(), PAYLOAD_BYTES_MAX)?;
    entry_from_wal(wal::Entry { position, kind: wal::kind_of(code)?, payload: entry.payload })
}

const fn bounded(what: &'static str, bytes: usize, max: usize) -> Result<(), Malformed> {
    if bytes > max { Err(Malformed::TooLarge { what, bytes, max }) } else { Ok(()) }
}

pub(super) fn append_request(
    envelope: proto::Envelope,
    request: AppendEntriesRequest<TypeConfig>,
) -> proto::AppendRequest {
    proto::AppendRequest {
        envelope: Some(envelope),
        ballot: Some(ballot(&request.vote)),
        previous: request.prev_log_id.map(position),
        committed: request.leader_commit.map(position),
        entries: request.entries.into_iter().map(entry).collect(),
    }
}

pub(super) fn append_request_back(
    request: proto::AppendRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Malformed> {
    bounded("entries of a message", request.entries.len(), ENTRIES_MAX)?;
    let previous = request.previous.as_ref().map(log_id);
    let entries = request.entries.into_iter().map(entry_back).collect::<Result<Vec<_>, _>>()?;
    let mut expected = previous.map_or(0, |previous| previous.index.saturating_add(1));
    let mut before = previous;
    for entry in &entries {
        if entry.log_id.index != expected {
            let none = LogPosition { term: 0, leader: NodeId(0), index: 0 };
            let previous = before.map_or(none, position_from_raft);
            return Err(Malformed::Gap { previous, found: position_from_raft(entry.log_id) });
        }
        expected = expected.saturating_add(1);
        before = Some(entry.log_id);
    }
    Ok(AppendEntriesRequest {
        vote: vote(request.ballot)?,
        prev_log_id: previous,
        entries,
        leader_commit: request.committed.as_ref().map(log_id),
    })
}

pub(super) fn append_reply(response: AppendEntriesResponse<TypeConfig>) -> proto::AppendReply {
    use AppendEntriesResponse::{Conflict, HigherVote, PartialSuccess, Success};
    let (outcome, matching, ballot) = match response {
        Success => (outcome::SUCCESS, None, None),
        PartialSuccess(matching) => (outcome::PARTIAL, matching.map(position), None),
        Conflict => (outcome::CONFLICT, None, None),
        HigherVote(vote) => (outcome::HIGHER, None, Some(ballot(&vote))),
    };
    proto::AppendReply { outcome, matching, ballot }
}

pub(super) fn append_reply_back(reply: proto::AppendReply) -> Result<AppendEntriesResponse<TypeConfig>, Malformed> {
    match reply.outcome {
        outcome::SUCCESS => Ok(AppendEntriesResponse::Success),
        outcome::PARTIAL => Ok(AppendEntriesResponse::PartialSuccess(reply.matching.as_ref().map(log_id))),
        outcome::CONFLICT => Ok(AppendEntriesResponse::Conflict),
        outcome::HIGHER => Ok(AppendEntriesResponse::HigherVote(vote(reply.ballot)?)),
        other => Err(Malformed::Kind("outcome of an append", other)),
    }
}

pub(super) fn stream_reply(result: StreamAppendResult<TypeConfig>) -> proto::AppendStreamReply {
    let (outcome, position, ballot) = match result {
        Ok(matching) => (outcome::SUCCESS, matching.map(position), None),
        Err(StreamAppendError::Conflict(at)) => (outcome::CONFLICT, Some(position(at)), None),
        Err(StreamAppendError::HigherVote(vote)) => (outcome::HIGHER, None, Some(ballot(&vote))),
    };
    proto::AppendStreamReply { outcome, position, ballot }
}

pub(super) fn stream_reply_back(reply: proto::AppendStreamReply) -> Result<StreamAppendResult<TypeConfig>, Malformed> {
    match reply.outcome {
        outcome::SUCCESS => Ok(Ok(reply.position.as_ref().map(log_id))),
        outcome::CONFLICT => {
            Ok(Err(StreamAppendError::Conflict(some_log_id(reply.position, "position of a conflict")?)))
        }
        outcome::HIGHER => Ok(Err(StreamAppendError::HigherVote(vote(reply.ballot)?))),
        other => Err(Malformed::Kind("outcome of an append", other)),
    }
}

pub(super) fn vote_request(
    envelope: proto::Envelope,
    request: VoteRequest<TypeConfig>,
    pre_vote: bool,
) -> proto::VoteRequest {
    proto::VoteRequest {
        envelope: Some(envelope),
        ballot: Some(ballot(&request.vote)),
        last: request.last_log_id.map(position),
        leadership_transfer: request.leadership_transfer,
        pre_vote,
    }
}

pub(super) fn vote_request_back(request: proto::VoteRequest) -> Result<VoteRequest<TypeConfig>, Malformed> {
    let mut back = VoteRequest::new(vote(request.ballot)?, request.last.as_ref().map(log_id));
    back.leadership_transfer = request.leadership_transfer;
    Ok(back)
}

pub(super) fn vote_reply(response: VoteResponse<TypeConfig>) -> proto::VoteReply {
    proto::VoteReply {
        ballot: Some(ballot(&response.vote)),
        granted: response.vote_granted,
        last: response.last_log_id.map(position),
    }
}

pub(super) fn vote_reply_back(reply: proto::VoteReply) -> Result<VoteResponse<TypeConfig>, Malformed> {
    Ok(VoteResponse::new(vote(reply.ballot)?, reply.last.as_ref().map(log_id), reply.granted))
}

pub(super) fn snapshot_request(
    envelope: proto::Envelope,
    vote: &Vote,
    Snapshot { meta, snapshot }: Snapshot,
) -> proto::SnapshotRequest {
    proto::SnapshotRequest {
        envelope: Some(envelope),
        ballot: Some(ballot(vote)),
        last: meta.last_log_id.map(position),
        membership_position: meta.last_membership.log_id().map(position),
        membership: membership_from_raft(meta.last_membership.membership()).encode().into(),
        state: snapshot,
    }
}

pub(super) fn snapshot_request_back(request: proto::SnapshotRequest) -> Result<(Vote, Snapshot), Malformed> {
    bounded("state of a snapshot", request.state.len(), SNAPSHOT_BYTES_MAX)?;
    bounded("members of a snapshot", request.membership.len(), 1024 * MEMBERS_MAX)?;
    let membership = Membership::decode(&request.membership)?;
    // Before the first membership there is none: openraft's own empty value.
    let membership = if membership.voters.is_empty() { Default::default() } else { membership_to_raft(membership)? };
    let last_membership = StoredMembership::new(request.membership_position.as_ref().map(log_id), membership);
    let meta = SnapshotMeta { last_log_id: request.last.as_ref().map(log_id), last_membership };
    Ok((vote(request.ballot)?, Snapshot { meta, snapshot: request.state }))
}

pub(super) fn snapshot_reply(response: &SnapshotResponse<TypeConfig>) -> proto::SnapshotReply {
    proto::SnapshotReply { ballot: Some(ballot(&response.vote)) }
}

pub(super) fn snapshot_reply_back(reply: proto::SnapshotReply) -> Result<SnapshotResponse<TypeConfig>, Malformed> {
    Ok(SnapshotResponse::new(vote(reply.ballot)?))
}

pub(super) fn transfer_request(
    envelope: proto::Envelope,
    request: &TransferLeaderRequest<TypeConfig>,
) -> proto::TransferLeaderRequest {
    proto::TransferLeaderRequest {
        envelope: Some(envelope),
        ballot: Some(ballot(request.from_leader())),
        successor: *request.to_node_id(),
        last: request.last_log_id().copied().map(position),
    }
}

pub(super) fn transfer_request_back(
    request: proto::TransferLeaderRequest,
) -> Result<TransferLeaderRequest<TypeConfig>, Malformed> {
    let last = request.last.as_ref().map(log_id);
    Ok(TransferLeaderRequest::new(vote(request.ballot)?, request.successor, last))
}

pub(super) fn transfer_reply(response: TransferLeaderResponse<TypeConfig>) -> proto::TransferLeaderReply {
    let mut reply = proto::TransferLeaderReply { outcome: outcome::DONE, ..Default::default() };
    match response {
        Ok(()) => {}
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            reply.outcome = outcome::BALLOT_CHANGED;
            reply.expected_ballot = Some(ballot(&expected));
            reply.actual_ballot = Some(ballot(&actual));
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            reply.outcome = outcome::NOT_FLUSHED;
            reply.expected_position = expected.map(position);
            reply.actual_position = actual.map(position);
        }
    }
    reply
}

pub(super) fn transfer_reply_back(
    reply: proto::TransferLeaderReply,
) -> Result<TransferLeaderResponse<TypeConfig>, Malformed> {
    match reply.outcome {
        outcome::DONE => Ok(Ok(())),
        outcome::BALLOT_CHANGED => Ok(Err(TransferLeaderError::VoteChanged {
            expected: vote(reply.expected_ballot)?,
            actual: vote(reply.actual_ballot)?,
        })),
        outcome::NOT_FLUSHED => Ok(Err(TransferLeaderError::LogNotFlushed {
            expected: reply.expected_position.as_ref().map(log_id),
            actual: reply.actual_position.as_ref().map(log_id),
        })),
        other => Err(Malformed::Kind("outcome of a transfer", other)),
    }
}

/// The 32 bytes of a cluster id and the two ends of a call.
pub(super) fn envelope(cluster: crate::ClusterId, sender: NodeId, target: NodeId) -> proto::Envelope {
    proto::Envelope { cluster: Bytes::copy_from_slice(&cluster.0), sender: sender.0, target: target.0 }
}
