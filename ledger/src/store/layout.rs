//! File names, magic numbers and file headers. The byte tables are in the module's documentation.

use std::path::{Path, PathBuf};

use crate::tree::{Hash, Roots};

use super::types::LogPosition;

/// Version in every file header; a file of another version is refused, never guessed at.
const VERSION: u32 = 1;

pub(super) const SEGMENT_HEADER_BYTES: u32 = 128;
const SEGMENT_MAGIC: &[u8; 8] = b"TAMGA/EN";
pub(super) const BODIES_HEADER_BYTES: u32 = 32;
const BODIES_MAGIC: &[u8; 8] = b"TAMGA/CF";
pub(super) const INDEX_MAGIC: &[u8; 8] = b"TAMGA/IX";
pub(super) const ARCHIVE_HEADER_BYTES: u64 = 16;
const ARCHIVE_MAGIC: &[u8; 8] = b"TAMGA/CP";

/// Reads fixed little-endian fields one after the other; `None` once the bytes end.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(field)
    }

    /// A flag word and a position; the position's bytes are there whether or not it is.
    pub(super) fn position(&mut self) -> Option<Option<LogPosition>> {
        let present = self.u32()?;
        let position = LogPosition { term: self.u64()?, leader: self.u64()?, index: self.u64()? };
        match present {
            0 => Some(None),
            1 => Some(Some(position)),
            _ => None,
        }
    }
}

pub(super) fn put_position(bytes: &mut Vec<u8>, position: Option<LogPosition>) {
    let LogPosition { term, leader, index } = position.unwrap_or_default();
    bytes.extend_from_slice(&u32::from(position.is_some()).to_le_bytes());
    for field in [term, leader, index] {
        bytes.extend_from_slice(&field.to_le_bytes());
    }
}

/// Appends the CRC-32C of all bytes so far.
pub(super) fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// Undoes [`seal`]; `None` when the checksum is another.
pub(super) fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (content, sum) = bytes.split_last_chunk::<4>()?;
    (crc32c::crc32c(content) == u32::from_le_bytes(*sum)).then_some(content)
}

/// What an entry segment says of itself: the state of the ledger before its first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) number: u32,
    pub(super) first_leaf: u64,
    pub(super) roots: Roots,
    pub(super) position: Option<LogPosition>,
}

impl SegmentHeader {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = SEGMENT_MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.first_leaf.to_le_bytes());
        bytes.extend_from_slice(self.roots.sha256.as_bytes());
        bytes.extend_from_slice(self.roots.blake3.as_bytes());
        put_position(&mut bytes, self.position);
        bytes.resize(SEGMENT_HEADER_BYTES as usize - 4, 0);
        seal(bytes)
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(unseal(bytes)?);
        if fields.array::<8>()? != *SEGMENT_MAGIC || fields.u32()? != VERSION {
            return None;
        }
        let (number, first_leaf) = (fields.u32()?, fields.u64()?);
        let roots = Roots { sha256: Hash::new(fields.array()?), blake3: Hash::new(fields.array()?) };
        Some(Self { number, first_leaf, roots, position: fields.position()? })
    }
}

/// The header of a file of confidential bodies.
pub(super) fn bodies_header(class: u8, segment: u32, first_leaf: u64) -> Vec<u8> {
    let mut bytes = BODIES_MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&u32::from(class).to_le_bytes());
    bytes.extend_from_slice(&segment.to_le_bytes());
    bytes.extend_from_slice(&first_leaf.to_le_bytes());
    seal(bytes)
}

/// The header of the checkpoint archive.
pub(super) fn archive_header() -> Vec<u8> {
    let mut bytes = ARCHIVE_MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    seal(bytes)
}

/// Starts an index file: magic, version.
pub(super) fn index_start() -> Vec<u8> {
    let mut bytes = INDEX_MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// Whether an index file starts as [`index_start`] does.
pub(super) fn is_index(fields: &mut Fields<'_>) -> bool {
    fields.array::<8>() == Some(*INDEX_MAGIC) && fields.u32() == Some(VERSION)
}

/// Where the files of a ledger are.
#[derive(Debug, Clone)]
pub(super) struct Folders(PathBuf);

impl Folders {
    pub(super) fn new(root: &Path) -> Self {
        Self(root.to_owned())
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    pub(super) fn entries(&self) -> PathBuf {
        self.0.join("entries")
    }

    pub(super) fn segment(&self, number: u32) -> PathBuf {
        self.entries().join(format!("{number:08}.seg"))
    }

    pub(super) fn index(&self, number: u32) -> PathBuf {
        self.entries().join(format!("{number:08}.idx"))
    }

    pub(super) fn mark(&self) -> PathBuf {
        self.entries().join("synced")
    }

    pub(super) fn confidential(&self) -> PathBuf {
        self.0.join("confidential")
    }

    pub(super) fn class(&self, class: u8) -> PathBuf {
        self.confidential().join(class.to_string())
    }

    pub(super) fn bodies(&self, class: u8, number: u32) -> PathBuf {
        self.class(class).join(format!("{number:08}.seg"))
    }

    pub(super) fn erased(&self, class: u8) -> PathBuf {
        self.confidential().join(format!("{class}.erased"))
    }

    pub(super) fn tiles(&self) -> PathBuf {
        self.0.join("tiles")
    }

    pub(super) fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    pub(super) fn archive(&self) -> PathBuf {
        self.checkpoints().join("archive.log")
    }
}

/// The number in `NNNNNNNN.seg`; `None` for any other name.
pub(super) fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    let number = digits.parse().ok()?;
    (format!("{number:08}") == digits).then_some(number)
}
