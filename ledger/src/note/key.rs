//! Verifier keys (C2SP signed-note, "Verifier keys"): a name, what the key is for, and the Ed25519 key.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The longest key name accepted. C2SP sets no limit.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// Why a text is not a verifier key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifierKeyError {
    /// Not `name+hash+key`.
    #[error("a verifier key is written name+hash+base64; a plus sign is missing")]
    Shape,
    /// The name breaks the rules of signed-note.
    #[error("a key name is 1 to 255 bytes without spaces, plus signs or control characters")]
    BadName,
    /// The middle part is not 8 lower-case hexadecimal digits.
    #[error("the key hash of {name} is not 8 lower-case hexadecimal digits")]
    BadHash {
        /// The name before it.
        name: KeyName,
    },
    /// The last part is not the canonical base64 of 33 bytes.
    #[error("the key of {name} is not the padded base64 of a type byte and a 32-byte Ed25519 key")]
    BadKeyBytes {
        /// The name before it.
        name: KeyName,
    },
    /// Neither 0x01 nor 0x04.
    #[error("the key of {name} has type 0x{found:02x}; only 0x01 (log) and 0x04 (cosignature/v1) are known here")]
    UnknownType {
        /// The name before it.
        name: KeyName,
        /// The type byte.
        found: u8,
    },
    /// The stated hash belongs to another name, type or key: something was altered or mistyped.
    #[error("the key of {name} states hash {stated}, but its bytes hash to {computed}")]
    WrongHash {
        /// The name before it.
        name: KeyName,
        /// Hash in the text.
        stated: KeyHash,
        /// Hash of the rest.
        computed: KeyHash,
    },
    /// Not a canonical Ed25519 point of large order, so nothing could verify strictly under it.
    #[error("the 32 bytes are not a canonical Ed25519 public key of large order")]
    BadPoint,
}

/// The name of a key: non-empty, at most 255 bytes, no white space, no `+`, no control character.
///
/// signed-note forbids *Unicode* spaces. The characters that have that property are listed here one by one, so that the
/// rule does not move with a library's Unicode tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Checks the rules.
    ///
    /// # Errors
    /// [`VerifierKeyError::BadName`].
    pub fn new(name: &str) -> Result<Self, VerifierKeyError> {
        let forbidden = |c: char| c == '+' || c.is_ascii_control() || is_unicode_space(c);
        if name.is_empty() || name.len() > KEY_NAME_BYTES_MAX || name.contains(forbidden) {
            return Err(VerifierKeyError::BadName);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The 25 characters with the Unicode property White_Space, which has not changed since Unicode 6.3.
const fn is_unicode_space(c: char) -> bool {
    matches!(c, '\u{09}'..='\u{0d}' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}'
        | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

impl fmt::Display for KeyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key). An identifier, not a safeguard: 32 bits are easily collided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 4]);

impl KeyHash {
    /// Takes the bytes as they are.
    #[must_use]
    pub const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The four bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0
    }

    fn of(name: &KeyName, role: KeyRole, key: &[u8; 32]) -> Self {
        let digest = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', role.type_byte()])
            .chain_update(key)
            .finalize();
        let [a, b, c, d, ..]: [u8; 32] = digest.into();
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What a key signs. The signature type byte of signed-note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRole {
    /// 0x01: Ed25519 over the note text. Here: a node's log key, under the log's origin as its name.
    Log,
    /// 0x04: timestamped Ed25519 cosignature (`cosignature/v1`).
    Cosigner,
}

impl KeyRole {
    /// The byte that stands for it.
    #[must_use]
    pub const fn type_byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Cosigner => 0x04,
        }
    }

    /// The role of a type byte, if it is known here.
    #[must_use]
    pub const fn from_type_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Log),
            0x04 => Some(Self::Cosigner),
            _ => None,
        }
    }
}

/// A public key with its name and role. Written and read as a C2SP *vkey*.
///
/// Invariant: the key is a canonical encoding and of large order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    role: KeyRole,
    key: VerifyingKey,
    hash: KeyHash,
}

impl VerifierKey {
    /// Checks the key's 32 bytes.
    ///
    /// # Errors
    /// [`VerifierKeyError::BadPoint`].
    pub fn new(name: KeyName, role: KeyRole, key: &[u8; 32]) -> Result<Self, VerifierKeyError> {
        let point = VerifyingKey::from_bytes(key).map_err(|_| VerifierKeyError::BadPoint)?;
        // from_bytes takes non-canonical field elements; one key must have one encoding.
        if point.is_weak() || point.to_edwards().compress().as_bytes() != key {
            return Err(VerifierKeyError::BadPoint);
        }
        let hash = KeyHash::of(&name, role, key);
        Ok(Self { name, role, key: point, hash })
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn role(&self) -> KeyRole {
        self.role
    }

    /// The key hash that stands in signature lines.
    #[must_use]
    pub const fn hash(&self) -> KeyHash {
        self.hash
    }

    /// The 32 bytes of the Ed25519 key.
    #[must_use]
    pub fn key_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    pub(super) const fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [self.role.type_byte(); 33];
        bytes[1..].copy_from_slice(self.key_bytes());
        write!(out, "{}+{}+{}", self.name, self.hash, BASE64.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        let (name, rest) = text.split_once('+').ok_or(VerifierKeyError::Shape)?;
        let (hash, key) = rest.split_once('+').ok_or(VerifierKeyError::Shape)?;
        let name = KeyName::new(name)?;
        let stated = parse_hash(hash).ok_or_else(|| VerifierKeyError::BadHash { name: name.clone() })?;
        let Some([type_byte, key @ ..]) = parse_key_bytes(key) else {
            return Err(VerifierKeyError::BadKeyBytes { name });
        };
        let Some(role) = KeyRole::from_type_byte(type_byte) else {
            return Err(VerifierKeyError::UnknownType { name, found: type_byte });
        };
        let computed = KeyHash::of(&name, role, &key);
        if computed != stated {
            return Err(VerifierKeyError::WrongHash { name, stated, computed });
        }
        Self::new(name, role, &key)
    }
}

fn parse_hash(text: &str) -> Option<KeyHash> {
    let mut bytes = [0; 4];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    let hash = KeyHash(bytes);
    (hash.to_string() == text).then_some(hash)
}

fn parse_key_bytes(text: &str) -> Option<[u8; 33]> {
    if text.len() != 44 {
        return None;
    }
    BASE64.decode(text).ok()?.try_into().ok()
}

impl Serialize for VerifierKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerifierKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
