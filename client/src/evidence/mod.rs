//! Evidence files for people: reading them with a copy of the ledger at hand, and saying in plain words what they prove.
//!
//! | file | what |
//! |---|---|
//! | `copy` | [`SourceCopy`]: entries for claims that refer to a whole ledger |
//! | `words` | [`tell`]: who signed what, what follows and what does not, in Kyrgyz, Russian, English |

mod copy;
mod words;

pub use copy::SourceCopy;
pub use words::{Language, tell};
