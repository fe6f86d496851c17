//! Which record is at which leaf: 16 bytes of each id in leaf order, and tables of leaves beside them.
//!
//! The ids lie in blocks that never move, and the tables are 256 small ones, so growing is never one long pause: at two
//! million records one table of it all would take some 100 ms to double, while everybody waits for apply. The blocks may lie
//! in a file instead of memory (`aside`): an auditor of eight million records has 256 MiB for everything (docs/AUDIT.md).
//!
//! The tables are our own because all of them grow at the same time: a general one doubles, and these grow by an eighth. A slot
//! has four bytes of the id beside the leaf, so that neither growing nor a look that finds nothing reads an id: 9 to 10¼ bytes
//! for each record. Nothing is ever removed, so a probe is a run of neighbours, and what is compared in the end is the id itself.
//!
//! Ids are BLAKE3 digests, so their own bytes are the hash. Who grinds nonces to fill one bucket needs millions of hashes
//! for each record beyond chance, and a registered key to sign them.

use super::aside::Aside;
use std::sync::Arc;
use tamga_platform::disk::DiskFile;

/// Half a record id.
pub(crate) type ShortId = [u8; 16];

/// A leaf whose record has no id here: an entry an auditor cannot read. No record has this id.
const NONE: ShortId = [0; 16];
/// Ids of one block.
pub(super) const BLOCK: usize = 1 << 16;
const TABLES: usize = 256;

/// Record ids by leaf, and leaves by record id.
///
/// Invariant: `tables` holds exactly the leaves whose id is not [`NONE`] and is not repeated by a later leaf.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordIndex {
    blocks: Blocks,
    len: u32,
    /// None before the first record, then 256, by the id's first byte.
    tables: Vec<Table>,
}

impl RecordIndex {
    /// How many leaves there are.
    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    /// The leaf of the record with this id.
    pub(crate) fn leaf_of(&self, id: &ShortId) -> Option<u32> {
        self.tables.get(usize::from(id[0]))?.find(&self.blocks, id)
    }

    /// Adds the next leaf. A repeated id then names the later leaf.
    pub(crate) fn push(&mut self, id: Option<ShortId>) {
        let leaf = self.len;
        if leaf == u32::MAX {
            // No node gets here (`State::integrate` is full before); an auditor of such a thing finds no duplicates beyond.
            return;
        }
        self.blocks.push(id.unwrap_or(NONE));
        self.len += 1;
        let Some(id) = id.filter(|id| *id != NONE) else { return };
        if self.tables.is_empty() {
            self.tables.resize_with(TABLES, Table::default);
        }
        if let Some(table) = self.tables.get_mut(usize::from(id[0])) {
            table.insert(&self.blocks, &id, leaf);
        }
    }

    /// The ids of some leaves, in order; zeros where there is none. Leaves beyond the last are left out.
    pub(crate) fn ids(&self, from: u32, to: u32) -> Vec<ShortId> {
        let to = to.min(self.len);
        self.blocks.range(from as usize, to.max(from) as usize)
    }

    /// Keeps the ids of full blocks in `file` from now on, those that are there too. Clones read there as well, and keep what
    /// is added to them in memory.
    pub(crate) fn keep_aside(&mut self, file: Box<dyn DiskFile>) {
        self.blocks.keep_aside(file);
    }

    /// What went wrong with the file of [`keep_aside`](Self::keep_aside): an answer since then may be false.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.blocks.aside.as_ref()?.failure()
    }
}

/// Ids in leaf order.
///
/// Invariant: every block but the last has [`BLOCK`] ids; the first `away` of them are in the file, the others here.
#[derive(Debug, Default)]
struct Blocks {
    here: Vec<Vec<ShortId>>,
    away: usize,
    aside: Option<Arc<Aside>>,
    /// Whether blocks that become full go to the file: not those of a clone, which may go another way.
    fills: bool,
}

impl Clone for Blocks {
    fn clone(&self) -> Self {
        Self { here: self.here.clone(), away: self.away, aside: self.aside.clone(), fills: false }
    }
}

impl Blocks {
    fn push(&mut self, id: ShortId) {
        if self.here.last().is_none_or(|block| block.len() == BLOCK) {
            self.here.push(Vec::with_capacity(BLOCK));
        }
        if let Some(block) = self.here.last_mut() {
            block.push(id);
        }
        self.put_aside();
    }

    fn keep_aside(&mut self, file: Box<dyn DiskFile>) {
        let here = self.range(0, self.away * BLOCK).chunks(BLOCK).map(<[ShortId]>::to_vec).collect::<Vec<_>>();
        self.here.splice(..0, here);
        (self.away, self.fills, self.aside) = (0, true, Some(Arc::new(Aside::new(file))));
        self.put_aside();
    }

