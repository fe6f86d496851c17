//! The ledger's audit over a source: reads bundle after bundle, in bounded memory.

use super::error::VerifyError;
use super::open::Opened;
use super::tiles::TileSide;
use crate::source::{SourceError, Tree, bundle_count, leaf_hashes};
use tamga_ledger::audit::{Auditor, Check, Finding, Report};
use tamga_ledger::state::State;
use tamga_ledger::tree::{Blake3Tree, LeafHashes, Sha256Tree};

/// Bundles checked together: enough to keep all cores busy.
const BUNDLES_AT_ONCE: u64 = 16;

/// What an audit gave.
#[derive(Debug)]
pub struct Audited {
    /// What does and does not hold.
    pub report: Report,
    /// The state by the rules at the checkpoint: results are computed from it.
    pub state: State,
    /// Whether confidential bodies were at hand.
    pub confidential: bool,
}

/// Audits everything the checkpoint covers. `progress` hears entries read and entries in all.
///
/// # Errors
/// [`VerifyError::Source`] when something cannot be read; whatever is read and wrong is a finding.
pub fn audit(opened: &Opened<'_>, mut progress: impl FnMut(u64, u64)) -> Result<Audited, VerifyError> {
    let (size, roots) = (opened.size(), opened.checkpoint.checkpoint().roots);
    let mut auditor = Auditor::new(opened.trust.clone());
    auditor.checkpoint(opened.checkpoint.note().to_string().as_bytes());
    let mut sha256 = TileSide::<Sha256Tree>::new(opened.files, Tree::Sha256, size, &roots.sha256)?;
    let mut blake3 = TileSide::<Blake3Tree>::new(opened.files, Tree::Blake3, size, &roots.blake3)?;
    let (mut findings, mut confidential) = (Vec::new(), true);
    let bundles = bundle_count(size);
    for first in (0..bundles).step_by(BUNDLES_AT_ONCE as usize) {
        let mut chunk = Chunk::default();
        for index in first..(first + BUNDLES_AT_ONCE).min(bundles) {
            let hashes = sha256.leaves(index)?.zip(blake3.leaves(index)?);
            confidential = chunk.read(opened, index, confidential)?;
            chunk.add_hashes(hashes.map(|(sha256, blake3)| leaf_hashes(&sha256, &blake3)));
        }
        chunk.audit(&mut auditor);
        progress(auditor.state().head().size.get(), size.get());
    }
    let faults = sha256.take_faults().into_iter().chain(blake3.take_faults());
    findings.extend(faults.map(|(leaf, text)| Finding {
        check: Check::TileDiffers,
        class: Check::TileDiffers.class(),
        leaf: Some(leaf),
        text,
    }));
    let (mut report, state) = auditor.finish();
    add_findings(&mut report, findings);
    Ok(Audited { report, state, confidential })
}

/// Findings about tiles beside those about entries, in leaf order.
fn add_findings(report: &mut Report, findings: Vec<Finding>) {
    report.findings_total += findings.len() as u64;
    report.findings.extend(findings);
    report.findings.sort_by_key(|finding| finding.leaf.unwrap_or(u64::MAX));
    report.ok = report.findings_total == 0;
}

/// Entries of some bundles, with what is known beside them.
#[derive(Default)]
struct Chunk {
    entries: Vec<Vec<u8>>,
    confidential: Vec<Vec<u8>>,
    /// Empty from the first bundle without sound tiles on.
    hashes: Vec<LeafHashes>,
    unsound: bool,
}

impl Chunk {
    /// Reads one bundle, with its confidential bodies if those before were at hand; returns whether these are.
    fn read(&mut self, opened: &Opened<'_>, index: u64, confidential: bool) -> Result<bool, SourceError> {
        let size = opened.size();
        // A damaged bundle gives empty entries from the damage on, which the auditor names.
        self.entries.extend(opened.files.entries(index, size)?.entries);
        let bodies = if confidential { opened.files.confidential(index, size)? } else { None };
        let public = bodies.is_some();
        self.confidential.extend(bodies.map(|bundle| bundle.entries).unwrap_or_default());
        self.confidential.resize(self.entries.len(), Vec::new());
        Ok(public)
    }

    fn add_hashes(&mut self, hashes: Option<Vec<LeafHashes>>) {
        match hashes {
            Some(hashes) if !self.unsound => self.hashes.extend(hashes),
            _ => self.unsound = true,
        }
    }

    fn audit(&self, auditor: &mut Auditor) {
        auditor.add_with_hashes(&self.entries, &self.confidential, &self.hashes);
    }
}
