//! Old and foreign protocols from CSV, checked with the relations of a form: `tamga protocols check`.
//!
//! ```text
//! CSV file ─► rows (bytes, bounded) ─► columns (mapping ⋈ header) ─► check (figures, relations) ─► sink: each finding, once
//! ```
//!
//! | file | what |
//! |---|---|
//! | `mapping` | [`Mapping`]: which column is which line, read from a file that people write |
//! | `encoding` | UTF-8 and Windows-1251 |
//! | `rows` | rows of a CSV file with their line numbers, in bounded memory |
//! | `columns` | the mapping applied to a header: places of columns |
//! | `draft` | [`draft`]: a mapping to fill in, made from a header |
//! | `check` | [`check`]: the whole file |
//! | `finding` | [`Finding`], [`Report`] |
//! | `malformed` | [`Malformed`]: why a row cannot be taken, in three languages |
//!
//! Integers only. Nothing of a file is trusted: widths, lengths, bytes and figures are bounded, and what cannot be read is a
//! finding with its line, never a guess.

mod check;
mod columns;
mod draft;
mod encoding;
mod finding;
mod malformed;
mod mapping;
mod rows;

pub use check::{CheckError, check};
pub use draft::draft;
pub use encoding::Encoding;
pub use finding::{Broken, FaultKind, Finding, Place, RelationReport, Report, RowFault};
pub use malformed::Malformed;
pub use mapping::{COLUMNS_MAX, ColumnRef, EmptyCells, HEADER_ROWS_MAX, Mapping, Separator};
pub use rows::ROW_BYTES_MAX;
