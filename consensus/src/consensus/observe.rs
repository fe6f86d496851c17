//! What a simulation may look at: the log of this replica as it stands. Reading only; never part of a product build.

use std::ops::Range;

use super::Consensus;
use crate::types::{EntryKind, LogPosition, NodeId};

/// An entry of the log, without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntrySeen {
    /// Where it stands.
    pub position: LogPosition,
    /// What it is for.
    pub kind: EntryKind,
    /// CRC-32C of its payload.
    pub digest: u32,
}

impl Consensus {
    /// Changes whenever the log does: entries, ballots, marks, truncations, purges.
    #[must_use]
    pub fn log_version(&self) -> u64 {
        self.0.wal.look(crate::wal::View::version)
    }

    /// Indexes of the entries in the log.
    #[must_use]
    pub fn log_range(&self) -> Range<u64> {
        self.0.wal.look(crate::wal::View::range)
    }

    /// Position of the entry at `index`, if the log has it.
    #[must_use]
    pub fn log_position(&self, index: u64) -> Option<LogPosition> {
        self.0.wal.look(|view| view.position(index))
    }

    /// The last entry that was purged.
    #[must_use]
    pub fn log_purged(&self) -> Option<LogPosition> {
        self.0.wal.look(|view| view.purged)
    }

    /// The entry at `index`, if it is in memory (the newest ones are).
    #[must_use]
    pub fn log_entry(&self, index: u64) -> Option<EntrySeen> {
        self.0.wal.look(|view| {
            let entry = view.cached(index)?;
            Some(EntrySeen { position: entry.position, kind: entry.kind, digest: crc32c::crc32c(&entry.payload) })
        })
    }

    /// The ballot of this replica: term, for whom, and whether a quorum granted it.
    #[must_use]
    pub fn log_ballot(&self) -> Option<(u64, NodeId, bool)> {
        self.0.wal.look(|view| view.ballot.map(|ballot| (ballot.term, ballot.node, ballot.committed)))
    }

    /// How far the log is known to be committed.
    #[must_use]
    pub fn log_committed(&self) -> Option<LogPosition> {
        self.0.wal.look(|view| view.committed)
    }
}
