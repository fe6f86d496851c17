//! How fast a cluster is well again, measured on real `tamga-node` processes: the library behind the program `recovery`.
//!
//! | file | measures |
//! |---|---|
//! | `failover` | from a SIGKILL of the leader to the first acknowledged write, again and again |
//! | `bulk` | makes a ledger of millions of entries, quickly and truly |
//! | `restart` | from the start of a node's process to its service, at that size |
//! | `catch_up` | a new node with an empty folder has everything |
//! | `report` | the table and the JSON |

mod bulk;
mod catch_up;
mod failover;
mod report;
mod restart;
mod stage;

pub use report::{Bulk, CatchUp, Failover, Report, Restart};

use crate::cluster::{BinaryError, ClusterError, FoundingError};
use crate::day::DayError;
use crate::folder::Folder;
use crate::scale::ScaleError;
use crate::world::WorldError;
use clap::Parser;
use std::path::PathBuf;
use tamga_client::device::DeviceError;

/// How fast a cluster is well again: failover, restart, catch-up. Builds and starts real nodes on loopback.
///
/// Exit codes: 0 measured, 2 could not be measured.
#[derive(Debug, Clone, Parser)]
#[command(version, about, long_about = None, after_help = "Exit codes: 0 measured, 2 could not be measured.")]
pub struct Arguments {
    /// Kill the leader so often; 0 leaves the failover out.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub kills: u32,
    /// Entries of the ledger that is restarted and caught up with; 0 leaves both out.
    #[arg(long, value_name = "N", default_value_t = 2_000_000)]
    pub entries: u64,
    /// Restart so often; the median counts.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub restarts: u32,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// Keep everything in this folder, which must be new or empty.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the part that failed")]
#[non_exhaustive]
pub enum RecoveryError {
    #[error(transparent)]
    Scale(#[from] ScaleError),
    #[error(transparent)]
    Founding(#[from] FoundingError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Binary(#[from] BinaryError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    World(#[from] WorldError),
    #[error(transparent)]
    Day(#[from] DayError),
    #[error(transparent)]
    Folder(#[from] crate::election_day::RunError),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("consensus: {0}")]
    Consensus(String),
    #[error("{what} did not happen within {seconds} s: {last}")]
    Late { what: &'static str, seconds: u64, last: String },
    #[error("{0}")]
    Wrong(String),
}

fn io_error(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> RecoveryError {
    let what = what.into();
    |source| RecoveryError::Io { what, source }
}

/// Measures what the arguments ask for.
///
/// # Errors
/// [`RecoveryError`]; no process is left.
pub async fn run(arguments: &Arguments) -> Result<Report, RecoveryError> {
    let folder = Folder::new(arguments.dir.as_deref(), "recovery")?;
    let mut report = Report::of_this_machine();
    if arguments.kills > 0 {
        report.failover = Some(failover::measure(&within(&folder, "failover")?, arguments.kills).await?);
    }
    if arguments.entries > 0 {
        let made = bulk::make(&within(&folder, "bulk")?, arguments.entries).await?;
        report.bulk = Some(made.made.clone());
        let (stage, restart) = restart::measure(made, arguments.restarts).await?;
        report.restart = Some(restart);
        report.catch_up = Some(catch_up::measure(stage).await?);
    }
    Ok(report)
}

fn within(folder: &Folder, name: &str) -> Result<PathBuf, RecoveryError> {
    let path = folder.path.join(name);
    std::fs::create_dir(&path).map_err(io_error(format!("create {}", path.display())))?;
    Ok(path)
}
