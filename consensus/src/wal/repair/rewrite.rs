//! Frames put right in place; a log that begins behind what is lost.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use tamga_platform::disk::{Disk, DiskFile, Open};
use tamga_platform::entropy::random_bytes;

use super::super::error::WalError;
use super::super::frame::{self, FRAME_HEADER_BYTES};
use super::super::log::STEP_BYTES_MAX;
use super::super::record::{Entry, Record};
use super::super::segment::{Label, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, io, path_of};
use super::scan::{Fix, Reading, Slot, sequences};
use super::{LogPlace, LogRepair};
use crate::types::LogPosition;

/// Zeros behind the last frame, so that the segment is written on.
const ROOM_BYTES: usize = 256 << 10;

/// Replaces each damaged segment by one in which every known place is put right.
pub(super) fn in_place(disk: &dyn Disk, reading: &Reading, repair: &LogRepair<'_>) -> Result<(), WalError> {
    let mut by_segment: BTreeMap<u64, Vec<&Fix>> = BTreeMap::new();
    reading.fixes.iter().for_each(|fix| by_segment.entry(fix.segment).or_default().push(fix));
    for (sequence, fixes) in by_segment {
        let Some((path, _)) = reading.segments.get(&sequence) else { continue };
        let old = disk.read(path, SEGMENT_BYTES_MAX).map_err(io("reading", path))?;
        let mut new = old.clone();
        for Fix { offset, bytes, .. } in fixes {
            if let Some(place) = new.get_mut(*offset..).and_then(|rest| rest.get_mut(..bytes.len())) {
                place.copy_from_slice(bytes);
            }
        }
        let aside = aside(disk, repair.quarantine, path)?;
        disk.replace(&aside, &old).map_err(io("writing", &aside))?;
        // Crash in here: the damaged segment or the repaired one.
        disk.replace(path, &new).map_err(io("replacing", path))?;
    }
    Ok(())
}

/// Where a file of the log is kept, with the folders above it there.
fn aside(disk: &dyn Disk, quarantine: &Path, path: &Path) -> Result<std::path::PathBuf, WalError> {
    let folder = quarantine.join("raft").join("wal");
    disk.create_dir_all(&folder).map_err(io("creating", &folder))?;
    for above in folder.ancestors().take(4).filter(|above| !above.as_os_str().is_empty()) {
        disk.sync_dir(above).map_err(io("syncing", above))?;
    }
    Ok(folder.join(path.file_name().unwrap_or_default()))
}

/// Writes a segment that is the whole log behind `purge`, names it last, and moves the others aside.
pub(super) fn begin_behind(
    disk: &dyn Disk,
    place: &LogPlace,
    reading: &Reading,
    purge: LogPosition,
    repair: &LogRepair<'_>,
) -> Result<(), WalError> {
    let folder = place.wal();
    let old = sequences(disk, &folder)?;
    let sequence = old.last().map_or(1, |newest| newest.saturating_add(1));
    let label = Label {
        cluster: place.cluster,
        node: place.node,
        sequence,
        first_frame: reading.frame,
        salt: random_bytes(repair.entropy),
        created_ms: repair.now_ms,
    };
    let staged = folder.join("repaired");
    write(disk, &staged, label, reading, purge)?;
    // Crash before this: a file that nobody looks at.
    let path = path_of(&folder, sequence);
    disk.rename(&staged, &path).map_err(io("naming", &path))?;
    disk.sync_dir(&folder).map_err(io("syncing", &folder))?;
    // Crash from here on: the damaged segments that are still there keep the log from opening; without them it is the
    // repaired one.
    for sequence in old {
        let path = path_of(&folder, sequence);
        let aside = aside(disk, repair.quarantine, &path)?;
        disk.rename(&path, &aside).map_err(io("moving aside", &path))?;
        for folder in [aside.parent(), Some(folder.as_path())].into_iter().flatten() {
            disk.sync_dir(folder).map_err(io("syncing", folder))?;
        }
    }
    Ok(())
}

/// Writes the first segment of a new log: one frame, its head.
pub(in super::super) fn write_first(disk: &dyn Disk, path: &Path, label: Label, head: &Record) -> Result<(), WalError> {
    let file = disk.open(path, Open::ReadWrite).map_err(io("creating", path))?;
    file.set_len(0).map_err(io("emptying", path))?;
    file.write_all_at(&label.encode(), 0).map_err(io("writing", path))?;
    let mut frames =
        Frames { file: file.as_ref(), path, label, offset: SEGMENT_HEADER_BYTES, number: label.first_frame };
    frames.write(std::slice::from_ref(head))?;
    let end = frames.offset;
    file.write_all_at(&vec![0; ROOM_BYTES], end as u64).map_err(io("filling", path))?;
    file.sync_data().map_err(io("syncing", path))
}

