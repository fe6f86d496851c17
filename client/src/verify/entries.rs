//! Every entry that a published checkpoint covers, held against its roots while it is read.

use super::error::VerifyError;
use super::open::Opened;
use crate::source::bundle_count;
use tamga_ledger::tree::{TILE_WIDTH, TwinFrontier};

/// Lets `read` go through all entries with their leaves, in order, and gives out what it made of them only if they were those
/// that the organisations cosigned: whatever a source showed at another time, to an audit for example, binds nothing that
/// it shows now. One bundle is in memory at a time. `progress` hears bundles read and bundles in all.
///
/// # Errors
/// [`VerifyError::OtherEntries`] if the entries do not hash to the checkpoint's roots; others if they cannot be read.
pub fn over_entries<T>(
    opened: &Opened<'_>,
    mut progress: impl FnMut(u64, u64),
    read: impl FnOnce(&mut dyn Iterator<Item = (u64, Vec<u8>)>) -> T,
) -> Result<T, VerifyError> {
    let (head, bundles) = (opened.checkpoint.checkpoint().head(), bundle_count(opened.size()));
    let (mut seen, mut failure) = (TwinFrontier::new(), None);
    let mut in_order = (0..bundles)
        .map_while(|index| {
            let taken = take(opened, index, &mut seen);
            progress(index + 1, bundles);
            taken.map_err(|error| failure = Some(error)).ok().map(|entries| (index * TILE_WIDTH..).zip(entries))
        })
        .flatten();
    let made = read(&mut in_order);
    // A reader may have stopped early; the roots are those of all entries.
    in_order.by_ref().for_each(drop);
    drop(in_order);
    match failure {
        Some(error) => Err(error),
        None if seen.head() != head => Err(VerifyError::OtherEntries(head.size)),
        None => Ok(made),
    }
}

fn take(opened: &Opened<'_>, index: u64, seen: &mut TwinFrontier) -> Result<Vec<Vec<u8>>, VerifyError> {
    let bundle = opened.files.entries(index, opened.size())?;
    if let Some(fault) = bundle.fault {
        return Err(fault.into());
    }
    for entry in &bundle.entries {
        seen.push_entry(entry).map_err(|_| VerifyError::OtherEntries(opened.size()))?;
    }
    Ok(bundle.entries)
}
