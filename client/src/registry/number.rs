//! The personal number (ПИН).

use std::fmt;
use std::str::FromStr;
use zeroize::Zeroize as _;

/// Text that is not a personal number. Does not repeat it: error texts end up in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a personal number is 14 decimal digits")]
pub struct NumberError;

/// 14 digits; wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonalNumber([u8; 14]);

impl PersonalNumber {
    pub(super) const fn digits(&self) -> &[u8; 14] {
        &self.0
    }
}

impl FromStr for PersonalNumber {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let digits: [u8; 14] = text.as_bytes().try_into().map_err(|_| NumberError)?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(NumberError) }
    }
}

impl Drop for PersonalNumber {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for PersonalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonalNumber(secret)")
    }
}
