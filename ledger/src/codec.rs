//! Canonical bytes: the deterministic subset of CBOR in which every hashed or signed structure is written.
//!
//! RFC 8949 §4.2.1 (core deterministic encoding), narrowed (FORMAT.md §2): definite lengths; only unsigned integers
//! up to 2⁵³−1, byte strings, UTF-8 text and arrays; nesting ≤ 8; no maps, tags, floats, booleans or null. An absent
//! value is an empty byte string or an empty array. Whatever does not re-encode to itself is refused, so each meaning
//! has exactly one sequence of bytes and each sequence at most one meaning.
//!
//! The scan in [`check`] is total over arbitrary bytes and allocates nothing; the typed decoder runs only behind it.

use minicbor::{Decode, Encode};

/// Deepest nesting of arrays.
pub const NESTING_MAX: usize = 8;
/// Largest integer: exact in IEEE doubles, so that verifiers in any language read it.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Why bytes are not canonical. The offset is where the offending item begins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes end inside an item.
    #[error("the bytes end inside the item at offset {0}")]
    Truncated(usize),
    /// Bytes follow the outermost item.
    #[error("bytes follow the item, from offset {0}")]
    Trailing(usize),
    /// A CBOR type outside the subset.
    #[error(
        "the item at offset {0} is of a CBOR type that is not allowed (only unsigned integers, byte strings, text, arrays)"
    )]
    Type(usize),
    /// A length or integer not in its shortest form, or an indefinite length.
    #[error("the length or integer at offset {0} is not in its shortest definite form")]
    NotShortest(usize),
    /// An integer above 2⁵³−1.
    #[error("the integer at offset {0} is above 2^53-1")]
    IntegerTooLarge(usize),
    /// Nesting deeper than [`NESTING_MAX`].
    #[error("arrays are nested deeper than {NESTING_MAX} at offset {0}")]
    TooDeep(usize),
    /// Text that is not UTF-8.
    #[error("the text at offset {0} is not UTF-8")]
    NotUtf8(usize),
    /// Canonical, but not of the expected shape.
    #[error("not the expected shape: {0}")]
    Shape(String),
    /// Longer than the limit of this structure.
    #[error("{actual} bytes, more than the {max} allowed")]
    TooLong {
        /// Bytes received.
        actual: usize,
        /// Bytes allowed.
        max: usize,
    },
}

/// Encodes canonically: every type with `#[cbor(array)]` and without options does so by construction.
///
/// # Panics
/// Never: a `Vec` takes every byte and no encoder in this crate fails by itself.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("encoding into memory does not fail")
}

/// Decodes and demands canonical bytes: scan, typed decode, re-encode, compare.
///
/// # Errors
/// The first rule that `bytes` break.
pub fn decode<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8], bytes_max: usize) -> Result<T, CodecError> {
    if bytes.len() > bytes_max {
        return Err(CodecError::TooLong { actual: bytes.len(), max: bytes_max });
    }
    check(bytes)?;
    let value: T = minicbor::decode(bytes).map_err(|error| CodecError::Shape(error.to_string()))?;
    if encode(&value) == bytes {
        Ok(value)
    } else {
        Err(CodecError::Shape("an array has more or fewer elements than this kind and version".to_owned()))
    }
}

/// Checks that `bytes` are exactly one canonical item.
///
/// # Errors
/// The first rule that is broken, with its offset.
pub fn check(bytes: &[u8]) -> Result<(), CodecError> {
    // Items still to be read at each open level; level 0 is the single outermost item.
    let mut pending = [0_u64; NESTING_MAX + 1];
    pending[0] = 1;
    let (mut depth, mut at) = (0, 0);
    loop {
        while pending[depth] == 0 {
            if depth == 0 {
                return if at == bytes.len() { Ok(()) } else { Err(CodecError::Trailing(at)) };
            }
            depth -= 1;
        }
        pending[depth] -= 1;
        let head = read_head(bytes, at)?;
        match head.major {
            0 if head.argument > INTEGER_MAX => return Err(CodecError::IntegerTooLarge(at)),
            0 => at = head.next,
            2 | 3 => {
                let end = usize::try_from(head.argument).ok().and_then(|len| head.next.checked_add(len));
                let content = end.and_then(|end| bytes.get(head.next..end)).ok_or(CodecError::Truncated(at))?;
                if head.major == 3 && std::str::from_utf8(content).is_err() {
                    return Err(CodecError::NotUtf8(at));
                }
                at = head.next + content.len();
            }
            4 => {
                if depth == NESTING_MAX {
                    return Err(CodecError::TooDeep(at));
                }
                depth += 1;
                pending[depth] = head.argument;
                at = head.next;
            }
            _ => return Err(CodecError::Type(at)),
        }
    }
}

