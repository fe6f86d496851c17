//! What a monitor says.

use serde::Serialize;
use std::path::PathBuf;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmKind {
    /// Two signed checkpoints contradict each other.
    SplitView,
    /// A source shows a smaller checkpoint than it has shown before.
    Regress,
    /// Nothing larger was published for a long time.
    Stall,
    /// A source shows an older checkpoint than others.
    Behind,
    /// An organisation does not cosign.
    MissingCosigner,
    /// Times stated by cosigners or entries cannot be right.
    StaleTime,
    /// A promise was not kept.
    BrokenPromise,
    /// A source shows a checkpoint that does not verify.
    Invalid,
    /// A source's tiles or entries are not those of its checkpoint.
    FalseFiles,
    /// The rules give something else than the ledger has.
    Finding,
    /// An author has used a number twice.
    NumberTwice,
    /// A source cannot be read.
    Unreachable,
}

impl AlarmKind {
    /// Its name, as in JSON.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::SplitView => "split-view",
            Self::Regress => "regress",
            Self::Stall => "stall",
            Self::Behind => "behind",
            Self::MissingCosigner => "missing-cosigner",
            Self::StaleTime => "stale-time",
            Self::BrokenPromise => "broken-promise",
            Self::Invalid => "invalid",
            Self::FalseFiles => "false-files",
            Self::Finding => "finding",
            Self::NumberTwice => "number-twice",
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether somebody has shown something false, rather than that something is late or missing.
    #[must_use]
    pub const fn is_lie(self) -> bool {
        matches!(
            self,
            Self::SplitView
                | Self::Regress
                | Self::BrokenPromise
                | Self::Invalid
                | Self::FalseFiles
                | Self::Finding
                | Self::NumberTwice
        )
    }
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// What is wrong.
    #[serde(rename = "alarm")]
    pub kind: AlarmKind,
    /// With which source or organisation.
    pub about: String,
    /// A sentence for people.
    pub text: String,
    /// The file that convicts, where there is one.
    pub evidence: Option<PathBuf>,
    /// When, by the monitor's clock, ms UTC.
    pub at_ms: u64,
}

/// What a round gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Something is wrong.
    Alarm(Alarm),
    /// Something is right again.
    Over {
        /// What was wrong.
        #[serde(rename = "alarm")]
        kind: AlarmKind,
        /// With which source or organisation.
        about: String,
        /// When, ms UTC.
        at_ms: u64,
    },
    /// A larger checkpoint was verified.
    Checkpoint {
        /// Its size.
        size: u64,
        /// Who cosigned.
        organisations: Vec<String>,
        /// Which source showed it first.
        source: String,
        /// When, ms UTC.
        at_ms: u64,
    },
}

impl Event {
    /// The alarm, if it is one.
    #[must_use]
    pub const fn alarm(&self) -> Option<&Alarm> {
        match self {
            Self::Alarm(alarm) => Some(alarm),
            _ => None,
        }
    }
}
