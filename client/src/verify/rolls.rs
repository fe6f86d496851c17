//! The stations' rolls out of a ledger's entries, without an audit: the verdicts in the entries are taken as a quorum of the
//! organisations cosigned them.

use super::entries::over_entries;
use super::error::VerifyError;
use super::open::Opened;
use std::collections::{BTreeMap, BTreeSet};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::RollLeaf;
use tamga_ledger::kinds::{Body as _, Kind, RollAmendment, RollChunk};

/// One station's roll as the entries give it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedRoll {
    /// Version of the list.
    pub list_version: u32,
    /// How many amendments are in it.
    pub amendments: u32,
    /// The voters.
    pub leaves: BTreeSet<RollLeaf>,
}

/// Every station's roll, amendments included, up to the checkpoint's size. Reads every entry.
/// `progress` hears bundles read and bundles in all.
///
/// # Errors
/// [`VerifyError`]: entries cannot be read, or are not those of the checkpoint.
pub fn rolls(opened: &Opened<'_>, progress: impl FnMut(u64, u64)) -> Result<BTreeMap<u32, RecordedRoll>, VerifyError> {
    over_entries(opened, progress, |entries| {
        let mut found = BTreeMap::new();
        for (_, entry) in entries {
            // What is none of these, or cannot be read, changes no roll.
            let _ = take(&mut found, &entry);
        }
        found
    })
}

fn take(rolls: &mut BTreeMap<u32, RecordedRoll>, entry: &[u8]) -> Option<()> {
    let entry = Entry::from_bytes(entry).ok().filter(|entry| entry.verdict.is_accepted())?;
    let Payload::Full(signed) = entry.payload else { return None };
    let record = signed.parse().ok()?;
    match Kind::from_number(record.kind)? {
        Kind::RollChunk => {
            let chunk = RollChunk::from_bytes(&record.body).ok()?;
            let roll = rolls.entry(record.scope.station()?).or_default();
            roll.list_version = chunk.list_version;
            roll.leaves.extend(chunk.roll_leaves()?);
        }
        Kind::RollAmendment => {
            let (removed, added) = RollAmendment::from_bytes(&record.body).ok()?.roll_leaves()?;
            let roll = rolls.entry(record.scope.station()?).or_default();
            roll.leaves.retain(|leaf| removed.binary_search(leaf).is_err());
            roll.leaves.extend(added);
            roll.amendments += 1;
        }
        _ => {}
    }
    Some(())
}
