//! What a core is started with: identity, keys, members, tuning, and the seams to the outside world.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use tamga_consensus::{Dialer, Member};
use tamga_ledger::ids::PublicKey;
use tamga_ledger::sign::{Signer, public_key};
use tamga_ledger::submission::Submission;
use tamga_platform::blocking::Blocking;
use tamga_platform::clock::Clock;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::Entropy;

/// What a core is started with.
#[derive(Debug)]
pub struct CoreSetup {
    /// This node, as the genesis record or a decision of the organisations numbers it.
    pub node: u32,
    /// The signed genesis record, as the operator configured it.
    pub genesis: Submission,
    /// Holds everything this node keeps. One process at a time.
    pub data_dir: PathBuf,
    /// What signs for this node.
    pub keys: NodeSigners,
    /// The addresses of nodes' listeners for peers, as this operator knows them, this node's own included. A node of the
    /// genesis record that begins with an empty folder needs those of all others of it; a node that joins later, that of
    /// any one.
    pub members: Vec<Member>,
    /// Limits and times.
    pub tuning: Tuning,
    /// The cluster epoch, for a node that joins a cluster that was recovered: no ledger has told it yet. None: that of the
    /// genesis record, of the ledger, or of a recovery.
    pub cluster_epoch: Option<u32>,
}

/// A node's secret keys, one purpose each. The keys wipe themselves from memory when dropped.
#[derive(Clone)]
pub struct NodeSecrets {
    /// Cosigns checkpoints.
    pub cosigner: SigningKey,
    /// Signs published checkpoints as the log.
    pub log: SigningKey,
    /// Signs promises and refusals.
    pub promise: SigningKey,
    /// Signs batches.
    pub batch: SigningKey,
}

impl NodeSecrets {
    /// The public halves: cosigner, log, promise, batch.
    #[must_use]
    pub fn public(&self) -> [PublicKey; 4] {
        [&self.cosigner, &self.log, &self.promise, &self.batch].map(public_key)
    }
}

/// Whatever holds one of the node's keys.
pub type NodeSigner = Arc<dyn Signer>;

/// What signs for a node, one purpose each: keys in memory, or devices that hold them.
#[derive(Clone)]
pub struct NodeSigners {
    /// Cosigns checkpoints.
    pub cosigner: NodeSigner,
    /// Signs published checkpoints as the log.
    pub log: NodeSigner,
    /// Signs promises, refusals and answers: thousands a second when the day is busy.
    pub promise: NodeSigner,
    /// Signs batches: up to some tens a second.
    pub batch: NodeSigner,
    /// Keys that the organisations have given this node besides, or are about to.
    pub other: OtherKeys,
}

/// Keys beside a node's main ones: those that a decision is to put in their place, and those that it has replaced. Which
/// of them sign, the ledger says; nobody has to change files at one certain moment.
#[derive(Clone, Default)]
pub struct OtherKeys {
    /// Cosign checkpoints, whenever a policy in force names them.
    pub cosigners: Vec<NodeSigner>,
    /// Sign published checkpoints.
    pub logs: Vec<NodeSigner>,
    /// Sign promises, when registered.
    pub promises: Vec<NodeSigner>,
}

impl std::fmt::Debug for OtherKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OtherKeys(..)")
    }
}

impl NodeSigners {
    /// All cosigner keys, the main one first.
    pub fn cosigners(&self) -> impl Iterator<Item = &NodeSigner> {
        std::iter::once(&self.cosigner).chain(&self.other.cosigners)
    }

    /// All log keys, the main one first.
    pub fn logs(&self) -> impl Iterator<Item = &NodeSigner> {
        std::iter::once(&self.log).chain(&self.other.logs)
    }

    /// The promise key that is registered, if it is here; otherwise the main one.
    #[must_use]
    pub fn promise_for(&self, registered: Option<PublicKey>) -> &NodeSigner {
        let mut others = self.other.promises.iter();
        others.find(|key| Some(key.public_key()) == registered).unwrap_or(&self.promise)
    }

    /// The public halves: cosigner, log, promise, batch.
    #[must_use]
    pub fn public(&self) -> [PublicKey; 4] {
        [&self.cosigner, &self.log, &self.promise, &self.batch].map(|signer| signer.public_key())
    }
}

impl From<NodeSecrets> for NodeSigners {
    fn from(secrets: NodeSecrets) -> Self {
        let NodeSecrets { cosigner, log, promise, batch } = secrets;
        Self {
            cosigner: Arc::new(cosigner),
            log: Arc::new(log),
            promise: Arc::new(promise),
            batch: Arc::new(batch),
            other: OtherKeys::default(),
        }
    }
}

impl std::fmt::Debug for NodeSigners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeSigners(..)")
    }
}

impl std::fmt::Debug for NodeSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeSecrets(..)")
    }
}

