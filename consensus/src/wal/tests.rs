//! The log against crashes, rot, failing disks and time.

mod crash;
mod damage;
mod enumerate;
mod failing;
mod life;
mod repair;
mod room;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tamga_platform::blocking::Inline;
use tamga_platform::clock::ManualClock;
use tamga_platform::disk::{Disk, MemDisk, Open};
use tamga_platform::entropy::SeededEntropy;
use tokio::sync::oneshot;

use super::{Ballot, Entry, Outside, Settings, Wal, WalError};
use crate::error::Fatal;
use crate::types::{ClusterId, EntryKind, LogPosition, NodeId};

const FOLDER: &str = "/node/wal";

fn settings(segment_bytes: u64) -> Settings {
    Settings {
        folder: FOLDER.into(),
        cluster: ClusterId([7; 32]),
        node: NodeId(1),
        segment_bytes,
        cache_bytes: 1 << 20,
        disk_reserve_bytes: 0,
        must_exist: false,
    }
}

async fn open_with(disk: &MemDisk, settings: Settings) -> Result<Wal, WalError> {
    let outside = Outside {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::at(1_000)),
        entropy: Arc::new(SeededEntropy::new(9)),
        blocking: Arc::new(Inline),
    };
    Wal::open(outside, settings).await
}

async fn open(disk: &MemDisk) -> Result<Wal, WalError> {
    open_with(disk, settings(8_192)).await
}

const fn at(term: u64, index: u64) -> LogPosition {
    LogPosition { term, leader: NodeId(1), index }
}

fn entry(term: u64, index: u64) -> Entry {
    // Lengths differ, so that records and frames fall on all alignments.
    let payload = Bytes::from(format!("entry {index} of term {term} ").repeat(1 + index as usize % 5));
    Entry { position: at(term, index), kind: EntryKind::Normal, payload }
}

const fn ballot(term: u64) -> Ballot {
    Ballot { term, node: NodeId(1), committed: true }
}

/// Queues entries; the answer comes through the receiver.
async fn queue(wal: &Wal, entries: Vec<Entry>) -> Result<oneshot::Receiver<Result<(), Fatal>>, Fatal> {
    let (send, durable) = oneshot::channel();
    let done = Box::new(move |result| {
        let _ = send.send(result);
    });
    wal.append(entries, done).await.map(|()| durable)
}

/// Appends entries one durable frame at a time.
async fn append(wal: &Wal, term: u64, indexes: impl IntoIterator<Item = u64>) {
    for index in indexes {
        queue(wal, vec![entry(term, index)]).await.unwrap().await.unwrap().unwrap();
    }
}

async fn all(wal: &Wal) -> Vec<Entry> {
    wal.read(0..u64::MAX, usize::MAX).await.unwrap()
}

fn entries(term: u64, indexes: impl IntoIterator<Item = u64>) -> Vec<Entry> {
    indexes.into_iter().map(|index| entry(term, index)).collect()
}

fn segment(sequence: u64) -> PathBuf {
    super::segment::path_of(Path::new(FOLDER), sequence)
}

fn read(disk: &MemDisk, path: &Path) -> Vec<u8> {
    disk.read(path, u64::MAX).unwrap()
}

/// Overwrites a file, durably: what a disk does to it behind our back.
fn overwrite(disk: &MemDisk, path: &Path, bytes: &[u8]) {
    let file = disk.open(path, Open::ReadWrite).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
}

/// A new disk that holds `bytes` as its only segment.
fn disk_with(bytes: &[u8]) -> MemDisk {
    let disk = MemDisk::default();
    overwrite(&disk, &segment(1), bytes);
    disk.sync_dir(Path::new(FOLDER)).unwrap();
    disk
}
