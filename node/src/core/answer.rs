//! What a core tells its callers: answers to submissions, published checkpoints, status, errors.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tamga_ledger::inquiry::InquiryError;
use tamga_ledger::kinds::NodeRole;
use tamga_ledger::note::Checkpoint;
use tamga_ledger::store::StoreError;
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_ledger::trust::TrustError;

use crate::view::View;

/// The answer to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A signed promise, pending or with the verdict.
    Promise(Vec<u8>),
    /// Not taken, and it will not be in the ledger.
    Refusal {
        /// The signed refusal.
        signed: Vec<u8>,
        /// Its code, a name for programs.
        code: String,
        /// Its text: what the author can do.
        text: String,
    },
    /// This node cannot take anything now; nothing is known about the record.
    Unavailable {
        /// Why, a name for programs: `disk-full`, `catching-up`, `stopping`, `removed`, `busy`, `failed`.
        code: &'static str,
        /// What the caller can do.
        text: String,
        /// When it makes sense to ask this node again, ms; 0 if not.
        retry_after_ms: u32,
    },
}

/// A published checkpoint with what the public sees at it.
#[derive(Debug, Clone)]
pub struct Published {
    /// The signed note with all cosignatures known.
    pub note: String,
    /// Its text, read.
    pub checkpoint: Checkpoint,
    /// Organisations that cosigned.
    pub organisations: Vec<String>,
    /// Who cosigned, in the policy's order.
    pub cosigners: Vec<Cosigner>,
    /// When this node published it, ms UTC by its clock.
    pub published_ms: u64,
    /// Sequenced time of the last leaf it covers, ms UTC.
    pub sequenced_ms: u64,
    /// Figures at exactly this size.
    pub view: Arc<View>,
}

/// A cosignature under a published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cosigner {
    /// The cosigner's name.
    pub name: String,
    /// The organisation it counts for, if any.
    pub organisation: Option<String>,
    /// When it signed, seconds since 1970 by its own clock.
    pub time_s: u64,
}

/// Why there is no receipt (yet).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// No published checkpoint covers the leaf yet.
    #[error("leaf {leaf} is not covered by a published checkpoint yet (the latest has size {published}); ask again")]
    NotYet {
        /// Asked for.
        leaf: LeafIndex,
        /// What is published.
        published: TreeSize,
    },
    /// The ledger could not be read.
    #[error("this node cannot read its ledger; ask another node")]
    Store(#[source] StoreError),
    /// The node stops.
    #[error("this node is shutting down; ask another node")]
    Stopping,
}

/// Why a read that must be linearizable is not possible now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no linearizable read is possible now: {0}; retrying is safe")]
pub struct BarrierError(pub String);

/// Why an inquiry is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InquiryFailed {
    /// Whoever asks may not.
    #[error(transparent)]
    Refused(#[from] InquiryError),
    /// Nobody can answer linearizably now.
    #[error(transparent)]
    Unavailable(BarrierError),
}

/// Why a core did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// The configuration contradicts the genesis record.
    #[error("configuration: {0}")]
    Setup(String),
    /// The genesis record is not a valid one.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A node that has taken part, and has lost what it voted and acknowledged.
    #[error(
        "node {node} has lived before: {what}. It must not take part under this id again: the organisations replace it by a \
         node with a new id (docs/OPERATIONS.md, \"A disk is lost\")"
    )]
    LivedBefore {
        /// Which.
        node: u32,
        /// What is gone.
        what: String,
    },
    /// Another process uses the folder.
    #[error("{0} is in use by another process; two nodes must never share a folder")]
    Locked(PathBuf),
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of this node is not what was written.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The ledger's files.
    #[error("ledger: {0}")]
    Store(#[from] StoreError),
    /// What the ledger holds is not what judging gives.
    #[error(
        "ledger entry {leaf}: {what}; the ledger in this folder is not the one this node judged: \
         `tamga-node repair --config FILE` compares it with what is published"
    )]
    Replay {
        /// Which.
        leaf: LeafIndex,
        /// What differs.
        what: String,
    },
    /// An interrupted catch-up could not be finished.
    #[error("catching up with the other nodes: {0}")]
    CatchUp(String),
    /// Consensus.
    #[error("consensus: {0}")]
    Consensus(String),
}

