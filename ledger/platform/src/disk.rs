//! Disk: the few operations Tamga needs, chosen so that a simulated disk can be faithful.
//!
//! Contract of every implementation:
//! - Written bytes are *durable* only after `sync_data` on the same file returned `Ok`; a created, renamed or removed
//!   name only after `sync_dir` on its folder did.
//! - After any `Err` from `sync_data` or `sync_dir` the caller must stop the process (fail-stop): the kernel may have
//!   dropped the pages, and a retry could report success for data that is gone (Rebello et al., ATC 2020).

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What [`Disk::open`] may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Read an existing file.
    Read,
    /// Read and write; create the file if it is absent.
    ReadWrite,
    /// Read and write a file that must not exist yet.
    CreateNew,
}

/// A file system, or a part of one.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Opens a file. New files get mode 0600.
    ///
    /// # Errors
    /// As the operating system gives them; `NotFound` and `AlreadyExists` are dependable.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;
    /// Names (not paths) in a folder, sorted; files and folders alike.
    ///
    /// # Errors
    /// `NotFound` when the folder is absent.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Creates a folder and its parents.
    ///
    /// # Errors
    /// As the operating system gives them.
    fn create_dir_all(&self, folder: &Path) -> io::Result<()>;
    /// Renames a file, replacing the target atomically.
    ///
    /// # Errors
    /// As the operating system gives them.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the operating system gives them.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in `folder` durable.
    ///
    /// # Errors
    /// Any error is fatal for the caller (see the module's contract).
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;
    /// Bytes still free for this process on the file system that holds `folder`.
    ///
    /// # Errors
    /// As the operating system gives them.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;

    /// Takes the lock on `path` (created if absent) for this process, until the guard is dropped or the process ends.
    ///
    /// # Errors
    /// `WouldBlock` when somebody else holds it; `Unsupported` where there is nothing to lock.
    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Reads a whole file of at most `max` bytes.
    ///
    /// # Errors
    /// `InvalidData` when the file is larger than `max`.
    fn read(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, Open::Read)?;
        let len = file.len()?;
        if len > max {
            let message = format!("{} has {len} bytes, more than the {max} allowed", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Replaces a file's content atomically and durably: write `path.new`, sync, rename, sync the folder.
    ///
    /// # Errors
    /// Any error is fatal for the caller (see the module's contract).
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut staged = path.as_os_str().to_owned();
        staged.push(".new");
        let staged = PathBuf::from(staged);
        let file = self.open(&staged, Open::ReadWrite)?;
        file.set_len(0)?;
        file.write_all_at(bytes, 0)?;
        file.sync_data()?;
        // Crash here: the old content stands, `.new` is overwritten by the next attempt.
        self.rename(&staged, path)?;
        self.sync_dir(path.parent().unwrap_or_else(|| Path::new(".")))
    }
}

/// Holds a lock of [`Disk::lock`] until it is dropped.
pub type LockGuard = Box<dyn Any + Send + Sync>;

/// An open file. Offsets are absolute: there is no cursor.
#[expect(clippy::len_without_is_empty, reason = "a length on disk, fallible; nobody asks whether a file is empty")]
pub trait DiskFile: Debug + Send + Sync + 'static {
    /// Length in bytes.
    ///
    /// # Errors
    /// As the operating system gives them.
    fn len(&self) -> io::Result<u64>;
    /// Reads up to `buf.len()` bytes; fewer only at the end of the file.
    ///
    /// # Errors
    /// As the operating system gives them.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes`, growing the file where needed.
    ///
    /// # Errors
    /// As the operating system gives them; the bytes on disk are then unknown.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or zero-extends the file.
    ///
    /// # Errors
    /// As the operating system gives them.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes all bytes written so far, and the length, durable.
    ///
    /// # Errors
    /// Any error is fatal for the caller (see the module's contract).
    fn sync_data(&self) -> io::Result<()>;

    /// Fills `buf` or fails with `UnexpectedEof`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file is shorter.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < buf.len() {
            match self.read_at(&mut buf[done..], offset + done as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => done += n,
            }
        }
        Ok(())
    }
}

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

#[derive(Debug)]
struct OsFile(fs::File);

impl Disk for OsDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).mode(0o600);
        match how {
            Open::Read => {}
            Open::ReadWrite => {
                options.write(true).create(true).truncate(false);
            }
            Open::CreateNew => {
                options.write(true).create_new(true);
            }
        }
        Ok(Box::new(OsFile(options.open(path)?)))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn create_dir_all(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        fs::File::open(folder)?.sync_all()
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        // The lock belongs to the open file: it ends when the last handle is closed, also by SIGKILL.
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }
}

impl DiskFile for OsFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// A file system in memory that keeps what was written (`live`) apart from what was synced (`durable`).
///
/// [`MemDisk::power_loss`] throws the difference away. Names are durable only after `sync_dir`, as on a real disk.
#[derive(Debug, Clone, Default)]
pub struct MemDisk(Arc<Mutex<MemState>>);

#[derive(Debug, Default)]
struct MemState {
    live: BTreeMap<PathBuf, MemFile>,
    durable: BTreeMap<PathBuf, MemFile>,
    /// Set to make every later write and sync fail.
    broken: bool,
    locked: BTreeSet<PathBuf>,
}

