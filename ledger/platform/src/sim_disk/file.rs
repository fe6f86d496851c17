//! The traits of [`crate::disk`] over a simulated disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SimDisk;
use super::change::{Action, Ino};
use super::content::SECTOR_BYTES;
use super::faults::Cost;
use super::state::State;
use crate::disk::{Disk, DiskFile, LockGuard, Open};

/// An open file.
#[derive(Debug)]
struct SimFile {
    disk: Arc<Mutex<State>>,
    ino: Ino,
    epoch: u64,
    writable: bool,
}

/// A lock, given back when dropped, unless its process died before.
#[derive(Debug)]
struct SimLock {
    disk: Arc<Mutex<State>>,
    path: PathBuf,
    epoch: u64,
}

fn locked(disk: &Mutex<State>) -> MutexGuard<'_, State> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimDisk {
    fn handle(&self, state: &mut State, ino: Ino, writable: bool) -> Box<dyn DiskFile> {
        state.opened(ino);
        Box::new(SimFile { disk: Arc::clone(&self.0), ino, epoch: state.epoch, writable })
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let place = state.place(path)?;
        let ino = match (place.ino, how) {
            (Some(_), Open::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(ino), _) if state.volume.folders.contains_key(&ino) => return Err(io::ErrorKind::IsADirectory.into()),
            (Some(ino), _) => ino,
            (None, Open::Read) => return Err(io::ErrorKind::NotFound.into()),
            (None, _) => {
                state.permit(Cost::Operation)?;
                let ino = state.volume.next();
                state.make(path.to_owned(), Action::Create { folder: place.folder, name: place.name });
                ino
            }
        };
        Ok(self.handle(&mut state, ino, how != Open::Read))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        let folder = state.folder(folder)?;
        Ok(state.volume.folders.get(&folder).map(|folder| folder.live.keys().cloned().collect()).unwrap_or_default())
    }

    fn create_dir_all(&self, folder: &Path) -> io::Result<()> {
        self.state().make_folders(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let (source, target) = (state.place(from)?, state.place(to)?);
        let ino = source.ino.ok_or(io::ErrorKind::NotFound)?;
        if state.volume.folders.contains_key(&ino) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the simulated disk renames files only"));
        }
        if target.ino.is_some_and(|ino| state.volume.folders.contains_key(&ino)) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        state.permit(Cost::Operation)?;
        let (from_name, to_name) = ((source.folder, source.name), (target.folder, target.name));
        state.make(from.to_owned(), Action::Rename { from: from_name, to: to_name });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let place = state.place(path)?;
        let ino = place.ino.ok_or(io::ErrorKind::NotFound)?;
        if state.volume.folders.contains_key(&ino) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        state.permit(Cost::Operation)?;
        state.make(path.to_owned(), Action::Remove { folder: place.folder, name: place.name });
        Ok(())
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.state().sync_folder(folder)
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.state().free_bytes())
    }

    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        drop(self.open(path, Open::ReadWrite)?);
        let mut state = self.state();
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: Arc::clone(&self.0), path: path.to_owned(), epoch: state.epoch }))
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = locked(&self.disk);
        if state.epoch == self.epoch {
            state.locks.remove(&self.path);
        }
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        locked(&self.disk).closed(self.ino, self.epoch);
    }
}

impl SimFile {
    fn enter(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = locked(&self.disk);
        if state.epoch == self.epoch { Ok(state) } else { Err(io::Error::other("the process of this handle died")) }
    }

    fn enter_to_write(&self) -> io::Result<MutexGuard<'_, State>> {
        let readable = || io::Error::new(io::ErrorKind::PermissionDenied, "the file is open for reading");
        if self.writable { self.enter() } else { Err(readable()) }
    }

    fn path(&self, state: &State) -> PathBuf {
        state.volume.files.get(&self.ino).map(|file| file.path.clone()).unwrap_or_default()
    }

    fn check_sectors(&self, state: &mut State, offset: u64, count: u64) -> io::Result<()> {
        let path = self.path(state);
        let Some(file) = state.volume.files.get_mut(&self.ino) else { return Ok(()) };
        if count > 0 && state.injector.strikes(|plan| plan.failed_reads, &path) {
            let within = state.injector.below(count);
            file.unreadable.insert((offset + within) / SECTOR_BYTES);
            state.injector.injected.damaged.insert(path.clone());
        }
        let last = (offset + count).div_ceil(SECTOR_BYTES);
        if count > 0 && file.unreadable.range(offset / SECTOR_BYTES..last).next().is_some() {
            state.injector.injected.failed_reads += 1;
            return Err(io::Error::other(format!("simulated unreadable sector of {}", path.display())));
        }
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        let state = self.enter()?;
        Ok(state.volume.files.get(&self.ino).map_or(0, |file| file.live.len()))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.enter()?;
        state.injector.spend(Cost::Operation);
        let len = state.volume.files.get(&self.ino).map_or(0, |file| file.live.len());
        self.check_sectors(&mut state, offset, len.saturating_sub(offset).min(buf.len() as u64))?;
        Ok(state.volume.files.get(&self.ino).map_or(0, |file| file.live.read(buf, offset)))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut state = self.enter_to_write()?;
        let (path, count, was_cut) = (self.path(&state), bytes.len() as u64, state.is_cut);
        if let Err(error) = state.permit(Cost::Write(bytes.len())) {
            if state.is_cut && !was_cut {
                state.write_part(&path, self.ino, offset, bytes);
            }
            return Err(error);
        }
        let room = state.room(self.ino, offset, count);
        let fits = &bytes[..usize::try_from(room).unwrap_or(bytes.len())];
        if state.injector.strikes(|plan| plan.failed_writes, &path) {
            state.injector.injected.failed_writes += 1;
            state.write_part(&path, self.ino, offset, fits);
            return Err(io::Error::other("simulated error of a write"));
        }
        if !fits.is_empty() {
            let State { injector, volume, .. } = &mut *state;
            let fate = injector.fate(volume, &path, self.ino, offset, room);
            state.make(path, Action::Write { file: self.ino, offset, bytes: Arc::from(fits), fate });
        }
        if room < count {
            state.injector.injected.full += 1;
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the simulated disk is full"));
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.enter_to_write()?;
        state.permit(Cost::Operation)?;
        let path = self.path(&state);
        state.make(path, Action::SetLen { file: self.ino, len });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.enter()?;
        state.permit(Cost::Sync)?;
        let path = self.path(&state);
        if state.injector.strikes(|plan| plan.failed_syncs, &path) {
            state.injector.injected.failed_syncs += 1;
            state.injector.injected.damaged.insert(path.clone());
            let seed = state.injector.dice.next();
            state.make(path, Action::FailSync { file: self.ino, seed });
            return Err(io::Error::other("simulated error of a sync"));
        }
        state.make(path.clone(), Action::Sync { file: self.ino });
        if state.injector.strikes(|plan| plan.rot, &path) {
            let len = state.volume.files.get(&self.ino).map_or(0, |file| file.durable.len());
            if len > 0 {
                let (offset, bit) = (state.injector.below(len), state.injector.below(8));
                state.rot(&path, offset, 1 << bit);
            }
        }
        Ok(())
    }
}
