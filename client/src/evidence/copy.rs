//! Entries of a ledger from a source, for evidence that refers to a copy. Nothing of it is believed: the checkpoint decides.

use crate::source::Files;
use tamga_ledger::evidence::LedgerCopy;
use tamga_ledger::tree::{TILE_WIDTH, TreeSize};

/// A source with so many entries.
pub struct SourceCopy<'a> {
    files: Files<'a>,
    size: TreeSize,
}

impl<'a> SourceCopy<'a> {
    /// The first `size` entries of a source.
    #[must_use]
    pub const fn new(files: Files<'a>, size: TreeSize) -> Self {
        Self { files, size }
    }
}

impl LedgerCopy for SourceCopy<'_> {
    fn entries(&mut self, from: u64) -> Result<Vec<Vec<u8>>, String> {
        let bundle = self.files.entries(from / TILE_WIDTH, self.size).map_err(|error| error.to_string())?;
        match bundle.fault {
            Some(fault) => Err(fault.to_string()),
            None => Ok(bundle.entries.into_iter().skip((from % TILE_WIDTH) as usize).collect()),
        }
    }
}
