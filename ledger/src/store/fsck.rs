//! Verifying a whole ledger. Reads only: what it says does not depend on what opening would do.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tamga_platform::disk::{Disk, DiskFile, Open};

use crate::tree::{
    Blake3Tree, CompleteTile, Hash, LeafHashes, LeafIndex, Sha256Tree, TILE_WIDTH, TileBuilder, TileKind, TreeHash,
    TreeHead, TwinFrontier,
};

use super::archive::scan_archive;
use super::confidential::{Erased, first_bad_body, read_erased};
use super::error::StoreError;
use super::frame::{BodyPlace, FRAME_HEADER_BYTES, Frame, FrameHeader};
use super::index::SegmentIndex;
use super::layout::{BODIES_HEADER_BYTES, Folders, SEGMENT_HEADER_BYTES, SegmentHeader, bodies_header};
use super::mark::read_mark;
use super::recovery::{list_segments, refuse_missing_last};
use super::scan::{Scanned, Tail, next_frame, read_header, scan_from};
use super::tiles::{TileFiles, full_tiles};
use super::types::{FAULTS_MAX, Fault, LogPosition, Report};

/// Verifies all files of a ledger without writing anything: every frame and body, both trees recomputed from the entries
/// and compared with tiles and segment headers, index files, the checkpoint archive.
///
/// After a fault in the entries the trees cannot be recomputed further; later frames, bodies and tile checksums still are
/// checked.
///
/// # Errors
/// [`StoreError::Io`] when something cannot be read at all; faults found are in the report.
pub fn fsck(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Report, StoreError> {
    let folders = Folders::new(folder);
    let mut check = Check {
        disk: Arc::clone(disk),
        sha256_files: TileFiles::open::<Sha256Tree>(disk, &folders.tiles(), Open::Read)?,
        blake3_files: TileFiles::open::<Blake3Tree>(disk, &folders.tiles(), Open::Read)?,
        erased: Erased::new(),
        folders,
        frontier: TwinFrontier::new(),
        sha256: TileBuilder::new(),
        blake3: TileBuilder::new(),
        unbroken: true,
        next_leaf: 0,
        in_last: false,
        position: None,
        torn_bytes: 0,
        faults: Vec::new(),
        faults_total: 0,
    };
    check.run()?;
    Ok(check.report())
}

struct Check {
    disk: Arc<dyn Disk>,
    folders: Folders,
    sha256_files: TileFiles,
    blake3_files: TileFiles,
    erased: Erased,
    frontier: TwinFrontier,
    sha256: TileBuilder<Sha256Tree>,
    blake3: TileBuilder<Blake3Tree>,
    /// No fault in the entries so far: the trees can still be recomputed.
    unbroken: bool,
    next_leaf: u64,
    /// Tiles that become full in the last segment need not be durable yet.
    in_last: bool,
    position: Option<LogPosition>,
    torn_bytes: u64,
    faults: Vec<Fault>,
    faults_total: u64,
}

impl Check {
    fn report(self) -> Report {
        let head = TreeHead { size: self.frontier.size(), roots: self.frontier.roots() };
        let Self { position, torn_bytes, faults, faults_total, .. } = self;
        Report { head, position, torn_bytes, faults, faults_total }
    }

    fn run(&mut self) -> Result<(), StoreError> {
        let disk = Arc::clone(&self.disk);
        let erased = read_erased(&disk, &self.folders);
        self.erased = self.noted(erased)?.unwrap_or_default();
        let listed = list_segments(&disk, &self.folders);
        let count = self.noted(listed)?.unwrap_or(0);
        let mark = read_mark(&disk, &self.folders)?;
        let present = refuse_missing_last(&self.folders, mark, count);
        self.noted(present)?;
        for number in 0..count {
            self.segment(number, number + 1 == count)?;
        }
        self.tile_checksums()?;
        self.archive()
    }

    fn fault(&mut self, fault: Fault) {
        self.faults_total += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    /// Turns damage into a fault of the report; other errors end the check.
    fn noted<T>(&mut self, result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Damaged(fault)) => {
                self.fault(fault);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn damaged(&mut self, path: &Path, offset: u64, leaf: Option<u64>, what: &str) {
        if let StoreError::Damaged(fault) = StoreError::damaged(path, offset, leaf, what) {
            self.fault(fault);
        }
    }

    fn segment(&mut self, number: u32, last: bool) -> Result<(), StoreError> {
        let path = self.folders.segment(number);
        let file = self.disk.open(&path, Open::Read).map_err(StoreError::io("open", &path))?;
        let length = file.len().map_err(StoreError::io("read", &path))?;
        let Some(header) = read_header(file.as_ref(), &path, number)? else {
            if last && length <= u64::from(SEGMENT_HEADER_BYTES) {
                self.torn_bytes += length;
            } else {
                self.damaged(&path, 0, None, "the segment's header is damaged");
                self.unbroken = false;
            }
            return Ok(());
        };
        self.header(&path, &header);
        self.in_last = last;
        let mut index = SegmentIndex::new(number, header.first_leaf, SEGMENT_HEADER_BYTES, header.position);
        let durable = if last { Some(read_mark(&self.disk, &self.folders)?.durable_of(number)) } else { None };
        let mut whole = true;
        loop {
            let scanned = scan_from(file.as_ref(), &path, index, durable, |frame| self.frame(number, frame));
            let (read, tail) = match scanned {
                Ok(scanned) => scanned,
                Err(error) => {
                    self.noted::<()>(Err(error))?;
                    self.unbroken = false;
                    return Ok(());
                }
            };
            (self.next_leaf, self.position) = (read.next_leaf(), read.position.or(self.position));
            match tail {
                Tail::Whole => {}
                Tail::Torn(bytes) => self.torn_bytes += bytes,
                Tail::Damaged(fault) => {
                    let fault = self.pinpoint(file.as_ref(), fault)?;
                    self.fault(fault);
                    (self.unbroken, whole) = (false, false);
                    if let Some(resumed) = next_frame(file.as_ref(), &path, number, read.end)? {
                        index = resumed;
                        continue;
                    }
                }
            }
            if read.end < durable.unwrap_or(0) {
                self.damaged(
                    &path,
                    u64::from(read.end),
                    Some(self.next_leaf),
                    "the segment was durable beyond this byte",
                );
            }
            self.body_headers(&read, header.first_leaf)?;
            if whole && !last {
                self.index_file(&read)?;
            }
            return Ok(());
        }
    }

    /// Names the very entry of a damaged frame, where its header is whole and the leaf hashes are in a full tile.
    fn pinpoint(&self, file: &dyn DiskFile, fault: Fault) -> Result<Fault, StoreError> {
        let mut bytes = vec![0; FRAME_HEADER_BYTES];
        let whole = |read: io::Result<()>| match read {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(StoreError::io("read", &fault.path)(error)),
        };
        if !whole(file.read_exact_at(&mut bytes, fault.offset))? {
            return Ok(fault);
        }
        let Some(header) = FrameHeader::parse(&bytes) else { return Ok(fault) };
        bytes.resize(header.total_bytes(), 0);
        if !whole(file.read_exact_at(&mut bytes, fault.offset))? {
            return Ok(fault);
        }
        let Some(frame) = Frame::unchecked(header, &bytes) else { return Ok(fault) };
        for (leaf, (offset, entry)) in (header.first_leaf..).zip(frame.walk()) {
            let Some((tile, true)) = self.sha256_files.read_raw(0, leaf / TILE_WIDTH)? else { continue };
            let stored = tile.as_chunks::<32>().0.get((leaf % TILE_WIDTH) as usize).copied().map(Hash::new);
            if stored != Some(Sha256Tree::leaf(entry)) {
                let (offset, leaf) = (u64::from(offset), LeafIndex::new(leaf).ok());
                return Ok(Fault {
                    offset,
                    leaf,
                    what: "the entry does not hash to its leaf hash".to_owned(),
                    ..fault
                });
            }
        }
        Ok(fault)
    }

    /// Compares a segment's header with the segments before it.
    fn header(&mut self, path: &Path, header: &SegmentHeader) {
        if !self.unbroken {
            return;
        }
        if (header.first_leaf, header.position) != (self.next_leaf, self.position) {
            self.damaged(path, 16, Some(self.next_leaf), "the segment does not continue the one before");
            self.unbroken = false;
        } else if header.roots != self.frontier.roots() {
            self.damaged(path, 24, Some(self.next_leaf), "the entries before do not hash to the roots in the header");
        }
    }

    /// Checks the bodies of a frame and grows the trees by its entries.
    fn frame(&mut self, number: u32, frame: &Scanned<'_>) -> Result<bool, StoreError> {
        let kept = |place: &&BodyPlace| self.erased.get(&place.class).is_none_or(|below| number >= *below);
        let places: Vec<BodyPlace> = frame.bodies.iter().filter(kept).copied().collect();
        if let Some((path, offset)) = first_bad_body(&self.disk, &self.folders, number, frame.first_leaf, &places)? {
            // The entries are whole all the same.
            self.damaged(
                &path,
                offset,
                Some(frame.first_leaf),
                "a confidential body of this frame is not what was written",
            );
        }
        let hashable = if self.unbroken { frame.entries } else { &[] };
        for (_, entry) in hashable {
            let leaf = LeafHashes::of(entry);
            self.frontier.push(leaf)?;
            let (sha256, blake3) = (self.sha256.push(leaf.sha256)?, self.blake3.push(leaf.blake3)?);
            let faults = [self.compare(&self.sha256_files, &sha256)?, self.compare(&self.blake3_files, &blake3)?];
            faults.into_iter().flatten().for_each(|fault| self.fault(fault));
        }
        Ok(true)
    }

    /// Headers of the class files that the frames read refer to. `first_leaf` is the segment's own: behind a damaged frame
    /// reading begins again at a later one.
    fn body_headers(&mut self, index: &SegmentIndex, first_leaf: u64) -> Result<(), StoreError> {
        let kept = |class: &&u8| self.erased.get(*class).is_none_or(|below| index.number >= *below);
        for class in index.bodies.keys().filter(kept).copied().collect::<Vec<_>>() {
            let path = self.folders.bodies(class, index.number);
            let mut found = [0; BODIES_HEADER_BYTES as usize];
            // A file that is not there is a fault of its bodies.
            let Ok(file) = self.disk.open(&path, Open::Read) else { continue };
            let read = file.read_at(&mut found, 0).map_err(StoreError::io("read", &path))?;
            if read < found.len() || found[..] != bodies_header(class, index.number, first_leaf)[..] {
                self.damaged(&path, 0, Some(first_leaf), "the header of this file is not what was written");
            }
        }
        Ok(())
    }

    fn index_file(&mut self, index: &SegmentIndex) -> Result<(), StoreError> {
        let (path, bytes) = (self.folders.index(index.number), index.to_bytes());
        let what = match self.disk.read(&path, bytes.len() as u64) {
            Ok(read) if read == bytes => return Ok(()),
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                return Err(StoreError::io("read", &path)(error));
            }
            _ => "the index file is missing or not what the frames say; it is rebuilt when removed",
        };
        self.damaged(&path, 0, Some(index.first_leaf), what);
        Ok(())
    }

    /// Tiles of leaves after a fault: only their checksums can be checked.
    fn tile_checksums(&mut self) -> Result<(), StoreError> {
        let size = self.frontier.size();
        let mut faults = Vec::new();
        for files in [&self.sha256_files, &self.blake3_files] {
            for level in 0..7 {
                for index in full_tiles(level, size)..files.count(level) {
                    if !self.unbroken && matches!(files.read_raw(level, index)?, Some((_, false)) | None) {
                        faults.push(files.damaged(level, index, format!("tile {index} of level {level} is damaged")));
                    }
                }
            }
        }
        faults.into_iter().try_for_each(|fault| self.noted::<()>(Err(fault)).map(drop))
    }

    fn archive(&mut self) -> Result<(), StoreError> {
        let path = self.folders.archive();
        let file = match self.disk.open(&path, Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("open", &path)(error)),
        };
        let scanned = scan_archive(file.as_ref(), &path);
        let Some(scan) = self.noted(scanned)? else { return Ok(()) };
        self.torn_bytes += scan.torn;
        let largest = scan.records.iter().map(|record| record.size).max().unwrap_or(0);
        if largest > self.next_leaf {
            let what = format!("a checkpoint of size {largest} is archived, but the entries end before");
            self.damaged(&path, 0, Some(self.next_leaf), &what);
        }
        Ok(())
    }

    /// Compares computed tiles with those on disk. A tile of the last segment may be missing: the next open
    /// computes those anyway.
    fn compare(&self, files: &TileFiles, tiles: &[CompleteTile]) -> Result<Vec<Fault>, StoreError> {
        let mut faults = Vec::new();
        for tile in tiles {
            let (TileKind::Hashes(level), index) = (tile.path.kind(), tile.path.index()) else { continue };
            let what = match files.read_raw(level, index)? {
                Some((bytes, true)) if bytes == tile.bytes => continue,
                Some((bytes, _)) if bytes == tile.bytes => "the checksum of this tile is damaged",
                Some(_) => "the tile is not what the entries hash to",
                None if self.in_last => continue,
                None => "the tile is missing; it is computed again when the ledger is opened",
            };
            if let StoreError::Damaged(fault) = files.damaged(level, index, what.to_owned()) {
                faults.push(fault);
            }
        }
        Ok(faults)
    }
}
