//! Frames: what one append writes to an entry segment.

use std::collections::BTreeMap;

use crate::tree::ENTRY_BYTES_MAX;

use super::layout::{Fields, seal, unseal};
use super::types::{CLASS_MAX, CONFIDENTIAL_BYTES_MAX, LogPosition, NewEntry};

pub(super) const FRAME_MAGIC: &[u8; 4] = b"TFR1";
pub(super) const FRAME_HEADER_BYTES: usize = 64;
const TRAILER_BYTES: usize = 4;
/// Header of one confidential body in its file.
pub(super) const BODY_HEADER_BYTES: u32 = 24;
/// The largest frame: with a segment of at most 128 MiB it keeps every offset below 2²⁸.
pub(super) const FRAME_BYTES_MAX: usize = 64 << 20;

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) payload_bytes: u32,
    pub(super) first_leaf: u64,
    pub(super) position: LogPosition,
    pub(super) count: u32,
    /// Bytes of the confidential section; 0 when no entry has a body.
    pub(super) section_bytes: u32,
    /// Bytes of this segment that were known durable when the frame was written. A bad frame below the mark of a later
    /// one is damage; a bad frame above all later marks was never promised to anybody.
    pub(super) synced: u32,
    pub(super) segment: u32,
    /// Where in the segment the frame starts: catches writes and reads that went astray.
    pub(super) offset: u32,
}

impl FrameHeader {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FRAME_HEADER_BYTES);
        bytes.extend_from_slice(FRAME_MAGIC);
        bytes.extend_from_slice(&self.payload_bytes.to_le_bytes());
        for field in [self.first_leaf, self.position.term, self.position.leader, self.position.index] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.count, self.section_bytes, self.synced, self.segment, self.offset] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        seal(bytes)
    }

    /// `None` unless magic and checksum are right and the sizes are possible.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(unseal(bytes.get(..FRAME_HEADER_BYTES)?)?);
        if fields.array()? != *FRAME_MAGIC {
            return None;
        }
        let header = Self {
            payload_bytes: fields.u32()?,
            first_leaf: fields.u64()?,
            position: LogPosition { term: fields.u64()?, leader: fields.u64()?, index: fields.u64()? },
            count: fields.u32()?,
            section_bytes: fields.u32()?,
            synced: fields.u32()?,
            segment: fields.u32()?,
            offset: fields.u32()?,
        };
        (header.total_bytes() <= FRAME_BYTES_MAX).then_some(header)
    }

    /// Header, payload, section and checksum.
    pub(super) const fn total_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.payload_bytes as usize + self.section_bytes as usize + TRAILER_BYTES
    }
}

/// A frame whose checksum holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) header: FrameHeader,
    payload: &'a [u8],
    section: &'a [u8],
}

/// Where the confidential body of an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BodyPlace {
    /// Place of the entry in the frame.
    pub(super) entry: u32,
    pub(super) class: u8,
    /// Of the body's header in the class file of the same segment.
    pub(super) offset: u32,
    /// Of the body alone.
    pub(super) length: u32,
}

impl BodyPlace {
    pub(super) const fn end(&self) -> u64 {
        self.offset as u64 + BODY_HEADER_BYTES as u64 + self.length as u64
    }
}

