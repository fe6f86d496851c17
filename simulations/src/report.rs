//! The report for programs. Its fields are fixed; whatever else is worth knowing is for the eyes ([`crate::tables`]).

use crate::aftermath::AuditReport;
use crate::measure::{Measures, Percentiles};
use serde::Serialize;
use tamga_ledger::note::VerifiedCheckpoint;

/// The whole day in numbers.
#[derive(Debug, Clone, Serialize)]
#[expect(
    missing_docs,
    reason = "the report's own words; times in ms and s, sizes in bytes unless the name says otherwise"
)]
pub struct Report {
    pub scale: f64,
    pub nodes: u32,
    pub seed: u64,
    pub constituencies: u32,
    pub stations: u32,
    pub roll: u64,
    pub identifications: Identifications,
    pub batches: u64,
    pub ballots: u64,
    pub protocols: Protocols,
    pub openings: Openings,
    pub entries: u64,
    pub wall_seconds: f64,
    pub verdict_ms: Percentiles,
    pub receipt_ms: Percentiles,
    pub node_rss_mib_max: u64,
    /// Of the largest node, beside its Raft log.
    pub disk_bytes: u64,
    pub entry_bytes: u64,
    pub checkpoint: CheckpointReport,
    pub nodes_agree: bool,
    pub results_match_simulation: bool,
    pub audit: AuditReport,
}

/// Identifications asked for.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(missing_docs, reason = "the report's own words")]
pub struct Identifications {
    pub accepted: u64,
    pub refused: u64,
    /// Voters before two devices at once, of whom exactly one admitted.
    pub conflicts: u64,
}

/// Protocols accepted.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(missing_docs, reason = "the report's own words")]
pub struct Protocols {
    pub machine: u64,
    pub hand: u64,
}

/// Openings accepted.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(missing_docs, reason = "the report's own words")]
pub struct Openings {
    pub own: u64,
    pub remote: u64,
}

/// The last published checkpoint.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the report's own words")]
pub struct CheckpointReport {
    pub size: u64,
    pub sha256: String,
    pub blake3: String,
    pub cosigners: Vec<String>,
}

impl CheckpointReport {
    /// From a verified checkpoint.
    #[must_use]
    pub fn of(verified: &VerifiedCheckpoint) -> Self {
        let checkpoint = verified.checkpoint();
        Self {
            size: checkpoint.size.get(),
            sha256: checkpoint.roots.sha256.to_string(),
            blake3: checkpoint.roots.blake3.to_string(),
            cosigners: verified.cosignatures().iter().map(|one| one.cosigner.as_str().to_owned()).collect(),
        }
    }
}

impl Identifications {
    /// From what was counted.
    #[must_use]
    pub fn of(measures: &Measures) -> Self {
        Self { accepted: measures.admitted.get(), refused: measures.refused(), conflicts: measures.conflicts.get() }
    }
}

impl Report {
    /// Whether the day is a success: everything that was promised holds.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.nodes_agree && self.results_match_simulation && self.audit.ok
    }
}
