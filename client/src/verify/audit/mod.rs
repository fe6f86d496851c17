//! The ledger's audit over a source: reads bundle after bundle, in bounded memory.
//!
//! | file | what |
//! |---|---|
//! | `mod` | the walk: the way to the policies, the archive, the entries, the tiles |
//! | `reading` | the next bundles, never many bytes at once |
//! | `memory` | what a run leaves for the next one: to go on after an interruption, and to read only what is new |
//! | `scratch` | a file for what would take too much memory |

mod memory;
mod reading;
mod scratch;

pub use memory::Memory;
pub use scratch::Scratch;

use super::error::VerifyError;
use super::extends_head;
use super::open::Opened;
use super::tiles::TileSide;
use crate::source::{Archive, SourceError, Tree};
use reading::Reading;
use tamga_ledger::audit::{Auditor, Check, Finding, Report};
use tamga_ledger::note::UnverifiedCheckpoint;
use tamga_ledger::state::State;
use tamga_ledger::tree::{Blake3Tree, Sha256Tree, TreeSize};

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
    /// Why a memory that was given was not used, or is not kept any more, in a sentence.
    pub memory_unused: Option<String>,
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
    let mut auditor = Auditor::new(opened.trust.clone());
    if let Some(size) = earlier {
        auditor.keep_state_at(size);
    }
    // Where there is no room on the disk, memory has to do.
    if let Some(file) = opened.scratch.as_ref().and_then(|scratch| scratch.file().ok()) {
        auditor.keep_ids_aside(file);
    }
    walk(opened, auditor, Reading::new(), None, &mut progress)
}

