//! Makes a copy of a ledger: everything that the checkpoint it carries covers, partial tiles included.
//!
//! Files are synced one by one, the checkpoint last: a copy with a checkpoint is whole. An interrupted download goes on
//! where it stopped. What is copied is not judged here; that is the audit's work. A mirror ([`crate::mirror`]) lets new files be
//! written beside those that were verified earlier, and has them judged before anybody sees them.

use super::files::bundle_count;
use super::{Archive, Fetched, Files, Resource, Source, SourceError, Tree, archive};
use std::io;
use std::path::{Path, PathBuf};
use tamga_ledger::note::{CheckpointVerifyError, VerifiedCheckpoint};
use tamga_ledger::tree::{TILE_WIDTH, TileKind, TilePath, TileWidth, TreeSize};
use tamga_ledger::trust::Trust;
use tamga_platform::disk::{Disk, Open};

/// Why a copy could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source's checkpoint does not verify: nothing was copied.
    #[error("the checkpoint does not verify, nothing was copied: {0}")]
    Checkpoint(#[from] CheckpointVerifyError),
    /// The folder cannot be written.
    #[error("{path}: {error}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// The folder holds a copy with more entries.
    #[error("the folder holds a copy with {here} entries, but the source's checkpoint has {there}; use another folder")]
    Smaller {
        /// Entries in the copy.
        here: TreeSize,
        /// Entries at the source.
        there: TreeSize,
    },
}

/// What was copied.
#[derive(Debug, Clone)]
pub struct Downloaded {
    /// The checkpoint the copy carries.
    pub checkpoint: VerifiedCheckpoint,
    /// Files written.
    pub files: u64,
    /// Files that were there already.
    pub kept: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Whether confidential bodies are in it (only after the Voting seal).
    pub confidential: bool,
    /// Earlier published checkpoints in it; none where the source shows no archive.
    pub archived: Option<u64>,
}

/// Copies a ledger into `folder`. `progress` hears files done and files in all.
///
/// # Errors
/// [`DownloadError`].
pub fn download(
    source: &dyn Source,
    trust: &Trust,
    disk: &dyn Disk,
    folder: &Path,
    progress: impl FnMut(u64, u64),
) -> Result<Downloaded, DownloadError> {
    download_beside(source, trust, disk, folder, None, progress)
}

/// A verified copy that a download continues without touching it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    /// Its folder.
    pub(crate) folder: &'a Path,
    /// Entries that its checkpoint covers.
    pub(crate) size: TreeSize,
}

/// As [`download`]; files that never change are not fetched where `base` has them, or where `folder` does from a download that
/// was interrupted. The index of archived checkpoints names those of `base` too.
pub(crate) fn download_beside(
    source: &dyn Source,
    trust: &Trust,
    disk: &dyn Disk,
    folder: &Path,
    base: Option<Base<'_>>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Downloaded, DownloadError> {
    let files = Files::new(source);
    let note = files.checkpoint()?;
    let checkpoint = trust.verify_checkpoint(&note)?;
    let size = checkpoint.checkpoint().size;
    let history = files.history()?;
    let mut copy = Copy { files, disk, folder, base, written: 0, kept: 0, bytes: 0 };
    copy.refuse_shrinking(trust, size)?;
    let (tiles, bundles) = (tile_paths(size), bundle_count(size));
    let total = 2 * tiles.len() as u64 + 2 * bundles + 2;
    let mut done = 0;
    let mut step = |progress: &mut dyn FnMut(u64, u64)| {
        done += 1;
        progress(done, total);
    };
    copy.write(&Resource::Genesis, &files.genesis(Some(size))?)?;
    step(&mut progress);
    for tree in [Tree::Sha256, Tree::Blake3] {
        for path in &tiles {
            copy.take(Resource::Tile(tree, *path))?;
            step(&mut progress);
        }
    }
    let mut confidential = true;
    for path in (0..bundles).filter_map(|index| TilePath::in_tree(TileKind::Entries, index, size)) {
        copy.take(Resource::Entries(path))?;
        step(&mut progress);
        confidential = confidential && copy.take_if_public(Resource::Confidential(path))?;
        step(&mut progress);
    }
    if let Some(history) = history {
        copy.write(&Resource::History, &history)?;
    }
    let archived = copy.archive(size)?;
    // Crash before this: the copy has no checkpoint, or the earlier, smaller one, whose files are all still there.
    copy.write(&Resource::Checkpoint, &note)?;
    step(&mut progress);
    Ok(Downloaded { checkpoint, files: copy.written, kept: copy.kept, bytes: copy.bytes, confidential, archived })
}

/// All hash tiles of a tree of that size.
pub(crate) fn tile_paths(size: TreeSize) -> Vec<TilePath> {
    let mut paths = Vec::new();
    for level in 0..8 {
        let before = paths.len();
        paths.extend((0..).map_while(|index| TilePath::in_tree(TileKind::Hashes(level), index, size)));
        if paths.len() == before {
            break;
        }
    }
    paths
}

