//! An imported roll: what is left of a table of voters once tags are derived. Roll leaves by station, nothing that leads back to
//! a person without the registry's and the commission's keys.
//!
//! ```text
//! "tamga roll v1\n" ‖ election id (32) ‖ stations u32 ‖ voters u64
//! per station, ascending:  station u32 ‖ voters u32 ‖ roll leaves (16 each, ascending)
//! BLAKE3 derive_key "tamga 2025 imported roll v1" over all that comes before (32)
//! ```
//! Integers are big-endian. The file is written under another name and gets its own when it is whole and durable; whoever reads it
//! checks digest, order and counts first.

use super::adapter::{RegistryAdapter, RegistryError, RollEntry};
use super::number::PersonalNumber;
use super::roll_file::{RollFileError, SortedRoll, VOTERS_MAX, read_roll_with};
use super::tag::TagKeys;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read, Write};
use tamga_ledger::ids::{Digest, ElectionId, RollLeaf};

const HEADER: &[u8] = b"tamga roll v1\n";
const CONTEXT: &str = "tamga 2025 imported roll v1";
const LEAF_BYTES: usize = 16;

/// Why an imported roll cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportedRollError {
    /// It cannot be read or written.
    #[error("the imported roll cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is not what an import writes.
    #[error("this is no imported roll, or it is damaged: {0}; import again")]
    Damaged(&'static str),
    /// It belongs to another election.
    #[error("the imported roll is of election {found}, not of {asked}")]
    OtherElection {
        /// Whose it is.
        found: ElectionId,
        /// Whose was asked for.
        asked: ElectionId,
    },
}

/// The rolls of all stations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedRoll {
    election: ElectionId,
    /// Leaves ascending; a voter is on one roll only.
    stations: BTreeMap<u32, Vec<RollLeaf>>,
}

impl ImportedRoll {
    /// Imports a table of voters. With `known` stations, a voter of another one is a fault. `progress` gets lines and bytes.
    ///
    /// # Errors
    /// [`RollFileError`]: every fault by line; nothing is imported then.
    pub fn import(
        table: impl BufRead,
        keys: &TagKeys,
        known: Option<&BTreeSet<u32>>,
        progress: impl FnMut(u64, u64),
    ) -> Result<Self, RollFileError> {
        let sorted = read_roll_with(table, keys, known, progress)?;
        Ok(Self { election: *keys.election(), stations: by_station(&sorted) })
    }

    /// Whose election.
    #[must_use]
    pub const fn election(&self) -> &ElectionId {
        &self.election
    }

    /// Rolls by station; leaves ascending.
    #[must_use]
    pub const fn stations(&self) -> &BTreeMap<u32, Vec<RollLeaf>> {
        &self.stations
    }

    /// Voters on all rolls.
    #[must_use]
    pub fn voters(&self) -> u64 {
        self.stations.values().map(|leaves| leaves.len() as u64).sum()
    }

    /// Writes it; returns the digest that ends it.
    ///
    /// # Errors
    /// As the writer gives them.
    pub fn write(&self, writer: &mut impl Write) -> io::Result<Digest> {
        let mut out = Digested { inner: writer, hasher: blake3::Hasher::new_derive_key(CONTEXT) };
        out.write_all(HEADER)?;
        out.write_all(self.election.as_ref())?;
        // Fit: at most VOTERS_MAX voters were imported, and no station is without one.
        out.write_all(&(self.stations.len() as u32).to_be_bytes())?;
        out.write_all(&self.voters().to_be_bytes())?;
        for (station, leaves) in &self.stations {
            out.write_all(&station.to_be_bytes())?;
            out.write_all(&(leaves.len() as u32).to_be_bytes())?;
            for leaf in leaves {
                out.write_all(&leaf.0)?;
            }
        }
        let digest = Digest(*out.hasher.finalize().as_bytes());
        out.inner.write_all(&digest.0)?;
        out.inner.flush()?;
        Ok(digest)
    }

