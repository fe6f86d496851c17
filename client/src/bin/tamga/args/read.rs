//! What is read out of a ledger: checkpoints, proofs, reports, copies, evidence.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tamga_ledger::ids::RecordId;

use super::{Pinned, Place};

#[derive(Debug, Args)]
pub(crate) struct Results {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What the ledger said when it had so many entries.
    #[arg(long, value_name = "N", conflicts_with = "before")]
    pub(crate) size: Option<u64>,
    /// What the ledger said before the entry at this leaf, for example before a court's decision.
    #[arg(long, value_name = "LEAF")]
    pub(crate) before: Option<u64>,
    /// Only this constituency, with its stations and units.
    #[arg(long, value_name = "N")]
    pub(crate) constituency: Option<u32>,
    /// List so many of the largest differences between machine and hand.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) differences: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Unit {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The station.
    #[arg(long, value_name = "N")]
    pub(crate) station: u32,
    /// Its unit: 1 the hall, mobile boxes follow.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) unit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Tables {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Anomalies {
    #[command(flatten)]
    pub(crate) place: Place,
    /// How many entries of each kind are listed; all are counted.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) listed: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The folder to write into.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The published checkpoint of exactly this size, proven to be a prefix of the latest one.
    #[arg(long, value_name = "N", conflicts_with = "at")]
    pub(crate) size: Option<u64>,
    /// The last checkpoint published by then, by the source's clock: 2025-11-30T14:15Z, or milliseconds since 1970.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Prove that it extends the published checkpoint of this size.
    #[arg(long, value_name = "N")]
    pub(crate) since: Option<u64>,
    /// Prove that it extends a checkpoint kept in a file.
    #[arg(long, value_name = "FILE", conflicts_with = "since")]
    pub(crate) since_file: Option<PathBuf>,
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
    /// Where to write the proof for other tools too: C2SP tlog-proof, SHA-256 only. The entry's bytes are written beside it, in
    /// FILE.entry.
    #[arg(long, value_name = "FILE")]
    pub(crate) tlog_proof: Option<PathBuf>,
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
    /// A file that `tamga prove` or `tamga bundle` wrote, or a bare receipt as nodes give it.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
    /// Write what a court's bundle says as one HTML page in Kyrgyz, Russian and English.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Entry 0 of the ledger, for a bare receipt.
    #[arg(long, value_name = "ENTRY0", conflicts_with = "source")]
    pub(crate) genesis_file: Option<PathBuf>,
    /// The organisations' decisions, as a node serves them under /history, for a bare receipt beside --genesis-file.
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// Where to read entry 0 and the organisations' decisions for a bare receipt.
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Bundle {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) what: BundleSubject,
    /// The court's order (its number and date) by which confidential bodies are handed over. Without it none are, public or not.
    #[arg(long, value_name = "TEXT")]
    pub(crate) order: Option<String>,
    /// A folder with the bodies that a node's operator hands over by that order, each in LEAF.body. Otherwise those that the source
    /// shows (after the Voting seal) are taken.
    #[arg(long, value_name = "DIR", requires = "order")]
    pub(crate) bodies: Option<PathBuf>,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct BundleSubject {
    /// Everything about this station and its units.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) station: Option<u32>,
    /// Everything about this constituency, its stations and their units.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) constituency: Option<u32>,
    /// These records.
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(crate) record: Vec<RecordId>,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) place: Place,
    /// How many findings to print.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) findings: usize,
    /// A folder of your own in which this run leaves what it has verified: the next one goes on from there, after an
    /// interruption or when the ledger has grown. Never take one from somebody else.
    #[arg(long, value_name = "DIR")]
    pub(crate) memory: Option<PathBuf>,
    /// Write the report as one HTML page in Kyrgyz, Russian and English.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
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

/// Exit codes, with --once or --exit-on-alarm: 0 nothing is wrong, 1 somebody has shown something false, 2 not everybody could be
/// read, or another alarm.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// http://host:port of nodes, mirrors and witnesses that serve the checkpoint, or folders of copies. All of them.
    #[arg(required = true, value_name = "URL|DIR")]
    pub(crate) sources: Vec<String>,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
    /// The monitor's folder: what it has verified, durably, and evidence. Keep it: a monitor without memory can be shown anything.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// A trust policy of your own (C2SP tlog-policy) that every checkpoint has to satisfy too, for example with outside witnesses.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// A folder with promises as nodes gave them, one a file: each is looked for in the ledger.
    #[arg(long, value_name = "DIR")]
    pub(crate) promises: Option<PathBuf>,
    /// Mean time between looks, in seconds; each pause is random, half to one and a half times of it.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) interval: u64,
    /// Alarm when nothing was published for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) stall: u64,
    /// Do not read and judge every entry, only checkpoints.
    #[arg(long)]
    pub(crate) no_follow: bool,
    /// Look once and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// End at the first alarm.
    #[arg(long)]
    pub(crate) exit_on_alarm: bool,
    /// Lines instead of the view for people.
    #[arg(long)]
    pub(crate) plain: bool,
    /// Post each alarm as JSON to this address.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    /// Run this with sh for each alarm, which it gets as JSON on its standard input.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Verify an evidence file, offline, and say what it proves: 0 it convinces, 1 it proves nothing, 2 could not check.
    Verify(EvidenceVerify),
}

#[derive(Debug, Args)]
pub(crate) struct EvidenceVerify {
    /// The file.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
    /// The folder of a copy of the ledger (tamga download), or a URL: for files that refer to all entries.
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) ledger: Option<String>,
}
