//! Where the registry's knowledge comes from: an interface, and its file-backed form.

use super::number::PersonalNumber;
use super::roll_file::{RollFileError, SortedRoll, read_roll};
use super::tag::TagKeys;
use crate::streams::FileReader;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use tamga_ledger::ids::{RollLeaf, Tag};
use tamga_platform::disk::Disk;

/// A voter as the registry knows one. Not `Debug`: it holds the tag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RollEntry {
    /// The voter's tag.
    pub tag: Tag,
    /// On whose roll the voter is.
    pub home_station: u32,
}

/// Why a registry cannot answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The roll file.
    #[error(transparent)]
    RollFile(#[from] RollFileError),
    /// The registry behind an adapter is not there now.
    #[error("the registry does not answer: {0}; ask again")]
    Unavailable(String),
}

/// The population register, as far as an election needs it. The real one stands behind Tunduk.
pub trait RegistryAdapter: Send + Sync {
    /// Finds a voter by personal number; `None` if there is no such voter on the roll.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    fn find(&self, number: &PersonalNumber) -> Result<Option<RollEntry>, RegistryError>;

    /// The rolls of all stations with voters, ascending by station, leaves ascending.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    fn rolls(&self) -> Result<BTreeMap<u32, Vec<RollLeaf>>, RegistryError>;
}

/// A registry whose roll was read from a file. Holds roll leaves, no personal numbers; 20 bytes a voter.
#[derive(Debug)]
pub struct FileRegistry {
    keys: TagKeys,
    roll: SortedRoll,
}

impl FileRegistry {
    /// Reads the roll.
    ///
    /// # Errors
    /// [`RollFileError`]; nothing is imported then.
    pub fn read(reader: impl BufRead, keys: TagKeys) -> Result<Self, RollFileError> {
        Ok(Self { roll: read_roll(reader, &keys)?, keys })
    }

    /// Reads the roll from a file.
    ///
    /// # Errors
    /// [`RollFileError`]; nothing is imported then.
    pub fn open(disk: &dyn Disk, path: &Path, keys: TagKeys) -> Result<Self, RollFileError> {
        let file = FileReader::open(disk, path).map_err(|error| RollFileError::Io { line: 0, error })?;
        Self::read(BufReader::with_capacity(1 << 16, file), keys)
    }

    /// Voters on all rolls.
    #[must_use]
    pub fn voters(&self) -> usize {
        self.roll.len()
    }
}

impl RegistryAdapter for FileRegistry {
    fn find(&self, number: &PersonalNumber) -> Result<Option<RollEntry>, RegistryError> {
        let tag = self.keys.tag(number);
        let place = self.roll.binary_search_by_key(&tag.roll_leaf(), |(leaf, _)| *leaf);
        let entry = place.ok().and_then(|place| self.roll.get(place));
        Ok(entry.map(|(_, home_station)| RollEntry { tag, home_station: *home_station }))
    }

    fn rolls(&self) -> Result<BTreeMap<u32, Vec<RollLeaf>>, RegistryError> {
        let mut rolls: BTreeMap<u32, Vec<RollLeaf>> = BTreeMap::new();
        for (leaf, station) in &self.roll {
            rolls.entry(*station).or_default().push(*leaf);
        }
        Ok(rolls)
    }
}
