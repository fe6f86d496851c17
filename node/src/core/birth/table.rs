//! The births that this node knows, its own among them.
//!
//! File `birth`: magic, own id u32, born u8, count u16, then id u32 and number (16 B) of each birth, ascending by id, CRC-32C of
//! all before; integers little-endian. It is replaced as a whole, so a crash leaves the old one or the new one.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use tamga_ledger::nodes::NODES_MAX;
use tamga_platform::disk::Disk;

use crate::core::CoreError;

const MAGIC: &[u8; 8] = b"TAMGABN1";
const HEADER_BYTES: usize = 8 + 4 + 1 + 2;
const LINE_BYTES: usize = 4 + 16;
const FILE_BYTES_MAX: usize = HEADER_BYTES + NODES_MAX * LINE_BYTES + 4;

/// A random number, made when a node first starts on an empty folder: two folders never have the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Birth([u8; 16]);

impl Birth {
    /// From random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// From a message; none unless it has 16 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Birth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Birth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// See the module. The own birth is always in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    own: u32,
    born: bool,
    births: BTreeMap<u32, Birth>,
}

impl Table {
    pub(super) fn new(own: u32, birth: Birth) -> Self {
        Self { own, born: false, births: BTreeMap::from([(own, birth)]) }
    }

    /// Enough others have witnessed this node's birth, or it took part before births were witnessed.
    pub(super) const fn is_born(&self) -> bool {
        self.born
    }

    pub(super) const fn bear(&mut self) {
        self.born = true;
    }

    pub(super) fn get(&self, node: u32) -> Option<Birth> {
        self.births.get(&node).copied()
    }

    pub(super) fn births(&self) -> impl Iterator<Item = (u32, Birth)> {
        self.births.iter().map(|(node, birth)| (*node, *birth))
    }

