//! Receipts out of static files.

use super::error::VerifyError;
use super::open::Opened;
use crate::source::{SourceError, Tree, bundle_count};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::{KeyId, RecordId};
use tamga_ledger::receipt::{Receipt, VerifiedReceipt};
use tamga_ledger::tree::{
    Blake3Tree, InclusionProof, LeafIndex, ProveError, Sha256Tree, TILE_WIDTH, TileHashReader, TilePath, TileReadError,
    TreeHash, TwinInclusionProof, prove_inclusion,
};

/// Makes the receipt of an entry from tiles and verifies it.
///
/// # Errors
/// [`VerifyError`]; a receipt that does not verify is never given out.
pub fn prove(opened: &Opened<'_>, leaf: LeafIndex) -> Result<(Receipt, VerifiedReceipt), VerifyError> {
    let size = opened.size();
    leaf.within(size).map_err(|_| VerifyError::NotCovered { leaf, size })?;
    let bundle = opened.files.entries(leaf.get() / TILE_WIDTH, size)?;
    let place = (leaf.get() % TILE_WIDTH) as usize;
    let entry = bundle.entries.into_iter().nth(place).filter(|entry| !entry.is_empty());
    let entry = match (entry, bundle.fault) {
        (Some(entry), _) => entry,
        (None, Some(fault)) => return Err(fault.into()),
        (None, None) => return Err(VerifyError::NotCovered { leaf, size }),
    };
    let proof = TwinInclusionProof {
        sha256: inclusion::<Sha256Tree>(opened, Tree::Sha256, leaf)?,
        blake3: inclusion::<Blake3Tree>(opened, Tree::Blake3, leaf)?,
    };
    let note = opened.checkpoint.note().to_string();
    let receipt = Receipt { leaf, entry, proof, checkpoint: note };
    let verified = receipt.verify(&opened.trust)?;
    Ok((receipt, verified))
}

fn inclusion<H: TreeHash>(opened: &Opened<'_>, tree: Tree, leaf: LeafIndex) -> Result<InclusionProof<H>, VerifyError> {
    let read = |path: &TilePath| -> Result<Vec<u8>, SourceError> { opened.files.tile(tree, path) };
    let mut reader = TileHashReader::<H, _>::new(opened.size(), read);
    prove_inclusion::<H, _>(&mut reader, leaf, opened.size()).map_err(
        |error: ProveError<TileReadError<SourceError>>| match error {
            ProveError::Read(error) => error.into(),
            ProveError::Impossible(error) => VerifyError::Tile(error.to_string()),
        },
    )
}

/// Where a record is: what the source says, checked; otherwise by reading the entries. `progress` hears bundles read and
/// bundles in all.
///
/// # Errors
/// [`VerifyError::NoSuchRecord`], [`VerifyError::OtherRecord`], [`VerifyError::Source`].
pub fn find_record(
    opened: &Opened<'_>,
    record: &RecordId,
    mut progress: impl FnMut(u64, u64),
) -> Result<LeafIndex, VerifyError> {
    let size = opened.size();
    if let Some(leaf) = opened.files.source().find(record)? {
        leaf.within(size).map_err(|_| VerifyError::NotCovered { leaf, size })?;
        let bundle = opened.files.entries(leaf.get() / TILE_WIDTH, size)?;
        let entry = bundle.entries.get((leaf.get() % TILE_WIDTH) as usize);
        return match entry.and_then(|entry| record_in(entry)) {
            Some(found) if found != *record => Err(VerifyError::OtherRecord { leaf, found, asked: *record }),
            _ => Ok(leaf),
        };
    }
    let bundles = bundle_count(size);
    for index in 0..bundles {
        let entries = opened.files.entries(index, size)?.entries;
        if let Some(place) = entries.iter().position(|entry| record_in(entry) == Some(*record)) {
            return LeafIndex::new(index * TILE_WIDTH + place as u64)
                .map_err(|_| VerifyError::NoSuchRecord { record: *record, size });
        }
        progress(index + 1, bundles);
    }
    Err(VerifyError::NoSuchRecord { record: *record, size })
}

fn record_in(entry: &[u8]) -> Option<RecordId> {
    Entry::from_bytes(entry).ok().map(|entry| entry.record_id())
}

/// The highest number that an author has used among the records that the checkpoint covers; 0 for none. Reads every entry.
/// `progress` hears bundles read and bundles in all.
///
/// # Errors
/// [`VerifyError::Source`].
pub fn last_sequence(
    opened: &Opened<'_>,
    author: &KeyId,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, VerifyError> {
    let (size, mut last) = (opened.size(), 0);
    let bundles = bundle_count(size);
    for index in 0..bundles {
        let entries = opened.files.entries(index, size)?.entries;
        last = entries.iter().filter_map(|entry| sequence_in(entry, author)).max().unwrap_or(0).max(last);
        progress(index + 1, bundles);
    }
    Ok(last)
}

fn sequence_in(entry: &[u8], author: &KeyId) -> Option<u64> {
    let Payload::Full(signed) = Entry::from_bytes(entry).ok()?.payload else { return None };
    let record = signed.parse().ok()?;
    (record.author_key() == Some(*author)).then_some(record.sequence)
}
