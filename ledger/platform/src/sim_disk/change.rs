//! Changes: what is done to a volume, in order; and what of it waits for a sync.

use std::sync::Arc;

use super::content::{SECTOR_BYTES, Sector};

/// Number of a file or folder; never reused.
pub(super) type Ino = u64;

/// A step that changes a volume. Applied in order to the same beginning, the same steps give the same volume.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// `durable`: it was always there.
    MakeFolder {
        parent: Ino,
        name: String,
        durable: bool,
    },
    Create {
        folder: Ino,
        name: String,
    },
    Rename {
        from: (Ino, String),
        to: (Ino, String),
    },
    Remove {
        folder: Ino,
        name: String,
    },
    SyncFolder {
        folder: Ino,
    },
    Write {
        file: Ino,
        offset: u64,
        bytes: Arc<[u8]>,
        fate: Fate,
    },
    SetLen {
        file: Ino,
        len: u64,
    },
    Sync {
        file: Ino,
    },
    /// The sync that reported an error: of each waiting sector, as `seed` says, it did or did not reach the platter; none
    /// waits any longer.
    FailSync {
        file: Ino,
        seed: u64,
    },
    /// A bit of the platter flips.
    Rot {
        file: Ino,
        offset: u64,
        mask: u8,
    },
    /// What is clean in the page cache is forgotten: from now on reads show the platter.
    Evict,
}

/// Where the bytes of a write end up on the platter, whatever the page cache shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Where they belong.
    Good,
    /// Sectors `from..to` of the file never arrive.
    Lost { from: u64, to: u64 },
    /// All of it lands in another place.
    Misdirected { file: Ino, offset: u64 },
}

/// A change of a file that was not synced yet.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) stamp: u64,
    pub(super) what: FileChange,
}

#[derive(Debug, Clone)]
pub(super) enum FileChange {
    Write { offset: u64, bytes: Arc<[u8]>, fate: Fate },
    SetLen { from: u64, to: u64 },
}

impl FileChange {
    /// Sectors whose bytes on the platter it changes, where it belongs.
    pub(super) fn sectors(&self) -> std::ops::Range<u64> {
        match self {
            Self::Write { fate: Fate::Misdirected { .. }, .. } => 0..0,
            Self::Write { offset, bytes, .. } => {
                offset / SECTOR_BYTES..(offset + bytes.len() as u64).div_ceil(SECTOR_BYTES)
            }
            Self::SetLen { from, to } => (*to).min(*from) / SECTOR_BYTES..from.div_ceil(SECTOR_BYTES),
        }
    }

    pub(super) fn touches(&self, sector: u64) -> bool {
        let lost = matches!(self, Self::Write { fate: Fate::Lost { from, to }, .. } if (*from..*to).contains(&sector));
        !lost && self.sectors().contains(&sector)
    }

    /// The file's length after it, if it was `len` before.
    pub(super) fn length(&self, len: u64) -> u64 {
        match self {
            Self::Write { offset, bytes, .. } => len.max(offset + bytes.len() as u64),
            Self::SetLen { to, .. } => *to,
        }
    }

    /// Makes the change in one sector.
    pub(super) fn apply(&self, number: u64, sector: &mut Sector) {
        let start = number * SECTOR_BYTES;
        match self {
            Self::Write { offset, bytes, .. } => {
                let (from, to) = (start.max(*offset), (start + SECTOR_BYTES).min(offset + bytes.len() as u64));
                if from < to {
                    let source = &bytes[(from - offset) as usize..(to - offset) as usize];
                    sector[(from - start) as usize..(to - start) as usize].copy_from_slice(source);
                }
            }
            Self::SetLen { to, .. } => sector[to.saturating_sub(start).min(SECTOR_BYTES) as usize..].fill(0),
        }
    }
}

/// A change of a folder's names that was not synced yet.
#[derive(Debug, Clone)]
pub(super) struct WaitingName {
    pub(super) stamp: u64,
    pub(super) what: NameChange,
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Link { name: String, ino: Ino },
    Unlink { name: String },
    Rename { from: String, to: String, ino: Ino },
}

impl NameChange {
    pub(super) fn names(&self) -> [&str; 2] {
        match self {
            Self::Link { name, .. } | Self::Unlink { name } => [name, name],
            Self::Rename { from, to, .. } => [from, to],
        }
    }

    pub(super) fn apply(&self, names: &mut std::collections::BTreeMap<String, Ino>) {
        match self {
            Self::Link { name, ino } => drop(names.insert(name.clone(), *ino)),
            Self::Unlink { name } => drop(names.remove(name)),
            Self::Rename { from, to, ino } => {
                names.remove(from);
                names.insert(to.clone(), *ino);
            }
        }
    }
}
