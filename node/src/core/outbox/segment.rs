//! Bytes of an outbox segment: a header with a salt, then frames
//! `[length u32][checksum u32][accepted at, ms u64][durable u32][submission]`, big-endian, in zeros.
//!
//! Segments are written with zeros first, so that a sync later has no new blocks to record. The checksum covers salt,
//! length, time, `durable` and bytes: what an earlier file left in recycled blocks never passes for a frame.
//!
//! Frames are written in groups, each with one sync, and a crash may leave any sectors of the last group (512 bytes, whole
//! or not at all). So a whole frame may stand behind a torn one, and is kept: it may have been promised by a process that
//! died later. What tells a tear from damage is `durable`: everything below that place was synced before the frame was
//! written. A bad place below it was promised, and has rotted. The same goes for a bad place that lacks nothing: a torn
//! frame lacks its end, or a sector, which are still zero. (What remains undecidable is a last frame that has rotted and
//! seems to lack something: by its length, or because it was written with zeros where a sector or the frame ends.)
//! A frame may end with zeros itself, so the last byte that is not zero says where to stop looking, not where a frame ends.
//!
//! Segments of version 1 (`TAMGAOB1`, frames without `durable`) are read, and never written.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tamga_ledger::submission::SUBMISSION_BYTES_MAX;
use tamga_platform::disk::{Disk, DiskFile, Open};

const MAGIC: &[u8; 8] = b"TAMGAOB2";
const MAGIC_1: &[u8; 8] = b"TAMGAOB1";
const HEADER_BYTES: usize = 24;
/// What stands before a submission.
pub(super) const FRAME_BYTES: usize = 20;
const FRAME_BYTES_1: usize = 16;
const SECTOR_BYTES: usize = 512;
/// Size of a segment.
pub(super) const SEGMENT_BYTES: u64 = 4 << 20;

/// A record as the outbox keeps it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) accepted_ms: u64,
    pub(super) bytes: Bytes,
}

/// A segment that is being written.
#[derive(Debug)]
pub(super) struct Segment {
    file: Box<dyn DiskFile>,
    salt: u64,
    end: u64,
    /// Everything below is durable.
    durable: u32,
}

fn checksum(salt: u64, length: u32, accepted_ms: u64, durable: Option<u32>, bytes: &[u8]) -> u32 {
    let mut head = [0; 24];
    head[..8].copy_from_slice(&salt.to_be_bytes());
    head[8..12].copy_from_slice(&length.to_be_bytes());
    head[12..20].copy_from_slice(&accepted_ms.to_be_bytes());
    head[20..].copy_from_slice(&durable.unwrap_or(0).to_be_bytes());
    let head = if durable.is_some() { &head[..] } else { &head[..20] };
    crc32c::crc32c_append(crc32c::crc32c(head), bytes)
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.outbox"))
}

/// Numbers of the segments in `folder`, ascending.
pub(super) fn numbers(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<u64>> {
    let names = disk.list(folder)?;
    Ok(names.iter().filter_map(|name| name.strip_suffix(".outbox")?.parse().ok()).collect())
}

impl Segment {
    /// Creates segment `number`, durable and empty.
    pub(super) fn create(disk: &dyn Disk, folder: &Path, number: u64, salt: u64) -> io::Result<Self> {
        let file = disk.open(&path(folder, number), Open::ReadWrite)?;
        file.set_len(0)?;
        let zeros = vec![0; 1 << 18];
        for offset in (0..SEGMENT_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..16].copy_from_slice(&salt.to_be_bytes());
        let checksum = crc32c::crc32c(&header[..16]);
        header[16..20].copy_from_slice(&checksum.to_be_bytes());
        file.write_all_at(&header, 0)?;
        file.sync_data()?;
        disk.sync_dir(folder)?;
        Ok(Self { file, salt, end: HEADER_BYTES as u64, durable: HEADER_BYTES as u32 })
    }

    /// Whether so many more bytes of frames fit.
    pub(super) const fn fits(&self, bytes: usize) -> bool {
        self.end + bytes as u64 <= SEGMENT_BYTES
    }

    /// Appends records; durable after [`sync`](Self::sync). All must fit.
    pub(super) fn append(&mut self, records: &[Stored]) -> io::Result<()> {
        let mut frames = Vec::with_capacity(records.iter().map(|record| FRAME_BYTES + record.bytes.len()).sum());
        for record in records {
            let length = u32::try_from(record.bytes.len()).map_err(io::Error::other)?;
            let checksum = checksum(self.salt, length, record.accepted_ms, Some(self.durable), &record.bytes);
            frames.extend_from_slice(&length.to_be_bytes());
            frames.extend_from_slice(&checksum.to_be_bytes());
            frames.extend_from_slice(&record.accepted_ms.to_be_bytes());
            frames.extend_from_slice(&self.durable.to_be_bytes());
            frames.extend_from_slice(&record.bytes);
        }
        self.file.write_all_at(&frames, self.end)?;
        self.end += frames.len() as u64;
        Ok(())
    }

    /// Makes everything appended durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.durable = u32::try_from(self.end).map_err(io::Error::other)?;
        Ok(())
    }
}

