//! Which leaf is where: the index of one segment, in memory and, once the segment is closed, in a file beside it.
//!
//! Four bytes a leaf, and 12 for every sixteenth confidential body. Derived: a missing or damaged file is rebuilt from the
//! segment's frames.

use std::collections::BTreeMap;

use super::frame::{BodyPlace, Frame};
use super::layout::{Fields, index_start, is_index, put_position, seal, unseal};
use super::types::{CLASS_MAX, LogPosition};

/// A mark is set when so many bodies of its class have come since the last one; a read walks at most so many headers.
const BODIES_PER_MARK: u32 = 16;
/// The low bits of a word: the offset of the entry's length prefix. The high four are the class of its body, or 0.
const OFFSET_BITS: u32 = 28;
const OFFSET_MASK: u32 = (1 << OFFSET_BITS) - 1;

/// Where the bodies of one class stand in the class file of one segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bodies {
    /// (leaf − first leaf, offset of the body's header), ascending.
    marks: Vec<(u32, u32)>,
    /// End of the last body.
    pub(super) end: u32,
    since_mark: u32,
}

/// The index of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentIndex {
    pub(super) number: u32,
    pub(super) first_leaf: u64,
    /// End of the last whole frame.
    pub(super) end: u32,
    /// Position of the last frame, or of the segment's header.
    pub(super) position: Option<LogPosition>,
    /// Bytes of the entries alone.
    pub(super) entry_bytes: u64,
    words: Vec<u32>,
    pub(super) bodies: BTreeMap<u8, Bodies>,
}

impl SegmentIndex {
    pub(super) const fn new(number: u32, first_leaf: u64, end: u32, position: Option<LogPosition>) -> Self {
        Self { number, first_leaf, end, position, entry_bytes: 0, words: Vec::new(), bodies: BTreeMap::new() }
    }

    /// Takes in the frame that stands at the end. `entries` and `bodies` are the frame's own.
    pub(super) fn extend(&mut self, frame: &Frame<'_>, entries: &[(u32, &[u8])], bodies: &[BodyPlace]) {
        let first = self.words.len();
        self.words.extend(entries.iter().map(|(offset, _)| offset & OFFSET_MASK));
        self.entry_bytes += entries.iter().map(|(_, entry)| entry.len() as u64).sum::<u64>();
        for place in bodies {
            let at = first + place.entry as usize;
            if let Some(word) = self.words.get_mut(at) {
                *word |= u32::from(place.class) << OFFSET_BITS;
            }
            self.bodies.entry(place.class).or_default().push(at as u32, place);
        }
        self.end = frame.header.offset + frame.header.total_bytes() as u32;
        self.position = Some(frame.header.position);
    }

    pub(super) fn count(&self) -> u64 {
        self.words.len() as u64
    }

    /// The leaf after the last.
    pub(super) fn next_leaf(&self) -> u64 {
        self.first_leaf + self.count()
    }

    fn word(&self, leaf: u64) -> Option<u32> {
        let at = usize::try_from(leaf.checked_sub(self.first_leaf)?).ok()?;
        self.words.get(at).copied()
    }

    /// Offset of an entry's length prefix; for the leaf after the last, the end of the segment.
    pub(super) fn offset(&self, leaf: u64) -> Option<u32> {
        if leaf == self.next_leaf() { Some(self.end) } else { Some(self.word(leaf)? & OFFSET_MASK) }
    }

    /// Class of the entry's body and the offset in the class file from which to walk to it.
    pub(super) fn body(&self, leaf: u64) -> Option<(u8, u32)> {
        let class = u8::try_from(self.word(leaf)? >> OFFSET_BITS).ok().filter(|class| *class != 0)?;
        let marks = &self.bodies.get(&class)?.marks;
        let delta = u32::try_from(leaf - self.first_leaf).ok()?;
        let after = marks.partition_point(|(at, _)| *at <= delta);
        Some((class, marks.get(after.checked_sub(1)?)?.1))
    }

    /// Length of the index file.
    pub(super) fn file_bytes(&self) -> u64 {
        let marks: usize = self.bodies.values().map(|bodies| 12 + 8 * bodies.marks.len()).sum();
        (76 + 4 * self.words.len() + marks) as u64
    }

    /// The bytes of the index file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = index_start();
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.first_leaf.to_le_bytes());
        bytes.extend_from_slice(&self.end.to_le_bytes());
        put_position(&mut bytes, self.position);
        bytes.extend_from_slice(&self.entry_bytes.to_le_bytes());
        bytes.extend_from_slice(&(self.words.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.bodies.len() as u32).to_le_bytes());
        self.words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        for (class, bodies) in &self.bodies {
            for field in [u32::from(*class), bodies.end, bodies.marks.len() as u32] {
                bytes.extend_from_slice(&field.to_le_bytes());
            }
            for (leaf, offset) in &bodies.marks {
                bytes.extend_from_slice(&leaf.to_le_bytes());
                bytes.extend_from_slice(&offset.to_le_bytes());
            }
        }
        let bytes = seal(bytes);
        debug_assert_eq!(bytes.len() as u64, self.file_bytes(), "the fixed part has 76 bytes");
        bytes
    }

    /// Reads what [`SegmentIndex::to_bytes`] writes; `None` for anything else.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(unseal(bytes)?);
        if !is_index(&mut fields) {
            return None;
        }
        let (number, first_leaf, end) = (fields.u32()?, fields.u64()?, fields.u32()?);
        let mut index = Self::new(number, first_leaf, end, fields.position()?);
        index.entry_bytes = fields.u64()?;
        let (words, classes) = (fields.u32()?, fields.u32()?);
        index.words = words_of(fields.bytes((words as usize).checked_mul(4)?)?);
        for _ in 0..classes {
            let class = u8::try_from(fields.u32()?).ok().filter(|class| (1..=CLASS_MAX).contains(class))?;
            let (end, marks) = (fields.u32()?, fields.u32()?);
            let marks = words_of(fields.bytes((marks as usize).checked_mul(8)?)?);
            let marks = marks.as_chunks::<2>().0.iter().map(|[leaf, offset]| (*leaf, *offset)).collect();
            index.bodies.insert(class, Bodies { marks, end, since_mark: 0 });
        }
        fields.0.is_empty().then_some(index)
    }
}

impl Bodies {
    fn push(&mut self, leaf: u32, place: &BodyPlace) {
        if self.marks.is_empty() || self.since_mark == BODIES_PER_MARK {
            self.marks.push((leaf, place.offset));
            self.since_mark = 0;
        }
        self.since_mark += 1;
        self.end = u32::try_from(place.end()).unwrap_or(u32::MAX);
    }
}

fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}
