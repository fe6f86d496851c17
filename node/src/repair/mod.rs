//! `tamga-node repair`: a node whose disk is damaged is repaired from the others, offline.
//!
//! ```text
//! folder locked ─► log examined ─► ledger repaired (proven by a published checkpoint) ─► ledger opened: applied position
//!      ─► log repaired, or this node must not come back under its id ─► everything checked once more ─► report
//! ```
//!
//! | file | what |
//! |---|---|
//! | `known` | who the nodes are, added ones included |
//! | `source` | asking the other nodes: mutual TLS, bounded answers, nothing believed |
//! | `serve` | answering: the `Repair` service of a running node |
//! | `report` | what is told, to people and to programs |
//!
//! The order matters: what the log may leave out is what the ledger holds, and where the ledger has to be cut is where the
//! log must begin. So the log is read first, the ledger repaired, and the log last.
//!
//! Of the outbox what can be read is kept, and what cannot is told: nobody else knows what stood there. Not repaired, for the
//! same reason: the cosigning memory and keys. They say so at start-up; a new id is the way back.

mod known;
mod report;
mod serve;
mod source;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamga_consensus::{
    LogPlace, LogRemedy, LogRepair, LogRepairError, LogReport, NewIdentity, NodeId, WalError, examine_log, repair_log,
};
use tamga_ledger::store::repair::{self as ledger_repair, Job, Peers as _, RepairError, Step};
use tamga_ledger::store::{LogPosition, Options, Store, StoreError, fsck};
use tamga_ledger::trust::Trust;
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::disk::{Disk, LockGuard};
use tamga_platform::entropy::Entropy;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::core::{NewEpoch, cluster_id, mend_outbox, outbox_damages};
use crate::run::{RunError, Seams};

pub use report::{FaultView, FileView, LedgerView, LogView, OutboxView, Outcome, Report};
pub(crate) use serve::service;

use source::GrpcPeers;

/// What the caller wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct RepairOptions {
    /// Say what is damaged and what would be done; write nothing.
    pub dry_run: bool,
}