struct Head {
    major: u8,
    argument: u64,
    next: usize,
}

fn read_head(bytes: &[u8], at: usize) -> Result<Head, CodecError> {
    let initial = *bytes.get(at).ok_or(CodecError::Truncated(at))?;
    let (major, info) = (initial >> 5, initial & 0x1f);
    if !matches!(major, 0 | 2 | 3 | 4) {
        return Err(CodecError::Type(at));
    }
    let (width, least) = match info {
        0..=23 => return Ok(Head { major, argument: u64::from(info), next: at + 1 }),
        24 => (1, 24),
        25 => (2, 1 << 8),
        26 => (4, 1 << 16),
        27 => (8, 1 << 32),
        _ => return Err(CodecError::NotShortest(at)),
    };
    let content = bytes.get(at + 1..at + 1 + width).ok_or(CodecError::Truncated(at))?;
    let argument = content.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    if argument < least {
        return Err(CodecError::NotShortest(at));
    }
    Ok(Head { major, argument, next: at + 1 + width })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_rule_has_its_own_error() {
        let cases: [(&[u8], CodecError); 12] = [
            (&[], CodecError::Truncated(0)),
            (&[0x82, 0x00], CodecError::Truncated(2)),
            (&[0x00, 0x00], CodecError::Trailing(1)),
            (&[0x20], CodecError::Type(0)),
            (&[0xa0], CodecError::Type(0)),
            (&[0xf6], CodecError::Type(0)),
            (&[0xfb, 0, 0, 0, 0, 0, 0, 0, 0], CodecError::Type(0)),
            (&[0x18, 0x17], CodecError::NotShortest(0)),
            (&[0x9f, 0xff], CodecError::NotShortest(0)),
            (&[0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0], CodecError::IntegerTooLarge(0)),
            (&[0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x00], CodecError::TooDeep(8)),
            (&[0x61, 0xff], CodecError::NotUtf8(0)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(check(bytes), Err(expected), "{bytes:02x?}");
        }
        assert_eq!(check(&[0x1b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Ok(()));
        assert_eq!(check(&[0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x00]), Ok(()));
    }

    #[test]
    fn a_huge_declared_length_neither_allocates_nor_passes() {
        assert_eq!(check(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(CodecError::Truncated(9)));
        assert_eq!(check(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), Err(CodecError::Truncated(0)));
    }

    #[test]
    fn typed_decode_refuses_extra_and_missing_elements() {
        let bytes = encode(&(1_u64, 2_u64));
        assert_eq!(decode::<(u64, u64)>(&bytes, 16), Ok((1, 2)));
        assert!(matches!(decode::<(u64, u64)>(&[0x83, 1, 2, 3], 16), Err(CodecError::Shape(_))));
        assert!(matches!(decode::<(u64, u64)>(&[0x81, 1], 16), Err(CodecError::Shape(_))));
        assert!(matches!(decode::<(u64, u64)>(&bytes, 2), Err(CodecError::TooLong { actual: 3, max: 2 })));
    }

    proptest! {
        #[test]
        fn the_scan_is_total(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes);
        }

        #[test]
        fn what_is_encoded_is_canonical(a in 0..=INTEGER_MAX, text in ".{0,40}", list in proptest::collection::vec(0..1_000_000_u64, 0..40)) {
            let value = (a, text, list);
            let bytes = encode(&value);
            prop_assert_eq!(decode::<(u64, String, Vec<u64>)>(&bytes, 1 << 16), Ok(value));
        }
    }
}
