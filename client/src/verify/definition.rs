//! The election's definition out of a ledger's first entries, without an audit: genesis lists the digest of each part.

use super::error::VerifyError;
use super::open::Opened;
use crate::source::bundle_count;
use std::collections::BTreeMap;
use tamga_ledger::definition::{Definition, part_digest};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::kinds::{Body as _, DefinitionPart, Kind};

/// The definition; none if the source does not have all parts yet, or they are not what genesis lists.
///
/// # Errors
/// [`VerifyError`]: entries cannot be read.
pub fn definition(opened: &Opened<'_>) -> Result<Option<Definition>, VerifyError> {
    let due = &opened.trust.election().parts;
    let mut found: BTreeMap<usize, DefinitionPart> = BTreeMap::new();
    let size = opened.size();
    for index in 0..bundle_count(size) {
        for entry in opened.files.entries(index, size)?.entries {
            let Some(part) = part_in(&entry) else { continue };
            if let Some(place) = due.iter().position(|digest| *digest == part_digest(&part.to_bytes())) {
                found.insert(place, part);
            }
        }
        if found.len() == due.len() {
            let mut definition = Definition::default();
            let whole = found.values().all(|part| definition.add(part).is_ok());
            return Ok(whole.then_some(definition));
        }
    }
    Ok(None)
}

fn part_in(entry: &[u8]) -> Option<DefinitionPart> {
    let Payload::Full(signed) = Entry::from_bytes(entry).ok()?.payload else { return None };
    let record = signed.parse().ok()?;
    (record.kind == Kind::DefinitionPart as u16).then(|| DefinitionPart::from_bytes(&record.body).ok()).flatten()
}
