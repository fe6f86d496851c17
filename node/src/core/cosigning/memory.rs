//! Cosigning memory: the highest checkpoint this node's key has ever signed, durable before the signature leaves.
//!
//! Two slots of one file, written in turn, each with a checksum and a counter. A crash tears one slot at most; the other
//! one still holds what was signed before, and the torn one's signature never left. The file comes into being whole, by a
//! rename, with a first slot that says "nothing signed": so two unreadable slots are never the work of a crash.
//!
//! Each cosigner key has its own: `cosigning` is the one of the key that made it, `cosigning-<key id>` those of keys that came
//! later. A memory that is behind what others have seen of its key takes that over before anything is signed (`recall`).
//!
//! Invariants: a smaller size is never signed; the same size only with the same text.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tamga_ledger::ids::{KeyId, PublicKey};
use tamga_ledger::note::Checkpoint;
use tamga_platform::disk::{Disk, DiskFile, Open};
use tamga_platform::planted;

use crate::core::CoreError;

const MAGIC: &[u8; 8] = b"TAMGACM1";
/// Slots do not share a sector.
const SLOT_BYTES: u64 = 4_096;
const RECORD_BYTES: usize = 8 + 8 + 16 + 8 + 32 + 4;

/// What was signed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) size: u64,
    /// BLAKE3 of the note's text: origin, size and both roots.
    text: [u8; 32],
}

impl Signed {
    pub(crate) fn of(checkpoint: &Checkpoint) -> Self {
        let text = *blake3::hash(checkpoint.to_string().as_bytes()).as_bytes();
        Self { size: checkpoint.size.get(), text }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Memory {
    file: Arc<dyn DiskFile>,
    key: KeyId,
    counter: u64,
    signed: Option<Signed>,
    floor: u64,
    /// Signed before this process began, or shown by a peer, and not compared with this node's ledger yet.
    unchecked: Option<Signed>,
    /// Why this key signs nothing any more.
    silent: Option<String>,
}

/// What a checkpoint that the key has signed is to its memory.
#[derive(Debug)]
pub(crate) enum Shown {
    /// Remembered, or below what is.
    Known,
    /// Above: to be made durable before anything else is signed.
    Higher(Write),
    /// Another text of the size that is remembered.
    Contradicts,
}

/// Why a checkpoint must not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Forbidden {
    #[error("size {asked} is below {signed}, which this key has signed")]
    Smaller { asked: u64, signed: u64 },
    #[error("this key has signed size {0} with other roots")]
    OtherRoots(u64),
    #[error("{0}")]
    Silent(String),
}

impl Memory {
    /// Opens a key's memory in a node's folder.
    pub(crate) fn open_for(disk: &dyn Disk, folder: &Path, key: &PublicKey, floor: u64) -> Result<Self, CoreError> {
        let (id, first) = (key.id(), folder.join("cosigning"));
        let own = folder.join(format!("cosigning-{}", hex::encode(id.0)));
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| CoreError::Io { action, path, source }
        };
        let of_another = match owner(disk, &first).map_err(io("look into", &first))? {
            Some(owner) => owner != id,
            // Damaged or not there: whose it is, is unknown; opening says so.
            None => !is_absent(disk, &own).map_err(io("look for", &own))?,
        };
        Self::open(disk, if of_another { &own } else { &first }, id, floor)
    }