    /// Reads what [`Self::write`] wrote, and checks it.
    ///
    /// # Errors
    /// [`ImportedRollError`].
    pub fn read(reader: &mut impl Read) -> Result<(Self, Digest), ImportedRollError> {
        let damaged = |what| Err(ImportedRollError::Damaged(what));
        let mut input = Digested { inner: reader, hasher: blake3::Hasher::new_derive_key(CONTEXT) };
        if input.take::<14>()?.as_slice() != HEADER {
            return damaged("it begins otherwise");
        }
        let election = ElectionId(input.take()?);
        let count = u32::from_be_bytes(input.take()?);
        let voters = u64::from_be_bytes(input.take()?);
        if voters > VOTERS_MAX as u64 || u64::from(count) > voters {
            return damaged("it claims more voters or stations than are possible");
        }
        let (mut stations, mut read) = (BTreeMap::new(), 0_u64);
        for _ in 0..count {
            let station = u32::from_be_bytes(input.take()?);
            let here = u32::from_be_bytes(input.take()?);
            read += u64::from(here);
            if here == 0 || read > voters || stations.last_key_value().is_some_and(|(last, _)| *last >= station) {
                return damaged("stations or their voters are not as announced");
            }
            // Grows with what is really there.
            let mut leaves: Vec<RollLeaf> = Vec::new();
            for _ in 0..here {
                let leaf = RollLeaf(input.take::<LEAF_BYTES>()?);
                if leaves.last().is_some_and(|last| *last >= leaf) {
                    return damaged("leaves do not ascend");
                }
                leaves.push(leaf);
            }
            stations.insert(station, leaves);
        }
        let digest = Digest(*input.hasher.finalize().as_bytes());
        let mut stated = [0; 32];
        input.inner.read_exact(&mut stated)?;
        if read != voters || stated != digest.0 || input.inner.read(&mut [0])? != 0 {
            return damaged("its digest does not fit");
        }
        Ok((Self { election, stations }, digest))
    }

    /// Turns it into a registry that finds voters, for whoever holds both keys.
    ///
    /// # Errors
    /// [`ImportedRollError::OtherElection`].
    pub fn into_registry(self, keys: TagKeys) -> Result<ImportedRegistry, ImportedRollError> {
        if self.election != *keys.election() {
            return Err(ImportedRollError::OtherElection { found: self.election, asked: *keys.election() });
        }
        Ok(ImportedRegistry { keys, roll: self })
    }
}

fn by_station(sorted: &SortedRoll) -> BTreeMap<u32, Vec<RollLeaf>> {
    let mut stations: BTreeMap<u32, Vec<RollLeaf>> = BTreeMap::new();
    // Sorted by leaf: each station's are, too.
    sorted.iter().for_each(|(leaf, station)| stations.entry(*station).or_default().push(*leaf));
    stations
}

/// A registry over an imported roll.
#[derive(Debug)]
pub struct ImportedRegistry {
    keys: TagKeys,
    roll: ImportedRoll,
}

impl RegistryAdapter for ImportedRegistry {
    fn find(&self, number: &PersonalNumber) -> Result<Option<RollEntry>, RegistryError> {
        let tag = self.keys.tag(number);
        let leaf = tag.roll_leaf();
        let home = self.roll.stations.iter().find(|(_, leaves)| leaves.binary_search(&leaf).is_ok());
        Ok(home.map(|(station, _)| RollEntry { tag, home_station: *station }))
    }

    fn rolls(&self) -> Result<BTreeMap<u32, Vec<RollLeaf>>, RegistryError> {
        Ok(self.roll.stations.clone())
    }
}

/// Bytes that pass, and their digest.
struct Digested<'a, T> {
    inner: &'a mut T,
    hasher: blake3::Hasher,
}

impl<T: Write> Digested<'_, T> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }
}

impl<T: Read> Digested<'_, T> {
    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}
