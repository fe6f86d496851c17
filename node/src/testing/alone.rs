//! A core that is a cluster of its own, over any disk and clock: for tests of what one node keeps.
//!
//! The election has several nodes, as every election must; node 1 alone orders records, because its log was begun with
//! itself as the only member. The other organisations' cosignatures are made here, with the test election's keys.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tamga_consensus::{
    Application, ClusterId, Committed, Config, Consensus, Dialer, EntryKind, Fatal, LogPosition, Seams, Stream,
};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::note::{CosignerKey, KeyName, SignedNote};
use tamga_ledger::promise::Promise;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::TreeSize;
use tamga_platform::disk::Disk;

use super::{TestElection, cosigner_name, secrets};
use crate::core::{
    Answer, Core, CoreError, CoreSeams, CoreSetup, Index, Member, NodeId, NodeSigners, Published, Tuning,
};

/// The node that is alone.
const NODE: u32 = 1;
/// Small, so that a log of a few hundred records has several.
const RAFT_SEGMENT_BYTES: u64 = 64 * 1024;
const WAIT_STEPS: u32 = 12_000;
const WAIT_STEP: Duration = Duration::from_millis(5);

/// Nobody is there, and nobody says so: a refusal at once would have the node knock at the other members' doors without
/// end, at the speed of a paused clock.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Dialer for Nobody {
    async fn dial(&self, _: NodeId, _: &str) -> io::Result<Box<dyn Stream>> {
        std::future::pending().await
    }
}

/// Keeps nothing.
#[derive(Debug, Default)]
struct Forgetful(Option<LogPosition>);

#[async_trait]
impl Application for Forgetful {
    fn applied(&self) -> Option<LogPosition> {
        self.0
    }

    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        self.0 = entries.last().map(|entry| entry.position).or(self.0);
        Ok(entries.iter().filter(|entry| entry.kind == EntryKind::Normal).map(|_| Bytes::new()).collect())
    }
}

/// The node.
#[derive(Debug)]
pub struct Alone {
    /// Its core.
    pub core: Arc<Core>,
}

/// What a lone node is started with, once and again.
#[derive(Clone)]
pub struct AloneSetup {
    /// The genesis record.
    pub genesis: Submission,
    /// How many nodes it names, numbered from 1.
    pub nodes: u32,
    /// Those of node 1.
    pub secrets: NodeSigners,
    /// The node's folder.
    pub folder: PathBuf,
    /// Disk, clock, randomness, blocking work, and who can be dialled.
    pub seams: Seams,
    /// [`alone_tuning`], or what differs from it.
    pub tuning: Tuning,
}

/// Times and sizes for a node that is alone.
#[must_use]
pub fn alone_tuning() -> Tuning {
    Tuning {
        // The other nodes of the election do not exist: as members they would take its quorum away.
        reconcile: false,
        recall: false,
        heartbeat_ms: 100,
        election_ms_min: 500,
        election_ms_max: 1_000,
        raft_segment_bytes: RAFT_SEGMENT_BYTES,
        disk_reserve_bytes: 0,
        index: Index::Memory,
        ..Tuning::default()
    }
}

/// Seams around a disk and a clock, with nobody to dial.
#[must_use]
pub fn alone_seams(
    disk: Arc<dyn Disk>,
    clock: Arc<dyn tamga_platform::clock::Clock>,
    entropy: Arc<dyn tamga_platform::entropy::Entropy>,
    blocking: Arc<dyn tamga_platform::blocking::Blocking>,
) -> Seams {
    Seams { disk, clock, entropy, blocking, dialer: Arc::new(Nobody) }
}

impl AloneSetup {
    /// The lone node of a test election.
    #[must_use]
    pub fn of(election: &TestElection, folder: &Path, seams: Seams) -> Self {
        let (genesis, secrets) = (election.genesis().clone(), secrets(NODE).into());
        Self { genesis, nodes: election.nodes(), secrets, folder: folder.to_owned(), seams, tuning: alone_tuning() }
    }

    /// Begins the node's log with itself as the only member. Once, before the first start.
    ///
    /// # Errors
    /// As consensus gives them.
    pub async fn begin(&self) -> Result<(), CoreError> {
        self.begin_as(NODE, &[NODE]).await
    }