    /// Opens the memory. A new one starts at `floor`, the size of the latest checkpoint this node knows to be published.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, key: KeyId, floor: u64) -> Result<Self, CoreError> {
        let io = |action| move |source| CoreError::Io { action, path: path.to_owned(), source };
        let damaged = |what: &str| CoreError::Damaged { path: path.to_owned(), what: what.to_owned() };
        if is_absent(disk, path).map_err(io("look for"))? {
            if floor > 0 {
                tracing::warn!(path = %path.display(), floor, "the cosigning memory is new although the ledger is not");
            }
            // Crash within: no memory or a whole one, and nothing was signed yet.
            disk.replace(path, &first_bytes(key)).map_err(io("create"))?;
        }
        // Whoever made it may have died before its name was durable, and what is signed must not go with the name.
        disk.sync_dir(path.parent().unwrap_or_else(|| Path::new("."))).map_err(io("sync the folder of"))?;
        let file: Arc<dyn DiskFile> = Arc::from(disk.open(path, Open::ReadWrite).map_err(io("open"))?);
        let slots = [read_slot(file.as_ref(), 0), read_slot(file.as_ref(), 1)];
        let slots = [slots[0].as_ref(), slots[1].as_ref()].map(|slot| slot.ok().copied().flatten());
        let Some(newest) = slots.into_iter().flatten().max_by_key(|slot| slot.counter) else {
            return Err(damaged(
                "both slots of the cosigning memory are unreadable: what this key has signed is unknown; \
                 let the organisation's standby key take its place",
            ));
        };
        if newest.key != key {
            return Err(damaged("the cosigning memory belongs to another cosigner key; keep it with that key"));
        }
        // An earlier process may have written this slot and died before the sync, or failed to sync it. From here on the
        // same text may be signed without being written again, so it has to be durable now.
        Write { file: Arc::clone(&file), slot: newest }.perform().map_err(io("write again"))?;
        let signed = (newest.counter > 0).then_some(newest.signed);
        // A node that was recovered to an earlier size has given up what its keys signed behind it; whoever goes on with such a
        // key contradicts itself. So has a ledger put back from a backup and filled by others.
        Ok(Self { file, key, counter: newest.counter, signed, floor, unchecked: signed, silent: None })
    }

    /// The highest size signed.
    pub(crate) fn size(&self) -> u64 {
        self.signed.map_or(0, |signed| signed.size)
    }

    /// Whether a checkpoint may be signed.
    pub(crate) fn check(&self, checkpoint: &Checkpoint) -> Result<(), Forbidden> {
        if let Some(silent) = &self.silent {
            return Err(Forbidden::Silent(silent.clone()));
        }
        let asked = Signed::of(checkpoint);
        let lowest = self.size().max(self.floor);
        if planted::is("cosigns-smaller") {
            return Ok(());
        }
        if asked.size < lowest {
            return Err(Forbidden::Smaller { asked: asked.size, signed: lowest });
        }
        match self.signed {
            Some(signed) if signed.size == asked.size && signed != asked => Err(Forbidden::OtherRoots(asked.size)),
            _ => Ok(()),
        }
    }

    /// Takes over what somebody shows that this key has signed.
    pub(crate) fn shown(&mut self, checkpoint: &Checkpoint) -> Shown {
        let shown = Signed::of(checkpoint);
        if shown.size < self.size() || self.signed == Some(shown) || shown.size == 0 {
            return Shown::Known;
        }
        if shown.size == self.size() {
            return Shown::Contradicts;
        }
        match self.remember(checkpoint) {
            Some(write) => {
                self.unchecked = Some(shown);
                Shown::Higher(write)
            }
            None => Shown::Known,
        }
    }

    /// What the key has signed before and is still to be compared with this node's ledger.
    pub(crate) const fn unchecked(&self) -> Option<Signed> {
        self.unchecked
    }

    /// The ledger has what was signed.
    pub(crate) fn agrees(&mut self) {
        self.unchecked = None;
    }

    /// Nothing is signed with this key any more.
    pub(crate) fn silence(&mut self, why: String) {
        self.silent.get_or_insert(why);
    }

    /// What is to be written before `checkpoint` may be signed; none if it was signed before.
    pub(crate) fn remember(&mut self, checkpoint: &Checkpoint) -> Option<Write> {
        let signed = Signed::of(checkpoint);
        if self.signed == Some(signed) {
            return None;
        }
        self.counter += 1;
        self.signed = Some(signed);
        Some(Write { file: Arc::clone(&self.file), slot: Slot { counter: self.counter, key: self.key, signed } })
    }
}

/// The highest size that each of these keys has signed, as the memories in a node's folder say; 0 for none. For a node that
/// is not running; writes nothing.
pub(crate) fn cosigned_sizes(
    disk: &dyn Disk,
    folder: &Path,
    keys: &[PublicKey],
) -> Result<Vec<(PublicKey, u64)>, CoreError> {
    let mut sizes = Vec::with_capacity(keys.len());
    for key in keys {
        let own = folder.join(format!("cosigning-{}", hex::encode(key.id().0)));
        let mut highest = 0;
        for path in [folder.join("cosigning"), own] {
            let io = |source| CoreError::Io { action: "read", path: path.clone(), source };
            if is_absent(disk, &path).map_err(io)? {
                continue;
            }
            let file = disk.open(&path, Open::Read).map_err(io)?;
            let slots = [0, 1].map(|slot| read_slot(file.as_ref(), slot).ok().flatten());
            let signed = slots.into_iter().flatten().filter(|slot| slot.key == key.id() && slot.counter > 0);
            highest = signed.map(|slot| slot.signed.size).max().unwrap_or(0).max(highest);
        }
        sizes.push((*key, highest));
    }
    Ok(sizes)
}

/// A slot to be written.
#[derive(Debug)]
pub(crate) struct Write {
    file: Arc<dyn DiskFile>,
    slot: Slot,
}

