//! Disk: the few operations Tamga needs, chosen so that a simulated disk can be faithful.
//!
//! Contract of every implementation:
//! - Written bytes are *durable* only after `sync_data` on the same file returned `Ok`; a created, renamed or removed
//!   name only after `sync_dir` on its folder did. Folders are durable as soon as `create_dir_all` returned `Ok`.
//! - After any `Err` from `sync_data` or `sync_dir` the caller must stop the process (fail-stop): the kernel may have
//!   dropped the pages, and a retry could report success for data that is gone (Rebello et al., ATC 2020).

use std::any::Any;
use std::fmt::Debug;
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

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
    /// Creates a folder and its parents where they are absent, and makes their names durable.
    ///
    /// # Errors
    /// As the operating system gives them; any error is fatal for the caller (see the module's contract).
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
        // The parent of a bare file name is empty, and means the current folder.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        self.sync_dir(folder.unwrap_or_else(|| Path::new(".")))
    }
}

/// Holds a lock of [`Disk::lock`] until it is dropped.
pub type LockGuard = Box<dyn Any + Send + Sync>;

/// Bytes that [`DiskFile::write_again`] holds in memory.
const REWRITE_BYTES: u64 = 1 << 20;

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

    /// Writes the bytes of `from..to` again as they are read. For what an earlier process left: after a sync that failed
    /// its bytes may stand in the page cache, marked as written, and on no platter; a sync alone would then report
    /// success for bytes that the next power cut takes away. Written again they are due again.
    ///
    /// # Errors
    /// As reading and writing.
    fn write_again(&self, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        while at < to {
            let mut piece = vec![0; usize::try_from((to - at).min(REWRITE_BYTES)).map_err(io::Error::other)?];
            self.read_exact_at(&mut piece, at)?;
            self.write_all_at(&piece, at)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

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

/// The operating system's file system, where what is written is for everybody: new files get mode 0644, as far as the umask lets
/// them. For copies that a web server publishes under another user; everything else as [`OsDisk`].
#[derive(Debug, Clone, Copy, Default)]
pub struct PublicDisk;

impl Disk for PublicDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        open_with_mode(path, how, 0o644)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        OsDisk.list(folder)
    }

    fn create_dir_all(&self, folder: &Path) -> io::Result<()> {
        OsDisk.create_dir_all(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove(path)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        OsDisk.sync_dir(folder)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        OsDisk.free_bytes(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        OsDisk.lock(path)
    }
}

#[derive(Debug)]
struct OsFile(fs::File);

fn open_with_mode(path: &Path, how: Open, mode: u32) -> io::Result<Box<dyn DiskFile>> {
    let mut options = fs::OpenOptions::new();
    options.read(true).mode(mode);
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

impl Disk for OsDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        open_with_mode(path, how, 0o600)
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
        let missing: Vec<&Path> = folder.ancestors().take_while(|path| is_missing(path)).collect();
        // A folder that is there may not be durable yet: whoever made it may have died before the sync below.
        if let Some(there) = folder.ancestors().nth(missing.len()) {
            sync_name(there)?;
        }
        for path in missing.into_iter().rev() {
            match fs::create_dir(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => return Err(error),
                _ => sync_name(path)?,
            }
        }
        if folder.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
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

fn is_missing(path: &Path) -> bool {
    !path.as_os_str().is_empty()
        && fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Makes a folder's own name durable. A parent that may not be read was not changed by this process either.
fn sync_name(folder: &Path) -> io::Result<()> {
    let Some(parent) = folder.parent() else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    match fs::File::open(parent) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        opened => opened?.sync_all(),
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

/// The disk of unit tests: a [`SimDisk`](crate::sim_disk::SimDisk), by default one on which all folders exist.
#[cfg(any(test, feature = "testing"))]
pub type MemDisk = crate::sim_disk::SimDisk;

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
