//! Summary tables of commissions above the precinct.

use super::{Body, Kind, LineValue};
use crate::ids::{Digest, KeyId, Maybe, RecordId};
use minicbor::{Decode, Encode};

/// Most protocols or tables that one table sums: 1,500 × 34 = 51,000 bytes of a record.
pub const SUMMARY_SOURCES_MAX: usize = 1_500;
/// Most tables in force: they are kept in the judging state.
pub const SUMMARIES_MAX: usize = 4_096;

/// A summary table. Scope: a constituency (ОИК, ТИК: sums hand protocols of its units), or the election (ЦИК: sums tables
/// and protocols). Signed by the commission alone, or by the member quorum of the constituency's commission.
///
/// Results never use it: they are computed from protocols. It is a paper whose arithmetic everybody can check.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SummaryTable {
    /// Code of the form.
    #[n(0)]
    pub form: String,
    /// Version of the form.
    #[n(1)]
    pub form_version: u32,
    /// Records it sums: hand protocols in force; with the election's scope also tables in force.
    #[n(2)]
    pub sources: Vec<RecordId>,
    /// All lines of the form, in its order.
    #[n(3)]
    pub lines: Vec<LineValue>,
    /// Sums of the protocols' own counts by position; empty with the election's scope, or where none are shown.
    #[n(4)]
    pub counts: Vec<u64>,
    /// Members who hold another opinion.
    #[n(5)]
    pub dissenting: Vec<KeyId>,
    /// BLAKE3 of the scanned paper, or nothing.
    #[n(6)]
    pub scan: Maybe<Digest>,
}
body!(SummaryTable, SummaryTable);
