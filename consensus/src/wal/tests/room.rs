//! Purged segments that are used again, and disks that fill up.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};

use tamga_platform::disk::DiskFile;

use super::*;
use crate::wal::Space;

/// A disk in memory with so many bytes in all: it counts the lengths of its files, and refuses what does not fit.
#[derive(Debug, Clone)]
struct Small {
    disk: MemDisk,
    used: Arc<Mutex<Used>>,
}

#[derive(Debug)]
struct Used {
    capacity: u64,
    files: BTreeMap<PathBuf, u64>,
}

impl Used {
    fn free(&self) -> u64 {
        self.capacity.saturating_sub(self.files.values().sum())
    }
}

impl Small {
    fn new(capacity: u64) -> Self {
        Self { disk: MemDisk::default(), used: Arc::new(Mutex::new(Used { capacity, files: BTreeMap::new() })) }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap()
    }

    fn grow_to(&self, capacity: u64) {
        self.used().capacity = capacity;
    }

    fn names(&self) -> Vec<String> {
        self.disk.list(Path::new(FOLDER)).unwrap()
    }
}

impl Disk for Small {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.open(path, how)?;
        Ok(Box::new(SmallFile { file, disk: self.clone(), path: Mutex::new(path.to_owned()) }))
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }
    fn create_dir_all(&self, folder: &Path) -> io::Result<()> {
        self.disk.create_dir_all(folder)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)?;
        let mut used = self.used();
        let length = used.files.remove(from).unwrap_or_default();
        used.files.insert(to.to_owned(), length);
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.used().files.remove(path);
        self.disk.remove(path)
    }
    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.disk.sync_dir(folder)
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.used().free())
    }
}

#[derive(Debug)]
struct SmallFile {
    file: Box<dyn DiskFile>,
    disk: Small,
    path: Mutex<PathBuf>,
}

impl SmallFile {
    /// Growth is charged to the name the file was opened under: the log grows a file only under its first name.
    fn charge(&self, length: u64) -> io::Result<()> {
        let before = self.file.len()?;
        let mut used = self.disk.used();
        if length > before && length - before > used.free() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if length > before {
            used.files.insert(self.path.lock().unwrap().clone(), length);
        }
        Ok(())
    }
}

impl DiskFile for SmallFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.charge(offset + bytes.len() as u64)?;
        self.file.write_all_at(bytes, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.charge(len)?;
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

const SEGMENT: u64 = 4_096;

async fn open_small(disk: &Small, reserve_segments: u64) -> Result<Wal, WalError> {
    let outside = Outside {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::at(1_000)),
        entropy: Arc::new(SeededEntropy::new(disk.names().len() as u64)),
        blocking: Arc::new(Inline),
    };
    Wal::open(outside, Settings { disk_reserve_bytes: reserve_segments * SEGMENT, ..settings(SEGMENT) }).await
}

fn count(disk: &Small, prefix: &str) -> usize {
    disk.names().iter().filter(|name| name.starts_with(prefix)).count()
}

#[tokio::test]
async fn purged_segments_are_zeroed_and_written_again() {
    let disk = Small::new(64 * SEGMENT);
    let wal = open_small(&disk, 0).await.unwrap();
    let mut most = 0;
    for round in 0..20 {
        append(&wal, 1, round * 40..(round + 1) * 40).await;
        wal.purge(at(1, round * 40 + 35)).await.unwrap();
        wal.settle().await;
        assert_eq!(count(&disk, "reserve-"), 1);
        most = most.max(disk.names().len());
    }
    assert!(most <= 9, "the log of a bounded number of entries takes a bounded number of files, not {most}");
    assert_eq!(all(&wal).await, entries(1, 796..800));
    wal.close().await.unwrap();
    drop(wal);
    // What stood in a segment before does not come back from it.
    assert_eq!(all(&open_small(&disk, 0).await.unwrap()).await, entries(1, 796..800));
}

#[tokio::test]
async fn a_read_of_what_is_being_purged_finds_nothing_and_is_no_damage() {
    let disk = Small::new(64 * SEGMENT);
    let wal = open_small(&disk, 0).await.unwrap();
    wal.close().await.unwrap();
    let settings = Settings { cache_bytes: 0, ..settings(SEGMENT) };
    let wal = open_with(&disk.disk, settings).await.unwrap();
    append(&wal, 1, 0..100).await;
    let (reads, purge) = tokio::join!(wal.read(0..100, usize::MAX), wal.purge(at(1, 90)));
    purge.unwrap();
    assert!(reads.unwrap().iter().all(|read| *read == entry(1, read.position.index)));
    assert_eq!(all(&wal).await, entries(1, 91..100));
}