    /// Takes over a birth, unless this id has one already; the birth that is known now. None if the table is full: there are
    /// never so many nodes.
    pub(super) fn learn(&mut self, node: u32, birth: Birth) -> Option<Birth> {
        if self.births.len() >= NODES_MAX && !self.births.contains_key(&node) {
            return None;
        }
        Some(*self.births.entry(node).or_insert(birth))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.own.to_le_bytes());
        bytes.push(u8::from(self.born));
        bytes.extend_from_slice(&(self.births.len() as u16).to_le_bytes());
        for (node, birth) in &self.births {
            bytes.extend_from_slice(&node.to_le_bytes());
            bytes.extend_from_slice(&birth.0);
        }
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<4>()?;
        let (magic, content) = content.split_first_chunk::<8>()?;
        let (own, content) = content.split_first_chunk::<4>()?;
        let (born, content) = content.split_first()?;
        let (count, mut lines) = content.split_first_chunk::<2>()?;
        let whole = crc32c::crc32c(&bytes[..bytes.len() - 4]) == u32::from_le_bytes(*sum);
        let length = usize::from(u16::from_le_bytes(*count)) * LINE_BYTES;
        if !whole || magic != MAGIC || *born > 1 || lines.len() != length {
            return None;
        }
        let mut births = BTreeMap::new();
        while let Some((line, rest)) = lines.split_first_chunk::<LINE_BYTES>() {
            let (node, birth) = line.split_first_chunk::<4>()?;
            births.insert(u32::from_le_bytes(*node), Birth::from_slice(birth)?);
            lines = rest;
        }
        let own = u32::from_le_bytes(*own);
        let table = Self { own, born: *born == 1, births };
        // Also refuses lines out of order or twice.
        (table.births.contains_key(&own) && table.births.len() <= NODES_MAX && table.to_bytes() == bytes)
            .then_some(table)
    }

    /// The table in this folder, if there is one.
    pub(super) fn read(disk: &dyn Disk, data_dir: &Path, own: u32) -> Result<Option<Self>, CoreError> {
        let path = path(data_dir);
        let damaged = |what: String| CoreError::Damaged { path: path.clone(), what };
        // An earlier process may have died before the name was durable; others were told what stands under it.
        let synced = disk.sync_dir(data_dir);
        synced.map_err(|source| CoreError::Io { action: "sync", path: data_dir.to_owned(), source })?;
        let bytes = match disk.read(&path, FILE_BYTES_MAX as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(damaged(error.to_string())),
            Err(source) => return Err(CoreError::Io { action: "read", path, source }),
        };
        let table = Self::from_bytes(&bytes).ok_or_else(|| {
            damaged("which births this node has witnessed is unknown: give it a new id and an empty folder".to_owned())
        })?;
        if table.own != own {
            let what =
                format!("this is the folder of node {}, not of node {own}; correct the configuration", table.own);
            return Err(damaged(what));
        }
        Ok(Some(table))
    }

    /// Blocks until it is durable.
    pub(super) fn write(&self, disk: &dyn Disk, data_dir: &Path) -> io::Result<()> {
        disk.replace(&path(data_dir), &self.to_bytes())
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("birth")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamga_platform::disk::{MemDisk, Open};
    use tamga_platform::sim_disk::{Plan, SimDisk};

    const FOLDER: &str = "/d";

    fn table() -> Table {
        let mut table = Table::new(3, Birth([3; 16]));
        table.learn(1, Birth([1; 16]));
        table.learn(7, Birth([7; 16]));
        table
    }

    #[test]
    fn the_first_birth_of_an_id_stays() {
        let mut table = table();
        assert_eq!(table.learn(1, Birth([9; 16])), Some(Birth([1; 16])));
        assert_eq!(table.learn(3, Birth([9; 16])), Some(Birth([3; 16])));
        (100..).take(NODES_MAX - 3).for_each(|node| assert!(table.learn(node, Birth([5; 16])).is_some()));
        assert_eq!(table.learn(99, Birth([5; 16])), None, "full");
        assert_eq!(table.learn(7, Birth([9; 16])), Some(Birth([7; 16])));
        assert!(table.to_bytes().len() <= FILE_BYTES_MAX);
        assert_eq!(Table::from_bytes(&table.to_bytes()), Some(table));
    }

    #[test]
    fn a_table_is_what_was_written_or_an_error() {
        let (disk, folder) = (MemDisk::default(), Path::new(FOLDER));
        assert_eq!(Table::read(&disk, folder, 3).unwrap(), None);
        table().write(&disk, folder).unwrap();
        disk.power_loss();
        assert_eq!(Table::read(&disk, folder, 3).unwrap(), Some(table()));
        assert!(matches!(Table::read(&disk, folder, 4), Err(CoreError::Damaged { .. })), "another node's");

        let whole = table().to_bytes();
        for cut in 0..whole.len() {
            assert_eq!(Table::from_bytes(&whole[..cut]), None);
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[cut] ^= 1 << bit;
                assert_eq!(Table::from_bytes(&flipped), None);
            }
        }
        disk.open(&path(folder), Open::ReadWrite).unwrap().set_len(FILE_BYTES_MAX as u64 + 1).unwrap();
        assert!(matches!(Table::read(&disk, folder, 3), Err(CoreError::Damaged { .. })));
    }

    /// With a good checksum too: it proves that nothing rotted, not that it was ever written.
    #[test]
    fn no_content_panics_and_what_is_read_is_written_the_same() {
        let whole = table().to_bytes();
        let mut read = 0;
        for at in 0..whole.len() - 4 {
            for byte in 0..=u8::MAX {
                let mut other = whole[..whole.len() - 4].to_vec();
                other[at] = byte;
                other.extend_from_slice(&crc32c::crc32c(&other).to_le_bytes());
                if let Some(table) = Table::from_bytes(&other) {
                    assert_eq!(table.to_bytes(), other);
                    read += 1;
                }
            }
        }
        assert!(read > 0);
    }

    #[test]
    fn every_crash_leaves_what_was_told_to_others() {
        let (disk, folder) = (SimDisk::new(1), Path::new(FOLDER));
        disk.create_dir_all(folder).unwrap();
        disk.record();
        let mut tables = vec![(disk.recorded(), None)];
        let mut table = Table::new(3, Birth([3; 16]));
        for step in 0..4 {
            match step {
                0 => {}
                1 => drop(table.learn(1, Birth([1; 16]))),
                2 => drop(table.learn(2, Birth([2; 16]))),
                _ => table.bear(),
            }
            table.write(&disk, folder).unwrap();
            tables.push((disk.recorded(), Some(table.clone())));
        }
        let promises: Vec<usize> = tables.iter().map(|(at, _)| *at).collect();
        let crashes = disk.journal().each_crash(&Plan::default(), &promises, |crash, disk| {
            let found = Table::read(&disk, folder, 3).unwrap_or_else(|error| panic!("{crash}: {error}"));
            // What was durable, or what was just being written.
            let durable = tables.iter().rposition(|(at, _)| *at <= crash.operations).unwrap();
            let next = tables.get(durable + 1).map(|(_, table)| table);
            assert!(found == tables[durable].1 || Some(&found) == next, "{crash}: {found:?}");
            // Read once, it stays: others may be told now.
            disk.power_loss();
            assert_eq!(Table::read(&disk, folder, 3).unwrap(), found, "{crash}");
        });
        assert!(crashes > 100, "{crashes}");
    }
}