impl Write {
    /// Writes and syncs; blocks. After an error nothing may be signed any more.
    pub(crate) fn perform(&self) -> io::Result<()> {
        let offset = (self.slot.counter % 2) * SLOT_BYTES;
        let mut bytes = [0; SLOT_BYTES as usize];
        bytes[..RECORD_BYTES].copy_from_slice(&self.slot.to_bytes());
        self.file.write_all_at(&bytes, offset)?;
        if planted::is("cosigning-not-synced") {
            return Ok(());
        }
        self.file.sync_data()
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    counter: u64,
    key: KeyId,
    signed: Signed,
}

impl Slot {
    fn to_bytes(self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.counter.to_be_bytes());
        bytes[16..32].copy_from_slice(&self.key.0);
        bytes[32..40].copy_from_slice(&self.signed.size.to_be_bytes());
        bytes[40..72].copy_from_slice(&self.signed.text);
        let checksum = crc32c::crc32c(&bytes[..72]);
        bytes[72..].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let number = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| bytes[at + i]));
        let stated = u32::from_be_bytes([bytes[72], bytes[73], bytes[74], bytes[75]]);
        if &bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..72]) != stated {
            return None;
        }
        let signed = Signed { size: number(32), text: std::array::from_fn(|i| bytes[40 + i]) };
        Some(Self { counter: number(8), key: KeyId(std::array::from_fn(|i| bytes[16 + i])), signed })
    }
}