#[tokio::test]
async fn a_disk_that_fills_up_is_announced_in_two_steps_and_its_reserve_holds_what_was_let_in() {
    let disk = Small::new(1_000 * SEGMENT);
    let wal = open_small(&disk, 8).await.unwrap();
    wal.settle().await;
    let mut space = wal.watch_space();
    assert_eq!(*space.borrow_and_update(), Space::default());
    let taken = disk.used().files.values().sum::<u64>();
    // Somebody else takes the rest.
    disk.grow_to(taken + 7 * SEGMENT);
    space.wait_for(|space| *space == Space { low: true, full: false }).await.unwrap();
    disk.grow_to(taken);
    space.wait_for(|space| space.full).await.unwrap();
    // The rest of the segment, the spare and the reserve: three segments of ballots and entries on a disk without room.
    append(&wal, 1, 0..70).await;
    wal.save_ballot(ballot(7)).await.unwrap();
    assert_eq!((count(&disk, "reserve-"), count(&disk, "spare-")), (0, 0));
    disk.grow_to(1_000 * SEGMENT);
    space.wait_for(|space| *space == Space::default()).await.unwrap();
    wal.settle().await;
    assert_eq!((count(&disk, "reserve-"), count(&disk, "spare-")), (1, 1));
    append(&wal, 1, 70..200).await;
    wal.close().await.unwrap();
    drop(wal);
    let wal = open_small(&disk, 8).await.unwrap();
    assert_eq!(all(&wal).await, entries(1, 0..200));
    assert_eq!(wal.look(|view| view.ballot), Some(ballot(7)));
}

#[tokio::test]
async fn a_node_that_restarts_on_a_full_disk_still_has_its_reserve() {
    let disk = Small::new(1_000 * SEGMENT);
    let wal = open_small(&disk, 8).await.unwrap();
    wal.settle().await;
    append(&wal, 1, 0..5).await;
    wal.close().await.unwrap();
    drop(wal);
    let taken = disk.used().files.values().sum::<u64>();
    disk.grow_to(taken);
    // A header in the reserve: the last run ended while it made a segment of it.
    let name = disk.names().into_iter().find(|name| name.starts_with("reserve-")).unwrap();
    let reserve = disk.disk.open(&Path::new(FOLDER).join(name), Open::ReadWrite).unwrap();
    reserve.write_all_at(b"TAMGAWAL and so on", 0).unwrap();
    let wal = open_small(&disk, 8).await.unwrap();
    let mut space = wal.watch_space();
    space.wait_for(|space| space.full).await.unwrap();
    append(&wal, 1, 5..60).await;
    wal.save_ballot(ballot(3)).await.unwrap();
    assert_eq!(all(&wal).await, entries(1, 0..60));
}

#[tokio::test]
async fn when_even_the_reserve_is_used_up_the_log_stops_and_keeps_what_it_acknowledged() {
    let disk = Small::new(1_000 * SEGMENT);
    let wal = open_small(&disk, 8).await.unwrap();
    wal.settle().await;
    let taken = disk.used().files.values().sum::<u64>();
    disk.grow_to(taken);
    let mut acknowledged = 0;
    let fatal = loop {
        let answer = match queue(&wal, vec![entry(1, acknowledged)]).await {
            Ok(answer) => answer.await.unwrap(),
            Err(fatal) => Err(fatal),
        };
        match answer {
            Ok(()) => acknowledged += 1,
            Err(fatal) => break fatal,
        }
        assert!(acknowledged < 10_000);
    };
    assert!(fatal.what().contains(FOLDER), "{fatal}");
    assert!(acknowledged > 40, "spare and reserve were used first");
    assert!(wal.save_ballot(ballot(2)).await.is_err());
    drop(wal);
    disk.grow_to(1_000 * SEGMENT);
    let wal = open_small(&disk, 8).await.unwrap();
    assert_eq!(all(&wal).await, entries(1, 0..acknowledged));
    append(&wal, 1, acknowledged..acknowledged + 5).await;
}
