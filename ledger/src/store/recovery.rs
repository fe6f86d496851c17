//! Opening a ledger: cut what was never durable, refuse what is damaged, compute again what is derived.
//!
//! Cost: the last segment is read and hashed, of the others only headers and index files. With `verify_all`, or when
//! tiles are missing, everything is read.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use tamga_platform::disk::{Disk, Open};

use crate::tree::{Blake3Tree, Roots, Sha256Tree};

use super::Store;
use super::archive::{Archive, scan_archive};
use super::confidential::{BodyWriter, Erased, class_segments, first_bad_body, read_erased, remove_bodies};
use super::edges::Edges;
use super::error::StoreError;
use super::frame::BodyPlace;
use super::growth::Growth;
use super::index::SegmentIndex;
use super::layout::{Folders, SEGMENT_HEADER_BYTES, SegmentHeader, segment_number};
use super::mark::{Mark, MarkWriter, read_mark};
use super::scan::{Scanned, Tail, read_header, scan_segment};
use super::segments::{Segment, Segments};
use super::tiles::TileFiles;
use super::types::{CLASS_MAX, LogPosition, Options, Recovery};
use super::writer::{Writer, check_segment_bytes, create_segment};

/// Opens or creates a ledger.
pub(super) fn open(disk: Arc<dyn Disk>, folder: &Path, options: Options) -> Result<(Store, Recovery), StoreError> {
    check_segment_bytes(options.segment_bytes)?;
    let folders = Folders::new(folder);
    super::repair::refuse_unfinished(&disk, &folders)?;
    create_folders(&disk, &folders)?;
    let erased = read_erased(&disk, &folders)?;
    let count = find_segments(&disk, &folders)?;
    let mut opening = Opening { disk, folders, options, erased, segments: Segments::default(), indexes_rebuilt: 0 };
    let mut before = (0, None);
    for number in 0..count - 1 {
        before = opening.closed_segment(number, before)?;
    }
    opening.last_segment(count - 1, before)
}

fn create_folders(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<(), StoreError> {
    for folder in [folders.entries(), folders.confidential(), folders.tiles(), folders.checkpoints()] {
        disk.create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
    }
    disk.sync_dir(folders.root()).map_err(StoreError::io("sync", folders.root()))?;
    let Some(parent) = folders.root().parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(()) };
    disk.sync_dir(parent).map_err(StoreError::io("sync", parent))
}

