//! A court's bundle: one file with everything that is needed to judge, offline and years later, what a ledger says about one station,
//! one constituency or some records.
//!
//! ```text
//! pinned digest ─► entry 0 ─► history (decisions with proofs) ─► checkpoints, each proven to extend the one before
//!                                                                          │ the last one's two roots
//!                          entries, one shared proof for all of them ◄─────┘
//!                             └ signatures: keys out of genesis, history and the Key records that stand among the entries
//!                             └ confidential bodies, only where an order of a court is named
//! ```
//!
//! | file | what |
//! |---|---|
//! | `bytes` | the format (FORMAT.md §18) |
//! | `verify` | verification, all or nothing |
//!
//! Architecture invariant: nothing here can link a voter to a ballot. Bodies that may be carried are those of class V, which speak of
//! voters and never of ballots; ballots are commitments in the entries themselves and nothing that opens one has a place here.

mod bytes;
mod verify;

pub use bytes::{COURT_BYTES_MAX, CourtBundle, CourtFileError, Item, LINKS_MAX, Link, Subject};
pub use verify::{CourtError, VerifiedCourt, VerifiedItem, concerns};