/// As [`audit`], going on from what `memory` has, and leaving there what the next run can go on from: after an interruption, or
/// when the ledger has grown. Entries of earlier runs are not read again; that today's ledger continues them is proven by tiles,
/// and by the root that they give together with the new ones.
///
/// # Errors
/// As [`audit`]. A memory that cannot be read or written costs a full run, or the next one, and is told in the answer.
pub fn audit_remembering(
    opened: &Opened<'_>,
    memory: &mut Memory,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Audited, VerifyError> {
    let (start, mut unused) = match memory.load(opened) {
        Ok(start) => (start, None),
        Err(why) => (None, Some(why)),
    };
    let (auditor, reading, kept) = match start {
        Some((state, found, reading)) => {
            let mut auditor = Auditor::resumed(opened.trust.clone(), state, found);
            let kept = continues(opened, &mut auditor)?;
            if !kept {
                // What was verified stays what everything later is compared with.
                unused = Some("the memory stays as it was: it is one side of the contradiction".to_owned());
            }
            (auditor, reading, kept)
        }
        None => {
            memory.forget();
            let mut auditor = Auditor::new(opened.trust.clone());
            if let Ok(file) = memory.scratch().and_then(|scratch| scratch.file()) {
                auditor.keep_ids_aside(file);
            }
            (auditor, Reading::new(), true)
        }
    };
    let mut audited = walk(opened, auditor, reading, kept.then_some(memory), &mut progress)?;
    audited.memory_unused = audited.memory_unused.or(unused);
    Ok(audited)
}

/// What was read before has to be a prefix of what is published now.
fn continues(opened: &Opened<'_>, auditor: &mut Auditor) -> Result<bool, VerifyError> {
    match extends_head(opened, &auditor.state().head()) {
        Err(VerifyError::NotExtended { from, what, .. }) => {
            let text = format!("the ledger does not continue the {from} entries that were read before: {what}");
            auditor.report(Finding::new(Check::SplitView, None, text));
            Ok(false)
        }
        // Damaged tiles prove nothing here; they are reported by the walk, and roots are compared in any case.
        Err(error) if error.weight() == super::Weight::Unchecked => Err(error),
        _ => Ok(true),
    }
}

fn walk(
    opened: &Opened<'_>,
    mut auditor: Auditor,
    mut reading: Reading,
    mut memory: Option<&mut Memory>,
    progress: &mut (impl FnMut(u64, u64) + Send),
) -> Result<Audited, VerifyError> {
    let (size, roots) = (opened.size(), opened.checkpoint.checkpoint().roots);
    add_checkpoints(opened, &mut auditor)?;
    let mut sha256 = TileSide::<Sha256Tree>::new(opened.files, Tree::Sha256, size, &roots.sha256)?;
    let mut blake3 = TileSide::<Blake3Tree>::new(opened.files, Tree::Blake3, size, &roots.blake3)?;
    let (mut unused, mut held) = (None, None);
    while auditor.state().size() < size {
        // A span at a time, so that what was found can be put down in between; within one, reading and judging overlap.
        let mut found = Vec::new();
        let mut left = memory.as_ref().map_or(u64::MAX, |memory| memory.every());
        let next = || -> Result<_, SourceError> {
            if left == 0 {
                return Ok(None);
            }
            let chunk = reading.chunk(&mut held, opened, (&mut sha256, &mut blake3), &mut found)?;
            left = left.saturating_sub(chunk.as_ref().map_or(0, |chunk| chunk.entries.len() as u64));
            Ok(chunk)
        };
        let before = auditor.state().size();
        auditor.add_chunks(next, |entries| progress(entries, size.get()))?;
        relied_on(&auditor)?;
        found.into_iter().for_each(|finding| auditor.report(finding));
        for (leaf, text) in sha256.take_faults().into_iter().chain(blake3.take_faults()) {
            auditor.report(Finding::new(Check::TileDiffers, Some(leaf), text));
        }
        if let Some(kept) = &mut memory
            && let Err(error) = kept.save(&auditor, &reading)
        {
            relied_on(&auditor)?;
            unused = Some(format!("the next run begins anew, because the memory cannot be written: {error}"));
            memory = None;
        }
        if auditor.state().size() == before {
            break;
        }
    }
    for (leaf, text) in sha256.take_faults().into_iter().chain(blake3.take_faults()) {
        auditor.report(Finding::new(Check::TileDiffers, Some(leaf), text));
    }
    let earlier = auditor.take_kept();
    let (report, state) = auditor.finish();
    Ok(Audited { report, state, earlier, confidential: reading.confidential, memory_unused: unused })
}

/// Nothing is said, or put down, on the word of a disk that failed.
fn relied_on(auditor: &Auditor) -> Result<(), VerifyError> {
    auditor.state().ids_failure().map_or(Ok(()), |why| Err(VerifyError::Scratch(why.to_owned())))
}

/// Every published checkpoint that the source shows: those under which a policy was changed, the archive, the latest.
fn add_checkpoints(opened: &Opened<'_>, auditor: &mut Auditor) -> Result<(), VerifyError> {
    let (after, size) = (auditor.state().size(), opened.size());
    let covered = |note: &&str| {
        let claimed = UnverifiedCheckpoint::from_bytes(note.as_bytes()).map(|note| note.claimed().size);
        claimed.is_ok_and(|claimed| claimed > after && claimed <= size)
    };
    for note in opened.history.steps.iter().map(|step| step.checkpoint.as_str()).filter(covered) {
        auditor.checkpoint(note.as_bytes());
    }
    if size >= after {
        auditor.checkpoint(opened.checkpoint.note().to_string().as_bytes());
    }
    let broken = |error: SourceError, auditor: &mut Auditor| {
        if !error.is_malformed() {
            return Err(VerifyError::from(error));
        }
        let text = format!("the archive of published checkpoints cannot be read: {error}");
        auditor.missing(size, text);
        Ok(())
    };
    let opened_archive = match Archive::open(opened.files, after, size) {
        Ok(archive) => archive,
        Err(error) => return broken(error, auditor),
    };
    let Some((mut archive, mut page)) = opened_archive else { return Ok(()) };
    let mut last = after;
    loop {
        auditor.archive(&page.notes);
        last = page.notes.last().map_or(last, |(size, _)| *size).max(last);
        for missing in &page.missing {
            let text =
                format!("the published checkpoint of size {missing} stands in the archive's index and is not there");
            auditor.missing(*missing, text);
            last = last.max(*missing);
        }
        page = match archive.next_page() {
            Ok(Some(page)) => page,
            Ok(None) => break,
            Err(error) => return broken(error, auditor),
        };
    }
    if last < size && size > after {
        let text = format!("the archive ends at size {last}, but the latest published checkpoint has {size}");
        auditor.missing(size, text);
    }
    Ok(())
}
