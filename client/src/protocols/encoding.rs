//! How the bytes of a file are letters.

use std::borrow::Cow;

/// Encodings of tables that commissions publish. Both have ASCII as it is, so rows can be cut before they are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// With or without a byte order mark.
    Utf8,
    /// The Cyrillic code page of Windows.
    Windows1251,
}

/// The one byte that Windows-1251 does not define.
const UNDEFINED_1251: u8 = 0x98;

impl Encoding {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Windows1251 => "Windows-1251",
        }
    }

    /// Where the first byte stands that is no letter of this encoding; none if all are.
    pub(super) fn first_undecodable(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).err().map(|error| error.valid_up_to()),
            Self::Windows1251 => bytes.iter().position(|byte| *byte == UNDEFINED_1251),
        }
    }

    /// Letters; what is none becomes U+FFFD.
    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes),
            Self::Windows1251 => encoding_rs::WINDOWS_1251.decode_without_bom_handling(bytes).0,
        }
    }
}
