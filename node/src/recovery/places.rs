//! Old and new change places.
//!
//! `recovering/cluster-epoch` is the mark: it is written when everything else in `recovering/` is durable. As long as it is not
//! there, a recovery has not happened, and what else stands in the folder is overwritten. Once it is there the recovery is
//! only finished, never begun again: each name is moved aside if its successor still waits, then the successor takes its
//! place; the mark moves last. A node does not start while the mark stands.

use std::io;
use std::path::{Path, PathBuf};

use tamga_platform::disk::{Disk, Open};

use super::{RecoverError, io};
use crate::core::{EPOCH_FILE, NewEpoch};

/// Being built.
const BUILDING: &str = "recovering";
/// What is made anew; everything else of a node's folder stays.
const RENEWED: [&str; 2] = ["ledger", "raft"];

/// The folders of one recovery.
#[derive(Debug)]
pub(super) struct Places {
    data: PathBuf,
    number: u32,
}

/// Whether a recovery was interrupted after the point from which it only goes forward.
pub(crate) fn is_unfinished(disk: &dyn Disk, data: &Path) -> io::Result<bool> {
    exists(disk, &data.join(BUILDING).join(EPOCH_FILE))
}

fn exists(disk: &dyn Disk, file: &Path) -> io::Result<bool> {
    match disk.open(file, Open::Read) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Places {
    pub(super) fn new(data: &Path, number: u32) -> Self {
        Self { data: data.to_owned(), number }
    }

    pub(super) fn building(&self) -> PathBuf {
        self.data.join(BUILDING)
    }

    /// Where what was there before is kept.
    pub(super) fn before(&self) -> PathBuf {
        self.data.join(format!("before-epoch-{}", self.number))
    }

    /// Everything in `recovering/` is durable.
    pub(super) fn mark(&self, disk: &dyn Disk, epoch: &NewEpoch) -> Result<(), RecoverError> {
        let path = self.building().join(EPOCH_FILE);
        disk.replace(&path, &epoch.bytes).map_err(io("write", &path))
    }

    /// Finishes what a crash interrupted, if it was this decision's; none if there is nothing to finish.
    pub(super) fn finish(&self, disk: &dyn Disk, epoch: &NewEpoch) -> Result<Option<PathBuf>, RecoverError> {
        let path = self.building().join(EPOCH_FILE);
        if !is_unfinished(disk, &self.data).map_err(io("look for", &path))? {
            return Ok(None);
        }
        let kept = disk.read(&path, epoch.bytes.len() as u64 + 1).map_err(io("read", &path))?;
        if kept != epoch.bytes {
            let what = "a recovery by another decision was interrupted: finish it with that decision first";
            return Err(RecoverError::Refused(what.to_owned()));
        }
        self.change(disk)?;
        Ok(Some(self.before()))
    }

    /// Moves the old aside and the new in. Crash in here: the mark stands, [`Places::finish`] goes on.
    pub(super) fn change(&self, disk: &dyn Disk) -> Result<(), RecoverError> {
        let (building, before) = (self.building(), self.before());
        disk.create_dir_all(&before).map_err(io("create", &before))?;
        let waiting = disk.list(&building).map_err(io("list", &building))?;
        for name in RENEWED.iter().filter(|name| waiting.iter().any(|waits| waits == *name)) {
            let place = self.data.join(name);
            let there = disk.list(&self.data).map_err(io("list", &self.data))?;
            if there.iter().any(|found| found == name) {
                disk.rename(&place, &before.join(name)).map_err(io("move aside", &place))?;
                disk.sync_dir(&before).map_err(io("sync", &before))?;
                disk.sync_dir(&self.data).map_err(io("sync", &self.data))?;
            }
            // Crash here: the name is free, its successor still waits.
            disk.rename(&building.join(name), &place).map_err(io("move into", &place))?;
            disk.sync_dir(&self.data).map_err(io("sync", &self.data))?;
            disk.sync_dir(&building).map_err(io("sync", &building))?;
        }
        let (mark, kept) = (building.join(EPOCH_FILE), self.data.join(EPOCH_FILE));
        disk.rename(&mark, &kept).map_err(io("move into", &kept))?;
        disk.sync_dir(&self.data).map_err(io("sync", &self.data))?;
        disk.sync_dir(&building).map_err(io("sync", &building))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tamga_ledger::ids::RecordId;
    use tamga_ledger::tree::{Hash, Roots};
    use tamga_platform::disk::{DiskFile, OsDisk};

    /// The process dies at the n-th change.
    #[derive(Debug)]
    struct Dying(AtomicU32);

    impl Dying {
        fn step(&self) -> io::Result<()> {
            let left = self.0.load(Ordering::SeqCst);
            self.0.store(left.saturating_sub(1), Ordering::SeqCst);
            if left == 0 { Err(io::Error::other("died")) } else { Ok(()) }
        }
    }

    impl Disk for Dying {
        fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
            OsDisk.open(path, how)
        }
        fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
            OsDisk.list(folder)
        }
        fn create_dir_all(&self, folder: &Path) -> io::Result<()> {
            self.step()?;
            OsDisk.create_dir_all(folder)
        }
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.step()?;
            OsDisk.rename(from, to)
        }
        fn remove(&self, path: &Path) -> io::Result<()> {
            self.step()?;
            OsDisk.remove(path)
        }
        fn sync_dir(&self, folder: &Path) -> io::Result<()> {
            self.step()?;
            OsDisk.sync_dir(folder)
        }
        fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
            OsDisk.free_bytes(folder)
        }
    }

    fn decision(byte: u8) -> NewEpoch {
        let roots = Roots { sha256: Hash::new([0; 32]), blake3: Hash::new([0; 32]) };
        let (voters, learners) = (vec![1], Vec::new());
        NewEpoch { number: 2, size: 7, roots, voters, learners, id: RecordId([byte; 32]), bytes: vec![byte; 9].into() }
    }

    /// Old and new ledger and log, the new ones complete.
    fn laid_out(data: &Path, epoch: &NewEpoch) -> Places {
        let places = Places::new(data, epoch.number);
        for (folder, what) in [(data.to_owned(), "old"), (places.building(), "new")] {
            for name in RENEWED {
                std::fs::create_dir_all(folder.join(name)).unwrap();
                std::fs::write(folder.join(name).join("what"), what).unwrap();
            }
        }
        places.mark(&OsDisk, epoch).unwrap();
        places
    }

    #[test]
    fn whoever_dies_while_places_change_finishes_and_loses_neither_old_nor_new() {
        let epoch = decision(1);
        let mut died = 0;
        for steps in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let places = laid_out(folder.path(), &epoch);
            assert!(is_unfinished(&OsDisk, folder.path()).unwrap());
            let first = places.change(&Dying(AtomicU32::new(steps)));
            died += u32::from(first.is_err());
            // Another decision is not finished by this one's files.
            if is_unfinished(&OsDisk, folder.path()).unwrap() {
                assert!(places.finish(&OsDisk, &decision(2)).is_err());
            }
            let left = is_unfinished(&OsDisk, folder.path()).unwrap();
            assert_eq!(places.finish(&OsDisk, &epoch).unwrap().is_some(), left, "{steps}");
            let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
            for name in RENEWED {
                assert_eq!(read(folder.path().join(name).join("what")), "new", "{steps}");
                assert_eq!(read(places.before().join(name).join("what")), "old", "{steps}");
            }
            assert_eq!(std::fs::read(folder.path().join(EPOCH_FILE)).unwrap(), epoch.bytes, "{steps}");
            assert!(!is_unfinished(&OsDisk, folder.path()).unwrap());
            if first.is_ok() {
                break;
            }
        }
        assert!(died > 10, "{died}");
    }
}
