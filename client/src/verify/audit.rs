//! The ledger's audit over a source: reads bundle after bundle, in bounded memory.

use super::error::VerifyError;
use super::open::Opened;
use super::tiles::TileSide;
use crate::source::{SourceError, Tree, bundle_count, leaf_hashes};
use tamga_ledger::audit::{Auditor, Check, Chunk, Finding, Report};
use tamga_ledger::note::UnverifiedCheckpoint;
use tamga_ledger::state::State;
use tamga_ledger::tree::{Blake3Tree, Sha256Tree, TreeSize};

/// Bundles checked together: enough to keep all cores busy.
const BUNDLES_AT_ONCE: u64 = 16;

/// What an audit gave.
#[derive(Debug)]
pub struct Audited {
    /// What does and does not hold.
    pub report: Report,
    /// The state by the rules at the checkpoint: results are computed from it.
    pub state: State,
    /// The state at the earlier size that was asked for.
    pub earlier: Option<State>,
    /// Whether confidential bodies were at hand.
    pub confidential: bool,
}

/// Audits everything the checkpoint covers. `progress` hears entries read and entries in all.
///
/// # Errors
/// [`VerifyError::Source`] when something cannot be read; whatever is read and wrong is a finding.
pub fn audit(opened: &Opened<'_>, progress: impl FnMut(u64, u64) + Send) -> Result<Audited, VerifyError> {
    audit_keeping(opened, None, progress)
}

/// As [`audit`], keeping the state at an earlier size too.
///
/// # Errors
/// As [`audit`].
pub fn audit_keeping(
    opened: &Opened<'_>,
    earlier: Option<TreeSize>,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Audited, VerifyError> {
    let (size, roots) = (opened.size(), opened.checkpoint.checkpoint().roots);
    let mut auditor = Auditor::new(opened.trust.clone());
    if let Some(size) = earlier {
        auditor.keep_state_at(size);
    }
    // Every checkpoint that a policy was changed under is compared with the entries as well.
    let covered =
        |note: &&str| UnverifiedCheckpoint::from_bytes(note.as_bytes()).is_ok_and(|note| note.claimed().size <= size);
    for note in opened.history.steps.iter().map(|step| step.checkpoint.as_str()).filter(covered) {
        auditor.checkpoint(note.as_bytes());
    }
    auditor.checkpoint(opened.checkpoint.note().to_string().as_bytes());
    let mut sha256 = TileSide::<Sha256Tree>::new(opened.files, Tree::Sha256, size, &roots.sha256)?;
    let mut blake3 = TileSide::<Blake3Tree>::new(opened.files, Tree::Blake3, size, &roots.blake3)?;
    let (mut findings, mut reading) = (Vec::new(), Reading { next: 0, confidential: true, unsound: false });
    let next = || reading.chunk(opened, &mut sha256, &mut blake3);
    auditor.add_chunks(next, |entries| progress(entries, size.get()))?;
    let confidential = reading.confidential;
    let faults = sha256.take_faults().into_iter().chain(blake3.take_faults());
    findings.extend(faults.map(|(leaf, text)| Finding {
        check: Check::TileDiffers,
        class: Check::TileDiffers.class(),
        leaf: Some(leaf),
        text,
    }));
    let earlier = auditor.take_kept();
    let (mut report, state) = auditor.finish();
    add_findings(&mut report, findings);
    Ok(Audited { report, state, earlier, confidential })
}

/// Findings about tiles beside those about entries, in leaf order.
fn add_findings(report: &mut Report, findings: Vec<Finding>) {
    report.findings_total += findings.len() as u64;
    report.findings.extend(findings);
    report.findings.sort_by_key(|finding| finding.leaf.unwrap_or(u64::MAX));
    report.ok = report.findings_total == 0;
}

/// Where reading stands.
struct Reading {
    /// The next bundle.
    next: u64,
    /// Confidential bodies were at hand so far.
    confidential: bool,
    /// A bundle without sound tiles was seen; from there on entries are not compared with tiles.
    unsound: bool,
}

impl Reading {
    /// The next bundles; `None` after the last.
    fn chunk(
        &mut self,
        opened: &Opened<'_>,
        sha256: &mut TileSide<'_, Sha256Tree>,
        blake3: &mut TileSide<'_, Blake3Tree>,
    ) -> Result<Option<Chunk>, SourceError> {
        let bundles = bundle_count(opened.size());
        if self.next >= bundles {
            return Ok(None);
        }
        let mut chunk = Chunk::default();
        for index in self.next..(self.next + BUNDLES_AT_ONCE).min(bundles) {
            let hashes = sha256.leaves(index)?.zip(blake3.leaves(index)?);
            self.bundle(opened, index, &mut chunk)?;
            match hashes {
                Some((sha256, blake3)) if !self.unsound => chunk.hashes.extend(leaf_hashes(&sha256, &blake3)),
                _ => self.unsound = true,
            }
        }
        self.next += BUNDLES_AT_ONCE;
        Ok(Some(chunk))
    }

    /// One bundle, with its confidential bodies if those before were at hand.
    fn bundle(&mut self, opened: &Opened<'_>, index: u64, chunk: &mut Chunk) -> Result<(), SourceError> {
        let size = opened.size();
        // A damaged bundle gives empty entries from the damage on, which the auditor names.
        chunk.entries.extend(opened.files.entries(index, size)?.entries);
        let bodies = if self.confidential { opened.files.confidential(index, size)? } else { None };
        self.confidential = bodies.is_some();
        chunk.confidential.extend(bodies.map(|bundle| bundle.entries).unwrap_or_default());
        chunk.confidential.resize(chunk.entries.len(), Vec::new());
        Ok(())
    }
}
