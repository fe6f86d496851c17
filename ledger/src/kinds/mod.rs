//! The kinds of records and their bodies (DESIGN §5, FORMAT.md §5). Shapes only; what is allowed is decided in
//! [`crate::judge`].
//!
//! Every body is an array of fixed arity. A new field is a new kind version, never an addition.
//!
//! | file | kinds |
//! |---|---|
//! | `election` | The genesis record: organisations, keys, parameters. |
//! | `definition` | The definition of the election: constituencies, stations, forms, the seat rule. |
//! | `key` | Registration and revocation of keys. |
//! | `roll` | Stations' rolls. |
//! | `phase` | Phases of a unit with its counters. |
//! | `identification` | A voter was identified: the public part, the confidential part, the attestation. No ballot was given. |
//! | `ballots` | Ballot batches of committed cells, and the opening of their sums. |
//! | `protocol` | A unit's protocol. |
//! | `copies` | What observers and others say of a protocol. |
//! | `custody` | What happens to a piece of equipment. |
//! | `summary` | Summary tables of commissions above the precinct. |
//! | `governance` | Decisions about the cluster: nodes, organisations' and nodes' keys, the trust policy. |
//! | `legal` | Legal acts, and cases: complaints, incidents. |
//! | `seal` | Seals of stages. |

use crate::codec::{self, CodecError};
use minicbor::{Decode, Encode};

macro_rules! body {
    ($name:ident, $kind:ident) => {
        impl Body for $name {
            const KIND: Kind = Kind::$kind;
        }
    };
}

mod ballots;
mod copies;
mod custody;
mod definition;
mod election;
mod governance;
mod identification;
mod key;
mod legal;
mod phase;
mod protocol;
mod refusals;
mod roll;
mod seal;
mod summary;

pub use ballots::{BallotBatch, Basis, Cell, TotalOpening};
pub use copies::{COUNTERSIGNS_MAX, Countersign, Finding};
pub use custody::{CHECKS, CHECKS_ALL, CUSTODY_NAME_BYTES_MAX, Custody, CustodyEvent, Item, PIECES_MAX};
pub use definition::{Candidate, Constituency, DefinitionPart, Form, FormLine, Relation, SeatRule, Station, Term};
pub use election::{Decree, Election, NodeKeys, OfficialHour, Organisation};
pub use governance::{Governance, NodeRole, RemovalReason, RotationReason};
pub use identification::{
    Attestation, AttestedVoter, Identification, IdentificationSecret, IdentificationVoid, VoidedBallot,
};
pub use key::{GRANTS_MAX, HolderClass, KeyGrant, KeyRegistration, KeyRevocation};
pub use legal::{ACT_NUMBER_BYTES_MAX, ACTS_MAX, ActEffect, Case, CaseState, Issuer, LegalAct};
pub use phase::{Counters, MEMBER_ROLES, MemberRole, Phase, StationPhase};
pub use protocol::{EXPLANATION_MAX, LineValue, Protocol, ProtocolBasis};
pub use refusals::{REFUSAL_CODE_BYTES_MAX, REFUSAL_ROWS_MAX, RefusalCount, RefusalSummary};
pub use roll::{AmendmentBasis, ROLL_AMENDMENT_LEAVES_MAX, ROLL_CHUNK_LEAVES_MAX, RollAmendment, RollChunk};
pub use seal::{Seal, Stage};
pub use summary::{SUMMARIES_MAX, SUMMARY_SOURCES_MAX, SummaryTable};

/// Kinds of records. The numbers are part of the format; gaps are kinds of later versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u16)]
pub enum Kind {
    /// Leaf 0.
    Election = 1,
    /// Constituencies, stations, forms, the seat rule.
    DefinitionPart = 2,
    /// Registration of keys.
    Key = 3,
    /// Keys are taken back.
    KeyRevocation = 4,
    /// A part of one station's roll.
    RollChunk = 5,
    /// Voters are struck off a station's roll and added to it.
    RollAmendment = 6,
    /// A unit opens, closes, or something between.
    StationPhase = 7,
    /// A voter was identified.
    Identification = 8,
    /// An identified voter got no ballot.
    IdentificationVoid = 9,
    /// Ballots counted by a scanner since its last batch, committed.
    BallotBatch = 10,
    /// A sum of cells, opened.
    TotalOpening = 11,
    /// A polling station's protocol.
    Protocol = 12,
    /// What an observer, an organisation or a member says of a protocol.
    Countersign = 13,
    /// A table that sums protocols.
    SummaryTable = 15,
    /// A decision of a commission or a court.
    LegalAct = 16,
    /// A step of a complaint, an incident, a disputed identification.
    Case = 17,
    /// An event in the custody of a piece of equipment.
    Custody = 18,
    /// A decision of the organisations about their cluster.
    Governance = 20,
    /// The end of a stage.
    Seal = 21,
    /// What a node refused at admission, counted.
    RefusalSummary = 22,
}

impl Kind {
    /// All kinds of this version.
    pub const ALL: [Self; 20] = [
        Self::Election,
        Self::DefinitionPart,
        Self::Key,
        Self::KeyRevocation,
        Self::RollChunk,
        Self::RollAmendment,
        Self::StationPhase,
        Self::Identification,
        Self::IdentificationVoid,
        Self::BallotBatch,
        Self::TotalOpening,
        Self::Protocol,
        Self::Countersign,
        Self::SummaryTable,
        Self::LegalAct,
        Self::Case,
        Self::Custody,
        Self::Governance,
        Self::Seal,
        Self::RefusalSummary,
    ];

    /// The kind with this number, if this version knows it.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == number)
    }

    /// The only body version that this software writes and reads.
    #[must_use]
    pub const fn version(self) -> u16 {
        1
    }

    /// The confidentiality class of this kind's confidential body, if the kind has one.
    #[must_use]
    pub const fn confidential_class(self) -> Option<ConfidentialClass> {
        match self {
            Self::Identification => Some(ConfidentialClass::UntilVotingSeal),
            _ => None,
        }
    }
}

/// Who may see a confidential body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ConfidentialClass {
    /// V: the nodes now, everybody after the Voting seal.
    UntilVotingSeal = 1,
    /// C: the commission and a court.
    CommissionAndCourt = 2,
}

/// Most bytes of a confidential body.
pub const CONFIDENTIAL_BYTES_MAX: usize = 16 * 1024;

/// A body of one kind.
pub trait Body: Encode<()> + for<'b> Decode<'b, ()> + Sized {
    /// Which kind it belongs to.
    const KIND: Kind;

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// As [`codec::decode`].
    fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes, crate::record::RECORD_BYTES_MAX)
    }

    /// Canonical bytes.
    fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }
}

/// Text in the three languages a citizen reads.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Title {
    /// Kyrgyz.
    #[n(0)]
    pub ky: String,
    /// Russian.
    #[n(1)]
    pub ru: String,
    /// English.
    #[n(2)]
    pub en: String,
}
