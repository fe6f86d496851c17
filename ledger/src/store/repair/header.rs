//! A damaged frame header, found again from what surrounds it.
//!
//! Its checksum and the frame's (which covers the header too) say whether a guess is what was written; a guess that
//! pleases neither is not made.

use super::super::frame::{FRAME_HEADER_BYTES, FrameHeader};
use super::super::types::LogPosition;

const POSITION_AT: usize = 16;
const SYNCED_AT: usize = 48;
const SUM_AT: usize = 60;

/// The header with one flipped bit put right, if that is all that is wrong with it and it then belongs here.
pub(super) fn corrected(raw: &[u8], belongs: impl Fn(&FrameHeader) -> bool) -> Option<FrameHeader> {
    let mut bytes: [u8; FRAME_HEADER_BYTES] = *raw.first_chunk()?;
    for bit in 0..8 * FRAME_HEADER_BYTES {
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Some(header) = FrameHeader::parse(&bytes).filter(&belongs) {
            return Some(header);
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    None
}

/// What is known of a frame whose header is lost.
pub(super) struct Around<'a> {
    /// Everything but `position` and `synced`, which are to be found.
    pub(super) header: FrameHeader,
    /// Payload and section as they have to be.
    pub(super) content: &'a [u8],
    /// Position of the frame before.
    pub(super) before: Option<LogPosition>,
    /// Position of the frame behind.
    pub(super) behind: Option<LogPosition>,
    /// Position of this frame where it is known from elsewhere.
    pub(super) own: Option<LogPosition>,
    /// Ends of earlier frames: what `synced` can be.
    pub(super) ends: &'a [u32],
    /// The bytes on disk where the frame was, if its size is certain.
    pub(super) raw: Option<&'a [u8]>,
}

/// The header, and whether it is certainly the one that was written.
pub(super) fn found_again(around: &Around<'_>) -> (FrameHeader, bool) {
    if let Some(header) = around.raw.and_then(|raw| search(around, raw)) {
        return (header, true);
    }
    let position = around.own.or(around.before).or(around.behind).unwrap_or_default();
    (FrameHeader { position, synced: around.header.offset, ..around.header }, false)
}

fn search(around: &Around<'_>, raw: &[u8]) -> Option<FrameHeader> {
    let sum = u32_at(raw, SUM_AT)?;
    let trailer = u32_at(raw, raw.len().checked_sub(4)?)?;
    let content = crc32c::crc32c(around.content);
    let positions = positions(around, raw);
    let synced: Vec<u32> = u32_at(raw, SYNCED_AT).into_iter().chain(around.ends.iter().copied()).collect();
    for position in positions {
        for synced in &synced {
            let header = FrameHeader { position, synced: *synced, ..around.header };
            let bytes = header.to_bytes();
            let whole = crc32c::crc32c_combine(crc32c::crc32c(&bytes), content, around.content.len());
            if u32_at(&bytes, SUM_AT) == Some(sum) || whole == trailer {
                return Some(header);
            }
        }
    }
    None
}

fn positions(around: &Around<'_>, raw: &[u8]) -> Vec<LogPosition> {
    let word = |at: usize| raw.get(at..at + 8)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    let as_read = || {
        let (term, leader) = (word(POSITION_AT)?, word(POSITION_AT + 8)?);
        Some(LogPosition { term, leader, index: word(POSITION_AT + 16)? })
    };
    let step = |from: LogPosition, index: Option<u64>| Some(LogPosition { index: index?, ..from });
    let after = around.before.and_then(|before| step(before, before.index.checked_add(1)));
    let until = around.behind.and_then(|behind| step(behind, behind.index.checked_sub(1)));
    [around.own, as_read(), after, until].into_iter().flatten().collect()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_le_bytes(*word))
}
