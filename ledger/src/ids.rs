//! Identifiers: fixed-size byte strings that are different types because they are different things.

use std::fmt;
use std::str::FromStr;

/// Text that is not the hexadecimal form of an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected_digits} hexadecimal digits, got {got:?}")]
pub struct ParseIdError {
    expected_digits: usize,
    got: String,
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let mut bytes = [0; $len];
                let error = || ParseIdError { expected_digits: 2 * $len, got: text.chars().take(100).collect() };
                hex::decode_to_slice(text, &mut bytes).map_err(|_| error())?;
                Ok(Self(bytes))
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = std::array::TryFromSliceError;
            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                bytes.try_into().map(Self)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let bytes = d.bytes()?;
                bytes.try_into().map(Self).map_err(|_| {
                    minicbor::decode::Error::message(concat!(stringify!($name), " has the wrong length"))
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

byte_id!(
    /// The election: BLAKE3 of the genesis record's bytes (context `tamga 2025 election id v1`). Also called the genesis
    /// digest; it is what a verifier pins.
    ElectionId, 32);
byte_id!(
    /// A record: BLAKE3 of its bytes without signatures (context `tamga 2025 record id v1`).
    RecordId, 32);
byte_id!(
    /// A public key's short name: the first 16 bytes of BLAKE3 of its 32 bytes (context `tamga 2025 key id v1`).
    KeyId, 16);
byte_id!(
    /// An Ed25519 public key as RFC 8032 encodes it. Not known to be a valid point: [`crate::sign`] decides that.
    PublicKey, 32);
byte_id!(
    /// An Ed25519 signature, R ‖ S.
    Signature, 64);
byte_id!(
    /// 32 bytes of digest; which function and context is said where it is used.
    Digest, 32);
byte_id!(
    /// A voter tag: keyed hash of the personal number, opaque here (DESIGN §7). Confidential class V.
    Tag, 32);
byte_id!(
    /// What the roll holds of a voter: the first 16 bytes of BLAKE3 of the tag (context `tamga 2025 roll leaf v1`). Whoever
    /// knows a tag can find its roll leaf; nobody can go the other way.
    RollLeaf, 16);
byte_id!(
    /// 16 bytes chosen by the author so that ids cannot be guessed.
    Nonce, 16);

const ELECTION_ID: &str = "tamga 2025 election id v1";
const RECORD_ID: &str = "tamga 2025 record id v1";
const KEY_ID: &str = "tamga 2025 key id v1";
const ROLL_LEAF: &str = "tamga 2025 roll leaf v1";

fn derive<const N: usize>(context: &str, bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    blake3::Hasher::new_derive_key(context).update(bytes).finalize_xof().fill(&mut out);
    out
}

impl ElectionId {
    /// In the genesis record itself, where the id cannot stand yet, and in an empty state.
    pub const ZERO: Self = Self([0; 32]);

    /// The id that belongs to these genesis record bytes.
    #[must_use]
    pub fn of_genesis(record: &[u8]) -> Self {
        Self(derive(ELECTION_ID, record))
    }
}

impl RecordId {
    /// The id of these record bytes (without signatures).
    #[must_use]
    pub fn of(record: &[u8]) -> Self {
        Self(derive(RECORD_ID, record))
    }

    /// The half that judging keeps in memory.
    #[must_use]
    pub fn short(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0[..16]);
        short
    }
}

impl PublicKey {
    /// The key's short name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(derive(KEY_ID, &self.0))
    }
}

impl Tag {
    /// The roll leaf of this tag.
    #[must_use]
    pub fn roll_leaf(&self) -> RollLeaf {
        RollLeaf(derive(ROLL_LEAF, &self.0))
    }
}

/// A value or its absence; absent is an empty byte string in canonical bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Maybe<T>(pub Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> From<T> for Maybe<T> {
    fn from(value: T) -> Self {
        Self(Some(value))
    }
}

impl<C, T: AsRef<[u8]>> minicbor::Encode<C> for Maybe<T> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(self.0.as_ref().map_or(&[], AsRef::as_ref))?.ok()
    }
}

impl<'b, C, T: TryFrom<&'b [u8]>> minicbor::Decode<'b, C> for Maybe<T> {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        match d.bytes()? {
            [] => Ok(Self(None)),
            bytes => T::try_from(bytes)
                .map(|value| Self(Some(value)))
                .map_err(|_| minicbor::decode::Error::message("an optional value has the wrong length")),
        }
    }
}
