//! The system's files with as much room as a test says: for disks that fill up under real replicas.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::disk::{Disk, DiskFile, LockGuard, Open, OsDisk};

/// See the module; clones are the same disk.
#[derive(Debug, Clone)]
pub struct TightDisk {
    free_bytes: Arc<AtomicU64>,
}

impl Default for TightDisk {
    /// With more room than anybody needs.
    fn default() -> Self {
        Self { free_bytes: Arc::new(AtomicU64::new(u64::MAX)) }
    }
}

impl TightDisk {
    /// From now on so many bytes are free, whatever is written.
    pub fn has(&self, bytes: u64) {
        self.free_bytes.store(bytes, Ordering::SeqCst);
    }
}

impl Disk for TightDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        OsDisk.open(path, how)
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

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.free_bytes.load(Ordering::SeqCst))
    }

    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        OsDisk.lock(path)
    }
}