/// A place of a segment that was promised and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) path: PathBuf,
    pub(crate) place: Range<usize>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.place;
        write!(f, "{}: bytes {start} to {end} held promised records and are not what was written", self.path.display())
    }
}

/// What a segment holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Every whole frame.
    pub(super) records: Vec<Stored>,
    pub(super) damages: Vec<Damage>,
}

/// Reads a segment: every whole frame, also behind one that is not; and what has rotted. A tear in the last group is none of
/// that: nobody was told.
pub(super) fn read(disk: &dyn Disk, path: &Path) -> io::Result<Contents> {
    let bytes = Bytes::from(disk.read(path, SEGMENT_BYTES)?);
    let written = written_bytes(&bytes);
    let mut contents = Contents::default();
    let damage = |place| Damage { path: path.to_owned(), place };
    let format = Format::of(&bytes);
    if !format.is_whole {
        if written <= HEADER_BYTES {
            // Crash while the segment was created: nothing was ever acknowledged from it.
            tracing::warn!(path = %path.display(), "an outbox segment without a header is dropped");
            return Ok(contents);
        }
        contents.damages.push(damage(0..HEADER_BYTES));
    }
    let (mut gaps, mut durable): (Vec<Range<usize>>, usize) = (Vec::new(), HEADER_BYTES);
    let mut at = HEADER_BYTES;
    while at < written {
        if let Some(frame) = format.read(&bytes, at) {
            durable = durable.max(frame.durable as usize);
            at = frame.end;
            contents.records.push(frame.stored);
            continue;
        }
        match gaps.last_mut() {
            Some(gap) if gap.end == at => gap.end += 1,
            _ => gaps.push(at..at + 1),
        }
        at += 1;
    }
    for gap in gaps {
        if gap.start < durable || !format.is_torn(&bytes[..written], &gap) {
            contents.damages.push(damage(gap));
        } else {
            tracing::info!(path = %path.display(), ?gap, "the last write to the outbox was not finished; nobody was told");
        }
    }
    Ok(contents)
}