/// One node's view of itself, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// This node.
    pub node: u32,
    /// `leader`, `follower`, `candidate`, `learner`, `stopped`.
    pub role: &'static str,
    /// Raft term.
    pub term: u64,
    /// The leader's node id, if one is known.
    pub leader: Option<u32>,
    /// Entries in the ledger of this node.
    pub applied_size: u64,
    /// Size of the latest published checkpoint; 0 for none.
    pub published_size: u64,
    /// Size of the latest cut; 0 for none.
    pub cut_size: u64,
    /// Raft log entries known to be committed and not applied here.
    pub apply_lag: u64,
    /// The Raft log is gone up to this index; 0 if it was never compacted.
    pub log_purged: u64,
    /// Raft index of the published checkpoint that stands for what is gone; 0 for none.
    pub snapshot_index: u64,
    /// Entries that had to be judged again at the start.
    pub replayed_entries: u64,
    /// Records in the outbox.
    pub outbox_records: u64,
    /// Their bytes.
    pub outbox_bytes: u64,
    /// Age of the oldest record in the outbox, ms.
    pub outbox_oldest_ms: u64,
    /// How long the leader has held back this node's oldest record while the ledger grew, ms; 0 for not at all.
    pub starved_ms: u64,
    /// The leader that this node shuns for it.
    pub shunned: Option<u32>,
    /// This clock less sequenced time at the last live batch, ms.
    pub clock_skew_ms: i64,
    /// `signing`, `withholding: …`, `stopped: …`.
    pub cosigner: String,
    /// Highest size this node's key has signed.
    pub cosigned_size: u64,
    /// Whether this node still catches up after its start.
    pub catching_up: bool,
    /// Whether a quorum has other roots than this node.
    pub diverged: bool,
    /// A disk is nearly full: nothing is taken, reading goes on.
    pub disk_low: bool,
    /// A disk is so full that this node takes no entries from the leader either.
    pub disk_full: bool,
    /// Bytes free for the ledger and the outbox, as last measured.
    pub disk_free_bytes: u64,
    /// A planned stop is under way.
    pub leaving: bool,
    /// The organisations have removed this node.
    pub removed: bool,
    /// Nodes that the organisations have removed and whose votes Raft still counts. Whoever runs one lets it run until it is
    /// here no more.
    pub removed_voters: Vec<u32>,
    /// What a new node waits for before it takes part; none once it does.
    pub unborn: Option<String>,
    /// What this node runs.
    pub software: String,
    /// Highest version of the judging rules that this software has.
    pub rules_version: u32,
    /// All nodes that are in force, this one included.
    pub nodes: Vec<NodeLine>,
    /// Why this node must stop, if it must.
    pub fatal: Option<String>,
}

impl NodeStatus {
    /// Whether this node serves: caught up, knows a leader, storage is fine.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.leader.is_some()
            && !self.catching_up
            && !self.diverged
            && !self.disk_low
            && !self.disk_full
            && !self.leaving
            && !self.removed
            && self.unborn.is_none()
            && self.fatal.is_none()
    }
}

/// A node in a [`NodeStatus`], as the node that tells sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeLine {
    /// Which.
    pub id: u32,
    /// Its organisation.
    pub organisation: String,
    /// What the organisations decided: `voter` or `learner`.
    pub decided: NodeRole,
    /// What it is in Raft's membership; `none` until the leader has added it.
    pub member: &'static str,
    /// Where it is reached, if that is known.
    pub address: Option<String>,
    /// What it runs, as it said last; the address and the version of the telling node itself are its own.
    pub software: Option<String>,
    /// Highest version of the judging rules that its software has.
    pub rules_version: Option<u32>,
    /// Entries it had applied when it was heard last.
    pub applied_size: Option<u64>,
    /// How long ago it was heard, ms.
    pub heard_ms: Option<u64>,
}
