//! What is left of one bad frame.

use super::super::frame::{FRAME_HEADER_BYTES, frame_bytes};
use super::super::record::{RECORD_HEADER_BYTES, Record};

/// The longest record that is no entry: ballot, commit mark and purge mark, all present.
const OTHERS_BYTES_MAX: usize = 68;
/// Offset of the index in the body of an entry.
const INDEX_AT: usize = 16;
/// Shortest body of an entry.
const ENTRY_BYTES_MIN: usize = 25;

/// One record of a bad frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bit {
    /// A record whose checksum holds, with its place in the body; `put_right` if one bit of its header was flipped.
    Sound { record: Record, at: usize, length: usize, put_right: bool },
    /// An entry, surely, with the index that it still states.
    Entry { stated: u64 },
    /// A commit mark, a purge mark or an entry without payload.
    Small,
}

/// The records of a bad frame, and its body if that is known byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Salvaged {
    pub(super) bits: Vec<Bit>,
    pub(super) body: Option<Vec<u8>>,
}

/// Takes a bad frame apart. `region`: from its start to the next good frame, or to the last byte in use; `header`: the
/// length of its body, if its header is sound; `closed`: the region ends where the next good frame begins. `None` when
/// records cannot be told apart with certainty.
pub(super) fn salvage(seed: u32, region: &[u8], header: Option<usize>, closed: bool) -> Option<Salvaged> {
    let fits = |body: usize| if closed { frame_bytes(body) == region.len() } else { true };
    let end = match header.filter(|body| fits(*body)) {
        Some(body) => Some(FRAME_HEADER_BYTES.checked_add(body)?),
        None if closed => None,
        None => return None,
    };
    let mut body = region.get(FRAME_HEADER_BYTES..end.unwrap_or(region.len()))?.to_vec();
    let (mut bits, mut at, mut whole) = (Vec::new(), 0, true);
    while at < body.len() {
        if end.is_none() && is_padding(&body[at..], FRAME_HEADER_BYTES + at) {
            break;
        }
        let rest = &body[at..];
        let (bit, length) = match sound(seed, rest) {
            Some((record, length, header)) => {
                let put_right = header.is_some();
                if let Some(header) = header {
                    body[at..at + RECORD_HEADER_BYTES].copy_from_slice(&header);
                }
                (Bit::Sound { record, at, length, put_right }, length)
            }
            None => {
                whole = false;
                lost(seed, rest, end.is_some())?
            }
        };
        bits.push(bit);
        at += length;
    }
    body.truncate(at);
    Some(Salvaged { bits, body: whole.then_some(body) })
}

/// Whether only a frame's padding and end mark follow.
fn is_padding(rest: &[u8], at: usize) -> bool {
    rest.len() < RECORD_HEADER_BYTES && frame_bytes(at - FRAME_HEADER_BYTES) == at + rest.len()
}

type Header = [u8; RECORD_HEADER_BYTES];

/// The record at the start, with its header put right if that needed one bit.
fn sound(seed: u32, bytes: &[u8]) -> Option<(Record, usize, Option<Header>)> {
    if let Ok((record, length)) = Record::decode(seed, bytes) {
        return Some((record, length, None));
    }
    let mut copy = bytes.to_vec();
    for bit in 0..8 * RECORD_HEADER_BYTES {
        let byte = copy.get_mut(bit / 8)?;
        *byte ^= 1 << (bit % 8);
        if let Ok((record, length)) = Record::decode(seed, &copy) {
            return Some((record, length, copy.first_chunk().copied()));
        }
        copy[bit / 8] ^= 1 << (bit % 8);
    }
    None
}

/// A damaged record whose end is confirmed: by a sound record, or by the end of the body where that is known.
fn lost(seed: u32, rest: &[u8], end_known: bool) -> Option<(Bit, usize)> {
    let header: &Header = rest.first_chunk()?;
    let stated = u32::from_le_bytes(*header.get(4..8)?.first_chunk()?) as usize;
    let length = RECORD_HEADER_BYTES.checked_add(stated)?;
    let behind = rest.get(length..)?;
    let confirmed = if behind.is_empty() { end_known } else { sound(seed, behind).is_some() };
    if !confirmed {
        return None;
    }
    let body = rest.get(RECORD_HEADER_BYTES..length)?;
    let index = body.get(INDEX_AT..).and_then(|word| word.first_chunk::<8>()).map(|word| u64::from_le_bytes(*word));
    match index {
        Some(stated) if body.len() > OTHERS_BYTES_MAX => Some((Bit::Entry { stated }, length)),
        Some(stated) if body.len() > ENTRY_BYTES_MIN && header[0] == 1 => Some((Bit::Entry { stated }, length)),
        // No ballot has this length.
        Some(_) if body.len() == ENTRY_BYTES_MIN => Some((Bit::Small, length)),
        _ => None,
    }
}
