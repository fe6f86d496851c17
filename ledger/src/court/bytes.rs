//! The file.

use crate::codec::{self, CodecError};
use crate::history::{History, HistoryError};
use crate::ids::{Digest, RecordId};
use crate::tree::{
    Blake3Tree, ConsistencyProof, Hash, LeafIndex, PROOF_HASHES_MAX, SeveralProof, Sha256Tree, TwinConsistencyProof,
};
use minicbor::{Decode, Encode};

/// Longest file: a constituency of a hundred thousand voters with their bodies, twice.
pub const COURT_BYTES_MAX: usize = 256 << 20;
/// Most checkpoints.
pub const LINKS_MAX: usize = 256;
/// Longest text of tool and order.
const TEXT_BYTES_MAX: usize = 1_024;
const FORMAT: &str = "tamga/court/v1";

/// What the bundle is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A station with its units.
    Station(u32),
    /// A constituency with its stations.
    Constituency(u32),
    /// Single records, ascending by id.
    Records(Vec<RecordId>),
}

/// A published checkpoint, and the proof that it extends the one in front; the first has an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The signed note.
    pub note: String,
    /// In both trees.
    pub proof: TwinConsistencyProof,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where.
    pub leaf: LeafIndex,
    /// It is about the subject; the others stand here because signatures or words of these depend on them.
    pub asked: bool,
    /// Its bytes.
    pub entry: Vec<u8>,
    /// Its confidential body, where a court has ordered that it be handed over; else empty.
    pub body: Vec<u8>,
}

/// A court's bundle. Not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CourtBundle {
    /// Name and version of the program that made it.
    pub tool: String,
    /// What it is about.
    pub subject: Subject,
    /// The court's order by which bodies are in it; empty: there are none.
    pub order: String,
    /// The organisations' decisions with their proofs.
    pub history: History,
    /// Published checkpoints, ascending; everything is proven under the last.
    pub checkpoints: Vec<Link>,
    /// Entries, ascending. The first one is entry 0, the genesis record's.
    pub items: Vec<Item>,
    /// Their places in the SHA-256 tree.
    pub sha256: SeveralProof<Sha256Tree>,
    /// Their places in the BLAKE3 tree.
    pub blake3: SeveralProof<Blake3Tree>,
}

