//! Record ids in a file instead of memory: they are looked at for a repeated or a named record only.

use super::records::{BLOCK, ShortId};
use std::sync::OnceLock;
use tamga_platform::disk::DiskFile;

/// Blocks of ids in a file of one's own. Nothing in it outlives the process, so nothing is ever synced.
///
/// Judging cannot fail, so a failed read is remembered here instead: whoever gave the file asks [`failure`](Self::failure)
/// before relying on anything judged since.
#[derive(Debug)]
pub(super) struct Aside {
    file: Box<dyn DiskFile>,
    failure: OnceLock<String>,
}

impl Aside {
    pub(super) const fn new(file: Box<dyn DiskFile>) -> Self {
        Self { file, failure: OnceLock::new() }
    }

    /// Writes the block of this number. Whether it is there now: if not, the caller keeps it, and nothing is lost but memory.
    pub(super) fn write(&self, block: usize, ids: &[ShortId]) -> bool {
        self.file.write_all_at(ids.as_flattened(), offset(block * BLOCK)).is_ok()
    }

    /// So many ids from this leaf on; fewer, and a failure, where they cannot be read.
    pub(super) fn read(&self, leaf: usize, count: usize) -> Vec<ShortId> {
        let mut ids = vec![ShortId::default(); count];
        match self.file.read_exact_at(ids.as_flattened_mut(), offset(leaf)) {
            Ok(()) => ids,
            Err(error) => {
                // The first failure says most.
                let _ = self.failure.set(format!("record ids that were put aside cannot be read again: {error}"));
                Vec::new()
            }
        }
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }
}

const fn offset(leaf: usize) -> u64 {
    leaf as u64 * size_of::<ShortId>() as u64
}
