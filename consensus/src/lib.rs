//! Consensus of Tamga: an ordered, durable, replicated log of opaque payloads.
//!
//! ```text
//!   propose ─► Consensus ─► openraft ─► raft::LogStore ─► wal (one writer: write, fdatasync, then answer)
//!                              │   └──► network::Peer ══► the other replicas' network::Service ─► their openraft
//!                              └──────► raft::StateMachine ─► Application::apply (the caller's)
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`anew`] | a log that begins behind a decision made outside, when a majority is lost |
//! | [`types`], [`error`], [`config`], [`application`] | the public words; what the caller brings |
//! | [`consensus`] | [`Consensus`]: the handle |
//! | `raft` | the glue to openraft: its types stay in there and in `network`; snapshots of metadata and their installation |
//! | `network` | the peer protocol over gRPC, both sides; [`Dialer`] |
//! | `wal` | the write-ahead log; knows nothing of openraft |
//! | `codec` | bytes of a membership |
//!
//! Architecture invariants:
//! - Knows nothing of elections: here *election*, *vote*, *candidate* and *term* have only their Raft meaning, and a
//!   payload is bytes.
//! - openraft's types do not appear in the public interface.
//! - The log is purged only by [`Consensus::compact`], never beyond what the caller allows, and behind a snapshot.
//! - Nothing is acknowledged before it is durable on this node's disk; any failure to write or sync stops consensus for
//!   good (fail-stop), a failed sync is never retried.
//! - No clock decides anything: timers use the async runtime, reads ask a quorum (ReadIndex), there are no leases.
//! - Everything read from disk or from a peer is bounded before it is allocated, and never panics.
//! - Membership here has no legal meaning; the caller reconciles it with its own records.

pub mod anew;
pub mod application;
pub mod config;
pub mod consensus;
pub mod error;
pub mod types;

mod codec;
mod network;
mod raft;
mod wal;

pub use anew::{BeginError, NewBeginning, begin_anew, members_beside};
pub use application::{Application, Observer};
pub use config::{Config, Seams};
pub use consensus::Consensus;
#[cfg(feature = "testing")]
pub use consensus::EntrySeen;
pub use error::{
    CompactError, Fatal, HandOverError, InstallError, MembershipError, ProposeError, ReadError, StartError,
};
pub use network::{Dialer, RaftServer, Service, Stream, TcpDialer};
pub use types::{
    ADDRESS_BYTES_MAX, Accepted, ClusterId, Committed, Compacted, EntryKind, LogPosition, MEMBERS_MAX,
    MESSAGE_BYTES_MAX, Member, MemberStatus, NodeId, PAYLOAD_BYTES_MAX, PeerIdentity, Role, SNAPSHOT_BYTES_MAX, Status,
};
pub use wal::WalError;
pub use wal::repair::{
    LogDamage, LogPlace, LogRemedy, LogRepair, LogRepairError, LogReport, NewIdentity, examine_log, payloads_behind,
    repair_log,
};
