//! Reading a segment frame by frame, and telling a torn tail from damage.

use std::io;
use std::path::Path;

use tamga_platform::disk::DiskFile;

use super::error::StoreError;
use super::frame::{BodyPlace, FRAME_HEADER_BYTES, FRAME_MAGIC, Frame, FrameHeader};
use super::index::SegmentIndex;
use super::layout::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::types::{Fault, LogPosition};

/// Read ahead so much; small frames then cost no system call each.
const WINDOW_BYTES: usize = 4 << 20;
/// No segment is larger: the roll limit and one frame.
const SEGMENT_FILE_BYTES_MAX: u64 = 256 << 20;

/// A file read forward through one buffer.
struct Window<'f> {
    file: &'f dyn DiskFile,
    length: u64,
    start: u64,
    buffer: Vec<u8>,
}

impl<'f> Window<'f> {
    const fn new(file: &'f dyn DiskFile, length: u64) -> Self {
        Self { file, length, start: 0, buffer: Vec::new() }
    }

    /// The bytes `[offset, offset + count)`, or what the file has of them.
    fn get(&mut self, offset: u64, count: usize) -> io::Result<&[u8]> {
        let count = count.min(usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX));
        let buffered = self.start..self.start + self.buffer.len() as u64;
        if offset < buffered.start || offset + count as u64 > buffered.end {
            let ahead = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX).min(WINDOW_BYTES);
            self.buffer.resize(count.max(ahead), 0);
            self.start = offset;
            self.file.read_exact_at(&mut self.buffer, offset)?;
        }
        let from = (offset - self.start) as usize;
        Ok(self.buffer.get(from..from + count).unwrap_or_default())
    }
}

/// A whole frame with its parts taken apart.
pub(super) struct Scanned<'a> {
    pub(super) first_leaf: u64,
    pub(super) position: LogPosition,
    pub(super) entries: &'a [(u32, &'a [u8])],
    pub(super) bodies: &'a [BodyPlace],
}

/// What stands at the end of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tail {
    /// The last frame ends with the file.
    Whole,
    /// So many bytes of an append that was never durable follow the last whole frame.
    Torn(u64),
    /// The frame after the last whole one was durable and is damaged.
    Damaged(Fault),
}

