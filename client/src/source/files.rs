//! Typed reads on top of a [`Source`]: falls back from partial to full files, cuts bundles into entries.

use super::{Fetched, Resource, Source, SourceError, Tree};
use tamga_ledger::tree::{
    Hash, LeafHashes, TILE_WIDTH, TileError, TileKind, TilePath, TreeSize, decode_bundle, tile_hashes,
};

/// Reads of one ledger.
#[derive(Clone, Copy)]
pub struct Files<'a>(&'a dyn Source);

/// A bundle's entries, and whether all of them could be cut out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// As many as are due. Where the bundle is damaged, those behind the damage are empty.
    pub entries: Vec<Vec<u8>>,
    /// How many of them were read: all, unless the bundle is damaged or short.
    pub whole: usize,
    /// What is wrong with the bundle as a whole.
    pub fault: Option<SourceError>,
}

impl<'a> Files<'a> {
    /// Reads from `source`.
    #[must_use]
    pub const fn new(source: &'a dyn Source) -> Self {
        Self(source)
    }

    /// The source.
    #[must_use]
    pub const fn source(&self) -> &'a dyn Source {
        self.0
    }

    fn place(&self, resource: &Resource) -> String {
        format!("{}/{resource}", self.0.name())
    }

    /// A file that has to be there. Where a partial tile or bundle is absent, the full one serves (C2SP tlog-tiles).
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn required(&self, resource: Resource) -> Result<Vec<u8>, SourceError> {
        match self.optional(resource)? {
            Fetched::Found(bytes) => Ok(bytes),
            Fetched::Absent => Err(SourceError::Missing(self.place(&resource))),
            Fetched::Withheld(what) => Err(SourceError::Withheld { place: self.place(&resource), what }),
        }
    }

    /// A file that may be absent or withheld. Out of a full file that serves for a partial one comes what the partial one would have:
    /// what is behind it belongs to a later checkpoint. A file under its own name is given as it is, with what may be wrong with it.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn optional(&self, resource: Resource) -> Result<Fetched, SourceError> {
        let full = resource.to_full();
        match self.0.fetch(&resource)? {
            Fetched::Absent if full != resource => Ok(match self.0.fetch(&full)? {
                Fetched::Found(bytes) => Fetched::Found(front(&resource, bytes)),
                fetched => fetched,
            }),
            fetched => Ok(fetched),
        }
    }

    /// The latest published checkpoint, unverified.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn checkpoint(&self) -> Result<Vec<u8>, SourceError> {
        self.required(Resource::Checkpoint)
    }

    /// The organisations' decisions with their proofs, unverified; none where the source has no such file.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn history(&self) -> Result<Option<Vec<u8>>, SourceError> {
        match self.0.fetch(&Resource::History)? {
            Fetched::Found(bytes) => Ok(Some(bytes)),
            Fetched::Absent | Fetched::Withheld(_) => Ok(None),
        }
    }

    /// An earlier published checkpoint of exactly that size, unverified.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn archived(&self, size: TreeSize) -> Result<Vec<u8>, SourceError> {
        self.required(Resource::Archived(size))
    }

    /// Entry 0, unverified: from its own file, or from the first bundle of a ledger of `size` entries.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn genesis(&self, size: Option<TreeSize>) -> Result<Vec<u8>, SourceError> {
        match (self.0.fetch(&Resource::Genesis)?, size) {
            (Fetched::Found(bytes), _) => Ok(bytes),
            (Fetched::Absent, Some(size)) if !size.is_empty() => {
                let entries = self.entries(0, size)?.entries;
                entries.into_iter().next().ok_or_else(|| SourceError::Missing(self.place(&Resource::Genesis)))
            }
            _ => Err(SourceError::Missing(self.place(&Resource::Genesis))),
        }
    }

    /// The bytes of a hash tile.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn tile(&self, tree: Tree, path: &TilePath) -> Result<Vec<u8>, SourceError> {
        let resource = Resource::Tile(tree, *path);
        let bytes = self.required(resource)?;
        let (expected, actual) = (path.width().count() * 32, bytes.len());
        if actual > expected {
            let error = TileError::WrongLength { path: *path, expected, actual };
            return Err(SourceError::Tile { place: self.place(&resource), error });
        }
        Ok(bytes)
    }

    /// The hashes of a hash tile.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn hashes(&self, tree: Tree, path: &TilePath) -> Result<Vec<Hash>, SourceError> {
        let bytes = self.tile(tree, path)?;
        let place = || self.place(&Resource::Tile(tree, *path));
        tile_hashes(path, &bytes).map_err(|error| SourceError::Tile { place: place(), error })
    }

    /// The `index`-th bundle of a ledger of `size` entries, as many entries as are due.
    ///
    /// # Errors
    /// [`SourceError`] when it cannot be read at all; damage is in the answer.
    pub fn entries(&self, index: u64, size: TreeSize) -> Result<Bundle, SourceError> {
        let Some(path) = TilePath::in_tree(TileKind::Entries, index, size) else {
            return Ok(Bundle { entries: Vec::new(), whole: 0, fault: None });
        };
        let resource = Resource::Entries(path);
        let bytes = self.required(resource)?;
        Ok(cut(&bytes, path.width().count(), &self.place(&resource)))
    }

    /// The confidential bodies beside the `index`-th bundle; `None` where they are absent or not public.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn confidential(&self, index: u64, size: TreeSize) -> Result<Option<Bundle>, SourceError> {
        let Some(path) = TilePath::in_tree(TileKind::Entries, index, size) else { return Ok(None) };
        let resource = Resource::Confidential(path);
        match self.optional(resource)? {
            Fetched::Found(bytes) => Ok(Some(cut(&bytes, path.width().count(), &self.place(&resource)))),
            Fetched::Absent | Fetched::Withheld(_) => Ok(None),
        }
    }
}

