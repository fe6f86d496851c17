//! Which record is at which leaf: 16 bytes of each id in leaf order, and tables of leaves beside them.
//!
//! The ids lie in blocks that never move, and the tables are 256 small ones, so growing is never one long pause: at two
//! million records one table of it all would take some 100 ms to double, while everybody waits for apply.
//!
//! The tables are our own because all of them grow at the same time: a general one doubles, and at eight million records (an
//! auditor's limit, docs/AUDIT.md) would hold 11 bytes for each. These grow by a quarter: 5 to 6¼ bytes for each. Nothing is
//! ever removed, so a probe is a run of neighbours, and what is compared is the id itself.
//!
//! Ids are BLAKE3 digests, so their own bytes are the hash. Who grinds nonces to fill one bucket needs millions of hashes
//! for each record beyond chance, and a registered key to sign them.

/// Half a record id.
pub(crate) type ShortId = [u8; 16];

/// A leaf whose record has no id here: an entry an auditor cannot read. No record has this id.
const NONE: ShortId = [0; 16];
const BLOCK: usize = 1 << 16;
const TABLES: usize = 256;

/// Record ids by leaf, and leaves by record id.
///
/// Invariant: `tables` holds exactly the leaves whose id is not [`NONE`] and is not repeated by a later leaf.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordIndex {
    blocks: Vec<Vec<ShortId>>,
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
        self.append(id.unwrap_or(NONE));
        let Some(id) = id.filter(|id| *id != NONE) else { return };
        if self.tables.is_empty() {
            self.tables.resize_with(TABLES, Table::default);
        }
        if let Some(table) = self.tables.get_mut(usize::from(id[0])) {
            table.insert(&self.blocks, &id, leaf);
        }
    }

    /// All leaves at once, from ids in leaf order; missing ones are zeros.
    ///
    /// Leaves are sorted by table first, so that each table is filled while it lies in the cache.
    pub(crate) fn of(ids: impl Iterator<Item = ShortId>) -> Self {
        let mut index = Self { tables: Vec::with_capacity(TABLES), ..Self::default() };
        let mut by_table = vec![Vec::new(); TABLES];
        for id in ids.take(u32::MAX as usize) {
            if id != NONE
                && let Some(leaves) = by_table.get_mut(usize::from(id[0]))
            {
                leaves.push(index.len);
            }
            index.append(id);
        }
        for leaves in by_table {
            let mut table = Table::with_room(leaves.len());
            for leaf in leaves {
                table.insert(&index.blocks, &get(&index.blocks, leaf), leaf);
            }
            index.tables.push(table);
        }
        index
    }

    fn append(&mut self, id: ShortId) {
        if (self.len as usize).is_multiple_of(BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(id);
        }
        self.len += 1;
    }

    /// The ids of some leaves, in order; zeros where there is none. Leaves beyond the last are left out.
    pub(crate) fn ids(&self, from: u32, to: u32) -> impl Iterator<Item = &ShortId> {
        let to = to.min(self.len);
        (from..to).filter_map(|leaf| self.blocks.get(leaf as usize / BLOCK)?.get(leaf as usize % BLOCK))
    }
}

fn get(blocks: &[Vec<ShortId>], leaf: u32) -> ShortId {
    let block = blocks.get(leaf as usize / BLOCK);
    block.and_then(|block| block.get(leaf as usize % BLOCK)).copied().unwrap_or(NONE)
}

/// A slot without a leaf: no leaf has this index ([`RecordIndex::push`]).
const EMPTY: u32 = u32::MAX;

/// Leaves by the ids of their records: open addressing, a leaf stands in the first empty slot from its id's place on.
///
/// Invariant: at most four fifths of the slots are taken, so every probe ends.
#[derive(Debug, Clone, Default)]
struct Table {
    slots: Vec<u32>,
    taken: usize,
}

impl Table {
    fn with_room(leaves: usize) -> Self {
        Self { slots: vec![EMPTY; leaves + leaves / 4 + 1], taken: 0 }
    }

    fn find(&self, blocks: &[Vec<ShortId>], id: &ShortId) -> Option<u32> {
        let slot = self.probe(blocks, id)?;
        self.slots.get(slot).copied().filter(|leaf| *leaf != EMPTY)
    }

    /// A repeated id then names the later leaf.
    fn insert(&mut self, blocks: &[Vec<ShortId>], id: &ShortId, leaf: u32) {
        if (self.taken + 1) * 5 > self.slots.len() * 4 {
            let more = self.slots.len() + self.slots.len() / 4 + 8;
            let old = std::mem::replace(&mut self.slots, vec![EMPTY; more]);
            self.taken = 0;
            for leaf in old.into_iter().filter(|leaf| *leaf != EMPTY) {
                self.put(blocks, &get(blocks, leaf), leaf);
            }
        }
        self.put(blocks, id, leaf);
    }

    fn put(&mut self, blocks: &[Vec<ShortId>], id: &ShortId, leaf: u32) {
        let Some(slot) = self.probe(blocks, id).and_then(|slot| self.slots.get_mut(slot)) else { return };
        self.taken += usize::from(*slot == EMPTY);
        *slot = leaf;
    }

    /// The slot of this id, or the empty one where it would stand; none if there are no slots.
    fn probe(&self, blocks: &[Vec<ShortId>], id: &ShortId) -> Option<usize> {
        let (before, from) = self.slots.split_at_checked(place(id, self.slots.len()))?;
        let run = from.iter().chain(before);
        let found = run.enumerate().find(|(_, leaf)| **leaf == EMPTY || get(blocks, **leaf) == *id)?.0;
        Some((before.len() + found) % self.slots.len())
    }
}

/// Where an id's probe starts. The first byte chose the table, so the others are the hash.
fn place(id: &ShortId, slots: usize) -> usize {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&id[1..9]);
    let place = (u128::from(u64::from_le_bytes(bytes)) * slots as u128) >> 64;
    usize::try_from(place).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn id(number: u32) -> ShortId {
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(&number.to_be_bytes()).as_bytes()[..16]);
        id
    }

    #[test]
    fn it_is_a_map_with_an_order() {
        let (mut index, mut model) = (RecordIndex::default(), HashMap::new());
        for leaf in 0..3 * BLOCK as u32 / 2 {
            // Some leaves have no record, and some repeat one.
            let id = match leaf % 1_000 {
                7 => None,
                8 => Some(id(leaf / 2)),
                _ => Some(id(leaf)),
            };
            index.push(id);
            if let Some(id) = id {
                model.insert(id, leaf);
            }
        }
        assert_eq!(index.len(), 3 * BLOCK / 2);
        assert!(model.iter().all(|(id, leaf)| index.leaf_of(id) == Some(*leaf)));
        assert_eq!(index.leaf_of(&id(u32::MAX)), None);
        assert_eq!(index.leaf_of(&NONE), None);

        let again = RecordIndex::of(index.ids(0, u32::MAX).copied());
        assert!(again.ids(0, u32::MAX).eq(index.ids(0, u32::MAX)));
        assert!(model.iter().all(|(id, leaf)| again.leaf_of(id) == Some(*leaf)));
        assert!(index.ids(65_535, 65_538).copied().eq([id(65_535), id(65_536), id(65_537)]));
        assert_eq!(RecordIndex::default().leaf_of(&id(1)), None);
        for table in index.tables.iter().chain(&again.tables) {
            assert!(table.taken * 5 <= table.slots.len() * 4 && table.taken * 2 >= table.slots.len(), "{table:?}");
            assert_eq!(table.taken, table.slots.iter().filter(|leaf| **leaf != EMPTY).count());
        }
    }
}
