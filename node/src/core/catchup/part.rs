//! One part of a transfer: what a peer sent, and proving it. Nothing in here believes the peer.
//!
//! A part is proven when it begins where this node's ledger ends and the tree that it grows is, by a consistency proof, a
//! prefix of the target: a checkpoint that a quorum of organisations has cosigned. Then the entries are exactly those of
//! the published ledger, whoever sent them; altered, missing, reordered or invented ones cannot be proven.

use bytes::Bytes;
use tamga_ledger::evidence::{Claim, Link, WhichTree};
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::tree::{
    ConsistencyProof, ENTRY_BYTES_MAX, Hash, LeafIndex, ProofError, Roots, TreeHead, TwinConsistencyProof,
    TwinFrontier, TwinProofError,
};
use tamga_ledger::trust::Trust;

use crate::core::rejudge::Read;
use crate::proto::EntriesPart;

/// Entries of one part.
pub(super) const PART_ENTRIES_MAX: usize = 2_048;
/// Bytes of entries and bodies after which a part ends.
pub(super) const PART_BYTES: usize = 1 << 20;
/// Published checkpoints of one part.
pub(super) const PART_CHECKPOINTS_MAX: usize = 64;
/// Longest message: every one of the above at its longest.
pub(crate) const PART_MESSAGE_BYTES: usize = 8 << 20;

/// What no honest peer sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Poison {
    #[error("a part begins at leaf {found} where leaf {expected} was due")]
    WrongPlace { expected: u64, found: u64 },
    #[error("a part without entries, or with more than was asked for")]
    WrongLength,
    #[error("a part is malformed: {0}")]
    Malformed(&'static str),
    #[error("entry {0} of the ledger cannot be read as one")]
    Entry(LeafIndex),
    #[error("a proof has the wrong form: {0}")]
    ProofForm(#[from] ProofError),
    #[error("entries up to {size} are not those of the published ledger: {source}")]
    Unproven {
        size: u64,
        #[source]
        source: TwinProofError,
    },
    #[error("the entries end at the target's size with other roots")]
    OtherRoots,
    #[error("the confidential body of entry {0} is missing or is not the one the record names")]
    Body(LeafIndex),
    #[error("a checkpoint among the entries does not verify: {0}")]
    Checkpoint(String),
}

/// A published checkpoint that contradicts another published one: both verify, and their ledgers differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contradiction {
    pub(super) size: u64,
    /// The roots that the published ledger has at that size.
    pub(super) roots: Roots,
    /// The roots that the note has.
    pub(super) claimed: Roots,
    pub(super) note: String,
}

impl Contradiction {
    /// The claim against whoever signed the note, with a proof from the ledger's root at its size to the target.
    pub(super) fn claim(self, target: String, proof: &EntriesPart) -> Option<Claim> {
        let sha256 = self.roots.sha256 != self.claimed.sha256;
        let (tree, root, hashes) = if sha256 {
            (WhichTree::Sha256, self.roots.sha256, &proof.sha256_proof)
        } else {
            (WhichTree::Blake3, self.roots.blake3, &proof.blake3_proof)
        };
        let link = Link { tree, root, path: path(hashes.clone()).ok()? };
        Some(Claim::Notes { first: self.note, second: target, link: Some(link) })
    }
}

/// A proven part: entries of the published ledger. Made only by [`prove`].
#[derive(Debug)]
pub(super) struct Proven {
    pub(super) round: Vec<Read>,
    pub(super) checkpoints: Vec<VerifiedCheckpoint>,
    /// Where the ledger stands with it.
    pub(super) frontier: TwinFrontier,
    pub(super) contradiction: Option<Contradiction>,
}

