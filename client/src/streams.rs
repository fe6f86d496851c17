//! Files of a [`Disk`] as streams: tables are read from start to end, and written whole or not at all.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tamga_platform::disk::{Disk, DiskFile, Open};

/// A file read from its start.
#[derive(Debug)]
pub struct FileReader {
    file: Box<dyn DiskFile>,
    at: u64,
}

impl FileReader {
    /// Opens it.
    ///
    /// # Errors
    /// As the disk gives them.
    pub fn open(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        Ok(Self { file: disk.open(path, Open::Read)?, at: 0 })
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// As the disk gives them.
    pub fn len_bytes(&self) -> io::Result<u64> {
        self.file.len()
    }
}

impl Read for FileReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buf, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A file that appears under its name only when it is whole: until [`StagedFile::finish`] it is called `….new`, which the
/// next attempt overwrites. Not buffered.
#[derive(Debug)]
pub struct StagedFile {
    file: Box<dyn DiskFile>,
    at: u64,
    staged: PathBuf,
    path: PathBuf,
}

impl StagedFile {
    /// Starts writing.
    ///
    /// # Errors
    /// As the disk gives them.
    pub fn create(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let mut staged = path.as_os_str().to_owned();
        staged.push(".new");
        let staged = PathBuf::from(staged);
        let file = disk.open(&staged, Open::ReadWrite)?;
        file.set_len(0)?;
        Ok(Self { file, at: 0, staged, path: path.to_owned() })
    }

    /// Makes the file durable and gives it its name.
    ///
    /// # Errors
    /// As the disk gives them; nothing stands under the name then that was not there before.
    pub fn finish(self, disk: &dyn Disk) -> io::Result<()> {
        self.file.sync_data()?;
        // Crash here: nothing has its name yet.
        disk.rename(&self.staged, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        disk.sync_dir(folder.unwrap_or_else(|| Path::new(".")))
    }

    /// Gives it up and removes what was written.
    pub fn discard(self, disk: &dyn Disk) {
        // What stays behind is overwritten by the next attempt.
        let _ = disk.remove(&self.staged);
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
