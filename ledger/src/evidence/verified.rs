//! What a file proves: who signed what, and what follows. Only this module's neighbours make these.

use super::holder::Holder;
use crate::ids::RecordId;
use serde::Serialize;

/// What was found to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// Two checkpoints of one size with other roots.
    OtherRoots,
    /// Two checkpoints of which the larger does not extend the smaller.
    OtherHistory,
    /// Two batches for one place.
    TwoBatches,
    /// A batch with something unauthentic in it.
    UnauthenticItem,
    /// A record is missing after the deadline by which it was promised.
    BrokenPromise,
    /// At the promised leaf stands something else.
    FalsePromise,
    /// One author's number used for two records.
    NumberTwice,
    /// A key used for another purpose than its own.
    KeyMisuse,
}

/// One thing that was signed or is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// What.
    pub what: What,
    /// Whose signatures under it verified; empty for what is shown by computation.
    pub signers: Vec<Signer>,
}

/// A signature that verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// Whose.
    #[serde(flatten)]
    pub holder: Holder,
    /// The time it states, seconds since 1970; cosignatures only.
    pub time_s: Option<u64>,
}

/// What was said. Times are ms UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are named as in FORMAT.md")]
pub enum What {
    /// So many entries have these roots.
    Checkpoint { size: u64, sha256: String, blake3: String, published: bool },
    /// A proposal for one place; `blake3` is over the signed bytes.
    Batch { epoch: u32, term: u64, number: u64, time_ms: u64, items: u64, blake3: String },
    /// An item of the batch is unauthentic.
    Item { number: u64, code: String, why: String },
    /// The record will be there, or is.
    Promise { record: RecordId, deadline_ms: u64, leaf: Option<u64>, verdict: Option<String> },
    /// The record is not among the first entries.
    Absent { record: RecordId, size: u64 },
    /// What the published ledger has at a leaf.
    Entry { leaf: u64, record: RecordId, verdict: String, time_ms: u64 },
    /// A record with its author's number.
    Record { record: RecordId, kind: u16, sequence: u64 },
    /// A message for a purpose.
    Message { purpose: String, bytes: u64 },
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "follows", rename_all = "kebab-case")]
pub enum Consequence {
    /// Each of these keys has by itself signed what no honest holder signs.
    Convicts {
        /// The keys.
        keys: Vec<Holder>,
        /// The organisations that answer for them, or of which different keys signed both sides.
        organisations: Vec<String>,
    },
    /// These keys have signed what contradicts the published ledger. Either they lie, or a whole quorum does.
    AgainstPublished {
        /// The keys.
        keys: Vec<Holder>,
        /// Organisations of which other keys signed the published side.
        organisations: Vec<String>,
    },
    /// At least one side is false; the file does not say which.
    OneOfTwo {
        /// Keys of the first side.
        first: Vec<Holder>,
        /// Keys of the second side.
        second: Vec<Holder>,
        /// Organisations that signed both sides, with different keys.
        organisations: Vec<String>,
    },
}

/// Evidence whose every signature and proof verified. Only [`super::Evidence::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedEvidence {
    pub(super) kind: EvidenceKind,
    pub(super) statements: Vec<Statement>,
    pub(super) consequence: Consequence,
    pub(super) confidential: bool,
}

impl VerifiedEvidence {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> EvidenceKind {
        self.kind
    }

    /// What was signed by whom, and what was computed from it.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// What follows.
    #[must_use]
    pub const fn consequence(&self) -> &Consequence {
        &self.consequence
    }

    /// The keys that have each by themselves signed what no honest holder signs.
    #[must_use]
    pub fn convicted(&self) -> &[Holder] {
        match &self.consequence {
            Consequence::Convicts { keys, .. } => keys,
            _ => &[],
        }
    }

    /// Whether the file holds confidential bodies (class V): it may be shown only to whoever may see those.
    #[must_use]
    pub const fn is_confidential(&self) -> bool {
        self.confidential
    }
}
