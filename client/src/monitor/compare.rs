//! Checkpoints against each other. From tiles a proof is made and verified; a root that it starts from and that is not the
//! signed one is a contradiction, a proof that fails is only a source with false files.

use crate::source::{Files, Source, SourceError, Tree};
use crate::verify::VerifyError;
use tamga_ledger::evidence::{Claim, Link, WhichTree};
use tamga_ledger::note::UnverifiedCheckpoint;
use tamga_ledger::tree::{
    Blake3Tree, ConsistencyProof, Hash, ProveError, Sha256Tree, TileHashReader, TilePath, TileReadError, TreeHash,
    TreeSize, prove_consistency, root_at,
};

/// What comparing two checkpoints gave.
#[derive(Debug)]
pub(super) enum Compared {
    /// The larger one extends the smaller one, in both trees.
    Extends,
    /// They cannot both be true.
    Contradicts(Claim),
    /// The source's tiles do not lead to the larger checkpoint.
    FalseFiles(String),
}

/// Compares two signed checkpoints of any sizes, with tiles of a source that has the larger one's.
///
/// # Errors
/// What the source cannot give: nothing was learnt.
pub(super) fn compare(
    one: &UnverifiedCheckpoint,
    other: &UnverifiedCheckpoint,
    source: &dyn Source,
) -> Result<Compared, SourceError> {
    let (small, large) = if one.claimed().size <= other.claimed().size { (one, other) } else { (other, one) };
    let (old, new) = (small.claimed(), large.claimed());
    let claim = |link| Claim::Notes { first: small.note().to_string(), second: large.note().to_string(), link };
    if old.size == new.size {
        return Ok(if old.roots == new.roots { Compared::Extends } else { Compared::Contradicts(claim(None)) });
    }
    let files = Files::new(source);
    let sizes = (old.size, new.size);
    let sha256 = linked::<Sha256Tree>(files, Tree::Sha256, sizes, &old.roots.sha256, &new.roots.sha256);
    let linked = match sha256 {
        Ok(None) => linked::<Blake3Tree>(files, Tree::Blake3, sizes, &old.roots.blake3, &new.roots.blake3),
        other => other,
    };
    match linked {
        Ok(None) => Ok(Compared::Extends),
        Ok(Some(link)) => Ok(Compared::Contradicts(claim(Some(link)))),
        Err(VerifyError::Source(error)) if !error.is_malformed() => Err(error),
        Err(error) => Ok(Compared::FalseFiles(error.to_string())),
    }
}

/// None if the larger tree begins with the smaller one's root; otherwise the proof that it begins with another.
fn linked<H: TreeHash>(
    files: Files<'_>,
    tree: Tree,
    (old, new): (TreeSize, TreeSize),
    old_root: &Hash,
    new_root: &Hash,
) -> Result<Option<Link>, VerifyError> {
    let read = |path: &TilePath| -> Result<Vec<u8>, SourceError> { files.tile(tree, path) };
    let mut reader = TileHashReader::<H, _>::new(new, read);
    let proof: ConsistencyProof<H> = prove_consistency(&mut reader, old, new).map_err(
        |error: ProveError<TileReadError<SourceError>>| match error {
            ProveError::Read(error) => error.into(),
            ProveError::Impossible(error) => VerifyError::Tile(error.to_string()),
        },
    )?;
    let root = root_at::<H, _>(&mut reader, old)?;
    // The tiles must lead to what was signed; only then do they say anything about the smaller size.
    proof.verify(old, &root, new, new_root).map_err(|error| VerifyError::Tile(error.to_string()))?;
    if root == *old_root {
        return Ok(None);
    }
    let tree = match tree {
        Tree::Sha256 => WhichTree::Sha256,
        Tree::Blake3 => WhichTree::Blake3,
    };
    Ok(Some(Link { tree, root, path: proof.path().to_vec() }))
}