impl<'a> Frame<'a> {
    /// `None` unless `bytes` are exactly one frame with the right checksum.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = FrameHeader::parse(bytes)?;
        if bytes.len() != header.total_bytes() {
            return None;
        }
        let content = unseal(bytes)?.get(FRAME_HEADER_BYTES..)?;
        let (payload, section) = content.split_at_checked(header.payload_bytes as usize)?;
        Some(Self { header, payload, section })
    }

    /// A frame whose header holds, whatever its checksum says: for finding what in it is damaged.
    pub(super) fn unchecked(header: FrameHeader, bytes: &'a [u8]) -> Option<Self> {
        let payload = bytes.get(FRAME_HEADER_BYTES..)?.get(..header.payload_bytes as usize)?;
        Some(Self { header, payload, section: &[] })
    }

    /// The entries, each with the offset of its length prefix from the start of the segment. `None` when the payload is
    /// not `count` entries.
    pub(super) fn entries(&self) -> Option<Vec<(u32, &'a [u8])>> {
        let entries: Vec<_> = self.walk().collect();
        let bytes: usize = entries.iter().map(|(_, entry)| 2 + entry.len()).sum();
        (entries.len() == self.header.count as usize && bytes == self.payload.len()).then_some(entries)
    }

    /// The entries up to where the payload stops being entries, each with the offset of its length prefix.
    pub(super) fn walk(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        let (payload, start) = (self.payload, self.header.offset.saturating_add(FRAME_HEADER_BYTES as u32));
        let mut at = 0;
        std::iter::from_fn(move || {
            let (length, after) = payload.get(at..)?.split_first_chunk::<2>()?;
            let entry = after.get(..usize::from(u16::from_be_bytes(*length)))?;
            let offset = start.saturating_add(at as u32);
            at += 2 + entry.len();
            Some((offset, entry))
        })
    }

    /// The confidential bodies the frame refers to, in the order of their entries. `None` when the section is malformed.
    pub(super) fn bodies(&self) -> Option<Vec<BodyPlace>> {
        if self.section.is_empty() {
            return Some(Vec::new());
        }
        let mut fields = Fields(self.section);
        let classes = fields.bytes(self.header.count as usize)?;
        let mut ends = BTreeMap::new();
        for _ in 0..fields.u32()? {
            let class = u8::try_from(fields.u32()?).ok().filter(|class| (1..=CLASS_MAX).contains(class))?;
            if ends.insert(class, fields.u32()?).is_some() {
                return None;
            }
        }
        let mut bodies = Vec::new();
        for (entry, class) in (0_u32..).zip(classes).filter(|(_, class)| **class != 0) {
            let length = fields.u32().filter(|length| *length as usize <= CONFIDENTIAL_BYTES_MAX)?;
            let end = ends.get_mut(class)?;
            let place = BodyPlace { entry, class: *class, offset: *end, length };
            *end = u32::try_from(place.end()).ok()?;
            bodies.push(place);
        }
        fields.0.is_empty().then_some(bodies)
    }
}

/// Lays out one frame. `body_ends` says where the next body of each class goes; classes without a file yet are absent
/// and start after `fresh` bytes of header.
pub(super) fn build_frame(
    mut header: FrameHeader,
    entries: &[NewEntry<'_>],
    body_ends: &BTreeMap<u8, u32>,
    fresh: u32,
) -> Vec<u8> {
    let section = build_section(entries, body_ends, fresh);
    let payload_bytes: usize = entries.iter().map(|new| 2 + new.entry.len()).sum();
    header.payload_bytes = payload_bytes as u32;
    header.section_bytes = section.len() as u32;
    let mut frame = header.to_bytes();
    frame.reserve(payload_bytes + section.len() + TRAILER_BYTES);
    for new in entries {
        debug_assert!(new.entry.len() <= ENTRY_BYTES_MAX, "checked by append");
        frame.extend_from_slice(&(new.entry.len() as u16).to_be_bytes());
        frame.extend_from_slice(new.entry);
    }
    frame.extend_from_slice(&section);
    seal(frame)
}

fn build_section(entries: &[NewEntry<'_>], body_ends: &BTreeMap<u8, u32>, fresh: u32) -> Vec<u8> {
    let classes: Vec<u8> = entries.iter().map(class_of).collect();
    let mut used: Vec<u8> = classes.iter().copied().filter(|class| *class != 0).collect();
    if used.is_empty() {
        return Vec::new();
    }
    used.sort_unstable();
    used.dedup();
    let mut section = classes;
    section.extend_from_slice(&(used.len() as u32).to_le_bytes());
    for class in used {
        section.extend_from_slice(&u32::from(class).to_le_bytes());
        section.extend_from_slice(&body_ends.get(&class).copied().unwrap_or(fresh).to_le_bytes());
    }
    for new in entries.iter().filter(|new| class_of(new) != 0) {
        section.extend_from_slice(&(new.confidential.len() as u32).to_le_bytes());
    }
    section
}

/// 0 without a body.
pub(super) const fn class_of(new: &NewEntry<'_>) -> u8 {
    if new.confidential.is_empty() { 0 } else { new.class }
}
