//! What the nodes log, in a file, with simulated times.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

struct SimulatedTime;

impl FormatTime for SimulatedTime {
    fn format_time(&self, out: &mut Writer<'_>) -> std::fmt::Result {
        write!(out, "{:>8}", turmoil::sim_elapsed().unwrap_or_default().as_millis())
    }
}

/// Writes logs to `path` from now on. `RUST_LOG` says which; the default is what our own crates say.
///
/// # Errors
/// As creating the file.
pub fn start(path: &Path) -> std::io::Result<()> {
    let file = Mutex::new(File::create(path)?);
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("off,tamga_node=debug,tamga_consensus=debug,tamga_ledger=debug"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(SimulatedTime)
        .with_ansi(false)
        .with_writer(file)
        .finish();
    tracing::subscriber::set_global_default(subscriber).map_err(std::io::Error::other)
}
