//! The head: a stamp that says what it belongs to, the small parts, one digest over all.

use super::parts::Parts;
use super::{SavedError, VERSION};
use crate::ids::{Digest, ElectionId};
use crate::judge::RULES_VERSION;
use crate::store::LogPosition;
use crate::tree::{Hash, Roots, TreeHead, TreeSize};
use minicbor::{Decode, Encode};

/// Longest head. A national one has some 15 MB.
pub const HEAD_BYTES_MAX: u64 = 256 << 20;

/// Room for a head without growing while somebody waits; a national one has 6 to 15 MB.
const HEAD_BYTES_USUAL: usize = 16 << 20;
const MAGIC: &[u8; 8] = b"TAMGA/ST";
const FRAME: usize = 8 + 4 + 8;
const SUM: usize = 32;

/// What a saved state belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) rules: u32,
    pub(super) election: ElectionId,
    pub(super) head: TreeHead,
    pub(super) position: Option<LogPosition>,
    pub(super) journal_bytes: u64,
    pub(super) chain: Option<Digest>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct HeadBytes {
    #[n(0)]
    rules: u32,
    #[n(1)]
    election: ElectionId,
    #[n(2)]
    size: u64,
    #[n(3)]
    sha256: Digest,
    #[n(4)]
    blake3: Digest,
    #[n(5)]
    position: Option<(u64, u64, u64)>,
    #[n(6)]
    journal_bytes: u64,
    #[n(7)]
    chain: Option<Digest>,
    #[n(8)]
    parts: Parts,
}

/// Stamp and parts as bytes.
pub(super) fn seal(stamp: &Stamp, parts: &Parts) -> Vec<u8> {
    let Stamp { rules, election, head, position, journal_bytes, chain } = stamp;
    let position = position.map(|position| (position.term, position.leader, position.index));
    let (sha256, blake3) = (Digest(head.roots.sha256.to_bytes()), Digest(head.roots.blake3.to_bytes()));
    let mut bytes = Vec::with_capacity(HEAD_BYTES_USUAL);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    let payload = (rules, election, head.size.get(), sha256, blake3, position, journal_bytes, chain, parts);
    // A vector takes every byte, and no encoder of these parts fails by itself; a reader would find bytes missing.
    let _infallible = minicbor::encode(payload, &mut bytes);
    let length = (bytes.len() - FRAME) as u64;
    bytes[FRAME - 8..FRAME].copy_from_slice(&length.to_le_bytes());
    let sum = blake3::hash(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    bytes
}

/// Reads and checks in the order in which a reader wants to be told: other software, damage, other rules, other election.
pub(super) fn open(bytes: &[u8], election: &ElectionId) -> Result<(Stamp, Parts), SavedError> {
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(SavedError::Head("cut off"))?;
    if magic != MAGIC {
        return Err(SavedError::Head("not one"));
    }
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(SavedError::Head("cut off"))?;
    let found = u32::from_le_bytes(*version);
    if found != VERSION {
        return Err(SavedError::Version { found });
    }
    let (length, rest) = rest.split_first_chunk::<8>().ok_or(SavedError::Head("cut off"))?;
    let (payload, sum) = rest.split_last_chunk::<SUM>().ok_or(SavedError::Head("cut off"))?;
    if u64::from_le_bytes(*length) != payload.len() as u64 {
        return Err(SavedError::Head("cut off"));
    }
    // The split above leaves the whole frame in front of the sum.
    let covered = bytes.get(..FRAME + payload.len()).unwrap_or_default();
    if blake3::hash(covered).as_bytes() != sum {
        return Err(SavedError::Head("damaged: its checksum differs"));
    }
    read(payload, election)
}

fn read(payload: &[u8], election: &ElectionId) -> Result<(Stamp, Parts), SavedError> {
    let shape = |what: String| SavedError::Shape(what);
    let raw: HeadBytes = minicbor::decode(payload).map_err(|error| shape(format!("head: {error}")))?;
    if raw.rules != RULES_VERSION {
        return Err(SavedError::Rules { found: raw.rules });
    }
    if raw.election != *election {
        return Err(SavedError::OtherElection(raw.election));
    }
    let size = TreeSize::new(raw.size).map_err(|error| shape(error.to_string()))?;
    let roots = Roots { sha256: Hash::new(raw.sha256.0), blake3: Hash::new(raw.blake3.0) };
    let position = raw.position.map(|(term, leader, index)| LogPosition { term, leader, index });
    let stamp = Stamp {
        rules: raw.rules,
        election: raw.election,
        head: TreeHead { size, roots },
        position,
        journal_bytes: raw.journal_bytes,
        chain: raw.chain,
    };
    Ok((stamp, raw.parts))
}
