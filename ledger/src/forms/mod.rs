//! Protocol forms: what stands in a relation, how relations are written, and whether they hold. Pure, integers only.
//!
//! | file | what |
//! |---|---|
//! | `operand` | [`Operand`]: what a term multiplies |
//! | `expression` | [`parse_relation`]: a relation from the text that people read, faults by character |
//! | `evaluate` | [`sides`], [`holds`], [`in_words`]: the one place where relations are computed |
//!
//! A device evaluates relations before signing, the ledger at judging, an auditor of old protocols afterwards
//! (`tamga protocols check`): all of them here.

mod evaluate;
mod expression;
mod operand;

pub use evaluate::{Comparator, Sides, holds, in_words, sides};
pub use expression::{ExpressionError, ParsedRelation, RELATION_TERMS_MAX, RELATION_TEXT_BYTES_MAX, parse_relation};
pub use operand::Operand;
