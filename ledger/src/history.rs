//! The way from the pinned genesis digest to whoever has to cosign today: published decisions, each with its proof.
//!
//! ```text
//! genesis policy ─► decision 1 under a checkpoint ─► … ─► policy epoch: its checkpoint satisfies the policy before AND after
//!                                                                           │
//!                                              checkpoints that cover it need the new policy from here on
//! ```
//!
//! Nobody has to be believed: each step is a [`Receipt`] of a Governance record under a checkpoint that the policy known so far
//! accepts. Steps that are left out make later checkpoints fail, not pass.

use crate::codec::{self, CodecError};
use crate::entry::{Entry, EntryError};
use crate::kinds::Governance;
use crate::nodes::{Nodes, decision};
use crate::note::{CheckpointVerifyError, UnverifiedCheckpoint};
use crate::policy::{Policy, PolicyError};
use crate::receipt::{RECEIPT_BYTES_MAX, Receipt, ReceiptError};
use crate::tree::TwinProofError;
use crate::trust::{Trust, TrustError};
use minicbor::{Decode, Encode};

/// Longest encoded history.
pub const HISTORY_BYTES_MAX: usize = 8 << 20;
/// Most steps.
pub const HISTORY_STEPS_MAX: usize = 4_096;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct HistoryBytes {
    #[n(0)]
    version: u64,
    #[n(1)]
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
struct Step(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    Vec<u8>,
);

/// Receipts of decisions, ascending by leaf. Not verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The steps. The checkpoint of each is the first published one that covers it, or one that nothing was decided before.
    pub steps: Vec<Receipt>,
}

/// Why a history does not lead anywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// Not canonical.
    #[error("the history is not canonical: {0}")]
    Codec(#[from] CodecError),
    /// An unknown version, or too many steps.
    #[error("the history has an unknown version or too many steps")]
    Content,
    /// One of its receipts.
    #[error("a step of the history: {0}")]
    Receipt(#[from] ReceiptError),
    /// Steps not ascending, or one that is no accepted decision, or changes nothing.
    #[error("leaf {leaf} of the history is not the next accepted decision")]
    NotNext {
        /// Its leaf.
        leaf: u64,
    },
    /// The checkpoint of a step.
    #[error("the checkpoint that covers the decision at leaf {leaf}, by the policy {which}: {error}")]
    Checkpoint {
        /// The decision's leaf.
        leaf: u64,
        /// `before it` or `that it puts in force`.
        which: &'static str,
        /// What is missing.
        error: CheckpointVerifyError,
    },
    /// The decision is not where the step says.
    #[error("the decision at leaf {leaf}: {error}")]
    Proof {
        /// Its leaf.
        leaf: u64,
        /// What does not hold.
        error: TwinProofError,
    },
    /// The entry cannot be read.
    #[error("the decision at leaf {leaf}: {error}")]
    Entry {
        /// Its leaf.
        leaf: u64,
        /// What is wrong.
        error: EntryError,
    },
    /// A policy that the rules would have refused.
    #[error("the policy of leaf {leaf}: {error}")]
    Policy {
        /// Its leaf.
        leaf: u64,
        /// What is wrong.
        error: PolicyError,
    },
    /// The registry makes no policy.
    #[error("{0}")]
    Trust(#[from] TrustError),
}

impl History {
    /// Whether there is nothing to learn.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps' bytes, as an evidence file carries them.
    #[must_use]
    pub fn receipts(&self) -> Vec<Vec<u8>> {
        self.steps.iter().map(Receipt::to_bytes).collect()
    }

    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(&HistoryBytes {
            version: 1,
            steps: self.steps.iter().map(|step| Step(step.to_bytes())).collect(),
        })
    }

    /// Reads canonical bytes; verifies nothing.
    ///
    /// # Errors
    /// [`HistoryError::Codec`], [`HistoryError::Content`], [`HistoryError::Receipt`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HistoryError> {
        let raw: HistoryBytes = codec::decode(bytes, HISTORY_BYTES_MAX)?;
        if raw.version != 1 || raw.steps.len() > HISTORY_STEPS_MAX {
            return Err(HistoryError::Content);
        }
        let step = |Step(bytes): &Step| {
            if bytes.len() > RECEIPT_BYTES_MAX { Err(ReceiptError::Content) } else { Receipt::from_bytes(bytes) }
        };
        Ok(Self { steps: raw.steps.iter().map(step).collect::<Result<_, _>>()? })
    }
}

impl Trust {
    /// Walks a history from the genesis record: what is trusted at its end. What this trust has learned elsewhere is not taken
    /// over.
    ///
    /// # Errors
    /// [`HistoryError`], naming the leaf; nothing of such a history may be believed.
    pub fn follow(&self, history: &History) -> Result<Self, HistoryError> {
        let mut trust = self.with_nodes(&Nodes::of_genesis(self.election()))?;
        let mut last = 0;
        for step in &history.steps {
            let leaf = step.leaf.get();
            let next = if leaf > last { trust.step(step)? } else { None };
            trust = next.ok_or(HistoryError::NotNext { leaf })?;
            last = leaf;
        }
        Ok(trust)
    }

    /// Takes one step of a history. None if the receipt is of no accepted decision, or of one that changes nothing.
    ///
    /// # Errors
    /// [`HistoryError`] when its checkpoint or its proof does not hold.
    pub fn step(&self, step: &Receipt) -> Result<Option<Self>, HistoryError> {
        let leaf = step.leaf.get();
        let entry = Entry::from_bytes(&step.entry).map_err(|error| HistoryError::Entry { leaf, error })?;
        let Some(change) = decision(&entry, self.election_id()) else { return Ok(None) };
        let fault = |which| move |error| HistoryError::Checkpoint { leaf, which, error };
        let checkpoint = UnverifiedCheckpoint::from_bytes(step.checkpoint.as_bytes()).map_err(fault("before it"))?;
        // Log lines are left out: by which logs a checkpoint was published may be learned from this very step.
        let policy = policy_of(self.registry().policy_text(self.election()), leaf)?;
        let verified = checkpoint.clone().verify(&policy, self.origin()).map_err(fault("before it"))?;
        let head = verified.checkpoint().head();
        step.proof.verify(&step.entry, step.leaf, &head).map_err(|error| HistoryError::Proof { leaf, error })?;
        if let Governance::PolicyEpoch { policy, .. } = &change {
            let next = policy_of(policy, leaf)?;
            checkpoint.verify(&next, self.origin()).map_err(fault("that it puts in force"))?;
        }
        let mut registry = self.registry().clone();
        if registry.apply(&change, leaf) { Ok(Some(self.with_nodes(&registry)?)) } else { Ok(None) }
    }
}

fn policy_of(text: &str, leaf: u64) -> Result<Policy, HistoryError> {
    text.parse().map_err(|error| HistoryError::Policy { leaf, error })
}
