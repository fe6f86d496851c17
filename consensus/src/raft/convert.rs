//! Between openraft's types and ours.

use std::collections::BTreeMap;

use bytes::Bytes;
use openraft::BasicNode;
use openraft::impls::leader_id_adv::LeaderId;

use super::{Entry, EntryPayload, LogId, Payload, RaftMembership, Vote};
use crate::codec::Membership;
use crate::error::Malformed;
use crate::types::{EntryKind, LogPosition, NodeId};
use crate::wal;

pub(crate) const fn position_from_raft(id: LogId) -> LogPosition {
    LogPosition { term: id.leader_id.term, leader: NodeId(id.leader_id.node_id), index: id.index }
}

pub(crate) const fn position_to_raft(position: LogPosition) -> LogId {
    LogId { leader_id: LeaderId { term: position.term, node_id: position.leader.0 }, index: position.index }
}

pub(crate) const fn vote_from_raft(vote: &Vote) -> wal::Ballot {
    wal::Ballot { term: vote.leader_id.term, node: NodeId(vote.leader_id.node_id), committed: vote.committed }
}

pub(crate) const fn vote_to_raft(ballot: wal::Ballot) -> Vote {
    Vote { leader_id: LeaderId { term: ballot.term, node_id: ballot.node.0 }, committed: ballot.committed }
}

pub(crate) fn membership_from_raft(membership: &RaftMembership) -> Membership {
    let addresses = membership.nodes().map(|(id, node)| (*id, node.addr.clone())).collect();
    Membership { voters: membership.get_joint_config().clone(), addresses }
}

pub(crate) fn membership_to_raft(membership: Membership) -> Result<RaftMembership, Malformed> {
    let nodes: BTreeMap<u64, BasicNode> =
        membership.addresses.into_iter().map(|(id, addr)| (id, BasicNode { addr })).collect();
    RaftMembership::new(membership.voters, nodes).map_err(|_| Malformed::Missing("a voter of a membership"))
}

pub(crate) fn entry_to_wal(entry: Entry) -> wal::Entry {
    let position = position_from_raft(entry.log_id);
    let (kind, payload) = match entry.payload {
        EntryPayload::Blank => (EntryKind::Blank, Bytes::new()),
        EntryPayload::Normal(payload) => (EntryKind::Normal, payload.0),
        EntryPayload::Membership(membership) => {
            (EntryKind::Membership, membership_from_raft(&membership).encode().into())
        }
    };
    wal::Entry { position, kind, payload }
}

pub(crate) fn entry_from_wal(entry: wal::Entry) -> Result<Entry, Malformed> {
    let payload = match entry.kind {
        EntryKind::Blank => EntryPayload::Blank,
        EntryKind::Normal => EntryPayload::Normal(Payload(entry.payload)),
        EntryKind::Membership => EntryPayload::Membership(membership_to_raft(Membership::decode(&entry.payload)?)?),
    };
    Ok(Entry { log_id: position_to_raft(entry.position), payload })
}
