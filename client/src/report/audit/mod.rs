//! An audit's report for people: plain sentences in Kyrgyz, Russian and English, and one page that needs nothing else.
//!
//! | file | what |
//! |---|---|
//! | `words` | the sentence for each check, class and limit (docs/AUDIT.md says the same at length) |
//! | `page` | the HTML page |

mod page;
mod words;

pub use page::{Page, STYLE, page};
pub use words::{check_name, class_name, not_proven, sentence};