/// Reads the header of a segment. `None` when it is not one, or the one of another segment.
pub(super) fn read_header(file: &dyn DiskFile, path: &Path, number: u32) -> Result<Option<SegmentHeader>, StoreError> {
    let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(SegmentHeader::parse(&bytes).filter(|header| header.number == number)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}

/// Scans a segment from its header on. `durable`: for the segment that was being written, where the end may be
/// torn, the bytes the sync mark vouches for; in any other segment (`None`) a bad frame is damage.
///
/// `take` gets every whole frame and may refuse it (false): then it counts as bad.
pub(super) fn scan_segment(
    file: &dyn DiskFile,
    path: &Path,
    header: &SegmentHeader,
    durable: Option<u32>,
    take: impl FnMut(&Scanned<'_>) -> Result<bool, StoreError>,
) -> Result<(SegmentIndex, Tail), StoreError> {
    let start = SegmentIndex::new(header.number, header.first_leaf, SEGMENT_HEADER_BYTES, header.position);
    scan_from(file, path, start, durable, take)
}

/// As [`scan_segment`], from any frame on: `index` says which.
pub(super) fn scan_from(
    file: &dyn DiskFile,
    path: &Path,
    mut index: SegmentIndex,
    durable: Option<u32>,
    mut take: impl FnMut(&Scanned<'_>) -> Result<bool, StoreError>,
) -> Result<(SegmentIndex, Tail), StoreError> {
    let length = file.len().map_err(StoreError::io("read", path))?;
    if length > SEGMENT_FILE_BYTES_MAX {
        return Err(StoreError::damaged(path, SEGMENT_FILE_BYTES_MAX, None, "the segment is larger than any can be"));
    }
    let mut window = Window::new(file, length);
    while u64::from(index.end) < length {
        if !take_frame(&mut window, path, &mut index, &mut take)? {
            let fault = Fault {
                path: path.to_owned(),
                offset: u64::from(index.end),
                leaf: crate::tree::LeafIndex::new(index.next_leaf()).ok(),
                what: "a frame is damaged: header, checksum or confidential bodies are not what was written".to_owned(),
            };
            let torn = match durable {
                Some(durable) if durable <= index.end => !durable_beyond(&mut window, path, index.number, index.end)?,
                _ => false,
            };
            let tail = if torn { Tail::Torn(length - u64::from(index.end)) } else { Tail::Damaged(fault) };
            return Ok((index, tail));
        }
    }
    Ok((index, Tail::Whole))
}

/// Takes the frame at the end of `index`; false when there is no whole one.
fn take_frame(
    window: &mut Window<'_>,
    path: &Path,
    index: &mut SegmentIndex,
    take: &mut impl FnMut(&Scanned<'_>) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    let at = u64::from(index.end);
    let start = window.get(at, FRAME_HEADER_BYTES).map_err(StoreError::io("read", path))?;
    let Some(header) = FrameHeader::parse(start) else { return Ok(false) };
    let bytes = window.get(at, header.total_bytes()).map_err(StoreError::io("read", path))?;
    let Some(frame) = Frame::parse(bytes) else { return Ok(false) };
    // From here on the bytes are what some writer wrote; if they do not fit, they stand in the wrong place.
    let leaf = index.next_leaf();
    let wrong = |what: &str| StoreError::damaged(path, at, Some(leaf), what);
    if (header.segment, header.offset, header.first_leaf) != (index.number, index.end, leaf) {
        return Err(wrong("a whole frame stands where another belongs"));
    }
    let entries = frame.entries().ok_or_else(|| wrong("a whole frame does not hold the entries it counts"))?;
    let bodies = frame.bodies().ok_or_else(|| wrong("a whole frame has a malformed confidential section"))?;
    if !take(&Scanned { first_leaf: leaf, position: header.position, entries: &entries, bodies: &bodies })? {
        return Ok(false);
    }
    index.extend(&frame, &entries, &bodies);
    Ok(true)
}

/// Whether some later frame says that the bytes at `bad` had been durable when it was written. Frames written after the
/// last sync may reach the disk in any order, so a whole frame beyond a torn one proves nothing by itself.
fn durable_beyond(window: &mut Window<'_>, path: &Path, segment: u32, bad: u32) -> Result<bool, StoreError> {
    Ok(find_header(window, path, bad, |header| header.segment == segment && header.synced > bad)?.is_some())
}

/// Where reading can go on after a bad frame: at the next header of this segment.
pub(super) fn next_frame(
    file: &dyn DiskFile,
    path: &Path,
    segment: u32,
    bad: u32,
) -> Result<Option<SegmentIndex>, StoreError> {
    let length = file.len().map_err(StoreError::io("read", path))?;
    let found = find_header(&mut Window::new(file, length), path, bad, |header| header.segment == segment)?;
    Ok(found.map(|header| SegmentIndex::new(segment, header.first_leaf, header.offset, None)))
}

/// The first frame header after `bad` that pleases. A header counts only at the very offset it names, so bytes inside an
/// entry do not pass for one by accident.
fn find_header(
    window: &mut Window<'_>,
    path: &Path,
    bad: u32,
    pleases: impl Fn(&FrameHeader) -> bool,
) -> Result<Option<FrameHeader>, StoreError> {
    let mut at = u64::from(bad) + 1;
    loop {
        let bytes = window.get(at, WINDOW_BYTES / 2).map_err(StoreError::io("read", path))?;
        for (skipped, start) in bytes.windows(FRAME_HEADER_BYTES).enumerate() {
            if start.starts_with(FRAME_MAGIC)
                && let Some(header) = FrameHeader::parse(start)
                && u64::from(header.offset) == at + skipped as u64
                && pleases(&header)
            {
                return Ok(Some(header));
            }
        }
        if bytes.len() < FRAME_HEADER_BYTES {
            return Ok(None);
        }
        at += (bytes.len() + 1 - FRAME_HEADER_BYTES) as u64;
    }
}
