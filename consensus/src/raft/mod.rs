//! The glue to openraft: type configuration, log storage, state machine. openraft's types stay in here and in
//! `network`.

mod convert;
mod files;
mod installer;
mod log_store;
mod snapshot;
mod state_machine;
mod status;

#[cfg(test)]
mod ahead;
#[cfg(test)]
mod suite;

use std::fmt;

use bytes::Bytes;

pub(crate) use convert::{
    entry_from_wal, entry_to_wal, membership_from_raft, membership_to_raft, position_from_raft, position_to_raft,
    vote_from_raft, vote_to_raft,
};
pub(crate) use files::{Files, known_members, snapshot_file};
pub(crate) use installer::{Installer, Offered};
pub(crate) use log_store::LogStore;
pub(crate) use snapshot::SnapshotState;
pub(crate) use state_machine::{Signals, StateMachine};
pub(crate) use status::{Local, follow, leader_of, status_of};

openraft::declare_raft_types!(
    /// The types openraft works with here: opaque payloads, members with an address.
    pub(crate) TypeConfig:
        D = Payload,
        R = Answer,
        NodeId = u64,
        Node = openraft::BasicNode,
        AsyncRuntime = openraft::impls::TokioRuntime,
);

pub(crate) type Raft = openraft::Raft<TypeConfig, StateMachine>;
pub(crate) type LogId = openraft::type_config::alias::LogIdOf<TypeConfig>;
pub(crate) type Vote = openraft::type_config::alias::VoteOf<TypeConfig>;
pub(crate) type Entry = openraft::type_config::alias::EntryOf<TypeConfig>;
pub(crate) type EntryPayload = openraft::type_config::alias::EntryPayloadOf<TypeConfig>;
pub(crate) type StoredMembership = openraft::type_config::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type Snapshot = openraft::type_config::alias::SnapshotOf<TypeConfig, Bytes>;
pub(crate) type RaftMembership = openraft::Membership<u64, openraft::BasicNode>;

/// What became of a proposal that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The application's response.
    Applied(Bytes),
    /// Another replica's snapshot brought it.
    Superseded,
}

/// What is proposed; opaque.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Payload(pub(crate) Bytes);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
