//! Checkpoint texts (C2SP tlog-checkpoint) with exactly one extension line, the root of the BLAKE3 tree:
//!
//! ```text
//! <origin>
//! <size>
//! <base64 of the SHA-256 root>
//! blake3 <base64 of the BLAKE3 root>
//! ```

use std::fmt;
use std::str::FromStr;

use super::key::KeyName;
use crate::tree::{Hash, HashParseError, PositionError, Roots, TreeHead, TreeSize};

/// The longest origin: it is also the name of the log keys.
pub const ORIGIN_BYTES_MAX: usize = super::KEY_NAME_BYTES_MAX;

/// The first word of the extension line.
const BLAKE3_LINE: &str = "blake3 ";

/// Why a text is not one of our checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not exactly four lines.
    #[error("a checkpoint is origin, size, SHA-256 root and a blake3 line, each ending in a newline; found {0} lines")]
    WrongLines(usize),
    /// The origin cannot be the name of a log key.
    #[error("line 1: the origin is 1 to 255 bytes without spaces, plus signs or control characters")]
    BadOrigin,
    /// Not a decimal number without sign or leading zeros.
    #[error("line 2: the tree size is a decimal number without sign or leading zeros")]
    BadSize,
    /// Too large.
    #[error("line 2: {0}")]
    SizeTooLarge(PositionError),
    /// Not base64 of 32 bytes.
    #[error("line 3: {0}")]
    BadSha256(HashParseError),
    /// Not a `blake3` line.
    #[error("line 4: expected \"blake3 <base64 root>\" and no other extension line")]
    NoBlake3Line,
    /// Not base64 of 32 bytes.
    #[error("line 4: {0}")]
    BadBlake3(HashParseError),
}

/// What the organisations cosign: under this origin, the first `size` entries have these roots.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    /// The log's identity, the name of its log keys. Ends in the election id's hexadecimal prefix.
    pub origin: KeyName,
    /// Number of entries.
    pub size: TreeSize,
    /// Roots of both trees.
    pub roots: Roots,
}

impl Checkpoint {
    /// Size and roots without the origin.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        TreeHead { size: self.size, roots: self.roots }
    }
}

/// The note text, each line ending in a newline.
impl fmt::Display for Checkpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Roots { sha256, blake3 } = self.roots;
        writeln!(out, "{}\n{}\n{}\n{BLAKE3_LINE}{}", self.origin, self.size, sha256.to_base64(), blake3.to_base64())
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let wrong_lines = || CheckpointError::WrongLines(text.split_inclusive('\n').count());
        let mut lines = text.strip_suffix('\n').ok_or_else(wrong_lines)?.splitn(5, '\n');
        let (Some(origin), Some(size), Some(sha256), Some(blake3), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(wrong_lines());
        };
        let origin = KeyName::new(origin).map_err(|_| CheckpointError::BadOrigin)?;
        let size = parse_size(size)?;
        let sha256 = Hash::from_base64(sha256).map_err(CheckpointError::BadSha256)?;
        let blake3 = blake3.strip_prefix(BLAKE3_LINE).ok_or(CheckpointError::NoBlake3Line)?;
        let blake3 = Hash::from_base64(blake3).map_err(CheckpointError::BadBlake3)?;
        Ok(Self { origin, size, roots: Roots { sha256, blake3 } })
    }
}

fn parse_size(text: &str) -> Result<TreeSize, CheckpointError> {
    let size: u64 = text.parse().map_err(|_| CheckpointError::BadSize)?;
    if size.to_string() != text {
        return Err(CheckpointError::BadSize);
    }
    TreeSize::new(size).map_err(CheckpointError::SizeTooLarge)
}
