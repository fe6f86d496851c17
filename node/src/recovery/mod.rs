//! `tamga-node recover`: a node begins a new cluster epoch, by the organisations' decision (see `core::epoch`); offline.
//!
//! ```text
//! folder locked ─► decision: signed, the next epoch, this node named ─► size is the last published, roots are those here
//!   ─► records behind the size, applied or only in the log: into the outbox ─► `recovering/`: ledger up to the size, log
//!   begun behind the epoch's position, decision (written last: from here on it is complete) ─► places changed
//! ```
//!
//! | file | what |
//! |---|---|
//! | `standing` | what this node has: for the people who decide |
//! | `build` | the new ledger and the new log, beside the old ones |
//! | `behind` | the records that are submitted again |
//! | `places` | old and new change places; what a crash leaves |
//!
//! Nothing is deleted: ledger and log of before stay in `before-epoch-N/`, as evidence and for whatever is missed later. The
//! cosigning memory stays in force: a key that has cosigned beyond the size contradicts itself by going on, and is silent
//! ([`RecoveryReport::silenced`]); its organisation goes on with another (docs/OPERATIONS.md).

mod behind;
mod build;
mod places;
mod standing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamga_ledger::entry::Entry;
use tamga_ledger::ids::PublicKey;
use tamga_ledger::nodes::Nodes;
use tamga_ledger::store::{Options, Store, StoreError};
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_ledger::trust::{Trust, TrustError};
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::disk::Disk;

use crate::config::Config;
use crate::core::{CoreError, NewEpoch, NotAnEpoch, begins_behind, cosigned_sizes};
use crate::keys::LoadedIdentity;
use crate::provision::read_genesis;
use crate::run::{RunError, Seams};

pub(crate) use places::is_unfinished;
pub use standing::{CosignedSize, Standing, standing};

/// Entries read at a time, and their bytes at most.
const ROUND_ENTRIES: u64 = 4_096;
const ROUND_BYTES: usize = 8 << 20;

