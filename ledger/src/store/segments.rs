//! The open entry segments: where each leaf is, and reading it.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tamga_platform::disk::DiskFile;

use super::confidential::Erased;
use super::error::StoreError;
use super::frame::{BodyPlace, Frame};
use super::index::SegmentIndex;
use super::types::Usage;

/// One read takes at most so many leaves and, but for a single large entry, so many bytes.
const RUN_LEAVES_MAX: u64 = 4096;
const RUN_BYTES_MAX: u32 = 1 << 20;
/// The longest an entry with its length prefix can be.
const PREFIXED_ENTRY_BYTES_MAX: u32 = 2 + u16::MAX as u32;

#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) path: Arc<Path>,
    pub(super) index: SegmentIndex,
    /// Bytes of its index file; 0 while it is being written.
    pub(super) index_bytes: u64,
}

/// All segments; the last one grows. The lock is held for memory only, never during I/O.
#[derive(Debug, Default)]
pub(super) struct Segments(RwLock<Vec<Segment>>);

impl Segments {
    fn list(&self) -> RwLockReadGuard<'_, Vec<Segment>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, segment: Segment) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    /// The segment that holds a leaf, or would, and those after it.
    pub(super) fn from(&self, leaf: u64) -> Vec<Segment> {
        let segments = self.list();
        let after = segments.partition_point(|segment| segment.index.first_leaf <= leaf);
        segments.get(after.saturating_sub(1)..).unwrap_or_default().to_vec()
    }

    /// Takes in a frame written to the last segment.
    pub(super) fn extend(&self, frame: &Frame<'_>, entries: &[(u32, &[u8])], bodies: &[BodyPlace]) {
        if let Some(segment) = self.0.write().unwrap_or_else(PoisonError::into_inner).last_mut() {
            segment.index.extend(frame, entries, bodies);
        }
    }

    /// The index file of the last segment, which is being closed.
    pub(super) fn close_last(&self) -> Vec<u8> {
        let mut segments = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(segment) = segments.last_mut() else { return Vec::new() };
        let bytes = segment.index.to_bytes();
        segment.index_bytes = segment.index.file_bytes();
        bytes
    }

    /// Where to read the next leaves of `[from, to)`; `None` when `from` is not there.
    fn run(&self, from: u64, to: u64) -> Option<Run> {
        let segments = self.list();
        // An empty segment starts at the same leaf as the one after it; the last that starts at or before holds the leaf.
        let after = segments.partition_point(|segment| segment.index.first_leaf <= from);
        let segment = segments.get(after.checked_sub(1)?)?;
        let to = to.min(segment.index.next_leaf()).min(from + RUN_LEAVES_MAX);
        if from >= to {
            return None;
        }
        let start = segment.index.offset(from)?;
        let mut offsets = vec![start];
        for leaf in from + 1..=to {
            let (last, next) = (offsets.last().copied()?, segment.index.offset(leaf)?);
            let far = next > last + PREFIXED_ENTRY_BYTES_MAX || next - start > RUN_BYTES_MAX;
            offsets.push(next.min(last + PREFIXED_ENTRY_BYTES_MAX));
            if far {
                break;
            }
        }
        Some(Run { file: Arc::clone(&segment.file), path: Arc::clone(&segment.path), first_leaf: from, offsets })
    }

    /// Reads entries `[from, to)` in order and gives each, with its length prefix, to `take` until that says stop (false).
    /// Checked is only that each is where the index says; the caller compares hashes.
    pub(super) fn read(
        &self,
        from: u64,
        to: u64,
        mut take: impl FnMut(Place<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut leaf = from;
        while leaf < to {
            let run = self.run(leaf, to).ok_or_else(|| missing(leaf))?;
            let bytes = run.read()?;
            for (start, end) in run.offsets.iter().zip(run.offsets.iter().skip(1)) {
                let place = run.place(&bytes, leaf, *start, *end)?;
                if !take(place)? {
                    return Ok(());
                }
                leaf += 1;
            }
        }
        Ok(())
    }

    /// Segment, class and mark from which to walk to the body of a leaf.
    pub(super) fn body(&self, leaf: u64) -> Option<(u32, u8, u32)> {
        let segments = self.list();
        let after = segments.partition_point(|segment| segment.index.first_leaf <= leaf);
        let index = &segments.get(after.checked_sub(1)?)?.index;
        let (class, mark) = index.body(leaf)?;
        Some((index.number, class, mark))
    }

    /// Bytes of entries, indexes and bodies.
    pub(super) fn usage(&self, erased: &Erased) -> Usage {
        let mut usage = Usage::default();
        for segment in self.list().iter() {
            usage.entries += u64::from(segment.index.end);
            usage.index += segment.index_bytes;
            for (class, bodies) in &segment.index.bodies {
                if erased.get(class).is_none_or(|below| segment.index.number >= *below) {
                    usage.confidential += u64::from(bodies.end);
                }
            }
        }
        usage
    }

    /// Bytes of the entries alone.
    pub(super) fn entry_bytes(&self) -> u64 {
        self.list().iter().map(|segment| segment.index.entry_bytes).sum()
    }
}

fn missing(leaf: u64) -> StoreError {
    StoreError::damaged(Path::new("entries"), 0, Some(leaf), "no segment holds this leaf")
}

/// Neighbouring leaves that are read at once. `offsets` has one more than there are leaves.
struct Run {
    file: Arc<dyn DiskFile>,
    path: Arc<Path>,
    first_leaf: u64,
    offsets: Vec<u32>,
}

/// An entry as read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) offset: u32,
    pub(super) leaf: u64,
    /// Length prefix and entry, as in a bundle.
    pub(super) prefixed: &'a [u8],
}

impl<'a> Place<'a> {
    pub(super) fn entry(&self) -> &'a [u8] {
        self.prefixed.get(2..).unwrap_or_default()
    }
}

impl Run {
    /// All bytes from the first offset to the last; the last may lie beyond what has been written.
    fn read(&self) -> Result<Vec<u8>, StoreError> {
        let (Some(start), Some(end)) = (self.offsets.first(), self.offsets.last()) else { return Ok(Vec::new()) };
        let mut bytes = vec![0; (end - start) as usize];
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let read = self.file.read_at(rest, u64::from(*start) + done as u64);
            match read.map_err(StoreError::io("read", &self.path))? {
                0 => break,
                count => done += count,
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    fn place<'a>(&'a self, bytes: &'a [u8], leaf: u64, start: u32, end: u32) -> Result<Place<'a>, StoreError> {
        let base = self.offsets.first().copied().unwrap_or(start);
        let prefixed = bytes
            .get((start - base) as usize..((end - base) as usize).min(bytes.len()))
            .and_then(|bytes| {
                let length = usize::from(u16::from_be_bytes(*bytes.first_chunk::<2>()?));
                bytes.get(..2 + length)
            })
            .ok_or_else(|| {
                let what = "the entry is longer than its place: its length prefix is not what was written";
                StoreError::damaged(&self.path, u64::from(start), Some(leaf), what)
            })?;
        debug_assert!(leaf >= self.first_leaf, "runs go forward");
        Ok(Place { path: &self.path, offset: start, leaf, prefixed })
    }
}
