//! What the clones of a disk share: the volume, who has what open, how much fits, what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::change::{Action, Ino};
use super::content::{PAGE_BYTES, SECTOR_BYTES};
use super::faults::{Cost, Injector};
use super::journal::{Journal, Operation};
use super::loss::Loss;
use super::volume::{Place, Volume};

#[derive(Debug)]
pub(super) struct State {
    pub(super) volume: Volume,
    /// Folders need not be made.
    pub(super) implicit_folders: bool,
    /// Grows with each crash; handles of an earlier one are dead.
    pub(super) epoch: u64,
    /// Open handles of each file.
    pub(super) handles: BTreeMap<Ino, u32>,
    pub(super) locks: BTreeSet<PathBuf>,
    pub(super) capacity: Option<u64>,
    pub(super) broken: bool,
    pub(super) changes: u64,
    pub(super) changes_left: Option<u64>,
    pub(super) is_cut: bool,
    pub(super) injector: Injector,
    pub(super) journal: Option<Journal>,
}

impl State {
    pub(super) fn new(volume: Volume, seed: u64) -> Self {
        Self {
            volume,
            implicit_folders: false,
            epoch: 0,
            handles: BTreeMap::new(),
            locks: BTreeSet::new(),
            capacity: None,
            broken: false,
            changes: 0,
            changes_left: None,
            is_cut: false,
            injector: Injector::new(seed),
            journal: None,
        }
    }

    /// Whether a change may be made now; counts it.
    pub(super) fn permit(&mut self, cost: Cost) -> io::Result<()> {
        self.injector.spend(cost);
        if self.broken {
            return Err(io::Error::other("simulated disk failure"));
        }
        if self.changes_left == Some(0) {
            self.is_cut = true;
        }
        if self.is_cut {
            return Err(io::Error::other("simulated stop of the machine"));
        }
        self.changes_left = self.changes_left.map(|left| left - 1);
        self.changes += 1;
        Ok(())
    }

    /// Makes a change and notes it down.
    pub(super) fn make(&mut self, path: PathBuf, action: Action) {
        self.volume.apply(&action);
        if let Some(journal) = &mut self.journal {
            journal.operations.push(Operation::new(path, action));
        }
    }

    pub(super) fn crash(&mut self, loss: Loss) {
        self.epoch += 1;
        self.handles.clear();
        self.locks.clear();
        (self.is_cut, self.changes_left) = (false, None);
        self.volume.settle(loss);
        self.volume.collect(&self.handles);
        // A journal tells one life; what follows a crash is another one.
        self.journal = None;
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.volume.used_bytes(&self.handles)
    }

