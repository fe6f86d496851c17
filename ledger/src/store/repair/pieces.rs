//! What is left of a segment: whole frames, frames whose header alone is known, and stretches where not even that is.

use super::super::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, Frame, FrameHeader};
use super::super::layout::SEGMENT_HEADER_BYTES;
use super::header::corrected;

/// One stretch of a segment. Stretches follow one another without gaps, in bytes and in leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A frame as it was written.
    Whole(FrameHeader),
    /// A frame whose header holds, or was put right, and whose content does not.
    Known(FrameHeader),
    /// Bytes `offset..end`, which held the leaves `first_leaf..next_leaf`; without an end of leaves where nothing that
    /// follows tells.
    Lost { offset: u32, end: u32, first_leaf: u64, next_leaf: Option<u64> },
}

impl Piece {
    pub(super) const fn offset(&self) -> u32 {
        match self {
            Self::Whole(header) | Self::Known(header) => header.offset,
            Self::Lost { offset, .. } => *offset,
        }
    }

    pub(super) const fn first_leaf(&self) -> u64 {
        match self {
            Self::Whole(header) | Self::Known(header) => header.first_leaf,
            Self::Lost { first_leaf, .. } => *first_leaf,
        }
    }

    /// Its header, where that is known.
    pub(super) const fn header(&self) -> Option<FrameHeader> {
        match self {
            Self::Whole(header) | Self::Known(header) => Some(*header),
            Self::Lost { .. } => None,
        }
    }
}

/// Takes a segment apart. `next_leaf`: where the segment behind it starts, for a closed one.
pub(super) fn pieces(bytes: &[u8], segment: u32, first_leaf: u64, next_leaf: Option<u64>) -> Vec<Piece> {
    let mut found = Vec::new();
    let (mut at, mut leaf) = (SEGMENT_HEADER_BYTES as usize, first_leaf);
    while at < bytes.len() {
        let belongs = |header: &FrameHeader| {
            (header.segment, header.offset as usize, header.first_leaf) == (segment, at, leaf)
                && next_leaf.is_none_or(|next| leaf + u64::from(header.count) <= next)
        };
        let start = bytes.get(at..).unwrap_or_default();
        let piece = match FrameHeader::parse(start).filter(belongs) {
            Some(header) if is_whole(start, &header) => Piece::Whole(header),
            Some(header) => Piece::Known(header),
            None => match corrected(start, belongs) {
                Some(header) => Piece::Known(header),
                None => lost(bytes, segment, at, (leaf, next_leaf)),
            },
        };
        (at, leaf) = match piece {
            Piece::Whole(header) | Piece::Known(header) => (at + header.total_bytes(), leaf + u64::from(header.count)),
            Piece::Lost { end, next_leaf, .. } => (end as usize, next_leaf.unwrap_or(leaf)),
        };
        found.push(piece);
    }
    if let Some(next) = next_leaf.filter(|next| *next > leaf) {
        // The file ends too early.
        let end = bytes.len().max(SEGMENT_HEADER_BYTES as usize) as u32;
        found.push(Piece::Lost { offset: end, end, first_leaf: leaf, next_leaf: Some(next) });
    }
    found
}

fn is_whole(start: &[u8], header: &FrameHeader) -> bool {
    let frame = start.get(..header.total_bytes()).and_then(Frame::parse);
    frame.is_some_and(|frame| frame.entries().is_some() && frame.bodies().is_some())
}

/// From a header that cannot be read to the next that can. A header counts only at the offset that it names.
fn lost(bytes: &[u8], segment: u32, at: usize, (leaf, next_leaf): (u64, Option<u64>)) -> Piece {
    let follows = |header: &FrameHeader| {
        header.segment == segment
            && header.first_leaf >= leaf
            && next_leaf.is_none_or(|next| header.first_leaf + u64::from(header.count) <= next)
    };
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let next = rest.windows(FRAME_HEADER_BYTES).zip(at + 1..).find_map(|(start, at)| {
        let header = start.starts_with(FRAME_MAGIC).then(|| FrameHeader::parse(start)).flatten()?;
        (header.offset as usize == at && follows(&header)).then_some(header)
    });
    let (end, next_leaf) = match next {
        Some(header) => (header.offset, Some(header.first_leaf)),
        None => (bytes.len() as u32, next_leaf),
    };
    Piece::Lost { offset: at as u32, end, first_leaf: leaf, next_leaf }
}