struct Copy<'a> {
    files: Files<'a>,
    disk: &'a dyn Disk,
    folder: &'a Path,
    base: Option<Base<'a>>,
    written: u64,
    kept: u64,
    bytes: u64,
}

impl Copy<'_> {
    fn refuse_shrinking(&self, trust: &Trust, there: TreeSize) -> Result<(), DownloadError> {
        let path = self.folder.join(Resource::Checkpoint.to_string());
        let Ok(note) = self.disk.read(&path, Resource::Checkpoint.bytes_max() as u64) else { return Ok(()) };
        match trust.verify_checkpoint(&note) {
            Ok(here) if here.checkpoint().size > there => {
                Err(DownloadError::Smaller { here: here.checkpoint().size, there })
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self, resource: Resource) -> Result<(), DownloadError> {
        if self.has(&resource) {
            self.kept += 1;
            return Ok(());
        }
        let bytes = self.files.required(resource)?;
        self.write(&resource, &bytes)
    }

    /// Whether that could be copied; `false` when the source does not give it (yet).
    fn take_if_public(&mut self, resource: Resource) -> Result<bool, DownloadError> {
        if self.has(&resource) {
            self.kept += 1;
            return Ok(true);
        }
        let Fetched::Found(bytes) = self.files.optional(resource)? else { return Ok(false) };
        self.write(&resource, &bytes)?;
        Ok(true)
    }

    /// Every published checkpoint up to the copy's own, and the index that names them: it comes last, so that it names only
    /// what is there. Late cosignatures of those that are there already are not fetched; a mirror asks for those of its own size again.
    fn archive(&mut self, size: TreeSize) -> Result<Option<u64>, DownloadError> {
        let mut sizes = self.archived_before()?;
        let after = sizes.last().copied().unwrap_or(TreeSize::ZERO);
        let Some((mut archive, mut page)) = Archive::open(self.files, after, size)? else { return Ok(None) };
        loop {
            if let Some(missing) = page.missing.first() {
                return Err(SourceError::Missing(Resource::Archived(*missing).to_string()).into());
            }
            for (size, note) in &page.notes {
                self.write_new(&Resource::Archived(*size), note)?;
                sizes.push(*size);
            }
            match archive.next_page()? {
                Some(next) => page = next,
                None => break,
            }
        }
        let index: String = sizes.iter().map(|size| format!("{size}\n")).collect();
        self.write(&Resource::ArchiveIndex, index.as_bytes())?;
        Ok(Some(sizes.len() as u64))
    }

    /// The checkpoints that the base has, but for that of its own size.
    fn archived_before(&self) -> Result<Vec<TreeSize>, DownloadError> {
        let Some(base) = self.base else { return Ok(Vec::new()) };
        let path = base.folder.join(Resource::ArchiveIndex.to_string());
        let bytes = match self.disk.read(&path, Resource::ArchiveIndex.bytes_max() as u64) {
            Ok(bytes) => bytes,
            // The source showed no archive when the base was made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(DownloadError::Disk { path, error }),
        };
        let damaged = || DownloadError::Disk { path: path.clone(), error: io::ErrorKind::InvalidData.into() };
        let mut sizes = archive::sizes(&bytes).ok_or_else(damaged)?;
        sizes.retain(|size| *size < base.size);
        Ok(sizes)
    }

    fn write_new(&mut self, resource: &Resource, bytes: &[u8]) -> Result<(), DownloadError> {
        let there = self.disk.read(&self.folder.join(resource.to_string()), resource.bytes_max() as u64);
        if there.is_ok_and(|there| !there.is_empty()) {
            self.kept += 1;
            return Ok(());
        }
        self.write(resource, bytes)
    }

    /// Full hash tiles of the right length never change. In a plain copy anything else is fetched again, so that a damaged copy is
    /// mended by the next download; beside a base, where everything is judged behind this, full bundles are kept too.
    fn has(&self, resource: &Resource) -> bool {
        let length_of = |folder: &Path| {
            let file = self.disk.open(&folder.join(resource.to_string()), Open::Read);
            file.and_then(|file| file.len()).ok()
        };
        match resource {
            Resource::Tile(_, path) if path.width() == TileWidth::Full => {
                let folders = self.base.iter().map(|base| base.folder).chain([self.folder]);
                folders.into_iter().any(|folder| length_of(folder) == Some(TILE_WIDTH * 32))
            }
            Resource::Entries(path) | Resource::Confidential(path) if path.width() == TileWidth::Full => {
                self.base.is_some_and(|base| [base.folder, self.folder].into_iter().any(|f| length_of(f).is_some()))
            }
            _ => false,
        }
    }

    fn write(&mut self, resource: &Resource, bytes: &[u8]) -> Result<(), DownloadError> {
        let path = self.folder.join(resource.to_string());
        let fault = |error| DownloadError::Disk { path: path.clone(), error };
        let parent = path.parent().unwrap_or(self.folder);
        self.disk.create_dir_all(parent).map_err(fault)?;
        self.disk.replace(&path, bytes).map_err(fault)?;
        self.written += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
