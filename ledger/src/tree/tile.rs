//! Tiles as C2SP tlog-tiles defines them: height 8, `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use super::frontier::join_right_to_left;
use super::hash::{Hash, TreeHash};
use super::position::{POSITION_MAX, TreeSize};

/// Tree levels in one tile.
pub const TILE_HEIGHT: u8 = 8;
/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;
/// Bytes of a full tile.
pub const TILE_BYTES: usize = 256 * 32;
/// The highest tile level a path may name (C2SP tlog-tiles).
const LEVEL_MAX: u8 = 63;
/// Longer than every path of a tile that can exist.
const PATH_BYTES_MAX: usize = 64;

/// Why something is not a tile or not the path of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not the one way to write a tile's path.
    #[error(
        "not a tile path; expected tile/<level 0-63>/<x001/x234/067>[.p/<width 1-255>] or tile/entries/…: {shown:?}"
    )]
    BadPath {
        /// The first characters of what was given.
        shown: String,
    },
    /// The bytes do not fit the width.
    #[error("{path} has {expected} bytes, but {actual} were given")]
    WrongLength {
        /// Which tile.
        path: TilePath,
        /// Width × 32.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// An index beyond every possible tree.
    #[error("tile index {0} is above the limit of 2^53 - 1")]
    IndexTooLarge(u64),
    /// Levels stop at 63.
    #[error("tile level {0} is above 63")]
    LevelTooHigh(u8),
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes of complete subtrees of 256^level leaves. 0 to 63.
    Hashes(u8),
    /// The entries below a level-0 tile.
    Entries,
}

/// How many of its 256 places a tile fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileWidth {
    /// 1 to 255: the right edge of a tree of some size. Never hashed into the level above.
    Partial(NonZeroU8),
    /// All 256: never changes again.
    Full,
}

impl TileWidth {
    /// From a number of hashes: none for 0 and for more than 256.
    #[must_use]
    pub fn new(hashes: u64) -> Option<Self> {
        match u8::try_from(hashes) {
            Ok(width) => NonZeroU8::new(width).map(Self::Partial),
            Err(_) => (hashes == TILE_WIDTH).then_some(Self::Full),
        }
    }

    /// The number of hashes or entries: 1 to 256.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Partial(width) => width.get() as usize,
            Self::Full => 256,
        }
    }
}

/// One tile or entry bundle: what, which and how wide. Shown as its path, relative to the prefix of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: TileWidth,
}

impl TilePath {
    /// Checks the limits.
    ///
    /// # Errors
    /// [`TileError::LevelTooHigh`], [`TileError::IndexTooLarge`].
    pub const fn new(kind: TileKind, index: u64, width: TileWidth) -> Result<Self, TileError> {
        if index > POSITION_MAX {
            return Err(TileError::IndexTooLarge(index));
        }
        if let TileKind::Hashes(level) = kind
            && level > LEVEL_MAX
        {
            return Err(TileError::LevelTooHigh(level));
        }
        Ok(Self { kind, index, width })
    }

    /// The tile of that kind and index as a tree of that size has it: full, partial, or none.
    #[must_use]
    pub fn in_tree(kind: TileKind, index: u64, size: TreeSize) -> Option<Self> {
        let level = match kind {
            TileKind::Hashes(level) => level,
            TileKind::Entries => 0,
        };
        let at_level = size.get().checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
        let beyond_start = at_level.checked_sub(index.checked_mul(TILE_WIDTH)?)?;
        let width = TileWidth::new(beyond_start.min(TILE_WIDTH))?;
        Self::new(kind, index, width).ok()
    }

    /// Hash tile (with its level) or entry bundle.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// The position among the tiles of its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Full or partial.
    #[must_use]
    pub const fn width(&self) -> TileWidth {
        self.width
    }

    /// The same tile, full.
    #[must_use]
    pub const fn to_full(self) -> Self {
        Self { width: TileWidth::Full, ..self }
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(out, "tile/{level}/")?,
            TileKind::Entries => out.write_str("tile/entries/")?,
        }
        let mut unit = 1;
        while self.index / unit >= 1000 {
            unit *= 1000;
        }
        while unit > 1 {
            write!(out, "x{:03}/", self.index / unit % 1000)?;
            unit /= 1000;
        }
        write!(out, "{:03}", self.index % 1000)?;
        match self.width {
            TileWidth::Full => Ok(()),
            TileWidth::Partial(width) => write!(out, ".p/{width}"),
        }
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(text: &str) -> Result<Self, TileError> {
        let bad = || TileError::BadPath { shown: text.chars().take(PATH_BYTES_MAX).collect() };
        if text.len() > PATH_BYTES_MAX {
            return Err(bad());
        }
        let path = parse(text).ok_or_else(bad)?;
        // Leading zeros, superfluous x000 groups and signs all end here.
        if path.to_string() == text { Ok(path) } else { Err(bad()) }
    }
}

/// A reading that may be too lenient; the caller compares with the canonical text.
fn parse(text: &str) -> Option<TilePath> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = if kind == "entries" { TileKind::Entries } else { TileKind::Hashes(kind.parse().ok()?) };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, TileWidth::Partial(width.parse().ok()?)),
        None => (rest, TileWidth::Full),
    };
    let index = index.split('/').try_fold(0_u64, |index, group| {
        let digits: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
        index.checked_mul(1000)?.checked_add(digits)
    })?;
    TilePath::new(kind, index, width).ok()
}

/// Cuts the bytes of a hash tile into hashes. A full tile is also taken where a partial one was asked for, as servers may
/// have deleted the partial one; its surplus is dropped.
///
/// # Errors
/// [`TileError::WrongLength`] when the bytes do not fit the path's width.
pub fn tile_hashes(path: &TilePath, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    let expected = path.width.count() * 32;
    let wrong = TileError::WrongLength { path: *path, expected, actual: bytes.len() };
    if bytes.len() != expected && bytes.len() != TILE_BYTES {
        return Err(wrong);
    }
    let (hashes, _) = bytes.as_chunks::<32>();
    Ok(hashes.iter().take(path.width.count()).copied().map(Hash::new).collect())
}

/// The root over the hashes of one tile, as if they were leaves. Of a full tile this is its hash in the tile above.
#[must_use]
pub fn tile_root<H: TreeHash>(hashes: &[Hash]) -> Hash {
    let mut edge = Vec::new();
    let mut rest = hashes;
    while let Some(level) = rest.len().checked_ilog2() {
        let (complete, right) = rest.split_at(1 << level);
        edge.push(complete_root::<H>(complete));
        rest = right;
    }
    join_right_to_left::<H>(&edge)
}

/// The root over 2^k hashes.
pub(super) fn complete_root<H: TreeHash>(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.as_chunks::<2>().0.iter().map(|[left, right]| H::node(left, right)).collect();
    }
    row.first().copied().unwrap_or_else(H::empty)
}
