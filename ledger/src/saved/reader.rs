//! A disk file read from its beginning: what [`super::load`] takes.

use std::io::{self, Read};
use tamga_platform::disk::DiskFile;

/// Reads a file of the `Disk` seam in order.
#[derive(Debug)]
pub struct FileReader<'a> {
    file: &'a dyn DiskFile,
    at: u64,
}

impl<'a> FileReader<'a> {
    /// From the first byte.
    #[must_use]
    pub const fn new(file: &'a dyn DiskFile) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buf, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
