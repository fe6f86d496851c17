//! Publishing a verified copy.

use super::Pinned;
use clap::Args;
use std::path::PathBuf;

/// Nothing is published before it has been audited; whatever goes wrong, the mirror stays as it was.
///
/// Exit codes: 0 the mirror shows the source's checkpoint, 1 the source showed something false, 2 it could not be checked or written.
#[derive(Debug, Args)]
pub(crate) struct Mirror {
    /// http://host:port of a node or mirror, or the folder of a copy.
    #[arg(value_name = "URL|DIR")]
    pub(crate) source: String,
    /// The folder that a web server publishes.
    #[arg(value_name = "MIRROR")]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
    /// The folder for what is under way and for the audit's memory, not to be published [default: MIRROR with ".work" behind it].
    #[arg(long, value_name = "DIR")]
    pub(crate) work: Option<PathBuf>,
    /// Go on for ever, and look for something new after so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every: Option<u64>,
}