/// The numbers of the segments there are; a gap is damage.
pub(super) fn list_segments(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<u32, StoreError> {
    let names = disk.list(&folders.entries()).map_err(StoreError::io("list", &folders.entries()))?;
    let mut count = 0;
    for number in names.iter().filter_map(|name| segment_number(name)) {
        if number != count {
            return Err(StoreError::damaged(&folders.segment(count), 0, None, "an entry segment is missing"));
        }
        count += 1;
    }
    Ok(count)
}

/// A segment of which bytes were durable must be there.
pub(super) fn refuse_missing_last(folders: &Folders, mark: Mark, count: u32) -> Result<(), StoreError> {
    if mark.offset > 0 && mark.segment >= count {
        return Err(StoreError::damaged(&folders.segment(mark.segment), 0, None, "the last entry segment is missing"));
    }
    Ok(())
}

/// How many segments there are, at least one: the first is created, an unfinished last one is removed.
fn find_segments(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<u32, StoreError> {
    let mut count = list_segments(disk, folders)?;
    let mark = read_mark(disk, folders)?;
    refuse_missing_last(folders, mark, count)?;
    if let Some(last) = count.checked_sub(1) {
        let path = folders.segment(last);
        let file = disk.open(&path, Open::Read).map_err(StoreError::io("open", &path))?;
        let length = file.len().map_err(StoreError::io("read", &path))?;
        // Frames are written only after the header is durable, so this is a crash in `create_segment`.
        let unfinished = length <= u64::from(SEGMENT_HEADER_BYTES) && mark.durable_of(last) == 0;
        if unfinished && read_header(file.as_ref(), &path, last)?.is_none() {
            disk.remove(&path).map_err(StoreError::io("remove", &path))?;
            disk.sync_dir(&folders.entries()).map_err(StoreError::io("sync", &folders.entries()))?;
            count = last;
        }
    }
    if count == 0 {
        let header = SegmentHeader { number: 0, first_leaf: 0, roots: Roots::empty(), position: None };
        create_segment(disk, folders, &header)?;
        count = 1;
    }
    Ok(count)
}

/// Where a segment has to start: the leaf after the one before it, and that one's last position.
type Before = (u64, Option<LogPosition>);

/// A ledger whose segments are being opened one after the other.
struct Opening {
    disk: Arc<dyn Disk>,
    folders: Folders,
    options: Options,
    erased: Erased,
    segments: Segments,
    indexes_rebuilt: u64,
}

impl Opening {
    /// Opens a segment and its header and checks that it continues the one before.
    fn start_segment(&self, number: u32, before: Before) -> Result<(Segment, SegmentHeader), StoreError> {
        let path = self.folders.segment(number);
        // Writable, because `sync_data` is asked of it.
        let file = self.disk.open(&path, Open::ReadWrite).map_err(StoreError::io("open", &path))?;
        let header = read_header(file.as_ref(), &path, number)?;
        let header = header.ok_or_else(|| StoreError::damaged(&path, 0, None, "the segment's header is damaged"))?;
        if (header.first_leaf, header.position) != before {
            let what = format!("the segment does not continue the one before, which ends before leaf {}", before.0);
            return Err(StoreError::damaged(&path, 0, Some(before.0), what));
        }
        let index = SegmentIndex::new(number, header.first_leaf, SEGMENT_HEADER_BYTES, header.position);
        Ok((Segment { file: Arc::from(file), path: path.into(), index, index_bytes: 0 }, header))
    }

    fn closed_segment(&mut self, number: u32, before: Before) -> Result<Before, StoreError> {
        let (mut segment, header) = self.start_segment(number, before)?;
        let length = segment.file.len().map_err(StoreError::io("read", &segment.path))?;
        let known = if self.options.verify_all { None } else { self.index_file(&header, length)? };
        segment.index = match known {
            Some(index) => index,
            None => self.scan_closed(&segment, &header)?,
        };
        self.check_bodies_length(&segment.index)?;
        segment.index_bytes = segment.index.file_bytes();
        let end = (segment.index.next_leaf(), segment.index.position);
        self.segments.push(segment);
        Ok(end)
    }

    /// The index file, if it is whole and fits the segment.
    fn index_file(&self, header: &SegmentHeader, length: u64) -> Result<Option<SegmentIndex>, StoreError> {
        let path = self.folders.index(header.number);
        let bytes = match self.disk.read(&path, 4096 + 8 * length) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidData) => {
                return Ok(None);
            }
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let index = SegmentIndex::parse(&bytes);
        let fits = |index: &SegmentIndex| {
            (index.number, index.first_leaf, u64::from(index.end)) == (header.number, header.first_leaf, length)
        };
        Ok(index.filter(fits))
    }

    /// Scans a closed segment with all its checksums and writes its index file if that is another.
    fn scan_closed(&mut self, segment: &Segment, header: &SegmentHeader) -> Result<SegmentIndex, StoreError> {
        let mut bad_body = None;
        let (index, tail) = scan_segment(segment.file.as_ref(), &segment.path, header, None, |frame| {
            if self.options.verify_all {
                bad_body = self.bad_body(header.number, frame)?;
            }
            Ok(bad_body.is_none())
        })?;
        if let Some((path, offset)) = bad_body {
            let leaf = Some(index.next_leaf());
            return Err(StoreError::damaged(&path, offset, leaf, "a confidential body is not what was written"));
        }
        if let Tail::Damaged(fault) = tail {
            return Err(StoreError::Damaged(fault));
        }
        let (path, bytes) = (self.folders.index(header.number), index.to_bytes());
        if self.disk.read(&path, bytes.len() as u64).ok().as_ref() != Some(&bytes) {
            self.disk.replace(&path, &bytes).map_err(StoreError::io("write", &path))?;
            self.indexes_rebuilt += 1;
        }
        Ok(index)
    }

    /// The first bad body of a frame, those of erased classes aside.
    fn bad_body(&self, number: u32, frame: &Scanned<'_>) -> Result<Option<(std::path::PathBuf, u64)>, StoreError> {
        let kept = |place: &&BodyPlace| self.erased.get(&place.class).is_none_or(|below| number >= *below);
        let places: Vec<BodyPlace> = frame.bodies.iter().filter(kept).copied().collect();
        first_bad_body(&self.disk, &self.folders, number, frame.first_leaf, &places)
    }

    /// A class file shorter than its segment says is damage, unless the class was erased.
    fn check_bodies_length(&self, index: &SegmentIndex) -> Result<(), StoreError> {
        for (class, bodies) in &index.bodies {
            if self.erased.get(class).is_some_and(|below| index.number < *below) {
                continue;
            }
            let path = self.folders.bodies(*class, index.number);
            let length = match self.disk.open(&path, Open::Read) {
                Ok(file) => file.len().map_err(StoreError::io("read", &path))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
                Err(error) => return Err(StoreError::io("open", &path)(error)),
            };
            if length < u64::from(bodies.end) {
                let leaf = Some(index.first_leaf);
                return Err(StoreError::damaged(
                    &path,
                    length,
                    leaf,
                    "confidential bodies of this segment are missing",
                ));
            }
        }
        Ok(())
    }

    fn last_segment(self, number: u32, before: Before) -> Result<(Store, Recovery), StoreError> {
        let (mut segment, header) = self.start_segment(number, before)?;
        let sha256 = TileFiles::open::<Sha256Tree>(&self.disk, &self.folders.tiles(), Open::ReadWrite)?;
        let blake3 = TileFiles::open::<Blake3Tree>(&self.disk, &self.folders.tiles(), Open::ReadWrite)?;
        let durable = read_mark(&self.disk, &self.folders)?.durable_of(number);
        let mut growth =
            Growth::start(&self.folders, &self.segments, self.options.verify_all, &header, &sha256, &blake3)?;
        let (index, tail) = scan_segment(segment.file.as_ref(), &segment.path, &header, Some(durable), |frame| {
            // A frame whose bodies did not reach the disk is cut like a torn one.
            if self.bad_body(number, frame)?.is_some() {
                return Ok(false);
            }
            growth.take(frame.entries.iter().map(|(_, entry)| *entry))?;
            Ok(true)
        })?;
        let cut_bytes = match tail {
            Tail::Whole => 0,
            Tail::Torn(bytes) => bytes,
            Tail::Damaged(fault) => return Err(StoreError::Damaged(fault)),
        };
        if index.end < durable {
            let what = format!("the segment was durable up to byte {durable}, but its frames end here");
            return Err(StoreError::damaged(&segment.path, u64::from(index.end), Some(index.next_leaf()), what));
        }
        self.refuse_below_checkpoint(&index)?;
        // Only now is anything cut. Crash in the following: the next open comes to the same result.
        let file = segment.file.as_ref();
        file.set_len(u64::from(index.end)).map_err(StoreError::io("cut", &segment.path))?;
        // Also makes durable what a process that died without power loss had written, or failed to sync.
        file.write_again(durable.into(), index.end.into()).map_err(StoreError::io("write again", &segment.path))?;
        file.sync_data().map_err(StoreError::io("sync", &segment.path))?;
        self.cut_bodies(&index)?;
        let Growth { frontier, sha256: edge, blake3: other_edge, rebuilt, .. } = growth;
        for files in [&sha256, &blake3] {
            files.cut(frontier.size())?;
            files.sync(true)?;
        }
        let (archive, cut_checkpoint_bytes) = Archive::open(&self.disk, &self.folders)?;
        let head = frontier.head();
        let edges = Edges { head, position: index.position, sha256: edge, blake3: other_edge };
        let recovery = Recovery {
            position: index.position,
            head,
            cut_bytes,
            cut_checkpoint_bytes,
            tiles_rebuilt: rebuilt,
            indexes_rebuilt: self.indexes_rebuilt,
        };
        let ends = index.bodies.iter().map(|(class, bodies)| (*class, bodies.end)).collect();
        let bodies = BodyWriter::new(Arc::clone(&self.disk), self.folders.clone(), number, index.first_leaf, ends);
        let mark = MarkWriter::open(&self.disk, &self.folders, Mark { segment: number, offset: index.end })?;
        let writer = Writer {
            mark,
            segment_bytes: self.options.segment_bytes,
            segment: number,
            file: Arc::clone(&segment.file),
            end: index.end,
            synced: index.end,
            bodies,
            frontier,
        };
        segment.index = index;
        self.segments.push(segment);
        let store = Store {
            disk: self.disk,
            folders: self.folders,
            segments: self.segments,
            sha256,
            blake3,
            archive,
            edges: RwLock::new(Arc::new(edges)),
            erased: RwLock::new(self.erased),
            writer: Mutex::new(writer),
            failed: OnceLock::new(),
        };
        Ok((store, recovery))
    }

    /// A checkpoint on disk was written after its entries were durable: without them it is damage, not a torn tail.
    fn refuse_below_checkpoint(&self, index: &SegmentIndex) -> Result<(), StoreError> {
        let path = self.folders.archive();
        let file = match self.disk.open(&path, Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("open", &path)(error)),
        };
        let records = scan_archive(file.as_ref(), &path)?.records;
        let size = records.iter().map(|record| record.size).max().unwrap_or(0);
        if size > index.next_leaf() {
            let what = format!("a checkpoint of size {size} is archived, but the entries end here");
            let path = self.folders.segment(index.number);
            return Err(StoreError::damaged(&path, u64::from(index.end), Some(index.next_leaf()), what));
        }
        Ok(())
    }

    /// Removes and cuts class files to what the frames refer to.
    fn cut_bodies(&self, index: &SegmentIndex) -> Result<(), StoreError> {
        for class in 1..=CLASS_MAX {
            let erased = self.erased.get(&class).copied().unwrap_or(0);
            let end = index.bodies.get(&class).map(|bodies| u64::from(bodies.end));
            let unused =
                |number: u32| number < erased || number > index.number || number == index.number && end.is_none();
            remove_bodies(&self.disk, &self.folders, class, unused)?;
            let Some(end) = end.filter(|_| index.number >= erased) else { continue };
            debug_assert!(
                class_segments(&self.disk, &self.folders, class).is_ok_and(|all| all.contains(&index.number))
            );
            let path = self.folders.bodies(class, index.number);
            let file = self.disk.open(&path, Open::ReadWrite).map_err(StoreError::io("open", &path))?;
            file.set_len(end).map_err(StoreError::io("cut", &path))?;
            file.write_again(0, end).map_err(StoreError::io("write again", &path))?;
            file.sync_data().map_err(StoreError::io("sync", &path))?;
        }
        Ok(())
    }
}