    /// Begins the log in this folder as that of `node`, with these members: a node with a log was born long ago, and needs
    /// nobody's witness at its first start.
    ///
    /// # Errors
    /// As consensus gives them.
    pub async fn begin_as(&self, node: u32, members: &[u32]) -> Result<(), CoreError> {
        let failed = |error: &dyn std::fmt::Display| CoreError::Consensus(error.to_string());
        let config = Config {
            heartbeat_ms: 100,
            election_ms_min: 500,
            election_ms_max: 1_000,
            segment_bytes: RAFT_SEGMENT_BYTES,
            disk_reserve_bytes: 0,
            ..Config::new(
                NodeId(u64::from(node)),
                ClusterId(ElectionId::of_genesis(&self.genesis.signed.record).0),
                self.folder.join("raft"),
            )
        };
        let started = Consensus::start(config, self.seams.clone(), Forgetful::default()).await;
        let consensus = started.map_err(|error| failed(&error))?;
        let begun = consensus.initialize(members.iter().copied().map(member).collect()).await;
        consensus.shutdown().await;
        begun.map_err(|error| failed(&error))
    }

    /// Starts the node and waits until it leads and has caught up.
    ///
    /// # Errors
    /// As [`Core::start`]; also when it becomes fatal, or never ready.
    pub async fn start(&self) -> Result<Alone, CoreError> {
        let Seams { disk, clock, entropy, blocking, dialer } = self.seams.clone();
        let seams = CoreSeams { disk, clock, entropy, blocking, dialer };
        let setup = CoreSetup {
            node: NODE,
            genesis: self.genesis.clone(),
            data_dir: self.folder.clone(),
            keys: self.secrets.clone(),
            members: (1..=self.nodes).map(member).collect(),
            tuning: self.tuning.clone(),
            cluster_epoch: None,
        };
        let alone = Alone { core: Core::start(setup, seams).await? };
        let ready = |alone: &Alone| {
            let status = alone.core.status();
            (status.is_ready() && status.role == "leader" && status.applied_size > 0) || status.fatal.is_some()
        };
        if alone.eventually(ready).await && alone.core.status().fatal.is_none() {
            return Ok(alone);
        }
        let status = alone.core.status();
        alone.core.shutdown().await;
        Err(CoreError::Consensus(format!("never ready: {status:?}")))
    }
}

fn member(node: u32) -> Member {
    Member { id: NodeId(u64::from(node)), address: format!("127.0.0.1:{node}") }
}

impl Alone {
    /// Waits until `holds`; false if it never does.
    pub async fn eventually(&self, holds: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..WAIT_STEPS {
            if holds(self) {
                return true;
            }
            tokio::time::sleep(WAIT_STEP).await;
        }
        false
    }

    /// Submits and returns the promise, verified. `wait` is how long for a verdict.
    ///
    /// # Errors
    /// The answer that is no promise, in words.
    pub async fn submit(&self, submission: Bytes, wait: Duration) -> Result<Promise, String> {
        match self.core.submit(submission, Some(wait)).await {
            Answer::Promise(bytes) => {
                let trust = self.core.trust();
                let key = |id| trust.node(id).map(|node| node.keys.promise_key);
                Promise::verify(&bytes, key).map_err(|error| error.to_string())
            }
            other => Err(format!("{other:?}")),
        }
    }

    /// Waits until this node has cosigned its newest cut; gives the note.
    pub async fn cosigned(&self) -> Option<SignedNote> {
        let signed = |alone: &Self| {
            let status = alone.core.status();
            status.cut_size > 0 && status.cosigned_size == status.cut_size
        };
        if !self.eventually(signed).await {
            return None;
        }
        let size = TreeSize::new(self.core.status().cosigned_size).ok()?;
        SignedNote::from_bytes(self.core.cosignatures(size).await.as_bytes()).ok()
    }

    /// Cosigns the newest cut for `others` too, at `time_s`, and waits until it is published.
    pub async fn publish(&self, others: &[CosignerKey], time_s: u64) -> Option<Arc<Published>> {
        let own = self.cosigned().await?;
        let size = self.core.status().cosigned_size;
        let mut note = SignedNote::unsigned(own.text().to_owned()).ok()?;
        for other in others {
            let line = other.cosign(&note, time_s).ok()?;
            note.add(line).ok()?;
        }
        self.core.offer_cosignature(2, &note.to_string()).await;
        let published = |alone: &Self| alone.core.status().published_size >= size;
        if !self.eventually(published).await {
            return None;
        }
        self.core.published().borrow().clone()
    }
}

/// The cosigners of all nodes of a test election but the lone one.
#[must_use]
pub fn other_cosigners(election: &TestElection) -> Vec<CosignerKey> {
    let key = |node| CosignerKey::new(KeyName::new(&cosigner_name(node)).ok()?, secrets(node).cosigner).ok();
    (NODE + 1..=election.nodes()).filter_map(key).collect()
}