/// Limits and times of a core. [`Tuning::default`] is what a national election needs.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Whether this node, when it leads, brings Raft's members after the organisations' decisions. Off only for a node that a
    /// test runs alone.
    pub reconcile: bool,
    /// Whether this node signs nothing before the others have said what they remember of its cosigner keys. Off only for a node
    /// that a test runs alone.
    pub recall: bool,
    /// A promise says that a published checkpoint covers the record within this time.
    pub promise_deadline: Duration,
    /// How long a submission waits for its verdict if the caller does not say.
    pub wait_default: Duration,
    /// The longest it may wait, whatever the caller says.
    pub wait_max: Duration,
    /// Most bytes of records in the outbox.
    pub outbox_bytes_max: u64,
    /// Most bytes of records that wait for sequencing, those forwarded by others included.
    pub pending_bytes_max: usize,
    /// Most submissions under admission at once.
    pub admissions_max: usize,
    /// How long a forwarded record may stay unapplied before it is forwarded again.
    pub reforward_after: Duration,
    /// How long the leader may hold back a record that it took, while the ledger grows, before it is shunned;
    pub starve_after: Duration,
    /// and for how long.
    pub shun_for: Duration,
    /// How often refusals at admission are summarised, if there were any.
    pub refusals_every: Duration,
    /// Timeout of one call to a peer.
    pub peer_timeout: Duration,
    /// How often cosignatures that are still missing are asked for.
    pub cosign_retry: Duration,
    /// A clock that differs this much from sequenced time is alarmed on.
    pub skew_warn_ms: u64,
    /// A clock that differs this much withholds this node's cosignature.
    pub skew_withhold_ms: u64,
    /// Raft: how often the leader shows that it lives, ms.
    pub heartbeat_ms: u64,
    /// Raft: shortest silence of the leader after which a follower stands for election, ms.
    pub election_ms_min: u64,
    /// Raft: longest such silence, ms.
    pub election_ms_max: u64,
    /// Raft: size of a log segment, bytes.
    pub raft_segment_bytes: u64,
    /// Raft: free space below which proposals are refused, bytes.
    pub disk_reserve_bytes: u64,
    /// The judging state is saved whenever the ledger has grown by so many entries: what a start has to judge again at most.
    pub save_entries: u64,
    /// Raft: the log is compacted below a published checkpoint once it has grown by so many entries since the last time,
    pub compact_entries: u64,
    /// or by so many bytes.
    pub compact_bytes: u64,
    /// Raft: entries that a compacted log keeps at most, so that a node that was away for a short time needs no catch-up,
    pub log_entries_kept: u64,
    /// and their bytes at most.
    pub log_bytes_kept: u64,
    /// Free space on the ledger's disk below which no submissions are taken, bytes; see `core/space.rs` for the sum.
    pub ledger_reserve_bytes: u64,
    /// What this node says that it runs. Anything but this software's own version is for rehearsals of an upgrade.
    pub software: String,
    /// Where the index of the published view is kept.
    pub index: Index,
    /// Refuse peers whose connection does not prove which node they are. Only tests switch it off.
    pub require_peer_identity: bool,
}

/// Where the index of the published view is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// In sled, beside the ledger.
    Sled,
    /// In memory: for simulations, whose disk sled does not know.
    Memory,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            reconcile: true,
            recall: true,
            promise_deadline: Duration::from_secs(60),
            wait_default: Duration::from_secs(2),
            wait_max: Duration::from_secs(30),
            outbox_bytes_max: 64 << 20,
            pending_bytes_max: 64 << 20,
            admissions_max: 4_096,
            reforward_after: Duration::from_secs(2),
            starve_after: Duration::from_secs(20),
            shun_for: Duration::from_secs(12),
            refusals_every: Duration::from_secs(3_600),
            peer_timeout: Duration::from_secs(2),
            cosign_retry: Duration::from_millis(500),
            skew_warn_ms: 5_000,
            skew_withhold_ms: 60_000,
            heartbeat_ms: 300,
            election_ms_min: 1_500,
            election_ms_max: 3_000,
            raft_segment_bytes: 64 << 20,
            disk_reserve_bytes: 256 << 20,
            save_entries: 10_000,
            compact_entries: 10_000,
            compact_bytes: 64 << 20,
            log_entries_kept: 4_096,
            log_bytes_kept: 256 << 20,
            ledger_reserve_bytes: 256 << 20,
            software: env!("CARGO_PKG_VERSION").to_owned(),
            index: Index::Sled,
            require_peer_identity: true,
        }
    }
}

/// What a core takes from outside, so that a simulation can replace it.
#[derive(Debug, Clone)]
pub struct CoreSeams {
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Work that blocks or computes for long.
    pub blocking: Arc<dyn Blocking>,
    /// Connections to peers, for consensus and for this crate's own peer service.
    pub dialer: Arc<dyn Dialer>,
}
