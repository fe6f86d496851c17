//! Bytes of an outbox segment: a header with a salt, then frames
//! `[length u32][checksum u32][accepted at, ms u64][submission]`, big-endian, up to the first zero length.
//!
//! Segments are written with zeros first, so that a sync later has no new blocks to record. The checksum covers salt,
//! length, time and bytes: what an earlier file left in recycled blocks never passes for a frame.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tamga_ledger::submission::SUBMISSION_BYTES_MAX;
use tamga_platform::disk::{Disk, DiskFile, Open};

const MAGIC: &[u8; 8] = b"TAMGAOB1";
const HEADER_BYTES: u64 = 24;
const FRAME_BYTES: usize = 16;
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
}

fn checksum(salt: u64, length: u32, accepted_ms: u64, bytes: &[u8]) -> u32 {
    let mut head = [0; 20];
    head[..8].copy_from_slice(&salt.to_be_bytes());
    head[8..12].copy_from_slice(&length.to_be_bytes());
    head[12..].copy_from_slice(&accepted_ms.to_be_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&head), bytes)
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
        let mut header = [0; HEADER_BYTES as usize];
        header[..8].copy_from_slice(MAGIC);
        header[8..16].copy_from_slice(&salt.to_be_bytes());
        let checksum = crc32c::crc32c(&header[..16]);
        header[16..20].copy_from_slice(&checksum.to_be_bytes());
        file.write_all_at(&header, 0)?;
        file.sync_data()?;
        disk.sync_dir(folder)?;
        Ok(Self { file, salt, end: HEADER_BYTES })
    }

    /// Whether so many more bytes of submissions fit.
    pub(super) const fn fits(&self, bytes: usize) -> bool {
        self.end + (FRAME_BYTES + bytes) as u64 <= SEGMENT_BYTES
    }

    /// Appends records; durable after [`sync`](Self::sync). All must fit.
    pub(super) fn append(&mut self, records: &[Stored]) -> io::Result<()> {
        let mut frames = Vec::with_capacity(records.iter().map(|record| FRAME_BYTES + record.bytes.len()).sum());
        for record in records {
            let length = u32::try_from(record.bytes.len()).map_err(io::Error::other)?;
            let checksum = checksum(self.salt, length, record.accepted_ms, &record.bytes);
            frames.extend_from_slice(&length.to_be_bytes());
            frames.extend_from_slice(&checksum.to_be_bytes());
            frames.extend_from_slice(&record.accepted_ms.to_be_bytes());
            frames.extend_from_slice(&record.bytes);
        }
        self.file.write_all_at(&frames, self.end)?;
        self.end += frames.len() as u64;
        Ok(())
    }

    /// Makes everything appended durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Reads the whole frames of a segment, up to the first that is not. What follows was never acknowledged: a record is
/// acknowledged only after the sync of its frame and all before it.
pub(super) fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<Stored>> {
    let bytes = Bytes::from(disk.read(path, SEGMENT_BYTES)?);
    let mut found = Vec::new();
    let Some(salt) = read_header(&bytes) else {
        // Crash while the segment was created: nothing was ever acknowledged from it.
        tracing::warn!(path = %path.display(), "an outbox segment without a header is dropped");
        return Ok(found);
    };
    let mut at = HEADER_BYTES as usize;
    while let Some((record, next)) = read_frame(&bytes, salt, at) {
        found.push(record);
        at = next;
    }
    Ok(found)
}

fn read_header(bytes: &[u8]) -> Option<u64> {
    let header = bytes.first_chunk::<{ HEADER_BYTES as usize }>()?;
    let stated = u32::from_be_bytes(header[16..20].try_into().ok()?);
    let whole = &header[..8] == MAGIC && crc32c::crc32c(&header[..16]) == stated;
    whole.then(|| u64::from_be_bytes([8, 9, 10, 11, 12, 13, 14, 15].map(|i: usize| header[i])))
}

fn read_frame(bytes: &Bytes, salt: u64, at: usize) -> Option<(Stored, usize)> {
    let (head, rest) = bytes.get(at..)?.split_first_chunk::<FRAME_BYTES>()?;
    let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    let stated = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let accepted_ms = u64::from_be_bytes([8, 9, 10, 11, 12, 13, 14, 15].map(|i: usize| head[i]));
    if length == 0 || length as usize > SUBMISSION_BYTES_MAX {
        return None;
    }
    let body = rest.get(..length as usize)?;
    let start = at + FRAME_BYTES;
    let end = start + length as usize;
    (checksum(salt, length, accepted_ms, body) == stated)
        .then(|| (Stored { accepted_ms, bytes: bytes.slice(start..end) }, end))
}
