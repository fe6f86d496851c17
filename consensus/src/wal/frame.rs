//! Frames: one group commit each, and the judgement over a bad one.

use crate::error::Malformed;

const MAGIC: [u8; 4] = *b"tmgF";
/// Bytes before a frame's body.
pub(crate) const FRAME_HEADER_BYTES: usize = 24;
const ALIGN: usize = 8;
const END_MARK: u8 = 0xa5;
const SECTOR_BYTES: usize = 512;

/// Length of a frame with a body of `body` bytes: at least one byte follows the body, the end mark.
pub(crate) const fn frame_bytes(body: usize) -> usize {
    (FRAME_HEADER_BYTES + body + 1).next_multiple_of(ALIGN)
}

/// Completes `out`, which holds room for the header and then the body, to a frame for `offset` of the segment.
pub(crate) fn seal(seed: u32, offset: u64, number: u64, out: &mut Vec<u8>) {
    debug_assert!(out.len() >= FRAME_HEADER_BYTES);
    let body = out.len() - FRAME_HEADER_BYTES;
    let length = u32::try_from(body).unwrap_or(u32::MAX);
    let body_crc = crc32c::crc32c_append(seed, &out[FRAME_HEADER_BYTES..]);
    out[..4].copy_from_slice(&MAGIC);
    out[4..8].copy_from_slice(&length.to_le_bytes());
    out[8..16].copy_from_slice(&number.to_le_bytes());
    out[16..20].copy_from_slice(&body_crc.to_le_bytes());
    let header_crc = header_checksum(seed, offset, &out[..20]);
    out[20..24].copy_from_slice(&header_crc.to_le_bytes());
    out.resize(frame_bytes(body), 0);
    if let Some(last) = out.last_mut() {
        *last = END_MARK;
    }
}

fn header_checksum(seed: u32, offset: u64, fields: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &offset.to_le_bytes()), fields)
}

/// A header whose checksum holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) number: u64,
    body: usize,
    body_crc: u32,
}

impl Header {
    fn read(seed: u32, segment: &[u8], offset: usize) -> Option<Self> {
        Self::parse(seed, segment.get(offset..offset + FRAME_HEADER_BYTES)?, offset)
    }

    fn parse(seed: u32, fields: &[u8], offset: usize) -> Option<Self> {
        let u32_at = |at: usize| fields.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        if fields[..4] != MAGIC || u32_at(20)? != header_checksum(seed, offset as u64, &fields[..20]) {
            return None;
        }
        let number = fields.get(8..16)?.try_into().ok().map(u64::from_le_bytes)?;
        Some(Self { number, body: usize::try_from(u32_at(4)?).ok()?, body_crc: u32_at(16)? })
    }
}

/// What stands at an offset of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A good frame.
    Frame { number: u64, body: &'a [u8], end: usize },
    /// Zeros up to the end of the segment.
    End,
    /// A write that never finished: zero everything from here on and go on.
    Torn,
    /// Bytes that no unfinished write leaves behind.
    Damaged(&'static str),
}

/// End of the last byte of `segment` that is not zero.
pub(crate) fn used_bytes(segment: &[u8]) -> usize {
    segment.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1)
}

/// Judges what stands at `offset` of `segment`, of which `used` bytes are in use ([`used_bytes`]). `last` says that no
/// segment follows.
pub(crate) fn find(seed: u32, segment: &[u8], offset: usize, used: usize, last: bool) -> Found<'_> {
    if offset >= used {
        return Found::End;
    }
    let header = Header::read(seed, segment, offset);
    if let Some((frame, end)) = header.and_then(|header| complete(seed, segment, offset, header)) {
        return Found::Frame { number: frame.0, body: frame.1, end };
    }
    if !last {
        return Found::Damaged("a bad frame, although the log goes on in the next segment");
    }
    let behind = header.map_or(offset + ALIGN, |header| offset + frame_bytes(header.body));
    if any_frame(seed, segment, behind, used) {
        return Found::Damaged("a bad frame with a good one behind it");
    }
    if unfinished(segment, offset, used, header) {
        Found::Torn
    } else {
        Found::Damaged("a frame that was written to its end but does not match its checksum")
    }
}

type Body<'a> = (u64, &'a [u8]);

fn complete(seed: u32, segment: &[u8], offset: usize, header: Header) -> Option<(Body<'_>, usize)> {
    let start = offset + FRAME_HEADER_BYTES;
    let end = offset.checked_add(frame_bytes(header.body))?;
    let body = segment.get(start..start.checked_add(header.body)?)?;
    let (mark, padding) = segment.get(start + header.body..end)?.split_last()?;
    let good = *mark == END_MARK
        && padding.iter().all(|byte| *byte == 0)
        && crc32c::crc32c_append(seed, body) == header.body_crc;
    good.then_some(((header.number, body), end))
}

/// Whether a good frame starts anywhere in `from..to`. A payload cannot imitate one: it does not know the salt.
fn any_frame(seed: u32, segment: &[u8], from: usize, to: usize) -> bool {
    next_good(seed, segment, from, to).is_some()
}

/// Where in `from..to` the first good frame starts.
pub(crate) fn next_good(seed: u32, segment: &[u8], from: usize, to: usize) -> Option<usize> {
    let good = |offset| complete(seed, segment, offset, Header::read(seed, segment, offset)?);
    (from.next_multiple_of(ALIGN)..to).step_by(ALIGN).find(|offset| good(*offset).is_some())
}

/// Number and body length of the frame that starts `bytes`, which stand at `offset` of the segment, if its header is
/// sound. For repair: the rest of the frame may not be.
pub(crate) fn header_at(seed: u32, bytes: &[u8], offset: usize) -> Option<(u64, usize)> {
    let fields = bytes.get(..FRAME_HEADER_BYTES)?;
    let header = Header::parse(seed, fields, offset)?;
    Some((header.number, header.body))
}

/// Whether the bad frame at `offset` looks like a write into zeros that did not reach the disk whole.
fn unfinished(segment: &[u8], offset: usize, used: usize, header: Option<Header>) -> bool {
    let Some(header) = header else {
        // Without its header the frame's length is unknown: either nothing behind the header was written, or the
        // sector that holds (a part of) the header is missing.
        let header_end = offset + FRAME_HEADER_BYTES;
        return used <= header_end || zero_sector(segment, offset, used, offset, header_end);
    };
    let end = offset.saturating_add(frame_bytes(header.body)).min(segment.len());
    used <= end && (used < end || zero_sector(segment, offset, end, offset, end))
}

/// Whether a sector that touches `from..to` is all zero within the frame, `start..end`.
fn zero_sector(segment: &[u8], start: usize, end: usize, from: usize, to: usize) -> bool {
    (from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES)).any(|sector| {
        let piece = (sector * SECTOR_BYTES).max(start)..((sector + 1) * SECTOR_BYTES).min(end);
        segment.get(piece).is_some_and(|bytes| !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0))
    })
}

/// Splits a frame's body into records, each with its offset in the body and its length.
pub(crate) fn records(seed: u32, body: &[u8]) -> Result<Vec<(super::record::Record, usize, usize)>, Malformed> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let (record, length) = super::record::Record::decode(seed, &body[at..])?;
        found.push((record, at, length));
        at += length;
    }
    Ok(found)
}
