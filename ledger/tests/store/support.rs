//! A deterministic ledger to store, an independent model of it, and disks that fail.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use tamga_ledger::store::{Confidential, LogPosition, NewEntry, Options, Recovery, Store, StoreError, fsck};
use tamga_ledger::tree::{
    Blake3Tree, LeafHashes, LeafIndex, Roots, Sha256Tree, TileBuilder, TileWidth, TreeHash, TreeSize, TwinFrontier,
};
use tamga_platform::disk::{Disk, DiskFile, MemDisk, Open};

/// Where the ledger lives on every test disk.
pub(crate) fn folder() -> &'static Path {
    Path::new("/ledger")
}

pub(crate) const SMALL_SEGMENTS: Options = Options { segment_bytes: 16 * 1024, verify_all: false };

pub(crate) fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

pub(crate) fn leaf(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}

/// A small generator, so that a failure replays from its seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) const fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// The entry at a leaf: content and length depend on the leaf alone.
pub(crate) fn entry(leaf: u64) -> Vec<u8> {
    let length = 20 + (leaf * 37 % 150) as usize;
    leaf.to_be_bytes().iter().copied().cycle().take(length).collect()
}

/// Its confidential body: every third leaf has one, of class 1 or 2.
pub(crate) fn body(leaf: u64) -> (u8, Vec<u8>) {
    match leaf % 6 {
        0 => (1, vec![leaf as u8; 30 + (leaf % 50) as usize]),
        3 => (2, vec![!leaf as u8; 10 + (leaf % 90) as usize]),
        _ => (0, Vec::new()),
    }
}

/// The batch a position of the replicated log brings: from 0 to 12 entries, the first few without any.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) position: LogPosition,
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// Batches 1 to `count` with the leaves they bring.
pub(crate) fn batches(count: u64) -> Vec<Batch> {
    let mut first = 0;
    let batch = |index| {
        let (position, count) = (LogPosition { term: index / 10, leader: 3, index }, index * 5 % 13);
        first += count;
        Batch { position, first: first - count, count }
    };
    (1..=count).map(batch).collect()
}

/// Appends a batch of any leaves.
pub(crate) fn append(store: &Store, position: LogPosition, first: u64, count: u64) -> Result<(), StoreError> {
    let entries: Vec<_> = (first..first + count).map(|leaf| (entry(leaf), body(leaf))).collect();
    let entries: Vec<_> =
        entries.iter().map(|(entry, (class, body))| NewEntry { entry, confidential: body, class: *class }).collect();
    store.append(position, &entries).map(drop)
}

pub(crate) fn append_batch(store: &Store, batch: &Batch) -> Result<(), StoreError> {
    append(store, batch.position, batch.first, batch.count)
}

/// The largest size any test but the measurement reaches.
const MODEL_SIZE: u64 = 3000;

/// Roots at every size, from the entries alone.
static ROOTS: LazyLock<Vec<Roots>> = LazyLock::new(|| {
    let mut frontier = TwinFrontier::new();
    let grown = (0..MODEL_SIZE).map(|leaf| {
        frontier.push(LeafHashes::of(&entry(leaf))).unwrap();
        frontier.roots()
    });
    std::iter::once(Roots::empty()).chain(grown).collect()
});

/// What the roots are, from the entries alone.
pub(crate) fn roots(size: u64) -> Roots {
    ROOTS[usize::try_from(size).unwrap()]
}

pub(crate) fn open(disk: &MemDisk, options: Options) -> Result<(Store, Recovery), StoreError> {
    Store::open(Arc::new(disk.clone()), folder(), options)
}

/// The whole-state checker: everything the store serves is what the model says. `erased` classes are expected to be.
pub(crate) fn check_everything(store: &Store, erased: &[u8]) {
    let total = store.size().get();
    assert_eq!(store.head().roots, roots(total), "roots at size {total}");
    assert_eq!(store.roots_at(store.size()).unwrap(), roots(total));
    let mut from = 0;
    while from < total {
        let some = store.entries(leaf(from)..leaf(total), 2000).unwrap();
        assert!(!some.is_empty());
        for bytes in some {
            assert_eq!(bytes, entry(from), "entry {from}");
            from += 1;
        }
    }
    for at in 0..total {
        let expected = match body(at) {
            (0, _) => Confidential::None,
            (class, _) if erased.contains(&class) => Confidential::Erased { class },
            (class, body) => Confidential::Kept { class, body },
        };
        assert_eq!(store.confidential(leaf(at)).unwrap(), expected, "body of {at}");
    }
    check_tiles::<Sha256Tree>(store);
    check_tiles::<Blake3Tree>(store);
    check_proofs(store);
}

fn check_tiles<H: tamga_ledger::store::StoredTree>(store: &Store) {
    let total = store.size();
    let mut model = TileBuilder::<H>::new();
    for at in 0..total.get() {
        for tile in model.push(H::leaf(&entry(at))).unwrap() {
            let tamga_ledger::tree::TileKind::Hashes(level) = tile.path.kind() else { unreachable!() };
            assert_eq!(store.tile::<H>(level, tile.path.index(), TileWidth::Full).unwrap(), tile.bytes);
        }
    }
    for path in tamga_ledger::tree::tiles_of_size(total) {
        match path.kind() {
            tamga_ledger::tree::TileKind::Entries => {
                let bundle = store.entry_bundle(path.index(), path.width()).unwrap();
                let expected: Vec<u8> = (path.index() * 256..total.get())
                    .map(entry)
                    .flat_map(|entry| [&(entry.len() as u16).to_be_bytes()[..], &entry].concat())
                    .collect();
                assert_eq!(bundle, expected);
            }
            tamga_ledger::tree::TileKind::Hashes(level) => {
                let expected = model.partial(&path).unwrap();
                assert_eq!(store.tile::<H>(level, path.index(), path.width()).unwrap(), expected);
            }
        }
    }
}

