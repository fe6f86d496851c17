//! An entry: a judged record as its leaf in both trees. These bytes, and nothing else, are hashed (DESIGN §3).

use crate::codec::{self, CodecError};
use crate::ids::{KeyId, RecordId};
use crate::record::SignedRecord;
use crate::verdict::{Flag, Verdict};
use minicbor::{Decode, Encode};

/// The version of the entry that this code writes and reads.
pub const ENTRY_VERSION: u64 = 1;
/// Longest entry: what the u16 length prefix of a C2SP entry bundle can say.
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// Most flags of one verdict: a form has at most 32 relations, and no rule gives more than 16 other flags.
pub const FLAGS_MAX: usize = 48;

/// The bytes of a leaf, in order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct EntryBytes {
    #[n(0)]
    version: u64,
    #[n(1)]
    time_ms: u64,
    #[n(2)]
    verdict: u8,
    #[n(3)]
    code: u16,
    #[n(4)]
    flags: Vec<Flag>,
    #[n(5)]
    form: u8,
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    payload: Vec<u8>,
}

/// A judged record with its place in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Sequenced time, ms UTC: never decreases from leaf to leaf.
    pub time_ms: u64,
    /// What the rules said.
    pub verdict: Verdict,
    /// The record or what stands in its place.
    pub payload: Payload,
}

/// What an entry carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The signed record itself.
    Full(SignedRecord),
    /// A refused record whose content must not become public.
    Stub(Stub),
}

/// What remains of a refused record whose content must not become public.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Stub {
    /// Its id.
    #[n(0)]
    pub id: RecordId,
    /// Its kind's number.
    #[n(1)]
    pub kind: u16,
    /// Who signed it.
    #[n(2)]
    pub signers: Vec<KeyId>,
    /// Which of them is the author.
    #[n(3)]
    pub author: u32,
    /// The author's number for it.
    #[n(4)]
    pub sequence: u64,
}

impl Entry {
    /// The leaf's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (form, payload) = match &self.payload {
            Payload::Full(signed) => (0, signed.to_bytes()),
            Payload::Stub(stub) => (1, codec::encode(stub)),
        };
        codec::encode(&EntryBytes {
            version: ENTRY_VERSION,
            time_ms: self.time_ms,
            verdict: self.verdict.number(),
            code: self.verdict.code(),
            flags: self.verdict.flags().to_vec(),
            form,
            payload,
        })
    }

    /// Reads a leaf.
    ///
    /// # Errors
    /// [`EntryError`]; bytes of a later version give [`EntryError::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let raw: EntryBytes = codec::decode(bytes, ENTRY_BYTES_MAX)?;
        if raw.version != ENTRY_VERSION {
            return Err(EntryError::Version(raw.version));
        }
        if raw.flags.len() > FLAGS_MAX || !raw.flags.is_sorted() {
            return Err(EntryError::Verdict);
        }
        let verdict = Verdict::from_parts(raw.verdict, raw.code, raw.flags).ok_or(EntryError::Verdict)?;
        let payload = match (raw.form, &verdict) {
            (0, _) => Payload::Full(codec::decode(&raw.payload, ENTRY_BYTES_MAX)?),
            (1, Verdict::Refused(_)) => Payload::Stub(codec::decode(&raw.payload, ENTRY_BYTES_MAX)?),
            _ => return Err(EntryError::Form(raw.form)),
        };
        Ok(Self { time_ms: raw.time_ms, verdict, payload })
    }

    /// The id of the record in it.
    #[must_use]
    pub fn record_id(&self) -> RecordId {
        match &self.payload {
            Payload::Full(signed) => signed.id(),
            Payload::Stub(stub) => stub.id,
        }
    }
}

/// Why bytes are not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Not canonical, or of another shape.
    #[error("the entry is not canonical: {0}")]
    Codec(#[from] CodecError),
    /// A later version.
    #[error("entry version {0} is not known here; this software reads version {ENTRY_VERSION}")]
    Version(u64),
    /// Numbers that make no verdict.
    #[error("the verdict, its code and its flags do not fit together, or a code is not known here")]
    Verdict,
    /// A form that the verdict cannot have.
    #[error("form {0} does not exist or is not allowed with this verdict (a stub is always refused)")]
    Form(u8),
}
