//! Evidence files: what somebody signed and should not have, kept for people to judge.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tamga_platform::disk::{Disk, Open};

/// Most files one process writes: a flood must not fill the disk.
const FILES_MAX: u32 = 256;

/// Writes evidence files into one folder.
#[derive(Debug)]
pub(crate) struct Evidence {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    written: AtomicU32,
}

impl Evidence {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        Self { disk, folder, written: AtomicU32::new(0) }
    }

    /// Keeps `bytes`, durably; blocks. What cannot be written is reported and otherwise lost: evidence never stops a node.
    pub(crate) fn keep(&self, what: &str, time_ms: u64, bytes: &[u8]) -> Option<PathBuf> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("tamga_evidence_total", "what" => what.to_owned()).increment(1);
        if number >= FILES_MAX {
            tracing::warn!(what, "evidence is not kept: {FILES_MAX} files were written since the start");
            return None;
        }
        let path = self.folder.join(format!("{time_ms}-{number:03}-{what}"));
        let written = (|| {
            self.disk.create_dir_all(&self.folder)?;
            let file = self.disk.open(&path, Open::CreateNew)?;
            file.write_all_at(bytes, 0)?;
            file.sync_data()?;
            self.disk.sync_dir(&self.folder)
        })();
        match written {
            Ok(()) => Some(path),
            Err(error) => {
                tracing::error!(what, path = %path.display(), %error, "evidence could not be written");
                None
            }
        }
    }
}
