//! What an auditor reports.

use serde::Serialize;

/// What kind of promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Something published is missing.
    Completeness,
    /// Something was not signed by whom it has to be.
    Authenticity,
    /// Parts contradict each other or the rules.
    Consistency,
    /// Bytes are damaged or not the ones hashed.
    Integrity,
    /// Somebody signed two things that cannot both be true.
    Evidence,
}

/// The checks, by number. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u16)]
pub enum Check {
    /// 101: an entry is not canonical or of an unknown version.
    EntryMalformed = 101,
    /// 102: a record's bytes or signatures are not authentic.
    RecordUnauthentic = 102,
    /// 103: sequenced time goes back.
    TimeReversed = 103,
    /// 104: a record is there twice.
    Duplicate = 104,
    /// 105: the rules give another verdict, or other bytes, than the entry has.
    VerdictDiffers = 105,
    /// 201: a checkpoint does not satisfy the trust policy.
    CheckpointInvalid = 201,
    /// 202: the entries do not hash to a published root.
    RootDiffers = 202,
    /// 203: two published checkpoints contradict each other.
    SplitView = 203,
    /// 204: no checkpoint was given.
    NoCheckpoint = 204,
    /// 205: entries that a checkpoint covers are missing.
    EntriesMissing = 205,
    /// 206: another election.
    OtherElection = 206,
    /// 207: the trust policies that the checkpoints were verified by are not the ones that the ledger has put in force.
    PolicyDiffers = 207,
    /// 301: a tile differs from what the entries give.
    TileDiffers = 301,
    /// 302: an entry does not hash to the leaf that the tiles have.
    LeafDiffers = 302,
}

impl Check {
    /// The check's number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Which promise it belongs to.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::EntryMalformed | Self::RootDiffers | Self::TileDiffers | Self::LeafDiffers => Class::Integrity,
            Self::RecordUnauthentic | Self::CheckpointInvalid | Self::OtherElection | Self::PolicyDiffers => {
                Class::Authenticity
            }
            Self::TimeReversed | Self::Duplicate | Self::VerdictDiffers => Class::Consistency,
            Self::NoCheckpoint | Self::EntriesMissing => Class::Completeness,
            Self::SplitView => Class::Evidence,
        }
    }
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// Which promise.
    pub class: Class,
    /// At which leaf, where there is one.
    pub leaf: Option<u64>,
    /// A sentence for people.
    pub text: String,
}

/// What an audit of the ledger cannot prove.
pub const NOT_PROVEN: &[&str] = &[
    "That people marked the ballots that were counted: paper and the hand count remain the arbiter.",
    "That the devices and the population register told the truth about who stood in the polling station.",
    "That counts inside cells that are never opened are not negative: only their sums are opened.",
    "That no complete quorum of organisations colluded: outside witnesses and kept receipts speak to that.",
    "Anything about identifications whose confidential body is withheld, beyond their signatures and their place; nor, without them, the Voting seal's root over admitted voters.",
];