    /// Full blocks go where they belong. One that cannot be written stays here, as do those after it.
    fn put_aside(&mut self) {
        let Some(aside) = self.aside.as_ref().filter(|_| self.fills) else { return };
        let full = self.here.iter().take_while(|block| block.len() == BLOCK);
        let written = full.enumerate().take_while(|(number, block)| aside.write(self.away + number, block)).count();
        self.fills = self.here.get(written).is_none_or(|block| block.len() < BLOCK);
        self.away += written;
        self.here.drain(..written);
    }

    fn get(&self, leaf: u32) -> ShortId {
        let (block, offset) = (leaf as usize / BLOCK, leaf as usize % BLOCK);
        match (block.checked_sub(self.away), &self.aside) {
            (Some(here), _) => self.here.get(here).and_then(|block| block.get(offset)).copied().unwrap_or(NONE),
            (None, Some(aside)) => aside.read(leaf as usize, 1).first().copied().unwrap_or(NONE),
            (None, None) => NONE,
        }
    }

    fn range(&self, from: usize, to: usize) -> Vec<ShortId> {
        let away = to.min(self.away * BLOCK).saturating_sub(from);
        let mut ids = self.aside.as_ref().map(|aside| aside.read(from, away)).unwrap_or_default();
        let next = (from + away).max(self.away * BLOCK) - self.away * BLOCK;
        let here = self.here.iter().skip(next / BLOCK).flatten().skip(next % BLOCK);
        ids.extend(here.take(to.saturating_sub(from + away)));
        ids
    }
}

/// A leaf, and four bytes of its record's id.
#[derive(Debug, Clone, Copy)]
struct Slot {
    leaf: u32,
    hash: u32,
}

impl Slot {
    /// No leaf has this index ([`RecordIndex::push`]).
    const EMPTY: Self = Self { leaf: u32::MAX, hash: 0 };

    const fn is_empty(self) -> bool {
        self.leaf == Self::EMPTY.leaf
    }
}

/// Leaves by the ids of their records: open addressing, a leaf stands in the first empty slot from its id's place on.
///
/// Invariant: at most seven eighths of the slots are taken, so every probe ends.
#[derive(Debug, Clone, Default)]
struct Table {
    slots: Vec<Slot>,
    taken: usize,
}

impl Table {
    fn find(&self, blocks: &Blocks, id: &ShortId) -> Option<u32> {
        let hash = hash(id);
        let at = self.probe(hash, |leaf| blocks.get(leaf) == *id)?;
        self.slots.get(at).filter(|slot| !slot.is_empty()).map(|slot| slot.leaf)
    }

    /// A repeated id then names the later leaf.
    fn insert(&mut self, blocks: &Blocks, id: &ShortId, leaf: u32) {
        if (self.taken + 1) * 8 > self.slots.len() * 7 {
            let more = self.slots.len() + self.slots.len() / 8 + 8;
            let old = std::mem::replace(&mut self.slots, vec![Slot::EMPTY; more]);
            self.taken = 0;
            // They differ from each other already.
            old.into_iter().filter(|slot| !slot.is_empty()).for_each(|slot| self.put(slot, |_| false));
        }
        self.put(Slot { leaf, hash: hash(id) }, |leaf| blocks.get(leaf) == *id);
    }

    fn put(&mut self, slot: Slot, same: impl Fn(u32) -> bool) {
        let Some(place) = self.probe(slot.hash, same).and_then(|at| self.slots.get_mut(at)) else { return };
        self.taken += usize::from(place.is_empty());
        *place = slot;
    }

    /// The slot of the leaf with this hash that is the `same`, or the empty one where it would stand; none if there are no slots.
    fn probe(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<usize> {
        let (before, from) = self.slots.split_at_checked(place(hash, self.slots.len()))?;
        let ends = |slot: &Slot| slot.is_empty() || slot.hash == hash && same(slot.leaf);
        let found = from.iter().chain(before).position(ends)?;
        Some((before.len() + found) % self.slots.len())
    }
}

/// The first byte chose the table.
fn hash(id: &ShortId) -> u32 {
    u32::from_le_bytes([id[1], id[2], id[3], id[4]])
}

/// Where a probe starts.
fn place(hash: u32, slots: usize) -> usize {
    let place = (u128::from(hash) * slots as u128) >> 32;
    usize::try_from(place).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::path::Path;
    use tamga_platform::disk::{Disk as _, Open};
    use tamga_platform::sim_disk::SimDisk;

    fn id(number: u32) -> ShortId {
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(&number.to_be_bytes()).as_bytes()[..16]);
        id
    }

