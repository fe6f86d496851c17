//! The folder of one run.

use crate::election_day::{RunError, io_error};
use std::path::{Path, PathBuf};
use tamga_platform::disk::{Disk as _, OsDisk};

/// Where everything of a run lies; removed at the end unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) keep: bool,
}

impl Folder {
    /// A new folder, or the empty one that was asked for, which is kept.
    pub(crate) fn new(wanted: Option<&Path>, program: &str) -> Result<Self, RunError> {
        let (path, keep) = match wanted {
            Some(path) => (path.to_owned(), true),
            None => (std::env::temp_dir().join(format!("tamga-{program}-{}", std::process::id())), false),
        };
        OsDisk.create_dir_all(&path).map_err(io_error(format!("create {}", path.display())))?;
        let path = path.canonicalize().map_err(io_error(format!("find {}", path.display())))?;
        let listing = std::fs::read_dir(&path).map_err(io_error(format!("read {}", path.display())))?;
        if listing.count() > 0 {
            return Err(RunError::FolderUsed(path));
        }
        Ok(Self { path, keep })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing in it is worth an error at the very end.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
