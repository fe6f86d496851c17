//! What is derived from the entries: both trees' tiles and the indexes of closed segments, computed again and compared.

use std::io;
use std::path::{Path, PathBuf};

use tamga_platform::disk::Open;

use crate::tree::{
    Blake3Tree, CompleteTile, LeafHashes, Sha256Tree, TILE_BYTES, TileBuilder, TileKind, TreeHead, TwinFrontier,
};

use super::super::error::StoreError;
use super::super::index::SegmentIndex;
use super::super::layout::{Folders, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::super::mark::read_mark;
use super::super::recovery::list_segments;
use super::super::scan::{Scanned, Tail, read_header, scan_segment};
use super::super::tiles::TileFiles;
use super::segment::SEGMENT_FILE_BYTES_MAX;
use super::swap::{Swap, aside, create_parents};
use super::{Job, RepairError, Step};

/// Between two words about progress.
const LEAVES_A_STEP: u64 = 10_000;

/// What was computed and found.
pub(super) struct Done {
    /// The entries have the roots of every published head that they reach.
    pub(super) roots_agree: bool,
    pub(super) tiles: u64,
    pub(super) files: Vec<(PathBuf, String)>,
}

/// Computes both trees over all entries; puts right tiles and indexes that differ.
pub(super) fn rebuild(job: &Job<'_>, folders: &Folders, published: &[TreeHead]) -> Result<Done, RepairError> {
    let mut trees = Trees {
        job,
        folders,
        published,
        sha256_files: TileFiles::open::<Sha256Tree>(job.disk, &folders.tiles(), Open::ReadWrite)?,
        blake3_files: TileFiles::open::<Blake3Tree>(job.disk, &folders.tiles(), Open::ReadWrite)?,
        frontier: TwinFrontier::new(),
        sha256: TileBuilder::new(),
        blake3: TileBuilder::new(),
        done: Done { roots_agree: true, tiles: 0, files: Vec::new() },
        differ: false,
    };
    trees.run()?;
    Ok(trees.done)
}

struct Trees<'w, 'a> {
    job: &'w Job<'a>,
    folders: &'w Folders,
    published: &'w [TreeHead],
    sha256_files: TileFiles,
    blake3_files: TileFiles,
    frontier: TwinFrontier,
    sha256: TileBuilder<Sha256Tree>,
    blake3: TileBuilder<Blake3Tree>,
    done: Done,
    differ: bool,
}

impl Trees<'_, '_> {
    fn run(&mut self) -> Result<(), RepairError> {
        let (job, folders) = (self.job, self.folders);
        let count = list_segments(job.disk, folders)?;
        let mut swap = Swap::new(job.disk, folders, job.quarantine);
        for number in 0..count {
            let last = number + 1 == count;
            let Some(index) = self.segment(number, last, &mut swap)? else { break };
            if !last {
                self.index(&index, &mut swap)?;
            }
        }
        for files in [&self.sha256_files, &self.blake3_files] {
            files.cut(self.frontier.size())?;
            files.sync(true)?;
        }
        swap.commit()?;
        self.done.roots_agree = !self.differ;
        Ok(())
    }

    /// `None` for a last segment whose creation was not finished: opening removes it.
    fn segment(&mut self, number: u32, last: bool, swap: &mut Swap<'_>) -> Result<Option<SegmentIndex>, RepairError> {
        let path = self.folders.segment(number);
        let file = self.job.disk.open(&path, Open::Read).map_err(StoreError::io("open", &path))?;
        let Some(header) = read_header(file.as_ref(), &path, number)? else {
            if last {
                return Ok(None);
            }
            return Err(StoreError::damaged(&path, 0, None, "the segment's header is damaged").into());
        };
        if header.first_leaf == self.frontier.size().get() && header.roots != self.frontier.roots() {
            self.header(&path, SegmentHeader { roots: self.frontier.roots(), ..header }, swap)?;
        }
        let durable = if last { Some(read_mark(self.job.disk, self.folders)?.durable_of(number)) } else { None };
        let scanned = scan_segment(file.as_ref(), &path, &header, durable, |frame| self.frame(frame));
        match scanned? {
            (_, Tail::Damaged(fault)) => Err(StoreError::Damaged(fault).into()),
            (index, Tail::Whole | Tail::Torn(_)) => Ok(Some(index)),
        }
    }

    /// The roots in a segment's header are derived too.
    fn header(&mut self, path: &Path, header: SegmentHeader, swap: &mut Swap<'_>) -> Result<(), RepairError> {
        let mut bytes = self.job.disk.read(path, SEGMENT_FILE_BYTES_MAX).map_err(StoreError::io("read", path))?;
        if let Some(start) = bytes.get_mut(..SEGMENT_HEADER_BYTES as usize) {
            start.copy_from_slice(&header.to_bytes());
        }
        swap.stage(path, &bytes)?;
        self.done.files.push((path.to_owned(), "the roots in its header computed again".to_owned()));
        Ok(())
    }

    fn frame(&mut self, frame: &Scanned<'_>) -> Result<bool, StoreError> {
        for (_, entry) in frame.entries {
            let leaf = LeafHashes::of(entry);
            self.frontier.push(leaf)?;
            let (sha256, blake3) = (self.sha256.push(leaf.sha256)?, self.blake3.push(leaf.blake3)?);
            self.done.tiles += settle(self.job, self.folders, &self.sha256_files, &sha256)?;
            self.done.tiles += settle(self.job, self.folders, &self.blake3_files, &blake3)?;
            let size = self.frontier.size();
            if self.published.iter().any(|head| head.size == size && *head != self.frontier.head()) {
                self.differ = true;
            }
            if size.get().is_multiple_of(LEAVES_A_STEP) {
                (self.job.progress)(Step::Trees(size.get()));
            }
        }
        Ok(true)
    }

    fn index(&mut self, index: &SegmentIndex, swap: &mut Swap<'_>) -> Result<(), RepairError> {
        let (path, bytes) = (self.folders.index(index.number), index.to_bytes());
        match self.job.disk.read(&path, bytes.len() as u64) {
            Ok(read) if read == bytes => return Ok(()),
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                return Err(StoreError::io("read", &path)(error).into());
            }
            _ => {}
        }
        swap.stage(&path, &bytes)?;
        self.done.files.push((path, "computed again from its segment".to_owned()));
        Ok(())
    }
}

/// Puts tiles right that differ or are missing; returns how many.
fn settle(job: &Job<'_>, folders: &Folders, files: &TileFiles, tiles: &[CompleteTile]) -> Result<u64, StoreError> {
    let mut written = 0;
    for tile in tiles {
        let (TileKind::Hashes(level), index) = (tile.path.kind(), tile.path.index()) else { continue };
        let old = files.read_raw(level, index)?;
        if old.as_ref().is_some_and(|(bytes, good)| *good && *bytes == tile.bytes) {
            continue;
        }
        if let Some((bytes, _)) = old
            && let Some(mut aside) = aside(folders, job.quarantine, &files.path(level))
        {
            debug_assert_eq!(bytes.len(), TILE_BYTES);
            aside.set_extension(format!("tile-{index}"));
            create_parents(job.disk, job.quarantine, &aside)?;
            job.disk.replace(&aside, &bytes).map_err(StoreError::io("write", &aside))?;
        }
        // Torn by a crash: its checksum says so, and the next repair writes it again.
        files.write(level, index, &tile.bytes)?;
        written += 1;
    }
    Ok(written)
}
