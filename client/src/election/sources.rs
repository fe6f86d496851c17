//! Where the files of a definition come from: a folder, or the program itself.

use super::shipped::ShippedElection;
use crate::document::DOCUMENT_BYTES_MAX;
use std::path::{Path, PathBuf};
use tamga_platform::disk::Disk;

/// Files that a definition names, relative to it.
pub trait Files {
    /// A file's bytes.
    ///
    /// # Errors
    /// What happened, for people.
    fn read(&self, name: &str) -> Result<Vec<u8>, String>;
}

/// A folder.
#[derive(Debug)]
pub struct Folder<'a> {
    disk: &'a dyn Disk,
    folder: PathBuf,
}

impl<'a> Folder<'a> {
    /// The folder in which `file` stands, and the file's name in it.
    #[must_use]
    pub fn of(disk: &'a dyn Disk, file: &Path) -> (Self, String) {
        let folder = file.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        (Self { disk, folder }, name)
    }
}

impl Files for Folder<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.join(name);
        self.disk.read(&path, DOCUMENT_BYTES_MAX).map_err(|error| format!("cannot read {}: {error}", path.display()))
    }
}

impl Files for ShippedElection {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let file = self.files.iter().find(|(file, _)| *file == name);
        file.map(|(_, bytes)| bytes.to_vec()).ok_or_else(|| format!("{name} does not come with the program"))
    }
}
