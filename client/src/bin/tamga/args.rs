//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use tamga_ledger::ids::{ElectionId, RecordId};

/// Checks an election ledger against its genesis digest. Trusts no server.
///
/// Exit codes: 0 verified, 1 refuted, 2 could not check.
#[derive(Debug, Parser)]
#[command(name = "tamga", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the latest published checkpoint and who cosigned it.
    Checkpoint(Place),
    /// Make a receipt for one entry that verifies offline, in one file.
    Prove(Prove),
    /// Verify a receipt file, offline.
    Verify(Verify),
    /// Re-derive everything in a ledger and say what does not hold.
    Audit(Audit),
    /// Show turnout and results, computed from the audited ledger.
    Results(Place),
    /// Copy a ledger into a folder.
    Download(Download),
}

impl Command {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Checkpoint(_) => "checkpoint",
            Self::Prove(_) => "prove",
            Self::Verify(_) => "verify",
            Self::Audit(_) => "audit",
            Self::Results(_) => "results",
            Self::Download(_) => "download",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Pinned {
    /// The election's genesis digest: 64 hexadecimal digits, from a source you trust (a newspaper, a gazette).
    #[arg(long, value_name = "DIGEST")]
    pub(crate) genesis: ElectionId,
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// http://host:port of a node or mirror, or the folder of a copy.
    #[arg(value_name = "URL|DIR")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
}

#[derive(Debug, Args)]
pub(crate) struct Prove {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) what: What,
    /// Where to write the receipt.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct What {
    /// The record's id, as printed on the slip.
    #[arg(long, value_name = "ID")]
    pub(crate) record: Option<RecordId>,
    /// The leaf index of the entry.
    #[arg(long, value_name = "N")]
    pub(crate) leaf: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A file that `tamga prove` wrote, or a bare receipt as nodes give it.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
    /// Entry 0 of the ledger, for a bare receipt.
    #[arg(long, value_name = "ENTRY0", conflicts_with = "source")]
    pub(crate) genesis_file: Option<PathBuf>,
    /// Where to read entry 0 for a bare receipt.
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) place: Place,
    /// How many findings to print.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) findings: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Download {
    /// http://host:port of a node or mirror, or the folder of a copy.
    #[arg(value_name = "URL|DIR")]
    pub(crate) source: String,
    /// The folder to write; a copy that is there is brought up to date.
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
}