/// Bytes that are no court's bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CourtFileError {
    /// Not canonical.
    #[error("not a court's bundle: {0}")]
    Codec(#[from] CodecError),
    /// A later version, or another file.
    #[error("not a court's bundle of a version that is known here (tamga/court/v1)")]
    Version,
    /// Numbers or lengths out of range.
    #[error("the court's bundle has {0} out of range")]
    Range(&'static str),
    /// The history in it.
    #[error("the history in the court's bundle: {0}")]
    History(#[from] HistoryError),
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Raw {
    #[n(0)]
    format: String,
    #[n(1)]
    tool: String,
    #[n(2)]
    subject: RawSubject,
    #[n(3)]
    order: String,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    history: Vec<u8>,
    #[n(5)]
    checkpoints: Vec<RawLink>,
    #[n(6)]
    items: Vec<RawItem>,
    #[n(7)]
    sha256: Vec<Digest>,
    #[n(8)]
    blake3: Vec<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct RawSubject {
    #[n(0)]
    kind: u8,
    #[n(1)]
    number: u32,
    #[n(2)]
    records: Vec<RecordId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct RawLink {
    #[n(0)]
    note: String,
    #[n(1)]
    sha256: Vec<Digest>,
    #[n(2)]
    blake3: Vec<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct RawItem {
    #[n(0)]
    leaf: u64,
    #[n(1)]
    asked: u8,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    entry: Vec<u8>,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    body: Vec<u8>,
}

fn digests(hashes: &[Hash]) -> Vec<Digest> {
    hashes.iter().map(|hash| Digest(hash.to_bytes())).collect()
}

fn hashes(digests: &[Digest]) -> Vec<Hash> {
    digests.iter().map(|digest| Hash::new(digest.0)).collect()
}

impl Subject {
    fn raw(&self) -> RawSubject {
        let (kind, number, records) = match self {
            Self::Station(number) => (1, *number, Vec::new()),
            Self::Constituency(number) => (2, *number, Vec::new()),
            Self::Records(records) => (3, 0, records.clone()),
        };
        RawSubject { kind, number, records }
    }

    fn read(raw: RawSubject) -> Option<Self> {
        match (raw.kind, raw.number, raw.records) {
            (1, number, records) if number > 0 && records.is_empty() => Some(Self::Station(number)),
            (2, number, records) if number > 0 && records.is_empty() => Some(Self::Constituency(number)),
            (3, 0, records) if !records.is_empty() && records.is_sorted_by(|a, b| a < b) => {
                Some(Self::Records(records))
            }
            _ => None,
        }
    }
}

impl RawLink {
    fn read(&self) -> Option<Link> {
        if self.sha256.len() > PROOF_HASHES_MAX || self.blake3.len() > PROOF_HASHES_MAX {
            return None;
        }
        let proof = TwinConsistencyProof {
            sha256: ConsistencyProof::new(hashes(&self.sha256)).ok()?,
            blake3: ConsistencyProof::new(hashes(&self.blake3)).ok()?,
        };
        Some(Link { note: self.note.clone(), proof })
    }
}

impl RawItem {
    fn read(self) -> Option<Item> {
        let leaf = LeafIndex::new(self.leaf).ok()?;
        (self.asked <= 1).then_some(Item { leaf, asked: self.asked == 1, entry: self.entry, body: self.body })
    }
}

impl CourtBundle {
    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let link = |link: &Link| RawLink {
            note: link.note.clone(),
            sha256: digests(link.proof.sha256.path()),
            blake3: digests(link.proof.blake3.path()),
        };
        let item = |item: &Item| RawItem {
            leaf: item.leaf.get(),
            asked: u8::from(item.asked),
            entry: item.entry.clone(),
            body: item.body.clone(),
        };
        codec::encode(&Raw {
            format: FORMAT.to_owned(),
            tool: self.tool.clone(),
            subject: self.subject.raw(),
            order: self.order.clone(),
            history: if self.history.is_empty() { Vec::new() } else { self.history.to_bytes() },
            checkpoints: self.checkpoints.iter().map(link).collect(),
            items: self.items.iter().map(item).collect(),
            sha256: digests(self.sha256.hashes()),
            blake3: digests(self.blake3.hashes()),
        })
    }

    /// Whether bytes say that they are a court's bundle, of whatever version.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        // An array of nine, then the text that begins so.
        bytes.strip_prefix(&[0x89, 0x6e]).is_some_and(|rest| rest.starts_with(b"tamga/court/"))
    }

    /// Reads canonical bytes; verifies nothing.
    ///
    /// # Errors
    /// [`CourtFileError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CourtFileError> {
        let raw: Raw = codec::decode(bytes, COURT_BYTES_MAX)?;
        if raw.format != FORMAT {
            return Err(CourtFileError::Version);
        }
        if raw.tool.len() > TEXT_BYTES_MAX || raw.order.len() > TEXT_BYTES_MAX {
            return Err(CourtFileError::Range("a text"));
        }
        if raw.checkpoints.is_empty() || raw.checkpoints.len() > LINKS_MAX {
            return Err(CourtFileError::Range("the number of checkpoints"));
        }
        let history = if raw.history.is_empty() { History::default() } else { History::from_bytes(&raw.history)? };
        let checkpoints: Option<Vec<Link>> = raw.checkpoints.iter().map(RawLink::read).collect();
        let items: Option<Vec<Item>> = raw.items.into_iter().map(RawItem::read).collect();
        Ok(Self {
            tool: raw.tool,
            subject: Subject::read(raw.subject).ok_or(CourtFileError::Range("a subject"))?,
            order: raw.order,
            history,
            checkpoints: checkpoints.ok_or(CourtFileError::Range("a consistency proof"))?,
            items: items.ok_or(CourtFileError::Range("an entry's place"))?,
            sha256: SeveralProof::new(hashes(&raw.sha256)),
            blake3: SeveralProof::new(hashes(&raw.blake3)),
        })
    }
}