/// Whether there is no memory yet. An empty file is one of version 0.1 that never signed.
fn is_absent(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    match disk.open(path, Open::Read) {
        Ok(file) => Ok(file.len()? == 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// The key that a memory belongs to, as far as it can be read.
fn owner(disk: &dyn Disk, path: &Path) -> io::Result<Option<KeyId>> {
    if is_absent(disk, path)? {
        return Ok(None);
    }
    let file = disk.open(path, Open::Read)?;
    let slots = [read_slot(file.as_ref(), 0), read_slot(file.as_ref(), 1)];
    Ok(slots.into_iter().filter_map(|slot| slot.ok().flatten()).map(|slot| slot.key).next())
}

/// A memory of nothing.
fn first_bytes(key: KeyId) -> Vec<u8> {
    let nothing = Slot { counter: 0, key, signed: Signed { size: 0, text: [0; 32] } };
    let mut bytes = vec![0; 2 * SLOT_BYTES as usize];
    bytes[..RECORD_BYTES].copy_from_slice(&nothing.to_bytes());
    bytes
}

/// The slot's content; none if it is empty, torn or damaged.
fn read_slot(file: &dyn DiskFile, slot: u64) -> io::Result<Option<Slot>> {
    let mut bytes = [0; RECORD_BYTES];
    file.read_exact_at(&mut bytes, slot * SLOT_BYTES)?;
    Ok(Slot::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamga_ledger::note::KeyName;
    use tamga_ledger::tree::{Hash, Roots, TreeSize};
    use tamga_platform::disk::MemDisk;
    use tamga_platform::sim_disk::{Plan, SimDisk};

    fn checkpoint(size: u64, root: u8) -> Checkpoint {
        let roots = Roots { sha256: Hash::new([root; 32]), blake3: Hash::new([root; 32]) };
        Checkpoint { origin: KeyName::new("o/1").unwrap(), size: TreeSize::new(size).unwrap(), roots }
    }

    fn open(disk: &MemDisk) -> Memory {
        Memory::open(disk, Path::new("/d/cosigning"), KeyId([1; 16]), 0).unwrap()
    }

    fn sign(memory: &mut Memory, checkpoint: &Checkpoint) {
        memory.check(checkpoint).unwrap();
        if let Some(write) = memory.remember(checkpoint) {
            write.perform().unwrap();
        }
    }

    #[test]
    fn never_signs_a_smaller_size_nor_other_roots_also_after_a_power_loss() {
        let disk = MemDisk::default();
        let mut memory = open(&disk);
        for size in [3, 5, 9] {
            sign(&mut memory, &checkpoint(size, 1));
        }
        disk.power_loss();
        let memory = open(&disk);
        assert_eq!(memory.size(), 9);
        assert_eq!(memory.check(&checkpoint(5, 1)), Err(Forbidden::Smaller { asked: 5, signed: 9 }));
        assert_eq!(memory.check(&checkpoint(9, 2)), Err(Forbidden::OtherRoots(9)));
        assert_eq!(memory.check(&checkpoint(9, 1)), Ok(()));
        assert_eq!(memory.check(&checkpoint(10, 7)), Ok(()));
    }

    #[test]
    fn a_torn_slot_leaves_the_one_before() {
        let disk = MemDisk::default();
        let mut memory = open(&disk);
        sign(&mut memory, &checkpoint(3, 1));
        sign(&mut memory, &checkpoint(5, 1));
        // Counter 2 went to slot 0.
        disk.open(Path::new("/d/cosigning"), Open::ReadWrite).unwrap().write_all_at(b"xx", 20).unwrap();
        assert_eq!(open(&disk).size(), 3);
        disk.open(Path::new("/d/cosigning"), Open::ReadWrite).unwrap().write_all_at(b"xx", SLOT_BYTES + 20).unwrap();
        assert!(Memory::open(&disk, Path::new("/d/cosigning"), KeyId([1; 16]), 0).is_err());
    }

    #[test]
    fn every_crash_keeps_what_was_signed_and_opens() {
        let disk = SimDisk::new(1);
        disk.create_dir_all(Path::new("/d")).unwrap();
        disk.record();
        let mut memory = Memory::open(&disk, Path::new("/d/cosigning"), KeyId([1; 16]), 0).unwrap();
        // (size, asked at, durable at), in operations of the journal.
        let mut told = vec![(0, 0, 0)];
        for size in [3, 5, 9, 12] {
            let asked = disk.recorded();
            sign(&mut memory, &checkpoint(size, 1));
            told.push((size, asked, disk.recorded()));
        }
        let promises: Vec<usize> = told.iter().map(|(.., durable)| *durable).collect();
        let crashes = disk.journal().each_crash(&Plan::default(), &promises, |crash, disk| {
            let memory = Memory::open(&disk, Path::new("/d/cosigning"), KeyId([1; 16]), 0);
            let mut memory = memory.unwrap_or_else(|error| panic!("{crash}: {error}"));
            let durable =
                told.iter().filter(|(.., durable)| *durable <= crash.operations).map(|(size, ..)| *size).max();
            let asked = told.iter().filter(|(_, asked, _)| *asked <= crash.operations).map(|(size, ..)| *size).max();
            assert!(Some(memory.size()) >= durable && Some(memory.size()) <= asked, "{crash}: {}", memory.size());
            if memory.size() > 0 {
                let other = checkpoint(memory.size(), 2);
                assert_eq!(memory.check(&other), Err(Forbidden::OtherRoots(memory.size())), "{crash}");
            }
            sign(&mut memory, &checkpoint(20, 1));
            disk.power_loss();
            let memory = Memory::open(&disk, Path::new("/d/cosigning"), KeyId([1; 16]), 0).unwrap();
            assert_eq!(memory.size(), 20, "{crash}");
        });
        assert!(crashes > 1_000, "{crashes}");
    }

    #[test]
    fn what_others_have_seen_is_taken_over_before_anything_is_signed() {
        let disk = MemDisk::default();
        let mut memory = open(&disk);
        sign(&mut memory, &checkpoint(5, 1));
        assert!(matches!(memory.shown(&checkpoint(4, 9)), Shown::Known));
        assert!(matches!(memory.shown(&checkpoint(5, 1)), Shown::Known));
        assert!(matches!(memory.shown(&checkpoint(5, 2)), Shown::Contradicts));
        let Shown::Higher(write) = memory.shown(&checkpoint(9, 1)) else { panic!("it is higher") };
        write.perform().unwrap();
        assert_eq!(memory.unchecked(), Some(Signed::of(&checkpoint(9, 1))));
        disk.power_loss();
        let mut memory = open(&disk);
        assert_eq!(memory.check(&checkpoint(8, 1)), Err(Forbidden::Smaller { asked: 8, signed: 9 }));
        assert_eq!(memory.check(&checkpoint(9, 2)), Err(Forbidden::OtherRoots(9)));
        memory.silence("why".to_owned());
        assert_eq!(memory.check(&checkpoint(10, 1)), Err(Forbidden::Silent("why".to_owned())));
    }

    #[test]
    fn each_key_has_its_own_memory() {
        let (disk, folder) = (MemDisk::default(), Path::new("/d"));
        let key = |n: u8| tamga_ledger::sign::public_key(&ed25519_dalek::SigningKey::from_bytes(&[n; 32]));
        let open = |n: u8| Memory::open_for(&disk, folder, &key(n), 0).unwrap();
        sign(&mut open(1), &checkpoint(7, 1));
        assert_eq!(open(2).size(), 0);
        sign(&mut open(2), &checkpoint(3, 1));
        assert_eq!((open(1).size(), open(2).size(), open(3).size()), (7, 3, 0));
        // The first one's is lost: the others' are still their own.
        disk.remove(&folder.join("cosigning")).unwrap();
        assert_eq!(open(2).size(), 3);
    }

    #[test]
    fn another_key_is_refused() {
        let disk = MemDisk::default();
        sign(&mut open(&disk), &checkpoint(3, 1));
        assert!(Memory::open(&disk, Path::new("/d/cosigning"), KeyId([2; 16]), 0).is_err());
    }
}