/// Proves a part that is to continue `frontier`, ends at `upto` at the latest, and leads to `target`.
pub(super) fn prove(
    part: EntriesPart,
    frontier: TwinFrontier,
    upto: u64,
    target: &TreeHead,
    trust: &Trust,
) -> Result<Proven, Poison> {
    let first = frontier.size().get();
    if part.first_leaf != first {
        return Err(Poison::WrongPlace { expected: first, found: part.first_leaf });
    }
    let entries = split(&part.entries, PART_ENTRIES_MAX).ok_or(Poison::Malformed("entries"))?;
    let bodies = split(&part.bodies, PART_ENTRIES_MAX).ok_or(Poison::Malformed("confidential bodies"))?;
    if entries.is_empty() || entries.len() != bodies.len() || first + entries.len() as u64 > upto {
        return Err(Poison::WrongLength);
    }
    if part.checkpoints.len() > PART_CHECKPOINTS_MAX {
        return Err(Poison::Malformed("too many checkpoints"));
    }
    let checkpoints = verify_checkpoints(&part.checkpoints, first, first + entries.len() as u64, trust)?;
    let (frontier, contradiction) = grow(frontier, &entries, &checkpoints)?;
    lead_to(&frontier.head(), target, part.sha256_proof, part.blake3_proof)?;
    let mut round = Vec::with_capacity(entries.len());
    for ((entry, body), leaf) in entries.iter().zip(&bodies).zip(first..) {
        let leaf = LeafIndex::new(leaf).unwrap_or_default();
        round.push(Read::new(leaf, entry.to_vec(), body.to_vec()).map_err(|_| Poison::Entry(leaf))?);
    }
    Ok(Proven { round, checkpoints, frontier, contradiction })
}

/// Verified against the trust policy; sizes ascend and lie behind `first`, up to `end`.
fn verify_checkpoints(
    notes: &[String],
    first: u64,
    end: u64,
    trust: &Trust,
) -> Result<Vec<VerifiedCheckpoint>, Poison> {
    let mut before = first;
    let mut checkpoints = Vec::with_capacity(notes.len());
    for note in notes {
        let verified = trust.verify_checkpoint(note.as_bytes());
        let verified = verified.map_err(|error| Poison::Checkpoint(error.to_string()))?;
        let size = verified.checkpoint().size.get();
        if size <= before || size > end {
            return Err(Poison::Checkpoint(format!("size {size} does not belong to this part")));
        }
        before = size;
        checkpoints.push(verified);
    }
    Ok(checkpoints)
}

/// Grows both trees and compares each checkpoint on the way. A difference counts only if the part as a whole is proven.
fn grow(
    mut frontier: TwinFrontier,
    entries: &[&[u8]],
    checkpoints: &[VerifiedCheckpoint],
) -> Result<(TwinFrontier, Option<Contradiction>), Poison> {
    let (mut due, mut contradiction) = (checkpoints.iter().peekable(), None);
    for entry in entries {
        frontier.push_entry(entry).map_err(|_| Poison::WrongLength)?;
        if let Some(verified) = due.next_if(|verified| verified.checkpoint().size == frontier.size())
            && verified.checkpoint().roots != frontier.roots()
        {
            let (size, note) = (frontier.size().get(), verified.note().to_string());
            let (roots, claimed) = (frontier.roots(), verified.checkpoint().roots);
            contradiction = Some(Contradiction { size, roots, claimed, note });
        }
    }
    Ok((frontier, contradiction))
}

fn lead_to(head: &TreeHead, target: &TreeHead, sha256: Vec<Bytes>, blake3: Vec<Bytes>) -> Result<(), Poison> {
    if head.size == target.size {
        return if head.roots == target.roots { Ok(()) } else { Err(Poison::OtherRoots) };
    }
    let proof = TwinConsistencyProof {
        sha256: ConsistencyProof::new(path(sha256)?)?,
        blake3: ConsistencyProof::new(path(blake3)?)?,
    };
    proof.verify(head, target).map_err(|source| Poison::Unproven { size: head.size.get(), source })
}

fn path(hashes: Vec<Bytes>) -> Result<Vec<Hash>, Poison> {
    let hash = |bytes: &Bytes| <[u8; 32]>::try_from(bytes.as_ref()).map(Hash::new);
    hashes.iter().map(hash).collect::<Result<_, _>>().map_err(|_| Poison::Malformed("a hash of a proof"))
}

/// Puts one entry or body behind its length.
pub(super) fn put(into: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(bytes.len() <= ENTRY_BYTES_MAX, "longer ones are in no ledger");
    into.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    into.extend_from_slice(bytes);
}

/// Takes apart what [`put`] put together; none if it is not whole, or has more than `max`.
fn split(mut bytes: &[u8], max: usize) -> Option<Vec<&[u8]>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (one, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if all.len() == max {
            return None;
        }
        all.push(one);
        bytes = rest;
    }
    Some(all)
}
