//! A copy of a ledger in a folder.

use super::{Fetched, Resource, Source, SourceError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_ledger::ids::RecordId;
use tamga_ledger::tree::LeafIndex;
use tamga_platform::disk::Disk;

/// A folder with the static layout.
#[derive(Debug)]
pub struct DirectorySource {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    name: String,
}

impl DirectorySource {
    /// The copy in `folder`.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self { disk, folder: folder.to_owned(), name: folder.display().to_string() }
    }
}

impl Source for DirectorySource {
    fn fetch(&self, resource: &Resource) -> Result<Fetched, SourceError> {
        let path = self.folder.join(resource.to_string());
        let place = || path.display().to_string();
        match self.disk.read(&path, resource.bytes_max() as u64) {
            Ok(bytes) => Ok(Fetched::Found(bytes)),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(Fetched::Absent),
                io::ErrorKind::InvalidData => Err(SourceError::TooLarge { place: place(), max: resource.bytes_max() }),
                _ => Err(SourceError::Unreadable { place: place(), what: error.to_string() }),
            },
        }
    }

    fn find(&self, _: &RecordId) -> Result<Option<LeafIndex>, SourceError> {
        Ok(None)
    }

    fn name(&self) -> &str {
        &self.name
    }
}
