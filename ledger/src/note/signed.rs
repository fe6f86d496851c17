//! Signed notes (C2SP signed-note): a text that ends in a newline, a blank line, signature lines.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::key::{KeyHash, KeyName, VerifierKey};

/// The largest note read or written.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// The most signature lines read or kept. The specification asks for at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 64;
/// The longest signature of a line, key hash not counted. Post-quantum ones have nearly 5 kB.
pub const SIGNATURE_BYTES_MAX: usize = 8 * 1024;

/// Why bytes are not a signed note, or one cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than [`NOTE_BYTES_MAX`].
    #[error("the note has {0} bytes; at most 65536 are read")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("the note is not valid UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// A control character.
    #[error("the note has control character 0x{character:02x} at byte {at}; only newline is allowed")]
    ControlCharacter {
        /// Where.
        at: usize,
        /// Which.
        character: u8,
    },
    /// No text before a blank line.
    #[error("the note has no text followed by a blank line")]
    NoText,
    /// The text does not end in a newline.
    #[error("the text of a note must be non-empty and end in a newline")]
    TextWithoutNewline,
    /// Nothing after the blank line.
    #[error("the note has no signature line")]
    NoSignatures,
    /// More than [`NOTE_SIGNATURES_MAX`].
    #[error("the note has more than 64 signatures")]
    TooManySignatures,
    /// A line after the blank line is not `— name base64`.
    #[error("signature line {line} is not \"— <key name> <base64 of key hash and signature>\"")]
    BadSignatureLine {
        /// Counted from 1, after the blank line.
        line: usize,
    },
    /// Signatures were to be merged from a note with another text.
    #[error("the notes sign different texts; their signatures cannot be joined")]
    DifferentTexts,
}

/// One signature line. Neither the key nor the signature is known to be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    key_hash: KeyHash,
    signature: Vec<u8>,
}

impl NoteSignature {
    pub(super) fn new(key: &VerifierKey, signature: Vec<u8>) -> Self {
        Self { name: key.name().clone(), key_hash: key.hash(), signature }
    }

    /// The key's name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key's hash.
    #[must_use]
    pub const fn key_hash(&self) -> KeyHash {
        self.key_hash
    }

    /// The bytes after the key hash.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether name and key hash are those of the key. Says nothing of the signature.
    #[must_use]
    pub fn claims(&self, key: &VerifierKey) -> bool {
        self.key_hash == key.hash() && self.name == *key.name()
    }

    fn same_key(&self, other: &Self) -> bool {
        self.key_hash == other.key_hash && self.name == other.name
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.key_hash.to_bytes().as_slice(), &self.signature].concat();
        write!(out, "— {} {}", self.name, BASE64.encode(bytes))
    }
}

impl FromStr for NoteSignature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, NoteError> {
        parse_signature_line(line).ok_or(NoteError::BadSignatureLine { line: 1 })
    }
}

fn parse_signature_line(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    let name = KeyName::new(name).ok()?;
    if encoded.len() > (4 + SIGNATURE_BYTES_MAX).div_ceil(3) * 4 {
        return None;
    }
    let bytes = BASE64.decode(encoded).ok()?;
    let (key_hash, signature) = bytes.split_first_chunk::<4>()?;
    // The engine refuses non-zero trailing bits and wrong padding, so the text has one reading and one writing.
    if signature.is_empty() {
        return None;
    }
    Some(NoteSignature { name, key_hash: KeyHash::new(*key_hash), signature: signature.to_vec() })
}

/// A text and the signatures under it, unknown ones included. Nothing is verified.
///
/// Invariants: the text ends in a newline and has no control character but newlines; at most 64 signatures; the whole is
/// at most 64 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// A text that nobody has signed yet.
    ///
    /// # Errors
    /// [`NoteError`] when the text could not stand in a note.
    pub fn unsigned(text: String) -> Result<Self, NoteError> {
        check_characters(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::TextWithoutNewline);
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a note (with at least one signature).
    ///
    /// # Errors
    /// [`NoteError`] naming the broken rule.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge(bytes.len()));
        }
        let note = std::str::from_utf8(bytes).map_err(|error| NoteError::NotUtf8(error.valid_up_to()))?;
        check_characters(note)?;
        // "The text is separated from the signatures by the last empty line in the note."
        let blank = note.rfind("\n\n").ok_or(NoteError::NoText)?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for (number, line) in (1..).zip(lines.split('\n')) {
            if number > NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(parse_signature_line(line).ok_or(NoteError::BadSignatureLine { line: number })?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The signed text, final newline included, blank line not.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines in order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature; false if one by that name and key hash was there already, which then stays.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`], [`NoteError::TooLarge`].
    pub fn add(&mut self, signature: NoteSignature) -> Result<bool, NoteError> {
        if self.signatures.iter().any(|present| present.same_key(&signature)) {
            return Ok(false);
        }
        if self.signatures.len() >= NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        let size = self.to_string().len() + signature.to_string().len() + 1;
        if size > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge(size));
        }
        self.signatures.push(signature);
        Ok(true)
    }

    /// Takes over the signatures of another note with the same text: how late and surplus cosignatures join an archived
    /// checkpoint. One signature per name and key hash; those here stay. Drop bad ones first
    /// ([`super::UnverifiedCheckpoint::drop_bad_signatures`]), or a bad one here would keep out a good one there.
    ///
    /// # Errors
    /// [`NoteError::DifferentTexts`]; the limits of [`SignedNote::add`], signatures before that one stay added.
    pub fn merge(&mut self, other: &Self) -> Result<(), NoteError> {
        if self.text != other.text {
            return Err(NoteError::DifferentTexts);
        }
        other.signatures.iter().try_for_each(|signature| self.add(signature.clone()).map(drop))
    }

    /// Keeps the signatures for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&NoteSignature) -> bool) {
        self.signatures.retain(keep);
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(out, "{signature}"))
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::from_bytes(text.as_bytes())
    }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    if text.len() > NOTE_BYTES_MAX {
        return Err(NoteError::TooLarge(text.len()));
    }
    match text.bytes().enumerate().find(|(_, byte)| *byte < 0x20 && *byte != b'\n') {
        Some((at, character)) => Err(NoteError::ControlCharacter { at, character }),
        None => Ok(()),
    }
}
