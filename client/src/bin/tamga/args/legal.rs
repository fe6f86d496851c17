//! Legal acts and cases.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tamga_ledger::ids::RecordId;

use super::{Merge, Place, Sign, Submit};

#[derive(Debug, Subcommand)]
pub(crate) enum Act {
    /// Write an act that waits for signatures.
    Draft(ActDraft),
    /// Read an act and sign it with one organisation's record key. Needs no network.
    Sign(Sign),
    /// Put the signatures of all signers together.
    Merge(Merge),
    /// Submit the signed act and wait for the verdict.
    Submit(Submit),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// Write a step of a case that waits for its signature.
    Draft(CaseDraft),
    /// Read a step and sign it. Needs no network.
    Sign(Sign),
    /// Put the signature to it.
    Merge(Merge),
    /// Submit the signed step and wait for the verdict.
    Submit(Submit),
}

/// What an act or a case is about; the election if nothing is given.
#[derive(Debug, Args)]
pub(crate) struct About {
    /// A constituency.
    #[arg(long, value_name = "N", conflicts_with_all = ["station"])]
    pub(crate) constituency: Option<u32>,
    /// A station, with all its units.
    #[arg(long, value_name = "N")]
    pub(crate) station: Option<u32>,
    /// One unit of the station: 1 the hall, mobile boxes follow.
    #[arg(long, value_name = "N", requires = "station")]
    pub(crate) unit: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct ActDraft {
    #[command(flatten)]
    pub(crate) place: Place,
    /// An organisation that will sign; the first is the author. The commission alone, or enough for the trust policy's quorum.
    #[arg(long, required = true, value_name = "ORGANISATION")]
    pub(crate) by: Vec<String>,
    /// The author's next record number; found in the ledger if not given.
    #[arg(long, value_name = "N")]
    pub(crate) sequence: Option<u64>,
    #[command(flatten)]
    pub(crate) about: About,
    /// The act's number as its issuer gave it.
    #[arg(long)]
    pub(crate) number: String,
    /// The act's date, 2025-12-05.
    #[arg(long)]
    pub(crate) date: String,
    /// Who issued it.
    #[arg(long, value_enum)]
    pub(crate) issuer: IssuerName,
    /// Which one, where there are several.
    #[arg(long, default_value_t = 0)]
    pub(crate) issuer_number: u32,
    /// The act's document; its BLAKE3 digest is recorded.
    #[arg(long, value_name = "FILE")]
    pub(crate) document: PathBuf,
    /// From when on, ms UTC; without it from its own entry on.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) effective_ms: u64,
    /// No appeal is possible any more.
    #[arg(long = "final")]
    pub(crate) final_act: bool,
    /// Where to write the draft.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(subcommand)]
    pub(crate) effect: Effect,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum IssuerName {
    Candidate,
    Precinct,
    Constituency,
    Central,
    Court,
    Appeal,
    Supreme,
}

impl From<IssuerName> for tamga_ledger::kinds::Issuer {
    fn from(name: IssuerName) -> Self {
        match name {
            IssuerName::Candidate => Self::Candidate,
            IssuerName::Precinct => Self::Precinct,
            IssuerName::Constituency => Self::Constituency,
            IssuerName::Central => Self::Central,
            IssuerName::Court => Self::Court,
            IssuerName::Appeal => Self::Appeal,
            IssuerName::Supreme => Self::Supreme,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Effect {
    /// The vote in the constituency, at the station or in the unit is void.
    Annul,
    /// An earlier act has no effect any more.
    Cancel {
        /// Id of its record.
        act: RecordId,
    },
    /// An earlier act has no effect until this one is cancelled.
    Suspend {
        /// Id of its record.
        act: RecordId,
    },
    /// A candidate is struck out: votes for them do not count.
    Strike {
        /// Ballot position.
        position: u32,
    },
    /// A candidate withdraws, or gives the seat back.
    Withdraw {
        /// Ballot position.
        position: u32,
    },
    /// The papers of the station or unit are to be counted again.
    Recount,
    /// A lot was drawn between candidates with equally many votes.
    Lot {
        /// Ballot positions in the order drawn.
        #[arg(required = true, num_args = 2..)]
        order: Vec<u32>,
    },
    /// Voting at the station or unit goes on for longer.
    Extend {
        /// Until when, ms UTC.
        until_ms: u64,
    },
    /// These candidates are declared elected.
    Elect {
        /// Ballot positions.
        #[arg(required = true, num_args = 1..)]
        positions: Vec<u32>,
    },
    /// A vacant seat goes to another candidate.
    Succeed {
        /// Ballot position of who held it.
        vacated: u32,
        /// Ballot position of who gets it.
        successor: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CaseDraft {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The organisation that opens or decides it.
    #[arg(long, value_name = "ORGANISATION")]
    pub(crate) by: String,
    /// The author's next record number; found in the ledger if not given.
    #[arg(long, value_name = "N")]
    pub(crate) sequence: Option<u64>,
    #[command(flatten)]
    pub(crate) about: About,
    /// What kind of case.
    #[arg(long, value_enum, default_value = "complaint")]
    pub(crate) category: CaseCategory,
    /// The step.
    #[arg(long, value_enum)]
    pub(crate) state: CaseStep,
    /// Id of the record that opened the case; not for filing.
    #[arg(long, value_name = "RECORD")]
    pub(crate) opened_by: Option<RecordId>,
    /// By when it has to be decided, ms UTC.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) deadline_ms: u64,
    /// Id of the record it is about.
    #[arg(long, value_name = "RECORD")]
    pub(crate) target: Option<RecordId>,
    /// Id of the act that decides it.
    #[arg(long, value_name = "RECORD")]
    pub(crate) act: Option<RecordId>,
    /// The document or photograph; its BLAKE3 digest is recorded.
    #[arg(long, value_name = "FILE")]
    pub(crate) document: PathBuf,
    /// Where to write the draft.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CaseCategory {
    Complaint,
    Incident,
    DisputedIdentification,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CaseStep {
    Filed,
    Examined,
    Granted,
    Dismissed,
    Withdrawn,
    Appealed,
}
