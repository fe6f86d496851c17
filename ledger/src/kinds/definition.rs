//! The definition of the election: constituencies, stations, forms, the seat rule.

use super::{Body, Kind, Title};
use crate::ids::Digest;
use minicbor::{Decode, Encode};

/// A part of the definition. Its digest stands in the genesis record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct DefinitionPart {
    /// 1 constituencies, 2 stations, 3 protocol forms, 4 seat rule.
    #[n(0)]
    pub part_kind: u8,
    /// Position among all parts, from 0.
    #[n(1)]
    pub number: u32,
    /// Canonical bytes of `Vec<Constituency>`, `Vec<Station>`, `Vec<Form>` or `SeatRule`.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub content: Vec<u8>,
}
body!(DefinitionPart, DefinitionPart);

/// A constituency with its candidates.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Constituency {
    /// Its number, from 1.
    #[n(0)]
    pub number: u32,
    /// Its name.
    #[n(1)]
    pub title: Title,
    /// How many seats it fills.
    #[n(2)]
    pub seats: u32,
    /// Candidates in the order of the ballot.
    #[n(3)]
    pub candidates: Vec<Candidate>,
}

impl Constituency {
    /// Length of a count vector: candidates, against all, invalid.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.candidates.len() + 2
    }
}

/// A candidate on the ballot.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Candidate {
    /// Position on the ballot, from 1.
    #[n(0)]
    pub position: u32,
    /// Name in Kyrgyz.
    #[n(1)]
    pub name_ky: String,
    /// Name in Russian.
    #[n(2)]
    pub name_ru: String,
    /// 0 man, 1 woman: the seat rule needs it.
    #[n(3)]
    pub sex: u8,
}

/// A polling station.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Station {
    /// Its number.
    #[n(0)]
    pub number: u32,
    /// 0 ordinary, 1 remote voting only, 2 abroad.
    #[n(1)]
    pub station_kind: u8,
    /// Own constituency; 0 for none.
    #[n(2)]
    pub constituency: u32,
    /// Where it is.
    #[n(3)]
    pub title: String,
    /// Voting starts, ms UTC. For people and for flags: phases open and close by records.
    #[n(4)]
    pub opens_ms: u64,
    /// Voting ends, ms UTC.
    #[n(5)]
    pub closes_ms: u64,
    /// Numbers of its units.
    #[n(6)]
    pub units: Vec<u32>,
}

/// A protocol form: lines and the relations between them are data.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Form {
    /// Its code, for example `kg-2025`.
    #[n(0)]
    pub code: String,
    /// Version of the form.
    #[n(1)]
    pub version: u32,
    /// Lines in order.
    #[n(2)]
    pub lines: Vec<FormLine>,
    /// Control relations; the position, from 0, is the number a flag names.
    #[n(3)]
    pub relations: Vec<Relation>,
}

/// A line of a form.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct FormLine {
    /// Its code, for example `1` or `1a`.
    #[n(0)]
    pub code: String,
    /// What it counts.
    #[n(1)]
    pub title: Title,
    /// 1 if it says something about how the own cell's papers were filled in: it is zero where that cell is not shown.
    #[n(2)]
    pub discloses: u8,
}

/// `left comparator right`, each side a sum of terms.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Relation {
    /// Left side.
    #[n(0)]
    pub left: Vec<Term>,
    /// 0 `=`, 1 `>=`, 2 `<=`.
    #[n(1)]
    pub comparator: u8,
    /// Right side.
    #[n(2)]
    pub right: Vec<Term>,
    /// 1 hard (a device refuses to sign, the ledger keeps the protocol out of the summary), 0 soft (flagged).
    #[n(3)]
    pub hard: u8,
}

/// A coefficient and what it multiplies.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Term {
    /// At least 1.
    #[n(0)]
    pub coefficient: u32,
    /// A line's code, or `@valid` (all votes of the own cell), `@invalid`, `@candidates`, `@against_all`.
    #[n(1)]
    pub line: String,
}

/// How seats are given.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct SeatRule {
    /// Most elected of one sex in a constituency; 0 for no limit. (Two of three: Kyrgyz election law of 2025.)
    #[n(0)]
    pub same_sex_max: u32,
    /// BLAKE3 of the ballot design: printed ballots of a design are identical.
    #[n(1)]
    pub ballot_design: Digest,
}
