//! Whether one published checkpoint extends another, by a proof made from tiles.

use super::error::VerifyError;
use super::open::Opened;
use crate::source::{SourceError, Tree};
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::tree::{
    Blake3Tree, ConsistencyProof, ProveError, Sha256Tree, TileHashReader, TilePath, TileReadError, TreeHash, TreeHead,
    TreeSize, TwinConsistencyProof, prove_consistency,
};

/// Proves in both trees that the source's checkpoint extends `earlier`. Gives the proof, which has been verified.
///
/// # Errors
/// [`VerifyError::NotExtended`] when the two contradict each other, [`VerifyError`] when nothing can be proven.
pub fn check_extends(opened: &Opened<'_>, earlier: &VerifiedCheckpoint) -> Result<TwinConsistencyProof, VerifyError> {
    extends_head(opened, &earlier.checkpoint().head())
}

/// As [`check_extends`], for a head that was computed.
///
/// # Errors
/// As [`check_extends`].
pub(super) fn extends_head(opened: &Opened<'_>, old: &TreeHead) -> Result<TwinConsistencyProof, VerifyError> {
    extends_of(opened, old, &opened.checkpoint.checkpoint().head())
}

/// As [`check_extends`], for two heads of which the source has the tiles of the later one.
///
/// # Errors
/// As [`check_extends`].
pub(crate) fn extends_of(
    opened: &Opened<'_>,
    old: &TreeHead,
    new: &TreeHead,
) -> Result<TwinConsistencyProof, VerifyError> {
    let (from, to) = (old.size, new.size);
    if from > to {
        return Err(VerifyError::NotExtended { from, to, what: "it is smaller".to_owned() });
    }
    let proof = TwinConsistencyProof {
        sha256: consistency::<Sha256Tree>(opened, Tree::Sha256, from, to)?,
        blake3: consistency::<Blake3Tree>(opened, Tree::Blake3, from, to)?,
    };
    proof.verify(old, new).map_err(|error| VerifyError::NotExtended { from, to, what: error.to_string() })?;
    Ok(proof)
}

fn consistency<H: TreeHash>(
    opened: &Opened<'_>,
    tree: Tree,
    from: TreeSize,
    to: TreeSize,
) -> Result<ConsistencyProof<H>, VerifyError> {
    let read = |path: &TilePath| -> Result<Vec<u8>, SourceError> { opened.files.tile(tree, path) };
    let mut reader = TileHashReader::<H, _>::new(opened.size(), read);
    prove_consistency::<H, _>(&mut reader, from, to).map_err(
        |error: ProveError<TileReadError<SourceError>>| match error {
            ProveError::Read(error) => error.into(),
            ProveError::Impossible(error) => VerifyError::Tile(error.to_string()),
        },
    )
}
