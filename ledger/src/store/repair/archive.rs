//! The checkpoint archive: each note proves itself by its cosignatures.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use crate::tree::TreeSize;

use super::super::archive::Record;
use super::super::error::StoreError;
use super::super::layout::{ARCHIVE_HEADER_BYTES, Folders, archive_header};
use super::peers::Asked;
use super::swap::Swap;
use super::{Job, ProvenHead, RepairError};

/// The largest archive that is read: a checkpoint a second for a fortnight.
const ARCHIVE_BYTES_MAX: u64 = 4 << 30;
/// A damaged stretch that may be one record with one flipped bit.
const CORRECTED_BYTES_MAX: usize = 16 << 10;

/// A stretch of the archive.
enum Part {
    Whole(Record, String),
    Bad(Range<usize>),
}

fn read(job: &Job<'_>, folders: &Folders) -> Result<Option<Vec<u8>>, StoreError> {
    let path = folders.archive();
    match job.disk.read(&path, ARCHIVE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", &path)(error)),
    }
}

fn parts(bytes: &[u8]) -> Vec<Part> {
    let (mut found, mut at) = (Vec::new(), ARCHIVE_HEADER_BYTES as usize);
    let record = |at: usize| Record::parse(bytes.get(at..)?, at as u64);
    while at < bytes.len() {
        if let Some((record, note)) = record(at) {
            found.push(Part::Whole(record, note.to_owned()));
            at = record.end() as usize;
            continue;
        }
        let next = (at + 1..bytes.len()).find(|next| record(*next).is_some()).unwrap_or(bytes.len());
        found.push(Part::Bad(at..next));
        at = next;
    }
    found
}

fn whole(parts: &[Part]) -> impl Iterator<Item = (&Record, &str)> {
    parts.iter().filter_map(|part| match part {
        Part::Whole(record, note) => Some((record, note.as_str())),
        Part::Bad(_) => None,
    })
}

/// The newest checkpoint of this node's own archive that verifies.
pub(super) fn newest_own(job: &Job<'_>) -> Result<Option<ProvenHead>, RepairError> {
    let folders = Folders::new(job.folder);
    let Some(bytes) = read(job, &folders)? else { return Ok(None) };
    let parts = parts(&bytes);
    let mut notes: Vec<(&Record, &str)> = whole(&parts).collect();
    notes.sort_by_key(|(record, _)| std::cmp::Reverse(record.size));
    Ok(notes.into_iter().find_map(|(_, note)| job.proofs.checkpoint(note).ok()))
}

/// Size of the largest checkpoint in the archive.
pub(super) fn largest(job: &Job<'_>, folders: &Folders) -> Result<u64, StoreError> {
    let Some(bytes) = read(job, folders)? else { return Ok(0) };
    Ok(whole(&parts(&bytes)).map(|(record, _)| record.size).max().unwrap_or(0))
}

/// Leaves out checkpoints of sizes that the ledger no longer has.
pub(super) fn cut(job: &Job<'_>, folders: &Folders, swap: &mut Swap<'_>, size: u64) -> Result<(), StoreError> {
    let Some(bytes) = read(job, folders)? else { return Ok(()) };
    let parts = parts(&bytes);
    if !whole(&parts).any(|(record, _)| record.size > size) {
        return Ok(());
    }
    let mut out = archive_header();
    whole(&parts).filter(|(record, _)| record.size <= size).for_each(|(record, note)| put(&mut out, record, note));
    swap.stage(&folders.archive(), &out)
}

/// Appends a record: as it is where its place has not changed.
fn put(out: &mut Vec<u8>, record: &Record, note: &str) {
    let at = out.len() as u64;
    let record = if record.offset == at { *record } else { Record { offset: at, synced: at, ..*record } };
    out.extend_from_slice(&record.to_bytes(note));
}