/// Without the zeros at the end.
fn written_bytes(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    let is_zero = |chunk: &[u8]| *chunk == ZEROS[..chunk.len()];
    let chunks = bytes.chunks(ZEROS.len()).rposition(|chunk| !is_zero(chunk)).map_or(0, |last| last + 1);
    let end = bytes.len().min(chunks * ZEROS.len());
    bytes[..end].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// How the frames of a segment are written.
struct Format {
    salt: u64,
    has_durable: bool,
    /// Whether the header is what was written. If not, its salt may still be, as whole frames show.
    is_whole: bool,
}

struct Frame {
    stored: Stored,
    durable: u32,
    end: usize,
}

impl Format {
    fn of(bytes: &[u8]) -> Self {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Self { salt: 0, has_durable: true, is_whole: false };
        };
        let stated = u32::from_be_bytes([header[16], header[17], header[18], header[19]]);
        let (magic, has_durable) = (&header[..8], &header[..8] != MAGIC_1);
        let is_whole = (magic == MAGIC || magic == MAGIC_1) && crc32c::crc32c(&header[..16]) == stated;
        Self { salt: u64_at(header, 8), has_durable, is_whole }
    }

    const fn head_bytes(&self) -> usize {
        if self.has_durable { FRAME_BYTES } else { FRAME_BYTES_1 }
    }

    /// The length that a frame at `at` states, if a frame can be so long.
    fn length(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let length = u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as usize;
        (1..=SUBMISSION_BYTES_MAX).contains(&length).then_some(length)
    }

    fn read(&self, bytes: &Bytes, at: usize) -> Option<Frame> {
        let length = self.length(bytes, at)?;
        let start = at + self.head_bytes();
        let end = start + length;
        let (head, body) = (bytes.get(at..start)?, bytes.get(start..end)?);
        let stated = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let accepted_ms = u64_at(head, 8);
        let durable = self.has_durable.then(|| u32::from_be_bytes([head[16], head[17], head[18], head[19]]));
        let whole = checksum(self.salt, length as u32, accepted_ms, durable, body) == stated;
        let stored = Stored { accepted_ms, bytes: bytes.slice(start..end) };
        whole.then_some(Frame { stored, durable: durable.unwrap_or(0), end })
    }

    /// Whether a place that is no whole frame lacks its end or a sector, as one that a crash tore does. `bytes` end with
    /// the last one that is not zero.
    fn is_torn(&self, bytes: &[u8], gap: &Range<usize>) -> bool {
        let lacks_end = self.length(bytes, gap.start).map_or(gap.start + self.head_bytes() > bytes.len(), |length| {
            gap.start + self.head_bytes() + length > bytes.len()
        });
        let first = gap.start - gap.start % SECTOR_BYTES;
        let mut sectors = (first..gap.end).step_by(SECTOR_BYTES);
        let is_missing = |sector: usize| {
            let part = bytes.get(gap.start.max(sector)..gap.end.min(sector + SECTOR_BYTES));
            part.is_some_and(|part| part.iter().all(|byte| *byte == 0))
        };
        lacks_end || sectors.any(is_missing)
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i: usize| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamga_platform::disk::MemDisk;

    const FOLDER: &str = "/outbox";

    /// Groups of records of so many bytes, each group synced.
    fn written(groups: &[&[usize]]) -> Vec<u8> {
        let disk = MemDisk::default();
        let mut segment = Segment::create(&disk, Path::new(FOLDER), 0, 77).unwrap();
        for group in groups {
            let stored = |length: &usize| Stored { accepted_ms: 5, bytes: Bytes::from(vec![0x61; *length]) };
            segment.append(&group.iter().map(stored).collect::<Vec<_>>()).unwrap();
            segment.sync().unwrap();
        }
        let bytes = disk.read(&path(Path::new(FOLDER), 0), SEGMENT_BYTES).unwrap();
        // Zeros at the end say nothing.
        bytes[..8_192].to_vec()
    }

    fn look(bytes: &[u8]) -> (Vec<usize>, Vec<Range<usize>>) {
        let (disk, path) = (MemDisk::default(), path(Path::new(FOLDER), 0));
        disk.replace(&path, bytes).unwrap();
        let contents = read(&disk, &path).unwrap();
        let lengths = contents.records.iter().map(|record| record.bytes.len()).collect();
        (lengths, contents.damages.into_iter().map(|damage| damage.place).collect())
    }

    #[test]
    fn a_flipped_bit_costs_one_record_and_is_reported_wherever_it_is() {
        let bytes = written(&[&[300], &[700, 40], &[900]]);
        let starts = [24, 24 + 320, 24 + 320 + 720, 24 + 320 + 720 + 60, 24 + 320 + 720 + 60 + 920];
        assert_eq!(look(&bytes), (vec![300, 700, 40, 900], vec![]));
        for place in 0..starts[4] {
            for mask in [1, 0x80] {
                let mut harmed = bytes.clone();
                harmed[place] ^= mask;
                let (found, damages) = look(&harmed);
                if place < 20 && !(8..16).contains(&place) {
                    // The header; the frames vouch for its salt. An unknown version is damage too.
                    assert!(!damages.is_empty() && found.len() == 4, "byte {place}: {found:?}, {damages:?}");
                } else if (20..24).contains(&place) {
                    assert_eq!(damages, [], "padding");
                } else if place >= 24 {
                    let hit = starts.iter().rposition(|start| *start <= place).unwrap();
                    let mut rest = vec![300, 700, 40, 900];
                    rest.remove(hit);
                    let seems_longer = hit == 3 && place < starts[3] + 4;
                    assert_eq!(found, rest, "byte {place}");
                    let told = damages.len() == 1 && damages[0] == (starts[hit]..starts[hit + 1]);
                    assert!(told || seems_longer, "byte {place}: {damages:?}");
                } else {
                    assert!(!damages.is_empty(), "byte {place}");
                }
            }
        }
    }

    #[test]
    fn a_group_of_which_any_sectors_are_missing_is_no_damage_and_its_whole_frames_are_kept() {
        let (before, after) = (written(&[&[300, 200]]), written(&[&[300, 200], &[700, 40, 900, 30]]));
        let end = written_bytes(&after);
        let sectors: Vec<usize> = (0..end.div_ceil(512)).collect();
        for missing in 0..1_u32 << sectors.len() {
            let mut torn = after.clone();
            for sector in sectors.iter().filter(|sector| missing & (1 << **sector) != 0) {
                let range = sector * 512..(sector + 1) * 512;
                torn[range.clone()].copy_from_slice(&before[range]);
            }
            let (found, damages) = look(&torn);
            assert_eq!(damages, [], "missing {missing:b}");
            assert_eq!(found[..2], [300, 200], "missing {missing:b}");
            let has =
                |from: usize, length: usize| (from / 512..=(from + length - 1) / 512).all(|s| missing & (1 << s) == 0);
            let mut at = 24 + 320 + 220;
            let mut expected = vec![300, 200];
            for length in [700, 40, 900, 30] {
                expected.extend(has(at, 20 + length).then_some(length));
                at += 20 + length;
            }
            assert_eq!(found, expected, "missing {missing:b}");
        }
    }

    #[test]
    fn records_that_end_with_zeros_are_whole() {
        let (disk, path) = (MemDisk::default(), path(Path::new(FOLDER), 0));
        for zeros in [1, 2, 19, 600, 5_000] {
            let mut segment = Segment::create(&disk, Path::new(FOLDER), 0, 77).unwrap();
            let mut body = vec![0x61; 300];
            body.extend(vec![0; zeros]);
            for _ in 0..2 {
                segment.append(&[Stored { accepted_ms: 5, bytes: Bytes::from(body.clone()) }]).unwrap();
                segment.sync().unwrap();
                let contents = read(&disk, &path).unwrap();
                assert!(contents.damages.is_empty() && contents.records.iter().all(|record| record.bytes == body));
                assert_eq!(contents.records.len() as u64, (segment.end - HEADER_BYTES as u64) / (320 + zeros as u64));
            }
        }
    }

    #[test]
    fn a_segment_of_version_1_is_read() {
        let mut bytes = vec![0; 8_192];
        bytes[..8].copy_from_slice(MAGIC_1);
        bytes[8..16].copy_from_slice(&9_u64.to_be_bytes());
        let sum = crc32c::crc32c(&bytes[..16]);
        bytes[16..20].copy_from_slice(&sum.to_be_bytes());
        let mut at = 24;
        for body in [[1_u8; 100], [2; 100]] {
            bytes[at..at + 4].copy_from_slice(&100_u32.to_be_bytes());
            bytes[at + 4..at + 8].copy_from_slice(&checksum(9, 100, 7, None, &body).to_be_bytes());
            bytes[at + 8..at + 16].copy_from_slice(&7_u64.to_be_bytes());
            bytes[at + 16..at + 116].copy_from_slice(&body);
            at += 116;
        }
        assert_eq!(look(&bytes), (vec![100, 100], vec![]));
        bytes[50] ^= 1;
        assert_eq!(look(&bytes).0, [100]);
    }

    #[test]
    fn a_segment_that_never_came_into_being_is_nothing() {
        let whole = written(&[]);
        for cut in [0, 10, 23, 24, 4_096] {
            assert_eq!(look(&whole[..cut]), (vec![], vec![]), "cut at {cut}");
        }
        assert_eq!(look(&vec![0; 1 << 20]), (vec![], vec![]));
    }
}