/// Why nothing could be said or done at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairCommandError {
    /// Genesis, keys, configuration.
    #[error(transparent)]
    Setup(#[from] RunError),
    /// Another process uses the folder.
    #[error("{0} is in use: stop the node first, a running node is not repaired")]
    Running(PathBuf),
    /// The folder cannot be locked.
    #[error("cannot lock {path}: {source}")]
    Lock {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Everything that repairing takes, owned: it runs where it may block.
struct Repair {
    options: RepairOptions,
    node: u32,
    data: PathBuf,
    ledger: PathBuf,
    quarantine: PathBuf,
    trust: Trust,
    /// The cluster epoch that the log is of.
    epoch: u32,
    peers: GrpcPeers,
    disk: Arc<dyn Disk>,
    entropy: Arc<dyn Entropy>,
    now_ms: u64,
    progress: Box<dyn Fn(Step) + Send>,
    _lock: LockGuard,
}

/// Repairs the node of a configuration, which must not be running; the other nodes must. `progress` is told of each step.
///
/// # Errors
/// [`RepairCommandError`] before anything was looked at; everything else is in the report.
pub async fn repair(
    config: Config,
    seams: Seams,
    options: RepairOptions,
    progress: Box<dyn Fn(Step) + Send>,
) -> Result<Report, RepairCommandError> {
    let (trust, peers) = source::connect(&config, &seams, Handle::current()).await?;
    let lock = lock(seams.disk.as_ref(), &config.data_dir)?;
    let now_ms = seams.clock.now_ms();
    let kept = NewEpoch::read(seams.disk.as_ref(), &config.data_dir, &trust).map_err(RunError::from)?;
    let epoch = kept.map_or(0, |kept| kept.number).max(config.cluster_epoch.unwrap_or(0));
    let repair = Repair {
        options,
        node: config.node,
        ledger: config.data_dir.join("ledger"),
        quarantine: config.data_dir.join("quarantine").join(now_ms.to_string()),
        data: config.data_dir,
        epoch: epoch.max(trust.registry().cluster_epoch()),
        trust,
        peers,
        disk: seams.disk,
        entropy: seams.entropy,
        now_ms,
        progress,
        _lock: lock,
    };
    Ok(seams.blocking.run(move || repair.run()).await)
}

fn lock(disk: &dyn Disk, folder: &Path) -> Result<LockGuard, RepairCommandError> {
    disk.lock(&folder.join("LOCK")).map_err(|source| match source.kind() {
        std::io::ErrorKind::WouldBlock => RepairCommandError::Running(folder.to_owned()),
        _ => RepairCommandError::Lock { path: folder.to_owned(), source },
    })
}

/// The ledger's word for a position in the log.
const fn of_ledger(position: LogPosition) -> tamga_consensus::LogPosition {
    let LogPosition { term, leader, index } = position;
    tamga_consensus::LogPosition { term, leader: NodeId(leader), index }
}

type CanApplyAgain<'a> = &'a dyn Fn(Option<LogPosition>) -> Result<(), String>;

impl Repair {
    fn log_place(&self) -> LogPlace {
        LogPlace {
            folder: self.data.join("raft"),
            cluster: cluster_id(&self.trust, self.epoch),
            node: NodeId(u64::from(self.node)),
        }
    }

    fn outbox(&self) -> PathBuf {
        self.data.join("outbox")
    }

    fn examine_log(&self) -> Result<LogReport, Failed> {
        Ok(examine_log(self.disk.as_ref(), &self.log_place())?)
    }

    fn job<'a>(&'a self, can_apply_again: CanApplyAgain<'a>) -> Job<'a> {
        Job {
            disk: &self.disk,
            folder: &self.ledger,
            quarantine: &self.quarantine,
            peers: &self.peers,
            proofs: &self.trust,
            can_apply_again,
            progress: self.progress.as_ref(),
        }
    }

    fn run(&self) -> Report {
        let mut report = Report::new(self.node, self.options.dry_run, self.peers.names());
        let done = if self.options.dry_run { self.look(&mut report) } else { self.mend(&mut report) };
        if let Err(failed) = done {
            report.fail(&failed);
        }
        self.keep(&mut report);
        report
    }

    /// Says what is damaged and what would be done.
    fn look(&self, report: &mut Report) -> Result<(), Failed> {
        (self.progress)(Step::Checking);
        let found = fsck(&self.disk, &self.ledger)?;
        report.ledger.found(&found);
        let log = self.examine_log()?;
        report.log.found(&log);
        let (proof, refusals) = ledger_repair::newest_proof(&self.job(&|_| Ok(())))?;
        report.ledger.proof(proof.map(|proof| proof.head), &refusals);
        report.log.remedy(&log.remedy(found.position.map(of_ledger))?);
        report.outbox.found(&outbox_damages(self.disk.as_ref(), &self.outbox())?);
        report.looked();
        Ok(())
    }

    fn mend(&self, report: &mut Report) -> Result<(), Failed> {
        let log = self.examine_log()?;
        report.log.found(&log);
        report.ledger.found(&fsck(&self.disk, &self.ledger)?);
        let can_apply_again = |position: Option<LogPosition>| log.holds_behind(position.map(of_ledger));
        let done = ledger_repair::repair(&self.job(&can_apply_again))?;
        report.ledger.repaired(&done);
        if !log.damages().is_empty() {
            report.log.remedy(&self.mend_log()?);
            if let Some(left) = self.examine_log()?.damages().first() {
                return Err(Failed::LogStill(left.to_string()));
            }
        }
        let outbox = self.outbox();
        report.outbox.found(&outbox_damages(self.disk.as_ref(), &outbox)?);
        report.outbox.mended(&mend_outbox(self.disk.as_ref(), &outbox, &self.quarantine, self.entropy.as_ref())?);
        report.mended();
        Ok(())
    }

    /// Opening the ledger makes all of it durable; its position is then what the log may leave out.
    fn mend_log(&self) -> Result<LogRemedy, Failed> {
        let (_store, recovery) = Store::open(Arc::clone(&self.disk), &self.ledger, Options::default())?;
        let repair = LogRepair {
            applied: recovery.position.map(of_ledger),
            quarantine: &self.quarantine,
            entropy: self.entropy.as_ref(),
            now_ms: self.now_ms,
        };
        Ok(repair_log(self.disk.as_ref(), &self.log_place(), &repair)?)
    }

    /// Leaves the report beside what was moved aside, if anything was.
    fn keep(&self, report: &mut Report) {
        if !self.disk.list(&self.quarantine).is_ok_and(|names| !names.is_empty()) {
            return;
        }
        report.quarantine = Some(self.quarantine.clone());
        let text = serde_json::to_string_pretty(report).unwrap_or_default() + "\n";
        if let Err(error) = self.disk.replace(&self.quarantine.join("report.json"), text.as_bytes()) {
            tracing::warn!(%error, "the report could not be written beside the damaged files");
        }
    }
}

/// Why a repair did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Ledger(#[from] RepairError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] WalError),
    #[error(transparent)]
    LogRepair(#[from] LogRepairError),
    #[error(transparent)]
    NewIdentity(#[from] NewIdentity),
    #[error("after the repair the log is still damaged: {0}")]
    LogStill(String),
    #[error("the outbox: {0}")]
    Outbox(#[from] std::io::Error),
}

impl Failed {
    /// Whether this node must not come back under its id.
    const fn needs_new_id(&self) -> bool {
        matches!(
            self,
            Self::NewIdentity(_)
                | Self::LogRepair(LogRepairError::NewIdentity(_))
                | Self::Ledger(RepairError::BeyondProof { .. })
        )
    }
}