/// Why a node was not recovered. Unless it says otherwise nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// Genesis, keys, configuration.
    #[error(transparent)]
    Setup(#[from] RunError),
    /// Another process uses the folder.
    #[error("{0} is in use: stop the node first")]
    Running(PathBuf),
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The ledger's files.
    #[error("the ledger: {0}")]
    Store(#[from] StoreError),
    /// Files that the running node would refuse as well.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The registry that the ledger gives.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The log.
    #[error("the log: {0}")]
    Log(String),
    /// Not this decision, not this node.
    #[error("{0}")]
    Refused(String),
}

impl From<NotAnEpoch> for RecoverError {
    fn from(why: NotAnEpoch) -> Self {
        Self::Refused(format!("the decision is not acted on: {why}"))
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RecoveryReport {
    /// This node.
    pub node: u32,
    /// The epoch that it is in now.
    pub cluster_epoch: u32,
    /// The size from which it goes on.
    pub size: u64,
    /// Entries behind that size which this node's ledger had.
    pub entries_given_up: u64,
    /// Records that will be submitted again: of those entries, and of batches that were only in the log.
    pub resubmitted: u64,
    /// Entries that hold no record to submit again (stubs of what came before its time).
    pub not_resubmitted: u64,
    /// Cosigner keys of this node that have cosigned beyond the size: they will sign nothing, and need a successor.
    pub silenced: Vec<CosignedSize>,
    /// Where ledger and log of before are.
    pub kept_in: PathBuf,
}

/// Recovers the node of a configuration, which must not be running. Run again after an interruption, it goes on.
///
/// # Errors
/// [`RecoverError`].
pub async fn recover(config: Config, seams: Seams, decision: Vec<u8>) -> Result<RecoveryReport, RecoverError> {
    let blocking = Arc::clone(&seams.blocking);
    blocking.run(move || Recovery::begin(config, seams, &decision)?.run()).await
}

/// Everything that recovering takes.
struct Recovery {
    config: Config,
    seams: Seams,
    genesis: Trust,
    identity: LoadedIdentity,
    epoch: NewEpoch,
    _lock: tamga_platform::disk::LockGuard,
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> RecoverError + 'a {
    move |source| RecoverError::Io { action, path: path.to_owned(), source }
}

fn lock(disk: &dyn Disk, folder: &Path) -> Result<tamga_platform::disk::LockGuard, RecoverError> {
    disk.lock(&folder.join("LOCK")).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => RecoverError::Running(folder.to_owned()),
        _ => io("lock", folder)(error),
    })
}

fn genesis_trust(config: &Config, disk: &dyn Disk) -> Result<Trust, RecoverError> {
    Ok(Trust::from_submission(read_genesis(disk, &config.genesis).map_err(RunError::from)?, None)
        .map_err(|source| RunError::Trust { path: config.genesis.clone(), source })?)
}

impl Recovery {
    fn begin(config: Config, seams: Seams, decision: &[u8]) -> Result<Self, RecoverError> {
        let disk = seams.disk.as_ref();
        let genesis = genesis_trust(&config, disk)?;
        let identity = LoadedIdentity::load(disk, &config.keys_dir, &seams.passphrases).map_err(RunError::from)?;
        let lock = lock(disk, &config.data_dir)?;
        let epoch = NewEpoch::from_bytes(decision, &genesis)?;
        if !epoch.voters.contains(&config.node) && !epoch.learners.contains(&config.node) {
            let what = format!(
                "the decision does not name node {}: it has left for good; its organisation goes on with a new node under \
                 a new id",
                config.node
            );
            return Err(RecoverError::Refused(what));
        }
        Ok(Self { config, seams, genesis, identity, epoch, _lock: lock })
    }

    fn run(&self) -> Result<RecoveryReport, RecoverError> {
        let disk = self.seams.disk.as_ref();
        let places = places::Places::new(&self.config.data_dir, self.epoch.number);
        if let Some(done) = places.finish(disk, &self.epoch)? {
            tracing::info!(?done, "a recovery that was interrupted is finished");
            return self.report(&places, 0, behind::Behind::default());
        }
        let data = &self.config.data_dir;
        if let Some(kept) = NewEpoch::read(disk, data, &self.genesis)?.filter(|kept| kept.number >= self.epoch.number) {
            if kept.bytes == self.epoch.bytes {
                return self.report(&places, 0, behind::Behind::default());
            }
            let what = format!("this node has begun cluster epoch {} by another decision already", kept.number);
            return Err(RecoverError::Refused(what));
        }
        let (old, _) = Store::open(Arc::clone(&self.seams.disk), &data.join("ledger"), Options::default())?;
        self.check(&old)?;
        let size = self.size()?;
        // Crash anywhere before the places change: the old node, whose outbox holds records that its ledger has too.
        let behind = behind::resubmit(self, &old)?;
        build::build(self, &old, &places)?;
        let given_up = old.size().get() - size.get();
        drop(old);
        places.change(disk)?;
        self.report(&places, given_up, behind)
    }

    fn size(&self) -> Result<TreeSize, RecoverError> {
        TreeSize::new(self.epoch.size).map_err(|error| RecoverError::Refused(error.to_string()))
    }

    /// The decision fits this node's ledger, and its organisations may make it.
    fn check(&self, old: &Store) -> Result<(), RecoverError> {
        let refuse = |what: String| Err(RecoverError::Refused(what));
        let (epoch, size) = (&self.epoch, self.size()?);
        let published = old.checkpoint_latest()?.map_or(TreeSize::ZERO, |latest| latest.size);
        if old.size() < size {
            return refuse(format!(
                "this node has {} entries, the decision begins at {size}: it cannot begin the epoch; join as a new node",
                old.size()
            ));
        }
        if published > size {
            return refuse(format!(
                "size {published} is published, the decision begins at {size}: what is published is never rolled back"
            ));
        }
        if published < size {
            return refuse(format!(
                "this node knows of no published checkpoint of size {size}, its last one has {published}: let it hear of it \
                 (`tamga-node repair`), or join as a new node"
            ));
        }
        let roots = old.roots_at(size)?;
        if roots != epoch.roots {
            return refuse(format!(
                "at size {size} this node has the roots {roots:?}, the decision has {:?}: this node, or whoever decided, has \
                 another history; compare before anything is changed",
                epoch.roots
            ));
        }
        let nodes = registry_at(old, size, &self.genesis)?;
        epoch.check(&self.genesis.with_nodes(&nodes)?)?;
        let due = nodes.cluster_epoch().saturating_add(1);
        if epoch.number != due {
            return refuse(format!("the decision is for cluster epoch {}, the next one is {due}", epoch.number));
        }
        let unknown = epoch.voters.iter().chain(&epoch.learners).find(|id| nodes.member(**id).is_none());
        if let Some(unknown) = unknown {
            return refuse(format!("the decision names node {unknown}, which is no node at size {size}"));
        }
        Ok(())
    }

    fn report(
        &self,
        places: &places::Places,
        given_up: u64,
        behind: behind::Behind,
    ) -> Result<RecoveryReport, RecoverError> {
        let keys: Vec<PublicKey> = self.identity.signers.cosigners().map(|signer| signer.public_key()).collect();
        let cosigned = cosigned_sizes(self.seams.disk.as_ref(), &self.config.data_dir, &keys)?;
        let silenced = cosigned.into_iter().filter(|(_, size)| *size > self.epoch.size);
        Ok(RecoveryReport {
            node: self.config.node,
            cluster_epoch: self.epoch.number,
            size: self.epoch.size,
            entries_given_up: given_up,
            resubmitted: behind.resubmitted,
            not_resubmitted: behind.passed_over,
            silenced: silenced.map(|(key, size)| CosignedSize { key, size }).collect(),
            kept_in: places.before(),
        })
    }
}

/// Who the nodes are at a size of this node's own ledger. Every entry is read.
fn registry_at(store: &Store, size: TreeSize, genesis: &Trust) -> Result<Nodes, RecoverError> {
    let refused = |error: &dyn std::fmt::Display| RecoverError::Refused(error.to_string());
    let mut nodes = Nodes::of_genesis(genesis.election());
    let mut next = 0;
    while next < size.get() {
        let end = (next + ROUND_ENTRIES).min(size.get());
        let range = LeafIndex::new(next).map_err(|error| refused(&error))?
            ..LeafIndex::new(end).map_err(|error| refused(&error))?;
        for bytes in store.entries(range, ROUND_BYTES)? {
            let entry = Entry::from_bytes(&bytes).map_err(|error| refused(&error))?;
            let leaf = LeafIndex::new(next).map_err(|error| refused(&error))?;
            nodes.learn_entry(&entry, leaf, genesis.election_id());
            next += 1;
        }
    }
    Ok(nodes)
}

/// Where the next epoch's log begins, as the ledger's store names positions.
fn beginning(epoch: &NewEpoch) -> tamga_ledger::store::LogPosition {
    begins_behind(epoch.number)
}
