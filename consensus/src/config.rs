//! Settings of one replica, their defaults, and what they must satisfy.

use std::path::PathBuf;
use std::sync::Arc;

use tamga_platform::blocking::Blocking;
use tamga_platform::clock::Clock;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::Entropy;

use crate::application::Observer;
use crate::error::StartError;
use crate::network::Dialer;
use crate::types::{ClusterId, NodeId};

/// Settings of one replica. Start from [`Config::new`] and change what must differ.
#[derive(Debug, Clone)]
pub struct Config {
    /// This replica.
    pub node: NodeId,
    /// The cluster it belongs to; messages and files of another cluster are refused.
    pub cluster: ClusterId,
    /// The folder that holds the log and nothing else. One process at a time: the caller locks it.
    pub folder: PathBuf,
    /// How often a leader shows that it lives, in milliseconds.
    pub heartbeat_ms: u64,
    /// Shortest silence of the leader after which a follower stands for election, in milliseconds.
    pub election_ms_min: u64,
    /// Longest such silence, in milliseconds; each follower draws between the two.
    pub election_ms_max: u64,
    /// How long a call to a peer may take without progress, in milliseconds.
    pub rpc_timeout_ms: u64,
    /// After how long [`propose`](crate::Consensus::propose) answers "unknown", in milliseconds.
    pub propose_timeout_ms: u64,
    /// After how long [`read_barrier`](crate::Consensus::read_barrier) gives up, in milliseconds.
    pub read_timeout_ms: u64,
    /// Size of a segment of the log, in bytes; also how much of the disk is set aside in advance.
    pub segment_bytes: u64,
    /// How much of the newest part of the log is kept in memory, in bytes.
    pub cache_bytes: usize,
    /// Free space below which proposals are refused, in bytes, not counting the segments set aside; below a quarter of
    /// it a leader's entries are refused too.
    pub disk_reserve_bytes: u64,
    /// How many entries before the snapshot a compacted log keeps, so that a replica that was away for a short time is
    /// sent entries instead of a snapshot.
    pub log_entries_kept: u64,
    /// How many bytes of entries before the snapshot it keeps at most: the two bounds hold together, and the rest of the
    /// oldest segment comes on top.
    pub log_bytes_kept: u64,
    /// Refuse calls whose connection does not carry a [`PeerIdentity`](crate::PeerIdentity). Only tests switch it off.
    pub require_peer_identity: bool,
    /// Refuse to start where there is no log: for a replica that has had one.
    pub log_must_exist: bool,
    /// Begin apart if nothing was ever recorded in the log: answer no replica until
    /// [`take_part`](crate::Consensus::take_part). For callers who must first learn whether this replica has forgotten
    /// what it voted and acknowledged.
    pub apart_while_new: bool,
    /// Sees payloads as soon as they are appended.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Config {
    /// The defaults: elections that survive a stalled fsync, 64 MiB segments.
    #[must_use]
    pub fn new(node: NodeId, cluster: ClusterId, folder: impl Into<PathBuf>) -> Self {
        Self {
            node,
            cluster,
            folder: folder.into(),
            heartbeat_ms: 300,
            election_ms_min: 1_500,
            election_ms_max: 3_000,
            rpc_timeout_ms: 2_000,
            propose_timeout_ms: 10_000,
            read_timeout_ms: 5_000,
            segment_bytes: 64 * 1024 * 1024,
            cache_bytes: 64 * 1024 * 1024,
            disk_reserve_bytes: 256 * 1024 * 1024,
            log_entries_kept: 4_096,
            log_bytes_kept: 256 * 1024 * 1024,
            require_peer_identity: true,
            log_must_exist: false,
            apart_while_new: false,
            observer: None,
        }
    }

    /// The settings of openraft that belong to these. The numbers in parentheses are issues in its tracker.
    pub(crate) fn openraft(&self) -> Result<Arc<openraft::Config>, StartError> {
        let config = openraft::Config {
            cluster_name: self.cluster.to_string(),
            heartbeat_interval: self.heartbeat_ms,
            election_timeout_min: self.election_ms_min,
            election_timeout_max: self.election_ms_max,
            // A node that was cut off must not depose a healthy leader when it returns.
            enable_pre_vote: Some(true),
            // Followers get entries while the leader's own fsync is still running.
            broadcast_submitted_on_append: Some(true),
            // A restarted leader stands for election like everybody else.
            enable_leader_restore: Some(false),
            // A leader without a quorum falls silent, so that others may be elected (#2080).
            quorum_loss_probe_interval: Some(self.election_ms_max.saturating_mul(2).saturating_add(self.heartbeat_ms)),
            // Bytes bound a message first (MESSAGE_BYTES_MAX / 4); this bounds tiny entries.
            max_payload_entries: 4_096,
            // Only tells when a learner counts as caught up; the log is sent as long as it reaches back far enough.
            replication_lag_threshold: 1_000,
            // Snapshots are built and logs purged by `Consensus::compact` only: the caller knows what is durable.
            snapshot_policy: openraft::SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: u64::MAX,
            // Commands that wait while the application is busy: openraft stands still when there is no more room.
            state_machine_channel_size: Some(64 * 1024),
            // A snapshot is metadata; an offer is answered before the installation has ended.
            install_snapshot_timeout: self.rpc_timeout_ms.saturating_mul(4),
            backoff: "100ms 200ms 400ms ...1s".to_owned(),
            ..openraft::Config::default()
        };
        let valid = config.validate().map_err(|error| StartError::Config(error.to_string()))?;
        Ok(Arc::new(valid))
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        let refuse = |what: &str| Err(StartError::Config(what.to_owned()));
        if self.segment_bytes < 4_096 || self.segment_bytes > 1 << 30 {
            return refuse("segment_bytes must lie between 4 KiB and 1 GiB");
        }
        if self.rpc_timeout_ms == 0 || self.propose_timeout_ms == 0 || self.read_timeout_ms == 0 {
            return refuse("a timeout of 0 would refuse everything");
        }
        if self.folder.as_os_str().is_empty() {
            return refuse("folder is empty");
        }
        Ok(())
    }
}

/// What consensus takes from outside, so that a simulation can replace it.
#[derive(Debug, Clone)]
pub struct Seams {
    /// Holds the log.
    pub disk: Arc<dyn Disk>,
    /// Wall clock. Consensus decides nothing by it; it stands in log lines and file headers only.
    pub clock: Arc<dyn Clock>,
    /// Salts for the checksums of the log. (Election timeouts are drawn by openraft's own runtime.)
    pub entropy: Arc<dyn Entropy>,
    /// Runs reads, writes and syncs.
    pub blocking: Arc<dyn Blocking>,
    /// Opens connections to peers.
    pub dialer: Arc<dyn Dialer>,
}
