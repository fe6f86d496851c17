//! Files that people write (TOML): read value by value, with *every* fault by line and column, not only the first.
//!
//! | file | what |
//! |---|---|
//! | `problem` | [`Problem`], [`Problems`]: what is wrong where |
//! | `section` | [`Document`], [`Section`], [`At`]: tables and values that know where they stand |
//!
//! A reader takes from a [`Section`] what it knows; what nobody took is a fault, so that a misspelt key is never silently
//! ignored.

mod problem;
mod section;

pub use problem::{PROBLEMS_LISTED_MAX, Problem, Problems, Where};
pub use section::{At, DOCUMENT_BYTES_MAX, Document, Item, Section};
