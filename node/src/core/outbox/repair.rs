//! Repairing an outbox offline: whole records are kept, what has rotted among them is put aside.
//!
//! Nobody else knows what stood there. Whoever holds a promise and no receipt keeps the record until it has one, and submits
//! it again; so the loss of a record is a delay for its author, but it must be told.

use std::io;
use std::path::Path;

use bytes::Bytes;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::{Entropy, random_bytes};

use super::segment::{self, Damage, SEGMENT_BYTES, Segment, Stored};

/// What was done to one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mended {
    /// The damaged file, which is in the quarantine now.
    pub(crate) name: String,
    /// Records that it still held.
    pub(crate) kept: usize,
    /// Places in it that held others.
    pub(crate) lost: usize,
}

/// What has rotted; changes nothing.
pub(crate) fn examine(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<Damage>> {
    let mut damages = Vec::new();
    for number in numbers(disk, folder)? {
        damages.extend(segment::read(disk, &segment::path(folder, number))?.damages);
    }
    Ok(damages)
}

/// Writes the whole records of each damaged segment into a new one and moves the damaged one into `quarantine`.
pub(crate) fn mend(
    disk: &dyn Disk,
    folder: &Path,
    quarantine: &Path,
    entropy: &dyn Entropy,
) -> io::Result<Vec<Mended>> {
    let mut mended = Vec::new();
    let all = numbers(disk, folder)?;
    let mut next = all.last().map_or(0, |last| last + 1);
    for number in all {
        let old = segment::path(folder, number);
        let contents = segment::read(disk, &old)?;
        if contents.damages.is_empty() {
            continue;
        }
        let name = old.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        disk.create_dir_all(quarantine)?;
        disk.replace(&quarantine.join(format!("outbox-{name}")), &disk.read(&old, SEGMENT_BYTES)?)?;
        let salt = u64::from_be_bytes(random_bytes(entropy));
        let mut new = Segment::create(disk, folder, next, salt)?;
        new.append(&contents.records)?;
        new.sync()?;
        // Crash here: the next repair does it again; records that are there twice are one.
        disk.remove(&old)?;
        disk.sync_dir(folder)?;
        mended.push(Mended { name, kept: contents.records.len(), lost: contents.damages.len() });
        next += 1;
    }
    Ok(mended)
}

fn numbers(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<u64>> {
    match segment::numbers(disk, folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found,
    }
}

/// Adds records to the outbox of a node that is not running, durably; how many. Those that are there already are there once.
pub(crate) fn add(
    disk: &dyn Disk,
    folder: &Path,
    entropy: &dyn Entropy,
    records: &[Vec<u8>],
    now_ms: u64,
) -> io::Result<u64> {
    disk.create_dir_all(folder)?;
    let mut next = numbers(disk, folder)?.last().map_or(0, |last| last + 1);
    let mut rest = records;
    while !rest.is_empty() {
        let mut bytes = 0;
        // Half a segment a file: whatever a frame takes besides has room.
        let fits = rest.iter().take_while(|record| {
            bytes += record.len() as u64 + 64;
            bytes < SEGMENT_BYTES / 2
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        let stored: Vec<Stored> =
            now.iter().map(|record| Stored { accepted_ms: now_ms, bytes: Bytes::copy_from_slice(record) }).collect();
        let salt = u64::from_be_bytes(random_bytes(entropy));
        let mut segment = Segment::create(disk, folder, next, salt)?;
        segment.append(&stored)?;
        segment.sync()?;
        (rest, next) = (later, next + 1);
    }
    disk.sync_dir(folder)?;
    Ok(records.len() as u64)
}

/// Records in the outbox of a node that is not running, applied ones included.
pub(crate) fn count(disk: &dyn Disk, folder: &Path) -> io::Result<u64> {
    let mut records = 0;
    for number in numbers(disk, folder)? {
        records += segment::read(disk, &segment::path(folder, number))?.records.len() as u64;
    }
    Ok(records)
}
