//! What nodes refused at admission, counted.

use super::{Body, Kind};
use crate::ids::{KeyId, Maybe};
use minicbor::{Decode, Encode};

/// What one node refused at admission in a span of time: counts only, never what was refused. Scope: the election; signed by
/// the node's promise key in force (DESIGN §3). A refusal that somebody holds, signed by the same key within the span, and
/// that is not counted here, shows that the summary is false.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RefusalSummary {
    /// The node.
    #[n(0)]
    pub node: u32,
    /// First millisecond of the span, by the node's clock.
    #[n(1)]
    pub from_ms: u64,
    /// The millisecond after its last one.
    #[n(2)]
    pub until_ms: u64,
    /// Ascending by author, then code; each pair once.
    #[n(3)]
    pub rows: Vec<RefusalCount>,
}
body!(RefusalSummary, RefusalSummary);

/// How often one author was refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RefusalCount {
    /// The author, if the refused bytes proved one; nothing for anybody else, and for authors beyond the rows.
    #[n(0)]
    pub author: Maybe<KeyId>,
    /// The refusal's code: lower-case letters, digits, hyphens.
    #[n(1)]
    pub code: String,
    /// How often; at least 1.
    #[n(2)]
    pub count: u64,
}

/// Most rows: 800 × at most 61 bytes (1 + 17 + 34 + 9) = 48,800, which fit a record.
pub const REFUSAL_ROWS_MAX: usize = 800;
/// Longest code.
pub const REFUSAL_CODE_BYTES_MAX: usize = 32;

impl RefusalSummary {
    /// Whether span and rows are well-formed: what the rules demand beyond the signature.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let code = |code: &str| {
            (1..=REFUSAL_CODE_BYTES_MAX).contains(&code.len())
                && code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        self.from_ms < self.until_ms
            && (1..=REFUSAL_ROWS_MAX).contains(&self.rows.len())
            && self.rows.iter().all(|row| row.count > 0 && code(&row.code))
            && self.rows.is_sorted_by(|a, b| (a.author.0, &a.code) < (b.author.0, &b.code))
    }

    /// Refusals in all; stops at the largest number.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.count))
    }
}
