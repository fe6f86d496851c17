//! What an auditor reports.

use crate::record::Scope;
use serde::{Deserialize, Serialize};

/// What kind of promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// 208: a checkpoint that was published is not in the archive that the copy shows.
    CheckpointMissing = 208,
    /// 301: a tile differs from what the entries give.
    TileDiffers = 301,
    /// 302: an entry does not hash to the leaf that the tiles have.
    LeafDiffers = 302,
    /// 303: a file of entries or of bodies has more in it than its name says.
    BundleLong = 303,
}

impl Check {
    /// All of them, ascending by number.
    pub const ALL: [Self; 16] = [
        Self::EntryMalformed,
        Self::RecordUnauthentic,
        Self::TimeReversed,
        Self::Duplicate,
        Self::VerdictDiffers,
        Self::CheckpointInvalid,
        Self::RootDiffers,
        Self::SplitView,
        Self::NoCheckpoint,
        Self::EntriesMissing,
        Self::OtherElection,
        Self::PolicyDiffers,
        Self::CheckpointMissing,
        Self::TileDiffers,
        Self::LeafDiffers,
        Self::BundleLong,
    ];

    /// The check's number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Which promise it belongs to.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::EntryMalformed | Self::RootDiffers | Self::TileDiffers | Self::LeafDiffers | Self::BundleLong => {
                Class::Integrity
            }
            Self::RecordUnauthentic | Self::CheckpointInvalid | Self::OtherElection | Self::PolicyDiffers => {
                Class::Authenticity
            }
            Self::TimeReversed | Self::Duplicate | Self::VerdictDiffers => Class::Consistency,
            Self::NoCheckpoint | Self::EntriesMissing | Self::CheckpointMissing => Class::Completeness,
            Self::SplitView => Class::Evidence,
        }
    }
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// Its number ([`Check::number`]).
    pub number: u16,
    /// Which promise.
    pub class: Class,
    /// At which leaf, where there is one.
    pub leaf: Option<u64>,
    /// The station that the entry at this leaf says it is about.
    pub station: Option<u32>,
    /// Its unit.
    pub unit: Option<u32>,
    /// What exactly, for whoever looks closer.
    pub text: String,
}

impl Finding {
    /// A finding that names no station.
    #[must_use]
    pub const fn new(check: Check, leaf: Option<u64>, text: String) -> Self {
        Self { check, number: check.number(), class: check.class(), leaf, station: None, unit: None, text }
    }

    /// The same, at the place that the entry names.
    #[must_use]
    pub fn at(mut self, scope: Scope) -> Self {
        (self.station, self.unit) = match scope {
            Scope::Unit(unit) => (Some(unit.station), Some(unit.unit)),
            Scope::Station(station) => (Some(station), None),
            _ => (None, None),
        };
        self
    }
}

/// What an audit of the ledger cannot prove. Which of them apply is part of each report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotProven {
    /// That the papers say what voters meant.
    Papers,
    /// That devices and the register told the truth.
    Devices,
    /// That no cell that stays closed has a negative count.
    ClosedCells,
    /// That no complete quorum of organisations colluded.
    Collusion,
    /// That nothing that carries no weight was altered: needless signature lines, for example.
    Weightless,
    /// What withheld confidential bodies say.
    Withheld,
    /// That refused records whose content is hidden were rightly refused.
    Stubs,
    /// That every earlier checkpoint was properly published: the copy shows no archive.
    Archive,
    /// That the copy's early entries are still what they were: they were read in an earlier run.
    EarlierRun,
    /// What stands behind the last published checkpoint.
    Unpublished,
}

impl NotProven {
    /// The sentence in English.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Papers => {
                "That people marked the ballots that were counted: paper and the hand count remain the arbiter."
            }
            Self::Devices => {
                "That the devices and the population register told the truth about who stood in the polling station."
            }
            Self::ClosedCells => {
                "That counts inside cells that are never opened are not negative: only their sums are opened."
            }
            Self::Collusion => {
                "That no complete quorum of organisations colluded: outside witnesses and kept receipts speak to that."
            }
            Self::Weightless => {
                "That nothing that carries no weight was altered, for example signature lines beyond those that the quorum needs."
            }
            Self::Withheld => {
                "Anything about identifications whose confidential body is withheld, beyond their signatures and their place; nor, without them, the Voting seal's root over admitted voters."
            }
            Self::Stubs => {
                "That the records of which only a stub is shown were refused for the reason stated: their content must not become public."
            }
            Self::Archive => {
                "That each earlier checkpoint was cosigned as it had to be: this copy shows no archive of them, only the latest and those under which trust changed."
            }
            Self::EarlierRun => {
                "That the copy still has the entries that an earlier run read: they were not read again, but what they hash to is what today's checkpoint continues."
            }
            Self::Unpublished => {
                "Anything about entries after the last published checkpoint: nobody has cosigned them yet."
            }
        }
    }
}
