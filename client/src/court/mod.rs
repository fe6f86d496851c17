//! A court's bundle: made out of a ledger, and told in plain words.
//!
//! | file | what |
//! |---|---|
//! | `make` | [`make()`]: which entries, which checkpoints, which bodies |
//! | `words` | what it proves and what it does not, in Kyrgyz, Russian, English, as text and as a page |

mod make;
mod words;

pub use make::{MakeError, Wanted, make};
pub use words::{court_page, kind_name, tell_court, verdict_in_words};