fn check_proofs(store: &Store) {
    let total = store.size().get();
    let sizes = [1, 2, 3, 255, 256, 257, total / 3, total / 2, total.saturating_sub(1), total];
    for at_size in sizes.into_iter().filter(|at| (1..=total).contains(at)) {
        let expected = roots(at_size);
        assert_eq!(store.roots_at(size(at_size)).unwrap(), expected, "roots at {at_size}");
        for at in [0, at_size / 2, at_size - 1] {
            let proof = store.inclusion_proof::<Sha256Tree>(leaf(at), size(at_size)).unwrap();
            proof.verify(Sha256Tree::leaf(&entry(at)), leaf(at), size(at_size), &expected.sha256).unwrap();
            let proof = store.inclusion_proof::<Blake3Tree>(leaf(at), size(at_size)).unwrap();
            proof.verify(Blake3Tree::leaf(&entry(at)), leaf(at), size(at_size), &expected.blake3).unwrap();
        }
        let last = store.head().roots;
        let proof = store.consistency_proof::<Sha256Tree>(size(at_size), size(total)).unwrap();
        proof.verify(size(at_size), &expected.sha256, size(total), &last.sha256).unwrap();
        let proof = store.consistency_proof::<Blake3Tree>(size(at_size), size(total)).unwrap();
        proof.verify(size(at_size), &expected.blake3, size(total), &last.blake3).unwrap();
    }
}

pub(crate) fn assert_clean(disk: &MemDisk) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let report = fsck(&disk, folder()).unwrap();
    assert!(report.is_clean(), "{:#?}", report.faults);
    assert_eq!(report.torn_bytes, 0);
    assert_eq!(report.head.roots, roots(report.head.size.get()));
}

/// All files below a folder with their bytes as a reader sees them now.
pub(crate) fn files(disk: &MemDisk, below: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for name in disk.list(below).unwrap() {
        let path = below.join(name);
        match disk.read(&path, u64::MAX) {
            Ok(bytes) => found.push((path, bytes)),
            Err(_) => found.extend(files(disk, &path)),
        }
    }
    found
}

/// A disk on which exactly these files are, all durable.
pub(crate) fn disk_with(files: &[(PathBuf, Vec<u8>)]) -> MemDisk {
    let disk = MemDisk::default();
    for (path, bytes) in files {
        let file = disk.open(path, Open::CreateNew).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(path.parent().unwrap()).unwrap();
    }
    disk
}

pub(crate) fn copy(disk: &MemDisk) -> MemDisk {
    disk_with(&files(disk, folder()))
}

/// What may be on the platter after power is lost: of each block that was written but not synced, the old or the new.
/// Destroys the unsynced part of `disk`.
pub(crate) fn power_loss_keeping_some(disk: &MemDisk, seed: u64) -> MemDisk {
    const BLOCK: usize = 64;
    let mut dice = Dice::new(seed);
    let live = files(disk, folder());
    disk.power_loss();
    let mixed: Vec<_> = files(disk, folder())
        .into_iter()
        .map(|(path, durable)| {
            let newer = live.iter().find(|(other, _)| *other == path).map_or(&[][..], |(_, bytes)| bytes);
            let mut bytes = durable.clone();
            let length = if dice.roll(2) == 0 { newer.len().max(durable.len()) } else { durable.len() };
            bytes.resize(length, 0);
            for start in (0..length).step_by(BLOCK) {
                let end = (start + BLOCK).min(newer.len()).min(length);
                if start < end && dice.roll(2) == 0 {
                    bytes[start..end].copy_from_slice(&newer[start..end]);
                }
            }
            (path, bytes)
        })
        .collect();
    disk_with(&mixed)
}

/// Lets so many changes through to a disk and fails all later ones.
#[derive(Debug, Clone)]
pub(crate) struct FailingDisk {
    pub(crate) inner: MemDisk,
    left: Arc<AtomicI64>,
}

#[derive(Debug)]
struct FailingFile(Box<dyn DiskFile>, Arc<AtomicI64>);

fn spend(left: &AtomicI64) -> io::Result<()> {
    if left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(io::Error::other("simulated failure")) }
}

impl FailingDisk {
    pub(crate) fn after(inner: MemDisk, changes: i64) -> Self {
        Self { inner, left: Arc::new(AtomicI64::new(changes)) }
    }

    /// Changes that were still allowed; negative: so many were refused.
    pub(crate) fn left(&self) -> i64 {
        self.left.load(Ordering::SeqCst)
    }
}

impl Disk for FailingDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        if how == Open::CreateNew {
            spend(&self.left)?;
        }
        Ok(Box::new(FailingFile(self.inner.open(path, how)?, Arc::clone(&self.left))))
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.inner.list(folder)
    }
    fn create_dir_all(&self, folder: &Path) -> io::Result<()> {
        self.inner.create_dir_all(folder)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        spend(&self.left)?;
        self.inner.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        spend(&self.left)?;
        self.inner.remove(path)
    }
    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        spend(&self.left)?;
        self.inner.sync_dir(folder)
    }
    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        self.inner.free_bytes(folder)
    }
}

impl DiskFile for FailingFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = spend(&self.1) {
            // The write that fails leaves a part behind.
            self.0.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        self.0.write_all_at(bytes, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        spend(&self.1)?;
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        spend(&self.1)?;
        self.0.sync_data()
    }
}