/// Sound entries behind `after`, in order.
pub(super) fn entries_behind(disk: &dyn Disk, reading: &Reading, after: Option<u64>) -> Result<Vec<Entry>, WalError> {
    let mut files = BTreeMap::new();
    let first = after.map_or(0, |after| after.saturating_add(1));
    let sound = reading.slots.range(first..).map(|(_, slot)| slot).filter(|slot| !matches!(slot, Slot::Lost));
    sound.map(|slot| load(disk, reading, &mut files, slot)).collect()
}

fn write(disk: &dyn Disk, path: &Path, label: Label, reading: &Reading, purge: LogPosition) -> Result<(), WalError> {
    let file = disk.open(path, Open::ReadWrite).map_err(io("creating", path))?;
    file.set_len(0).map_err(io("emptying", path))?;
    file.write_all_at(&label.encode(), 0).map_err(io("writing", path))?;
    let committed = reading.committed.filter(|committed| committed.index > purge.index).unwrap_or(purge);
    let head = [
        Record::Head { ballot: reading.ballot, committed: Some(committed), purged: Some(purge) },
        // Should segments be left over from before: their entries behind the purge are not this log's.
        Record::Truncate(Some(purge.index)),
    ];
    let mut frames =
        Frames { file: file.as_ref(), path, label, offset: SEGMENT_HEADER_BYTES, number: label.first_frame };
    frames.write(&head)?;
    let mut files = BTreeMap::new();
    let (mut records, mut bytes) = (Vec::new(), 0);
    for slot in reading.slots.range(purge.index.saturating_add(1)..).map(|(_, slot)| slot) {
        let entry = load(disk, reading, &mut files, slot)?;
        bytes += entry.payload.len();
        records.push(Record::Entry(entry));
        if bytes >= STEP_BYTES_MAX {
            frames.write(&records)?;
            (records, bytes) = (Vec::new(), 0);
        }
    }
    if !records.is_empty() {
        frames.write(&records)?;
    }
    let end = frames.offset;
    file.write_all_at(&vec![0; ROOM_BYTES], end as u64).map_err(io("filling", path))?;
    file.sync_data().map_err(io("syncing", path))
}

struct Frames<'a> {
    file: &'a dyn DiskFile,
    path: &'a Path,
    label: Label,
    offset: usize,
    number: u64,
}

impl Frames<'_> {
    fn write(&mut self, records: &[Record]) -> Result<(), WalError> {
        let mut bytes = vec![0; FRAME_HEADER_BYTES];
        records.iter().for_each(|record| record.encode(self.label.seed(), &mut bytes));
        frame::seal(self.label.seed(), self.offset as u64, self.number, &mut bytes);
        self.file.write_all_at(&bytes, self.offset as u64).map_err(io("writing", self.path))?;
        self.offset += bytes.len();
        self.number += 1;
        Ok(())
    }
}

type Opened = BTreeMap<u64, Box<dyn DiskFile>>;

/// Reads an entry back, checked once more.
fn load(disk: &dyn Disk, reading: &Reading, files: &mut Opened, slot: &Slot) -> Result<Entry, WalError> {
    let (position, segment, offset, length) = match slot {
        Slot::Held(entry) => return Ok(entry.clone()),
        Slot::Placed { position, segment, offset, length } => (*position, *segment, *offset, *length),
        Slot::Lost => return Err(gone("an entry that is lost cannot be kept".to_owned())),
    };
    let Some((path, seed)) = reading.segments.get(&segment) else {
        return Err(gone(format!("segment {segment} of entry {position} is gone")));
    };
    let file = match files.entry(segment) {
        std::collections::btree_map::Entry::Occupied(opened) => opened.into_mut(),
        std::collections::btree_map::Entry::Vacant(absent) => {
            absent.insert(disk.open(path, Open::Read).map_err(io("opening", path))?)
        }
    };
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset as u64).map_err(io("reading", path))?;
    match Record::decode(*seed, &bytes) {
        Ok((Record::Entry(entry), _)) if entry.position == position => Ok(entry),
        _ => Err(gone(format!("entry {position} was whole a moment ago and is not now"))),
    }
}

fn gone(what: String) -> WalError {
    WalError::Io { doing: "repairing", path: "the log".into(), source: io::Error::other(what) }
}