/// Cuts a bundle as far as it can be cut, and says what is wrong with the rest.
fn cut(bytes: &[u8], due: usize, place: &str) -> Bundle {
    let (place, mut entries) = (place.to_owned(), whole_entries(bytes, due));
    let cut: usize = entries.iter().map(|entry| entry.len() + 2).sum();
    let fault = match decode_bundle(bytes) {
        _ if entries.len() == due => (cut < bytes.len()).then_some(SourceError::BundleLong { place, due }),
        Ok(_) => Some(SourceError::BundleShort { place, found: entries.len(), due }),
        Err(error) => Some(SourceError::Bundle { place, error }),
    };
    let whole = entries.len();
    entries.resize(due, Vec::new());
    Bundle { entries, whole, fault }
}

/// What a partial file would have, out of the full one.
fn front(resource: &Resource, mut bytes: Vec<u8>) -> Vec<u8> {
    match resource {
        Resource::Tile(_, path) => bytes.truncate(path.width().count() * 32),
        Resource::Entries(path) | Resource::Confidential(path) => {
            let due = whole_entries(&bytes, path.width().count());
            bytes.truncate(due.iter().map(|entry| entry.len() + 2).sum());
        }
        _ => {}
    }
    bytes
}

/// The entries in front of the place where a bundle cannot be read on.
fn whole_entries(bytes: &[u8], due: usize) -> Vec<Vec<u8>> {
    let (mut entries, mut rest) = (Vec::new(), bytes);
    while entries.len() < due
        && let Some((length, after)) = rest.split_first_chunk::<2>()
        && let Some((entry, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))
    {
        entries.push(entry.to_vec());
        rest = after;
    }
    entries
}

/// Leaf hashes of a bundle out of the level-0 tiles of both trees.
#[must_use]
pub fn leaf_hashes(sha256: &[Hash], blake3: &[Hash]) -> Vec<LeafHashes> {
    sha256.iter().zip(blake3).map(|(sha256, blake3)| LeafHashes { sha256: *sha256, blake3: *blake3 }).collect()
}

/// How many bundles a ledger of that size has.
#[must_use]
pub const fn bundle_count(size: TreeSize) -> u64 {
    size.get().div_ceil(TILE_WIDTH)
}