    /// Some leaves have no record, and some repeat one.
    fn record(leaf: u32) -> Option<ShortId> {
        match leaf % 1_000 {
            7 => None,
            8 => Some(id(leaf / 2)),
            _ => Some(id(leaf)),
        }
    }

    fn file(disk: &SimDisk) -> Box<dyn DiskFile> {
        disk.open(Path::new("/ids"), Open::ReadWrite).unwrap()
    }

    const LEAVES: u32 = 5 * BLOCK as u32 / 2;

    #[test]
    fn it_is_a_map_with_an_order_wherever_the_ids_lie() {
        let model: HashMap<ShortId, u32> = (0..LEAVES).filter_map(|leaf| Some((record(leaf)?, leaf))).collect();
        let in_order: Vec<ShortId> = (0..LEAVES).map(|leaf| record(leaf).unwrap_or(NONE)).collect();
        // Never aside, from the beginning on, from some leaf on.
        for aside in [None, Some(0), Some(BLOCK as u32 - 1), Some(BLOCK as u32), Some(LEAVES)] {
            let (disk, mut index) = (SimDisk::new(0), RecordIndex::default());
            let mut clone = None;
            for leaf in 0..=LEAVES {
                if aside == Some(leaf) {
                    index.keep_aside(file(&disk));
                }
                if leaf == LEAVES - 100 {
                    clone = Some(index.clone());
                }
                if leaf < LEAVES {
                    index.push(record(leaf));
                }
            }
            // A clone that goes another way, over the end of a block: the file is not its own.
            let mut clone = clone.unwrap();
            (0..BLOCK as u32).for_each(|number| clone.push(Some(id(LEAVES + number))));
            assert_eq!(clone.leaf_of(&id(LEAVES + 5)), Some(LEAVES - 100 + 5));

            assert_eq!(index.blocks.away, if aside.is_some() { 2 } else { 0 });
            assert_eq!(index.len(), LEAVES as usize);
            assert!(model.iter().all(|(id, leaf)| index.leaf_of(id) == Some(*leaf)));
            assert_eq!(index.leaf_of(&id(u32::MAX)), None);
            assert_eq!(index.leaf_of(&NONE), None);
            for (from, to) in [(0, u32::MAX), (65_535, 65_538), (3, 5), (131_071, 131_074), (140_000, 140_002), (9, 3)]
            {
                let due = in_order.get(from as usize..to.min(LEAVES) as usize).unwrap_or_default();
                assert_eq!(index.ids(from, to), due, "{from}..{to}");
            }
            assert_eq!(index.failure(), None);
            for table in &index.tables {
                let room = table.slots.len();
                assert!(table.taken * 8 <= room * 7 && table.taken * 2 >= room, "{} of {room}", table.taken);
                assert_eq!(table.taken, table.slots.iter().filter(|slot| !slot.is_empty()).count());
            }
        }
        assert_eq!(RecordIndex::default().leaf_of(&id(1)), None);
    }

    /// What the process has of memory, MiB, with ids aside: `cargo test --release -p tamga-ledger --lib -- --ignored --nocapture eight_million`.
    #[test]
    #[ignore = "a measurement; takes a release build"]
    fn of_eight_million() {
        let rss = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
        };
        let folder = tempfile::tempdir().unwrap();
        let file = tamga_platform::disk::OsDisk.open(&folder.path().join("ids"), Open::CreateNew).unwrap();
        let (before, mut index) = (rss(), RecordIndex::default());
        index.keep_aside(file);
        for leaf in 0..8_000_000 {
            index.push(Some(id(leaf)));
            if leaf % 1_000_000 == 999_999 {
                println!("{}: {} MiB", leaf + 1, rss() - before);
            }
        }
        let (slots, taken) = index.tables.iter().fold((0, 0), |sum, one| (sum.0 + one.slots.len(), sum.1 + one.taken));
        println!("{slots} slots for {taken}: {} MiB", (slots * 8) >> 20);
    }

    #[test]
    fn a_full_disk_costs_memory_and_one_that_cannot_be_read_is_told() {
        let (disk, mut index) = (SimDisk::new(0), RecordIndex::default());
        disk.set_capacity(Some(BLOCK as u64 * 16));
        index.keep_aside(file(&disk));
        (0..LEAVES).for_each(|leaf| index.push(record(leaf)));
        assert_eq!((index.blocks.away, index.blocks.here.len()), (1, 2));
        assert_eq!((index.leaf_of(&id(5)), index.leaf_of(&id(70_000)), index.failure()), (Some(5), Some(70_000), None));

        assert!(disk.spoil(Path::new("/ids"), 0));
        assert_eq!((index.leaf_of(&id(70_000)), index.failure()), (Some(70_000), None));
        assert_eq!(index.leaf_of(&id(5)), None);
        assert!(index.failure().unwrap().contains("cannot be read again"));
    }
}
