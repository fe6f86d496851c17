//! Files that an audit needs while it runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_platform::disk::{Disk, DiskFile, Open};

/// How many names are tried.
const NAMES: u32 = 1_000;

/// A folder for files that nobody needs later.
#[derive(Debug, Clone)]
pub struct Scratch {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

impl Scratch {
    /// Room in `folder`: 16 bytes for each entry.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self { disk, folder: folder.to_owned() }
    }

    /// A file without a name: it is gone with whoever has it open, however that ends.
    ///
    /// # Errors
    /// As the disk gives them.
    pub(super) fn file(&self) -> io::Result<Box<dyn DiskFile>> {
        for number in 0..NAMES {
            let path = self.folder.join(format!("tamga-audit-ids-{number}"));
            match self.disk.open(&path, Open::CreateNew) {
                // Crash before the name goes: an empty file, which nothing takes for anything.
                Ok(file) => return self.disk.remove(&path).map(|()| file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}
