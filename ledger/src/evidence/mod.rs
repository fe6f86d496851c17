//! Evidence: one file that convinces offline that somebody signed what they must not have signed.
//!
//! A file carries the signed genesis record and everything else that its verification needs, so that a court starts from the
//! genesis digest and from nothing else. What does not verify proves nothing and is refused: above all a consistency proof
//! that fails, which anybody can make.
//!
//! ```text
//! bytes ─► Evidence (nothing verified) ─► trust(pinned digest) ─► verify ─► VerifiedEvidence: who signed what, what follows
//! ```
//!
//! | file | what |
//! |---|---|
//! | `claim` | what a file claims, and its bytes (FORMAT.md §13) |
//! | `holder` | whose a key is, and what it is for |
//! | `notes` | two signed checkpoints that contradict each other |
//! | `batches` | two batches for one place; an item that no honest proposer signs |
//! | `promises` | promises that were not kept |
//! | `keys` | a number used twice by an author; a key used for what it is not for |
//! | `verified` | what a file proves |
//!
//! Invariants: total over arbitrary bytes, every size bounded before memory is spent; believes nothing but the pinned digest;
//! says of each finding which keys it convicts, and of no other.

mod batches;
mod claim;
mod holder;
mod keys;
mod notes;
mod promises;
mod verified;

use crate::batch::BatchError;
use crate::codec::CodecError;
use crate::entry::{Entry, Payload};
use crate::history::HistoryError;
use crate::ids::ElectionId;
use crate::note::CheckpointVerifyError;
use crate::promise::PromiseError;
use crate::receipt::{Receipt, ReceiptError};
use crate::record::{RecordError, SignedRecord};
use crate::submission::Submission;
use crate::tree::{LeafIndex, ProofError};
use crate::trust::{Trust, TrustError};

pub use self::claim::{Claim, EVIDENCE_BYTES_MAX, Entries, INLINE_BYTES_MAX, Link, RECEIPTS_MAX, WhichTree};
pub use self::holder::{Holder, KeyUse};
pub use self::notes::signers_of;
pub use self::verified::{Consequence, EvidenceKind, Signer, Statement, VerifiedEvidence, What};

use self::holder::Holders;

/// A claim with what its verification starts from. Nothing is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The election's id, as claimed.
    pub election: ElectionId,
    /// Canonical bytes of the signed genesis record.
    pub genesis: Vec<u8>,
    /// Receipts of published Governance and Key records, in the ledger's order: by them nodes that were added later, and the
    /// holders of registered keys, are known.
    pub receipts: Vec<Vec<u8>>,
    /// What is claimed.
    pub claim: Claim,
}

/// Entries of a ledger from wherever the verifier has them; believed only as far as they hash to the checkpoint.
pub trait LedgerCopy {
    /// Some entries from leaf `from` on; none at the copy's end.
    ///
    /// # Errors
    /// What cannot be read, for people.
    fn entries(&mut self, from: u64) -> Result<Vec<Vec<u8>>, String>;
}

/// No copy at hand.
#[derive(Debug, Clone, Copy)]
pub struct NoCopy;

impl LedgerCopy for NoCopy {
    fn entries(&mut self, _: u64) -> Result<Vec<Vec<u8>>, String> {
        Err("a copy of the ledger is needed to verify this file: name the folder of one (tamga download)".to_owned())
    }
}

impl Evidence {
    /// A file without receipts. `genesis` as [`genesis_of_entry`] or the operator's genesis file gives it.
    #[must_use]
    pub const fn new(election: ElectionId, genesis: Vec<u8>, claim: Claim) -> Self {
        Self { election, genesis, receipts: Vec::new(), claim }
    }

    /// What may be trusted, from the pinned digest: the genesis record, and what the receipts add to it.
    ///
    /// # Errors
    /// [`EvidenceError::Trust`], [`EvidenceError::Receipt`].
    pub fn trust(&self, pinned: &ElectionId) -> Result<Trust, EvidenceError> {
        let signed: SignedRecord = crate::codec::decode(&self.genesis, crate::record::SIGNED_RECORD_BYTES_MAX)
            .map_err(EvidenceError::Codec)?;
        let mut trust = Trust::from_submission(Submission::public(signed), Some(pinned))?;
        for bytes in &self.receipts {
            let receipt = Receipt::from_bytes(bytes)?;
            match trust.step(&receipt)? {
                Some(next) => trust = next,
                None => drop(receipt.verify(&trust)?),
            }
        }
        Ok(trust)
    }

    /// Verifies the claim under `trust`, which [`trust`](Self::trust) made.
    ///
    /// # Errors
    /// [`EvidenceError`]: the file proves nothing, or a copy of the ledger is needed.
    pub fn verify(&self, trust: &Trust) -> Result<VerifiedEvidence, EvidenceError> {
        self.verify_with(trust, &mut NoCopy)
    }

