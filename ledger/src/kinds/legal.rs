//! Legal acts and cases: what commissions and courts decide about the election, and what is brought before them.
//!
//! An act never overwrites anything. It stands in the ledger beside what it speaks about; results are computed from the
//! protocols *and* the acts in force ([`crate::tally`]), so that any past state can be shown again.

use super::{Body, Kind};
use crate::ids::{Digest, Maybe, RecordId};
use minicbor::{Decode, Encode};

/// Most bytes of an act's number.
pub const ACT_NUMBER_BYTES_MAX: usize = 64;
/// Most acts, and most cases, of one election: they are kept in the judging state.
pub const ACTS_MAX: usize = 16_384;

/// A legal act. The scope is what it is about: the election (acts about acts), a constituency, a station, or a unit. Signed by
/// the commission, or, should it not record what a court has decided, by organisations that satisfy the trust policy's quorum.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LegalAct {
    /// Its number as the issuer gave it: letters, digits, blanks and `-/.№`.
    #[n(0)]
    pub number: String,
    /// Its date as the issuer gave it, `2025-12-03`.
    #[n(1)]
    pub date: String,
    /// Number of an [`Issuer`].
    #[n(2)]
    pub issuer: u8,
    /// Which one, where there are several: the constituency's, the station's or the court's own number; else 0.
    #[n(3)]
    pub issuer_number: u32,
    /// What it does.
    #[n(4)]
    pub effect: ActEffect,
    /// From which sequenced time on, ms UTC; 0 from its own leaf on.
    #[n(5)]
    pub effective_ms: u64,
    /// 1 if no appeal is possible any more. An act that can be appealed against is in force all the same.
    #[n(6)]
    pub final_act: u8,
    /// BLAKE3 of the act's document.
    #[n(7)]
    pub document: Digest,
}
body!(LegalAct, LegalAct);

/// What an act does.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ActEffect {
    /// The vote in the constituency, at the station or in the unit is void.
    #[n(1)]
    #[cbor(array)]
    Annul,
    /// An earlier act has no effect any more; what it was about stands again. Scope: the election.
    #[n(2)]
    #[cbor(array)]
    Cancel {
        /// Id of the act's record.
        #[n(0)]
        act: RecordId,
    },
    /// An earlier act has no effect until the suspension is itself cancelled. Scope: the election.
    #[n(3)]
    #[cbor(array)]
    Suspend {
        /// Id of the act's record.
        #[n(0)]
        act: RecordId,
    },
    /// A candidate is struck out: votes for them do not count. Scope: the constituency.
    #[n(4)]
    #[cbor(array)]
    Strike {
        /// Ballot position.
        #[n(0)]
        position: u32,
    },
    /// A candidate withdraws, or gives the seat back: votes count as cast, the seat goes to another. Scope: the constituency.
    #[n(5)]
    #[cbor(array)]
    Withdraw {
        /// Ballot position.
        #[n(0)]
        position: u32,
    },
    /// The papers are to be counted again. Scope: a station or a unit.
    #[n(6)]
    #[cbor(array)]
    Recount,
    /// A lot was drawn between candidates with equally many votes. Scope: the constituency.
    #[n(7)]
    #[cbor(array)]
    Lot {
        /// Ballot positions in the order drawn: who comes first takes precedence.
        #[n(0)]
        order: Vec<u32>,
    },
    /// Voting goes on for longer. Scope: a station or a unit.
    #[n(8)]
    #[cbor(array)]
    Extend {
        /// Until when, ms UTC.
        #[n(0)]
        until_ms: u64,
    },
    /// These candidates are declared elected. Scope: the constituency.
    #[n(9)]
    #[cbor(array)]
    Elect {
        /// Ballot positions, ascending.
        #[n(0)]
        positions: Vec<u32>,
    },
    /// A vacant seat goes to another candidate. Scope: the constituency.
    #[n(10)]
    #[cbor(array)]
    Succeed {
        /// Ballot position of who held the seat.
        #[n(0)]
        vacated: u32,
        /// Ballot position of who gets it.
        #[n(1)]
        successor: u32,
    },
}

impl ActEffect {
    /// A name for programs.
    #[must_use]
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::Annul => "annul",
            Self::Cancel { .. } => "cancel",
            Self::Suspend { .. } => "suspend",
            Self::Strike { .. } => "strike",
            Self::Withdraw { .. } => "withdraw",
            Self::Recount => "recount",
            Self::Lot { .. } => "lot",
            Self::Extend { .. } => "extend",
            Self::Elect { .. } => "elect",
            Self::Succeed { .. } => "succeed",
        }
    }

    /// The act it is about, if it is about one.
    #[must_use]
    pub const fn about(&self) -> Option<&RecordId> {
        match self {
            Self::Cancel { act } | Self::Suspend { act } => Some(act),
            _ => None,
        }
    }
}

/// Who issued an act, by rank: a higher one may set aside what a lower one decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Issuer {
    /// A candidate about themselves.
    Candidate = 1,
    /// A precinct commission (УИК).
    Precinct = 2,
    /// A constituency or territorial commission (ОИК, ТИК).
    Constituency = 3,
    /// The central commission (ЦИК).
    Central = 4,
    /// A court of first instance.
    Court = 5,
    /// A court of appeal.
    Appeal = 6,
    /// The supreme court.
    Supreme = 7,
}

impl Issuer {
    /// The issuer with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Candidate,
            2 => Self::Precinct,
            3 => Self::Constituency,
            4 => Self::Central,
            5 => Self::Court,
            6 => Self::Appeal,
            7 => Self::Supreme,
            _ => return None,
        })
    }
}

/// A step of a case: a complaint, an incident, a disputed identification. No free text: papers by their digest. Scope: what it
/// is about. Opened by any organisation or by one member of the unit or station; decided by the commission.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Case {
    /// 1 complaint, 2 incident, 3 disputed identification.
    #[n(0)]
    pub category: u8,
    /// Number of a [`CaseState`].
    #[n(1)]
    pub state: u8,
    /// The record that opened the case; nothing in that one.
    #[n(2)]
    pub opened_by: Maybe<RecordId>,
    /// By when it has to be decided, ms UTC; 0 for none.
    #[n(3)]
    pub deadline_ms: u64,
    /// The record it is about (a protocol, a phase, an act), or nothing.
    #[n(4)]
    pub target: Maybe<RecordId>,
    /// The act that decides it, or nothing.
    #[n(5)]
    pub act: Maybe<RecordId>,
    /// BLAKE3 of the document or the photograph.
    #[n(6)]
    pub document: Digest,
}
body!(Case, Case);

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum CaseState {
    /// Opened.
    Filed = 1,
    /// Under examination.
    Examined = 2,
    /// Decided as asked.
    Granted = 3,
    /// Refused.
    Dismissed = 4,
    /// Taken back by whoever opened it.
    Withdrawn = 5,
    /// The decision was appealed against: open again.
    Appealed = 6,
}

impl CaseState {
    /// The state with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Filed,
            2 => Self::Examined,
            3 => Self::Granted,
            4 => Self::Dismissed,
            5 => Self::Withdrawn,
            6 => Self::Appealed,
            _ => return None,
        })
    }

    /// Nothing is left to decide.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Granted | Self::Dismissed | Self::Withdrawn)
    }
}
