//! A disk that lets so many changes through and fails all later ones.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tamga_platform::disk::{Disk, DiskFile, MemDisk, Open};

#[derive(Debug, Clone)]
pub(super) struct FailingDisk {
    inner: MemDisk,
    left: Arc<AtomicI64>,
}

#[derive(Debug)]
struct FailingFile(Box<dyn DiskFile>, Arc<AtomicI64>);

fn spend(left: &AtomicI64) -> io::Result<()> {
    if left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(io::Error::other("simulated failure")) }
}

impl FailingDisk {
    pub(super) fn after(inner: MemDisk, changes: i64) -> Self {
        Self { inner, left: Arc::new(AtomicI64::new(changes)) }
    }
}

impl Disk for FailingDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FailingFile(self.inner.open(path, how)?, Arc::clone(&self.left))))
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.inner.list(folder)
    }
    fn create_dir_all(&self, folder: &Path) -> io::Result<()> {
        self.inner.create_dir_all(folder)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        spend(&self.left)?;
        self.inner.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        spend(&self.left)?;
        self.inner.remove(path)
    }
    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        spend(&self.left)?;
        self.inner.sync_dir(folder)
    }
    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        self.inner.free_bytes(folder)
    }
}

impl DiskFile for FailingFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = spend(&self.1) {
            self.0.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        self.0.write_all_at(bytes, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        spend(&self.1)?;
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        spend(&self.1)?;
        self.0.sync_data()
    }
}