    /// As [`verify`](Self::verify), with a copy of the ledger for claims that refer to one.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn verify_with(&self, trust: &Trust, copy: &mut dyn LedgerCopy) -> Result<VerifiedEvidence, EvidenceError> {
        if self.election != *trust.election_id() {
            return Err(EvidenceError::OtherElection(self.election));
        }
        let holders = Holders::new(trust, &self.receipts)?;
        match &self.claim {
            Claim::Notes { first, second, link } => notes::verify(trust, &holders, first, second, link.as_ref()),
            Claim::Batches { first, second } => batches::verify_two(trust, &holders, first, second),
            Claim::Item { batch, item, keys } => batches::verify_item(trust, &holders, batch, *item, keys),
            Claim::Promise { promise, checkpoint, entries } => {
                promises::verify_broken(trust, &holders, promise, checkpoint, entries, copy)
            }
            Claim::PromisedLeaf { promise, receipt } => promises::verify_leaf(trust, &holders, promise, receipt),
            Claim::Sequence { author, first, second } => {
                keys::verify_sequence(trust, &holders, author, [first, second])
            }
            Claim::Misuse { key, message, signature } => keys::verify_misuse(&holders, key, message, signature),
        }
    }
}

/// The signed genesis record out of entry 0; none if the entry holds none. Verifies nothing.
#[must_use]
pub fn genesis_of_entry(entry: &[u8]) -> Option<Vec<u8>> {
    match Entry::from_bytes(entry).ok()?.payload {
        Payload::Full(signed) => Some(signed.to_bytes()),
        Payload::Stub(_) => None,
    }
}

/// Why a file proves nothing, or cannot be verified here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Not canonical.
    #[error("not an evidence file: {0}")]
    Codec(CodecError),
    /// Canonical, but with an unknown version or kind, or more than is allowed.
    #[error("not an evidence file: {0}")]
    Content(&'static str),
    /// Of another election than the trust.
    #[error("the file is about election {0}, which is not the pinned one")]
    OtherElection(ElectionId),
    /// The genesis record in it is not the pinned one.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A decision in it does not hold.
    #[error("a decision in the file does not hold: {0}")]
    History(#[from] HistoryError),
    /// A receipt in it does not hold.
    #[error("a receipt in the file does not hold: {0}")]
    Receipt(#[from] ReceiptError),
    /// A note is no checkpoint of this ledger, or does not verify where it has to.
    #[error("a checkpoint in the file: {0}")]
    Checkpoint(#[from] CheckpointVerifyError),
    /// Nobody of the election signed it.
    #[error("no key of this election has signed the {0} checkpoint: it binds nobody")]
    Unsigned(&'static str),
    /// Two sizes and nothing that links them.
    #[error("two checkpoints of different sizes without a consistency proof between them prove nothing")]
    NoLink,
    /// The proof that should show the contradiction fails. Whoever wants to accuse somebody can make a failing proof.
    #[error("the consistency proof fails, and a failing proof proves nothing: {0}")]
    Proof(ProofError),
    /// Both can be true.
    #[error("no contradiction: {0}")]
    NoContradiction(&'static str),
    /// A batch that binds nobody.
    #[error("a batch in the file: {0}")]
    Batch(#[from] BatchError),
    /// The batch has no such item.
    #[error("the batch has no item {0}")]
    NoItem(u64),
    /// The item is authentic.
    #[error("the item is authentic: its proposer did what it should")]
    Authentic,
    /// Whether the item is authentic cannot be told from the file.
    #[error("the file does not show that the item is unauthentic: {0}")]
    Undecided(String),
    /// A promise that binds nobody.
    #[error("the promise: {0}")]
    Promise(#[from] PromiseError),
    /// The promise is not due by what the checkpoint states.
    #[error(
        "the checkpoint does not show that the deadline has passed: it takes cosignatures of a quorum, the promising \
         organisation {organisation} among them, dated after {deadline_ms} ms"
    )]
    NotDue {
        /// Who promised.
        organisation: String,
        /// Until when, ms UTC.
        deadline_ms: u64,
    },
    /// The record is there.
    #[error("the promise was kept: the record is leaf {0}")]
    Kept(LeafIndex),
    /// A promise without a verdict promises no leaf.
    #[error("the promise names no leaf and no verdict")]
    NothingPromised,
    /// The receipt shows what was promised.
    #[error("the ledger has at leaf {0} what was promised")]
    AsPromised(LeafIndex),
    /// The receipt is of another leaf.
    #[error("the receipt is of leaf {found}, but leaf {promised} was promised")]
    OtherLeaf {
        /// In the receipt.
        found: LeafIndex,
        /// In the promise.
        promised: LeafIndex,
    },
    /// The entries are not those that the checkpoint covers.
    #[error("the entries are not the {0} that the checkpoint covers: their roots differ")]
    WrongEntries(u64),
    /// The copy has too few entries, or cannot be read.
    #[error("the copy of the ledger: {0}")]
    Copy(String),
    /// A record that is none.
    #[error("a record in the file: {0}")]
    Record(#[from] RecordError),
    /// A key that is not the one named.
    #[error("the key in the file is not the one that the record names")]
    OtherKey,
    /// A signature that does not verify.
    #[error("the signature does not verify: it binds nobody")]
    Signature,
    /// Nobody known holds the key.
    #[error("nothing in the file shows whose the key is")]
    UnknownKey,
    /// The message is of no known purpose.
    #[error("the message begins with no known purpose")]
    UnknownPurpose,
    /// What the key is for.
    #[error("the key was used for what it is for")]
    RightfulUse,
}

impl EvidenceError {
    /// Whether nothing was found out about the claim, rather than that it proves nothing.
    #[must_use]
    pub const fn is_unchecked(&self) -> bool {
        matches!(self, Self::Copy(_) | Self::Undecided(_))
    }
}
