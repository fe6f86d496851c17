//! Files into their places, in an order in which a reader never finds a checkpoint without what it covers.

use super::{Mirror, MirrorError};
use crate::source::{Resource, Tree, archive_sizes, bundle_count, tile_paths};
use crate::verify::Opened;
use std::io;
use std::path::Path;
use tamga_ledger::tree::{TileKind, TilePath, TileWidth, TreeSize};

impl Mirror {
    /// Everything that the audited checkpoint covers and that is not there yet; then what names it; the checkpoint last.
    pub(super) fn publish(
        &self,
        opened: &Opened<'_>,
        before: Option<TreeSize>,
        pages: &[(String, Vec<u8>)],
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), MirrorError> {
        let resources = self.due(opened.size())?;
        let all = resources.len() as u64;
        for (done, resource) in (1..).zip(resources) {
            self.place(&resource)?;
            progress(done, all);
        }
        self.put("genesis", &opened.genesis)?;
        // Where the verification page of a node's site asks for it.
        self.put("api/v1/genesis", &opened.genesis)?;
        for name in [Resource::History, Resource::ArchiveIndex] {
            if let Some(bytes) = self.came(&name)? {
                self.put(&name.to_string(), &bytes)?;
            }
        }
        for (address, bytes) in pages {
            self.put(address, bytes)?;
        }
        self.put(&Resource::Checkpoint.to_string(), opened.checkpoint.note().to_string().as_bytes())?;
        // Crash before this: the next update finds everything there and clears up. Nothing below is needed for a true mirror.
        self.drop_narrow(before, opened.size());
        self.clear(&self.work.join("incoming"))
    }

    /// What a ledger of that size consists of, where it was fetched just now.
    fn due(&self, size: TreeSize) -> Result<Vec<Resource>, MirrorError> {
        let mut due = Vec::new();
        for path in tile_paths(size) {
            due.extend([Resource::Tile(Tree::Sha256, path), Resource::Tile(Tree::Blake3, path)]);
        }
        for path in (0..bundle_count(size)).filter_map(|index| TilePath::in_tree(TileKind::Entries, index, size)) {
            due.extend([Resource::Entries(path), Resource::Confidential(path)]);
        }
        let index = self.came(&Resource::ArchiveIndex)?.unwrap_or_default();
        due.extend(archive_sizes(&index).unwrap_or_default().into_iter().map(Resource::Archived));
        Ok(due)
    }

    /// A file that never changes: written where it is absent. An archived checkpoint may come again with more cosignatures.
    fn place(&self, resource: &Resource) -> Result<(), MirrorError> {
        let Some(bytes) = self.came(resource)? else { return Ok(()) };
        let there = self.folder.join(resource.to_string());
        match (self.disk.read(&there, resource.bytes_max() as u64), resource) {
            (Ok(old), Resource::Archived(_)) if adds_to(&old, &bytes) => {}
            (Ok(_), _) => return Ok(()),
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {}
            (Err(error), _) => return Err(MirrorError::Disk { path: there, error }),
        }
        self.put(&resource.to_string(), &bytes)
    }

    fn came(&self, resource: &Resource) -> Result<Option<Vec<u8>>, MirrorError> {
        let path = self.work.join("incoming").join(resource.to_string());
        match self.disk.read(&path, resource.bytes_max() as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(MirrorError::Disk { path, error }),
        }
    }

    fn put(&self, address: &str, bytes: &[u8]) -> Result<(), MirrorError> {
        let path = self.folder.join(address);
        self.make(path.parent().unwrap_or(&self.folder))?;
        self.disk.replace(&path, bytes).map_err(self.fault(&path))
    }

    /// Throws away what a source showed that does not hold, but for its checkpoint, which may be evidence.
    pub(super) fn refuse(&self) -> Result<(), MirrorError> {
        if let Some(note) = self.came(&Resource::Checkpoint)? {
            let path = self.work.join("refused-checkpoint");
            self.disk.replace(&path, &note).map_err(self.fault(&path))?;
        }
        let memory = crate::verify::Memory::new(std::sync::Arc::clone(&self.disk), &self.work.join("memory"));
        memory.discard().map_err(self.fault(&self.work))?;
        self.clear(&self.work.join("incoming"))
    }

    /// Partial tiles and bundles that have become full: readers of an earlier checkpoint find the full one (C2SP tlog-tiles).
    fn drop_narrow(&self, before: Option<TreeSize>, now: TreeSize) {
        let Some(before) = before else { return };
        let hashes = tile_paths(before)
            .into_iter()
            .flat_map(|path| [Tree::Sha256, Tree::Blake3].map(|tree| Resource::Tile(tree, path)));
        let last = bundle_count(before).saturating_sub(1);
        let bundle = TilePath::in_tree(TileKind::Entries, last, before);
        let bundles = bundle.into_iter().flat_map(|path| [Resource::Entries(path), Resource::Confidential(path)]);
        for resource in hashes.chain(bundles) {
            let (Resource::Tile(_, path) | Resource::Entries(path) | Resource::Confidential(path)) = resource else {
                continue;
            };
            let full =
                TilePath::in_tree(path.kind(), path.index(), now).is_some_and(|path| path.width() == TileWidth::Full);
            if path.width() == TileWidth::Full || !full {
                continue;
            }
            // What cannot be removed does no harm.
            if let Some(narrow) = self.folder.join(resource.to_string()).parent() {
                for name in self.disk.list(narrow).unwrap_or_default() {
                    let _ = self.disk.remove(&narrow.join(name));
                }
            }
        }
    }

    /// Removes all files below a folder.
    fn clear(&self, folder: &Path) -> Result<(), MirrorError> {
        let names = match self.disk.list(folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(MirrorError::Disk { path: folder.to_owned(), error }),
        };
        for name in names {
            let path = folder.join(name);
            // A folder is not removed like a file; its own files are.
            if self.disk.remove(&path).is_err() {
                self.clear(&path)?;
            }
        }
        Ok(())
    }
}

/// Whether a note says all that the old one says, and more.
fn adds_to(old: &[u8], new: &[u8]) -> bool {
    let lines = |note: &[u8]| -> Vec<Vec<u8>> { note.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() };
    let new_lines = lines(new);
    old != new && lines(old).iter().all(|line| new_lines.contains(line))
}
