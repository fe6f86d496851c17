//! The bytes of a file: sparse pages, shared between copies until they are written to.

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const PAGE_BYTES: u64 = 4_096;
/// What a disk writes whole or not at all.
pub(super) const SECTOR_BYTES: u64 = 512;
const PAGE: usize = PAGE_BYTES as usize;
const SECTOR: usize = SECTOR_BYTES as usize;

static ZEROS: [u8; PAGE] = [0; PAGE];

/// One sector's bytes.
pub(super) type Sector = [u8; SECTOR];

/// Invariant: bytes at and behind `len` are zero; a page that is absent is all zeros.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct Content {
    len: u64,
    pages: BTreeMap<u64, Arc<[u8; PAGE]>>,
}

impl Content {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let count = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        for (page, within, piece) in pieces(offset, count) {
            match self.pages.get(&page) {
                Some(bytes) => buf[piece.clone()].copy_from_slice(&bytes[within..within + piece.len()]),
                None => buf[piece].fill(0),
            }
        }
        count
    }

    /// Writes, growing where needed.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        self.len = self.len.max(offset + bytes.len() as u64);
        for (page, within, piece) in pieces(offset, bytes.len()) {
            let bytes = &bytes[piece];
            let zeros = *bytes == ZEROS[..bytes.len()];
            if zeros && (bytes.len() == PAGE || !self.pages.contains_key(&page)) {
                self.pages.remove(&page);
                continue;
            }
            let page = self.pages.entry(page).or_insert_with(|| Arc::new([0; PAGE]));
            Arc::make_mut(page)[within..within + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// Cuts or zero-extends.
    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            self.pages.retain(|page, _| page * PAGE_BYTES < len);
            let within = (len % PAGE_BYTES) as usize;
            if within > 0
                && let Some(page) = self.pages.get_mut(&(len / PAGE_BYTES))
            {
                Arc::make_mut(page)[within..].fill(0);
            }
        }
        self.len = len;
    }

    /// The sector's bytes; zeros behind the end.
    pub(super) fn sector(&self, number: u64) -> Sector {
        let mut bytes = [0; SECTOR];
        self.read(&mut bytes, number * SECTOR_BYTES);
        bytes
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.len).unwrap_or(usize::MAX)];
        self.read(&mut bytes, 0);
        bytes
    }

    /// Flips bits of a byte, if it is there.
    pub(super) fn flip(&mut self, offset: u64, mask: u8) {
        let mut byte = [0];
        if self.read(&mut byte, offset) == 1 {
            self.write(&[byte[0] ^ mask], offset);
        }
    }
}

/// Splits a range of bytes at page borders: (page, offset in it, range of the bytes).
fn pieces(offset: u64, count: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % PAGE_BYTES) as usize;
        let length = (PAGE - within).min(count - done);
        let piece = (at / PAGE_BYTES, within, done..done + length);
        done += length;
        (length > 0).then_some(piece)
    })
}

/// Which pages of a file take room, as ranges `start → end`.
#[derive(Debug, Clone, Default)]
pub(super) struct Extents(BTreeMap<u64, u64>);

impl Extents {
    /// Pages taken.
    pub(super) fn pages(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }

    /// Takes the pages of a range of bytes.
    pub(super) fn add(&mut self, offset: u64, count: u64) {
        if count == 0 {
            return;
        }
        let (mut start, mut end) = (offset / PAGE_BYTES, (offset + count).div_ceil(PAGE_BYTES));
        let touching: Vec<_> = self.0.range(..=end).filter(|(_, to)| **to >= start).map(|(a, b)| (*a, *b)).collect();
        for (from, to) in touching {
            self.0.remove(&from);
            (start, end) = (start.min(from), end.max(to));
        }
        self.0.insert(start, end);
    }

    /// Gives back what lies behind `len` bytes.
    pub(super) fn cut(&mut self, len: u64) {
        let limit = len.div_ceil(PAGE_BYTES);
        self.0.retain(|start, _| *start < limit);
        for end in self.0.values_mut() {
            *end = (*end).min(limit);
        }
    }

    /// How many pages a write would newly take.
    pub(super) fn missing(&self, offset: u64, count: u64) -> u64 {
        let mut more = self.clone();
        more.add(offset, count);
        more.pages() - self.pages()
    }
}
