//! The two hash functions of the log and the 32 bytes they give.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A node of a hash tree: 32 bytes. Written as 64 lower-case hexadecimal digits, in checkpoints as base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// Why a text is not a [`Hash`](struct@Hash).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashParseError {
    /// Not 64 lower-case hexadecimal digits.
    #[error("a hash is written as 64 lower-case hexadecimal digits; these {length} bytes are not that")]
    NotHex {
        /// Bytes of the text that was given.
        length: usize,
    },
    /// Not the canonical base64 of 32 bytes.
    #[error("a hash in a checkpoint is the padded base64 (RFC 4648 §4) of 32 bytes; these {length} bytes are not that")]
    NotBase64 {
        /// Bytes of the text that was given.
        length: usize,
    },
}

impl Hash {
    /// Takes the bytes as they are.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 32 bytes, by value.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The padded base64 used on checkpoint lines (C2SP tlog-checkpoint, RFC 4648 §4).
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64.encode(self.0)
    }

    /// Reads what [`Hash::to_base64`] writes; anything that would not be written the same way is refused.
    ///
    /// # Errors
    /// [`HashParseError::NotBase64`] for any other text.
    pub fn from_base64(text: &str) -> Result<Self, HashParseError> {
        let refuse = || HashParseError::NotBase64 { length: text.len() };
        if text.len() != 44 {
            return Err(refuse());
        }
        let bytes = BASE64.decode(text).map_err(|_| refuse())?;
        let hash = Self(bytes.try_into().map_err(|_| refuse())?);
        if hash.to_base64() == text { Ok(hash) } else { Err(refuse()) }
    }
}

impl Hash {
    /// The hexadecimal text without a string of its own: an answer with a proof has some fifty.
    fn with_hex<T>(&self, use_text: impl FnOnce(&str) -> T) -> T {
        let mut text = [b'0'; 64];
        // The length fits, and digits are UTF-8: neither can fail.
        let _ = hex::encode_to_slice(self.0, &mut text);
        use_text(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_hex(|text| out.write_str(text))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for Hash {
    type Err = HashParseError;

    fn from_str(text: &str) -> Result<Self, HashParseError> {
        let refuse = HashParseError::NotHex { length: text.len() };
        if text.len() != 64 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(refuse);
        }
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(refuse),
        }
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_hex(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How one tree hashes leaves, inner nodes and the empty tree (the three cases of MTH in RFC 9162 §2.1.1).
///
/// Leaf and node hashes must live in different domains, or a node could be passed off as a leaf.
pub trait TreeHash: 'static {
    /// The name used in paths, texts and messages.
    const NAME: &'static str;

    /// The hash of one entry's bytes.
    fn leaf(entry: &[u8]) -> Hash;

    /// The hash of an inner node over its two children.
    fn node(left: &Hash, right: &Hash) -> Hash;

    /// The root of the tree without leaves.
    fn empty() -> Hash;
}

/// SHA-256 exactly as in RFC 6962 §2.1: a leaf is prefixed with 0x00, a node with 0x01, the empty tree is the hash of
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sha256Tree {}

impl TreeHash for Sha256Tree {
    const NAME: &'static str = "sha256";

    fn leaf(entry: &[u8]) -> Hash {
        Hash(Sha256::new_with_prefix([0x00]).chain_update(entry).finalize().into())
    }

    fn node(left: &Hash, right: &Hash) -> Hash {
        let mut input = [0x01; 65];
        input[1..33].copy_from_slice(&left.0);
        input[33..].copy_from_slice(&right.0);
        Hash(Sha256::digest(input).into())
    }

    fn empty() -> Hash {
        Hash(Sha256::digest([]).into())
    }
}

/// Keyed BLAKE3. Leaf and node domains are two keys (instead of RFC 6962's prefix bytes), so a node is exactly one
/// 64-byte compression. The empty tree is the keyed hash of nothing under the *node* key: no node has an empty input,
/// and no leaf uses that key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blake3Tree {}

static LEAF_KEY: LazyLock<[u8; 32]> = LazyLock::new(|| blake3::derive_key("tamga 2025 leaf v1", &[]));
static NODE_KEY: LazyLock<[u8; 32]> = LazyLock::new(|| blake3::derive_key("tamga 2025 node v1", &[]));

impl TreeHash for Blake3Tree {
    const NAME: &'static str = "blake3";

    fn leaf(entry: &[u8]) -> Hash {
        Hash(*blake3::keyed_hash(&LEAF_KEY, entry).as_bytes())
    }

    fn node(left: &Hash, right: &Hash) -> Hash {
        let mut input = [0; 64];
        input[..32].copy_from_slice(&left.0);
        input[32..].copy_from_slice(&right.0);
        Hash(*blake3::keyed_hash(&NODE_KEY, &input).as_bytes())
    }

    fn empty() -> Hash {
        Hash(*blake3::keyed_hash(&NODE_KEY, &[]).as_bytes())
    }
}

/// The leaf hashes of one entry in both trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafHashes {
    /// The leaf in the SHA-256 tree.
    pub sha256: Hash,
    /// The leaf in the BLAKE3 tree.
    pub blake3: Hash,
}

impl LeafHashes {
    /// Hashes an entry's bytes, as they are stored and served, for both trees.
    #[must_use]
    pub fn of(entry: &[u8]) -> Self {
        Self { sha256: Sha256Tree::leaf(entry), blake3: Blake3Tree::leaf(entry) }
    }
}