/// Gives the lock back when dropped.
#[derive(Debug)]
struct MemLock {
    path: PathBuf,
    disk: Arc<Mutex<MemState>>,
}

impl Drop for MemLock {
    fn drop(&mut self) {
        locked(&self.disk).locked.remove(&self.path);
    }
}

type Content = Arc<Mutex<MemContent>>;

#[derive(Debug, Clone)]
struct MemFile {
    content: Content,
    disk: Arc<Mutex<MemState>>,
}

#[derive(Debug, Default)]
struct MemContent {
    live: Vec<u8>,
    durable: Vec<u8>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemDisk {
    /// Loses everything that was not synced: bytes and names.
    pub fn power_loss(&self) {
        let mut state = locked(&self.0);
        state.live = state.durable.clone();
        for file in state.live.values() {
            let mut content = locked(&file.content);
            content.live = content.durable.clone();
        }
    }

    /// From now on every write and sync fails, as on a disk that died.
    pub fn break_down(&self) {
        locked(&self.0).broken = true;
    }

    fn check(state: &MemState) -> io::Result<()> {
        if state.broken { Err(io::Error::other("simulated disk failure")) } else { Ok(()) }
    }

    fn is_child(folder: &Path, path: &Path) -> bool {
        path.parent() == Some(folder)
    }
}

impl Disk for MemDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut state = locked(&self.0);
        match (state.live.get(path), how) {
            (Some(_), Open::CreateNew) => Err(io::ErrorKind::AlreadyExists.into()),
            (Some(file), _) => Ok(Box::new(file.clone())),
            (None, Open::Read) => Err(io::ErrorKind::NotFound.into()),
            (None, _) => {
                Self::check(&state)?;
                let file = MemFile { content: Content::default(), disk: Arc::clone(&self.0) };
                state.live.insert(path.to_owned(), file.clone());
                Ok(Box::new(file))
            }
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = locked(&self.0);
        let mut names: Vec<String> = state
            .live
            .keys()
            .filter_map(|path| path.strip_prefix(folder).ok()?.components().next())
            .map(|name| name.as_os_str().to_string_lossy().into_owned())
            .collect();
        names.dedup();
        Ok(names)
    }

    fn create_dir_all(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = locked(&self.0);
        Self::check(&state)?;
        let file = state.live.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.live.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = locked(&self.0);
        Self::check(&state)?;
        state.live.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        let mut state = locked(&self.0);
        Self::check(&state)?;
        let MemState { live, durable, .. } = &mut *state;
        durable.retain(|path, _| !Self::is_child(folder, path));
        let children = live.iter().filter(|(path, _)| Self::is_child(folder, path));
        durable.extend(children.map(|(path, file)| (path.clone(), file.clone())));
        Ok(())
    }

    fn free_bytes(&self, _folder: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        if !locked(&self.0).locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(MemLock { path: path.to_owned(), disk: Arc::clone(&self.0) }))
    }
}

impl DiskFile for MemFile {
    fn len(&self) -> io::Result<u64> {
        Ok(locked(&self.content).live.len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = locked(&self.content);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.live.len());
        let n = buf.len().min(content.live.len() - start);
        buf[..n].copy_from_slice(&content.live[start..start + n]);
        Ok(n)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        MemDisk::check(&locked(&self.disk))?;
        let mut content = locked(&self.content);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + bytes.len();
        if content.live.len() < end {
            content.live.resize(end, 0);
        }
        content.live[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        MemDisk::check(&locked(&self.disk))?;
        locked(&self.content).live.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        MemDisk::check(&locked(&self.disk))?;
        let mut content = locked(&self.content);
        content.durable = content.live.clone();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_loss_drops_unsynced_bytes_and_names() {
        let disk = MemDisk::default();
        let (folder, kept, lost) = (Path::new("/d"), Path::new("/d/kept"), Path::new("/d/lost"));
        let file = disk.open(kept, Open::CreateNew).unwrap();
        file.write_all_at(b"abc", 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(folder).unwrap();
        file.write_all_at(b"def", 3).unwrap();
        disk.open(lost, Open::CreateNew).unwrap().sync_data().unwrap();
        disk.power_loss();
        assert_eq!(disk.read(kept, 10).unwrap(), b"abc");
        assert_eq!(disk.open(lost, Open::Read).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_lock_is_held_once_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        for disk in [&OsDisk as &dyn Disk, &MemDisk::default()] {
            let path = folder.path().join("LOCK");
            let guard = disk.lock(&path).unwrap();
            assert_eq!(disk.lock(&path).map(drop).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            drop(guard);
            disk.lock(&path).unwrap();
        }
    }

    #[test]
    fn replace_is_atomic_and_durable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        OsDisk.replace(&path, b"one").unwrap();
        OsDisk.replace(&path, b"two").unwrap();
        assert_eq!(OsDisk.read(&path, 3).unwrap(), b"two");
        assert_eq!(OsDisk.read(&path, 2).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(OsDisk.list(folder.path()).unwrap(), ["state"]);
    }
}