/// Makes damaged records again.
pub(super) fn repair(
    job: &Job<'_>,
    folders: &Folders,
    asked: &mut Asked<'_>,
) -> Result<Option<(PathBuf, String)>, RepairError> {
    let Some(bytes) = read(job, folders)? else { return Ok(None) };
    if bytes.len() < ARCHIVE_HEADER_BYTES as usize {
        return Ok(None); // A crash while it was created.
    }
    let (parts, mut out) = (parts(&bytes), archive_header());
    let known: BTreeSet<u64> = whole(&parts).map(|(record, _)| record.size).collect();
    for (place, part) in parts.iter().enumerate() {
        let range = match part {
            Part::Whole(record, note) => {
                put(&mut out, record, note);
                continue;
            }
            Part::Bad(range) => range,
        };
        let behind = parts.get(place + 1..).unwrap_or_default();
        if !whole(behind).any(|(record, _)| record.synced > range.start as u64) {
            // Never durable: opening cuts it.
            out.extend_from_slice(bytes.get(range.start..).unwrap_or_default());
            break;
        }
        let raw = bytes.get(range.clone()).unwrap_or_default();
        if let Some((record, note)) = corrected(job, raw, range.start as u64) {
            put(&mut out, &record, &note);
            continue;
        }
        let before = parts.get(..place).unwrap_or_default();
        let from = whole(before).last().map_or(0, |(record, _)| record.size);
        let upto = whole(behind).next().map_or(from, |(record, _)| record.size);
        for (record, note) in from_peers(job, asked, from..upto.saturating_add(1), &known, raw)? {
            put(&mut out, &record, &note);
        }
    }
    if out == bytes {
        return Ok(None);
    }
    let mut swap = Swap::new(job.disk, folders, job.quarantine);
    swap.stage(&folders.archive(), &out)?;
    swap.commit()?;
    Ok(Some((folders.archive(), "published checkpoints made again, each with its cosignatures verified".to_owned())))
}

/// The record with one flipped bit put right: then both its checksum and its cosignatures verify.
fn corrected(job: &Job<'_>, raw: &[u8], offset: u64) -> Option<(Record, String)> {
    if raw.len() > CORRECTED_BYTES_MAX {
        return None;
    }
    let mut bytes = raw.to_vec();
    for bit in 0..8 * bytes.len() {
        let flip = |bytes: &mut [u8]| bytes.iter_mut().skip(bit / 8).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
        flip(&mut bytes);
        let found = Record::parse(&bytes, offset)
            .filter(|(record, _)| record.end() == offset + raw.len() as u64)
            .filter(|(record, note)| {
                job.proofs.checkpoint(note).is_ok_and(|proven| proven.head.size.get() == record.size)
            })
            .map(|(record, note)| (record, note.to_owned()));
        if found.is_some() {
            return found;
        }
        flip(&mut bytes);
    }
    None
}

/// Checkpoints that the archive lacks between two sizes. Their time is that of the last cosignature: a peer's own word for
/// it proves nothing.
fn from_peers(
    job: &Job<'_>,
    asked: &mut Asked<'_>,
    sizes: Range<u64>,
    known: &BTreeSet<u64>,
    raw: &[u8],
) -> Result<Vec<(Record, String)>, RepairError> {
    let size = |size| TreeSize::new(size).map_err(StoreError::from);
    // What the damaged record says of its size, if that can be.
    let stated = raw.get(8..16).and_then(|word| Some(u64::from_le_bytes(*word.first_chunk()?)));
    let stated = stated.filter(|stated| sizes.contains(stated) && !known.contains(stated));
    let (mut found, mut next) = (Vec::new(), sizes.start);
    while next < sizes.end {
        let wanted = stated.filter(|stated| *stated >= next);
        let some = asked.checkpoints(size(next)?..size(sizes.end)?, wanted, job.proofs)?;
        let Some(last) = some.last().map(|archived| archived.size.get()) else { break };
        for archived in some.into_iter().filter(|archived| !known.contains(&archived.size.get())) {
            let length = archived.note.len() as u32;
            let record = Record { size: archived.size.get(), time_ms: archived.time_ms, offset: 0, synced: 0, length };
            found.push((record, archived.note));
        }
        next = last + 1;
    }
    Ok(found)
}
