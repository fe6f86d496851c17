//! After the day: do all nodes publish the same, and does an offline audit of a downloaded copy agree?

use crate::console::Console;
use crate::nodes::{Nodes, NodesError};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tamga_client::source::{DirectorySource, DownloadError, HttpSource, SourceError, download};
use tamga_client::verify::{Opened, VerifyError, audit};
use tamga_ledger::audit::Finding;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::state::State;
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::trust::Trust;
use tamga_platform::disk::{Disk, OsDisk};
use tokio::time::sleep;

/// How long the nodes may take to publish the last record.
const AGREED_WITHIN: Duration = Duration::from_secs(60);

/// Why nothing can be said about the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AftermathError {
    /// The cluster.
    #[error(transparent)]
    Nodes(#[from] NodesError),
    /// The copy.
    #[error("download: {0}")]
    Download(#[from] DownloadError),
    /// Reading.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The audit could not be made.
    #[error("audit: {0}")]
    Verify(#[from] VerifyError),
    /// Files.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What all nodes published last.
#[derive(Debug)]
pub struct Agreement {
    /// The first node's checkpoint.
    pub checkpoint: VerifiedCheckpoint,
    /// Whether every node publishes the same size and roots.
    pub agree: bool,
    /// What each node says, where they do not agree.
    pub words: Vec<String>,
}

/// Waits until every node publishes a checkpoint that covers `last`, and compares them.
///
/// # Errors
/// [`AftermathError::Nodes`] if not even one node gives a checkpoint.
pub async fn agreement(nodes: &Nodes, last: LeafIndex) -> Result<Agreement, AftermathError> {
    let began = Instant::now();
    loop {
        let all = nodes.checkpoints().await;
        let heads: Vec<_> = all.iter().map(|(_, one)| one.as_ref().ok().map(|one| one.checkpoint().head())).collect();
        let covers =
            |head: &Option<tamga_ledger::tree::TreeHead>| head.is_some_and(|head| head.size.get() > last.get());
        let agree = heads.iter().all(covers) && heads.windows(2).all(|pair| pair[0] == pair[1]);
        if agree || began.elapsed() > AGREED_WITHIN {
            let words = all.iter().map(|(node, one)| match one {
                Ok(one) => format!("node {node}: size {} {}", one.checkpoint().size, one.checkpoint().roots.blake3),
                Err(error) => format!("node {node}: {error}"),
            });
            let words = words.collect();
            let first = all.into_iter().find_map(|(_, one)| one.ok());
            let checkpoint = match first {
                Some(checkpoint) => checkpoint,
                None => nodes.checkpoint_over(last.get()).await?,
            };
            return Ok(Agreement { checkpoint, agree, words });
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// The audit's verdict, as reported.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the report's own words")]
pub struct AuditReport {
    pub ok: bool,
    pub entries: u64,
    pub seconds: f64,
    pub findings: Vec<Finding>,
}

/// A copy that was audited.
#[derive(Debug)]
pub struct Examined {
    /// The verdict.
    pub report: AuditReport,
    /// The state that the entries give by the rules.
    pub state: State,
    /// Bytes of all entries.
    pub entry_bytes: u64,
    /// How long copying took.
    pub download_seconds: f64,
}

/// Copies the ledger from one node and audits the copy without asking anybody. Blocks; uses all cores.
///
/// # Errors
/// [`AftermathError`] if that cannot be done; what is wrong with the ledger is a finding.
pub fn examine(url: &str, trust: &Trust, folder: &Path, console: &Console) -> Result<Examined, AftermathError> {
    let began = Instant::now();
    let source = HttpSource::new(url)?;
    let mut phase = None;
    let downloaded = download(&source, trust, &OsDisk, folder, |done, total| {
        let phase = phase.get_or_insert_with(|| console.phase("download", total));
        phase.advance(u64::from(done > 0));
    })?;
    let download_seconds = began.elapsed().as_secs_f64();
    if let Some(phase) = phase {
        phase.finish("");
    }
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let copy = DirectorySource::new(disk, folder);
    let began = Instant::now();
    let opened = Opened::open(&copy, trust.election_id())?;
    let phase = console.phase("audit", downloaded.checkpoint.checkpoint().size.get());
    let mut before = 0;
    let audited = audit(&opened, |done, _| {
        phase.advance(done - before);
        before = done;
    })?;
    let seconds = began.elapsed().as_secs_f64();
    phase.finish(if audited.report.ok { "nothing found" } else { "FINDINGS" });
    let entries = audited.report.entries;
    let bundles = bytes_below(&folder.join("tile/entries"))
        .map_err(|source| AftermathError::Io { what: format!("read {}", folder.display()), source })?;
    Ok(Examined {
        report: AuditReport { ok: audited.report.ok, entries, seconds, findings: audited.report.findings },
        state: audited.state,
        // Two bytes of length stand before each entry.
        entry_bytes: bundles.saturating_sub(2 * entries),
        download_seconds,
    })
}

/// What a node keeps on disk, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// Entries, trees and the archive of checkpoints.
    pub ledger: u64,
    /// Confidential bodies, which stand outside the entries.
    pub confidential: u64,
    /// The index for queries.
    pub index: u64,
    /// Outbox and cosigning memory: files of fixed size.
    pub fixed: u64,
    /// The Raft log, whose segments are preallocated and recycled.
    pub raft: u64,
}

impl DiskUse {
    /// Looks at a node's data folder.
    ///
    /// # Errors
    /// As the system says.
    pub fn of(data: &Path) -> std::io::Result<Self> {
        let (all, raft) = (bytes_below(data)?, bytes_below(&data.join("raft"))?);
        let (store, index) = (bytes_below(&data.join("ledger"))?, bytes_below(&data.join("index"))?);
        let confidential = bytes_below(&data.join("ledger/confidential"))?;
        let ledger = store.saturating_sub(confidential);
        let fixed = all.saturating_sub(raft).saturating_sub(store).saturating_sub(index);
        Ok(Self { ledger, confidential, index, fixed, raft })
    }

    /// Everything beside the Raft log.
    #[must_use]
    pub const fn beside_raft(&self) -> u64 {
        self.ledger + self.confidential + self.index + self.fixed
    }
}

/// Bytes of all files below a folder; none if it does not exist.
fn bytes_below(folder: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    let listing = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        listing => listing?,
    };
    for entry in listing {
        let entry = entry?;
        // A file may go while we look: nodes recycle theirs.
        let Ok(about) = entry.metadata() else { continue };
        sum += if about.is_dir() { bytes_below(&entry.path())? } else { about.len() };
    }
    Ok(sum)
}
