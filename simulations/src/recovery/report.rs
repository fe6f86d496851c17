//! What was measured: a table for people, JSON for programs.

use serde::Serialize;
use std::fmt;

/// Everything that was asked for.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Cores of this machine.
    pub cores: usize,
    /// Whether this program, and so the nodes, were built with optimisation.
    pub release: bool,
    /// From a SIGKILL of the leader to the first acknowledged write.
    pub failover: Option<Failover>,
    /// How the large ledger was made.
    pub bulk: Option<Bulk>,
    /// From the start of a process to its service.
    pub restart: Option<Restart>,
    /// From an empty folder to the others' size.
    pub catch_up: Option<CatchUp>,
}

/// From a SIGKILL of the leader to the first acknowledged write.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each field is what its name says")]
pub struct Failover {
    pub kills: u32,
    pub min_ms: f64,
    pub p50_ms: f64,
    pub max_ms: f64,
}

/// How the large ledger was made.
#[derive(Debug, Clone, Serialize)]
pub struct Bulk {
    /// Entries.
    pub entries: u64,
    /// Writing, signing and replicating the log, seconds.
    pub log_s: f64,
    /// Three nodes judging it and publishing, seconds.
    pub judged_s: f64,
    /// One node's ledger folder.
    pub ledger_bytes: u64,
}

/// From the start of a process to its service.
#[derive(Debug, Clone, Serialize)]
pub struct Restart {
    /// Entries of the ledger.
    pub entries: u64,
    /// How often, each way.
    pub restarts: u32,
    /// The median after an orderly end, ms.
    pub after_end_p50_ms: f64,
    /// The median after a SIGKILL, ms.
    pub after_kill_p50_ms: f64,
    /// The longest, ms.
    pub max_ms: f64,
}

/// From an empty folder to the others' size.
#[derive(Debug, Clone, Serialize)]
pub struct CatchUp {
    /// Entries that were fetched and judged.
    pub entries: u64,
    /// How long it took, s.
    pub seconds: f64,
    /// Entries a second.
    pub entries_per_s: f64,
    /// The largest resident memory of the node, MiB.
    pub rss_mib_max: u64,
}

impl Report {
    /// An empty report of this machine and build.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cores, release: !cfg!(debug_assertions), ..Self::default() }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Plain numbers always become JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let build = if self.release { "release" } else { "debug" };
        writeln!(f, "recovery on {} cores, {build} build", self.cores)?;
        if let Some(Failover { kills, min_ms, p50_ms, max_ms }) = &self.failover {
            writeln!(
                f,
                "failover     SIGKILL of the leader to the first acknowledged write, {kills} times: min {min_ms:.0} ms, p50 \
                 {p50_ms:.0} ms, max {max_ms:.0} ms"
            )?;
        }
        if let Some(Bulk { entries, log_s, judged_s, ledger_bytes }) = &self.bulk {
            let mib = ledger_bytes >> 20;
            writeln!(
                f,
                "made         {entries} entries: log in {log_s:.0} s, judged by three nodes at once and published in \
                 {judged_s:.0} s, {mib} MiB a ledger"
            )?;
        }
        if let Some(Restart { entries, restarts, after_end_p50_ms, after_kill_p50_ms, max_ms }) = &self.restart {
            writeln!(
                f,
                "restart      at {entries} entries, {restarts} times each: p50 {after_end_p50_ms:.0} ms after an orderly \
                 end, {after_kill_p50_ms:.0} ms after SIGKILL, max {max_ms:.0} ms"
            )?;
        }
        if let Some(CatchUp { entries, seconds, entries_per_s, rss_mib_max }) = &self.catch_up {
            writeln!(
                f,
                "catch-up     {entries} entries in {seconds:.1} s: {entries_per_s:.0} entries/s, at most {rss_mib_max} \
                 MiB resident"
            )?;
        }
        Ok(())
    }
}
