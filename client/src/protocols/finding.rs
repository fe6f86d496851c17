//! What is found in a table of protocols.

use super::malformed::Malformed;
use serde::Serialize;
use std::collections::BTreeMap;

/// Whose protocol a row is, as the table has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line at which the row begins, from 1.
    pub line: u64,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Constituency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constituency: Option<String>,
    /// The commission above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission: Option<String>,
    /// The polling station.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precinct: Option<String>,
}

/// A relation that does not hold in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Its place among the form's relations, from 0.
    #[serde(skip)]
    pub relation: usize,
    /// What the left side gives, with everything subtracted moved over to the other side.
    pub left: u128,
    /// What the right side gives.
    pub right: u128,
}

/// Why a row cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Another number of cells than the header.
    Width,
    /// More bytes or cells than a row may have.
    TooLong,
    /// Bytes that are no letters of the encoding.
    Undecodable,
    /// A figure is missing.
    Empty,
    /// A figure below zero.
    Negative,
    /// Not a whole number in decimal digits.
    NotANumber,
    /// More than 4,294,967,295.
    TooLarge,
    /// A row that does not say of which polling station it is.
    NoPrecinct,
    /// The second row of one polling station.
    DuplicatePrecinct,
}

impl FaultKind {
    /// As programs read it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Width => "width",
            Self::TooLong => "too-long",
            Self::Undecodable => "undecodable",
            Self::Empty => "empty",
            Self::Negative => "negative",
            Self::NotANumber => "not-a-number",
            Self::TooLarge => "too-large",
            Self::NoPrecinct => "no-precinct",
            Self::DuplicatePrecinct => "duplicate-precinct",
        }
    }
}

/// A fault of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowFault {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What kind.
    pub kind: FaultKind,
    /// Place and name of the column, if it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What it is.
    pub what: Malformed,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A relation does not hold.
    Broken(Broken),
    /// A row is malformed.
    Fault(RowFault),
}

/// How one relation did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelationReport {
    /// Its code.
    pub code: String,
    /// As the form writes it.
    pub expression: String,
    /// Whether a protocol that breaks it stays out of the summary.
    pub hard: bool,
    /// Why it could not be tested in this table; none if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_tested: Option<String>,
    /// Rows in which it was tested.
    pub tested: u64,
    /// Rows in which it does not hold.
    pub broken: u64,
}

/// What a whole table gives. `rows` = `malformed` + `accepted`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Protocols in the table, malformed ones included.
    pub rows: u64,
    /// Rows that the mapping says are no protocols.
    pub skipped: u64,
    /// Rows with a fault; no relation is tested in them.
    pub malformed: u64,
    /// Rows whose figures could all be read.
    pub accepted: u64,
    /// Accepted rows that break a hard relation.
    pub broken_hard: u64,
    /// Accepted rows that break a soft relation and no hard one.
    pub broken_soft_only: u64,
    /// The form's relations in order.
    pub relations: Vec<RelationReport>,
    /// Faults by kind; a row can have several.
    pub faults: BTreeMap<&'static str, u64>,
    /// Columns that the mapping does not mention.
    pub unused_columns: Vec<String>,
}

impl Report {
    /// Nothing was found.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.malformed == 0 && self.broken_hard == 0 && self.broken_soft_only == 0
    }
}