    pub(super) fn free_bytes(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used_bytes()))
    }

    /// How many of the bytes of a write fit: all, or those in pages that are there or free.
    pub(super) fn room(&self, file: Ino, offset: u64, count: u64) -> u64 {
        let Some(extents) = self.volume.files.get(&file).map(|file| &file.extents) else { return count };
        if self.capacity.is_none() {
            return count;
        }
        let free = self.free_bytes() / PAGE_BYTES;
        let mut fits = count;
        while extents.missing(offset, fits) > free {
            // Back to the last page border: the page behind it has no room.
            fits = ((offset + fits - 1) / PAGE_BYTES * PAGE_BYTES).saturating_sub(offset);
        }
        fits
    }

    pub(super) fn opened(&mut self, file: Ino) {
        *self.handles.entry(file).or_default() += 1;
    }

    pub(super) fn closed(&mut self, file: Ino, epoch: u64) {
        if epoch != self.epoch {
            return;
        }
        if let Some(count) = self.handles.get_mut(&file) {
            *count -= 1;
            if *count == 0 {
                self.handles.remove(&file);
            }
        }
    }

    /// Where a path leads. Makes its folders if they need not be made.
    pub(super) fn place(&mut self, path: &Path) -> io::Result<Place> {
        if self.implicit_folders
            && let Some(folder) = path.parent()
        {
            self.make_folders(folder)?;
        }
        self.volume.place(path)
    }

    pub(super) fn folder(&mut self, path: &Path) -> io::Result<Ino> {
        if self.implicit_folders {
            self.make_folders(path)?;
        }
        self.volume.folder(path)
    }

    /// Makes a folder and those it stands in, each durable before the next.
    pub(super) fn make_folders(&mut self, path: &Path) -> io::Result<()> {
        let mut missing: Vec<&Path> = Vec::new();
        for folder in path.ancestors() {
            match self.volume.folder(folder) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(folder),
                Err(error) => return Err(error),
            }
        }
        if self.implicit_folders {
            return missing.into_iter().rev().try_for_each(|folder| self.make_folder(folder, true).map(drop));
        }
        // A folder that is there may not be durable yet: whoever made it died before the sync.
        let there = path.ancestors().nth(missing.len()).and_then(Path::parent);
        there.map_or(Ok(()), |parent| self.sync_folder(parent))?;
        for folder in missing.into_iter().rev() {
            self.permit(Cost::Operation)?;
            self.make_folder(folder, false)?;
            // Crash here: the folder is there or not, and nothing is in it.
            self.sync_folder(folder.parent().unwrap_or(folder))?;
        }
        Ok(())
    }

    fn make_folder(&mut self, path: &Path, durable: bool) -> io::Result<()> {
        let Place { folder: parent, name, .. } = self.volume.place(path)?;
        self.make(path.to_owned(), Action::MakeFolder { parent, name, durable });
        Ok(())
    }

    pub(super) fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        let folder = self.folder(path)?;
        self.permit(Cost::Sync)?;
        if self.injector.strikes(|plan| plan.failed_syncs, path) {
            self.injector.injected.failed_syncs += 1;
            return Err(io::Error::other("simulated error of a sync"));
        }
        self.make(path.to_owned(), Action::SyncFolder { folder });
        self.volume.collect(&self.handles);
        Ok(())
    }

    pub(super) fn rot(&mut self, path: &Path, offset: u64, mask: u8) -> bool {
        let file = self.volume.place(path).ok().and_then(|place| place.ino);
        let Some(file) = file.filter(|ino| self.volume.files.get(ino).is_some_and(|file| offset < file.durable.len()))
        else {
            return false;
        };
        self.injector.injected.rot += 1;
        self.injector.injected.damaged.insert(path.to_owned());
        self.make(path.to_owned(), Action::Rot { file, offset, mask });
        true
    }

    pub(super) fn rot_somewhere(&mut self, folder: &Path) -> Option<(PathBuf, u64)> {
        let files = self.volume.files.values().filter(|file| file.links > 0 && file.path.starts_with(folder));
        let candidates: Vec<(PathBuf, u64)> =
            files.filter(|file| file.durable.len() > 0).map(|file| (file.path.clone(), file.durable.len())).collect();
        let at = usize::try_from(self.injector.below(candidates.len() as u64)).ok()?;
        let (path, len) = candidates.get(at)?;
        let (offset, bit) = (self.injector.below(*len), self.injector.below(8));
        self.rot(path, offset, 1 << bit).then(|| (path.clone(), offset))
    }

    pub(super) fn spoil(&mut self, path: &Path, offset: u64) -> bool {
        let ino = self.volume.place(path).ok().and_then(|place| place.ino);
        let Some(file) = ino.and_then(|ino| self.volume.files.get_mut(&ino)) else { return false };
        file.unreadable.insert(offset / SECTOR_BYTES);
        self.injector.injected.damaged.insert(path.to_owned());
        true
    }

    pub(super) fn files_below(&self, folder: &Path) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = self
            .volume
            .files
            .values()
            .filter(|file| file.links > 0 && file.path.starts_with(folder))
            .map(|file| file.path.clone())
            .collect();
        found.sort();
        found
    }

    /// The write at which the machine stopped, or which the disk refused: a part of it is there.
    pub(super) fn write_part(&mut self, path: &Path, file: Ino, offset: u64, bytes: &[u8]) {
        let part = usize::try_from(self.injector.below(bytes.len() as u64)).unwrap_or_default();
        if part > 0 {
            let (bytes, fate) = (Arc::from(&bytes[..part]), super::change::Fate::Good);
            self.make(path.to_owned(), Action::Write { file, offset, bytes, fate });
        }
    }
}
