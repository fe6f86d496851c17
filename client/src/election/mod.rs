//! The election as data: files that a commission writes, checked as a whole.
//!
//! | file | what |
//! |---|---|
//! | `form` | [`FormFile`]: a protocol form with its control relations |
//! | `shipped` | forms that come with the program |

mod form;
mod shipped;

pub use form::{FORM_LINES_MAX, FormFile, NamedRelation};
pub use shipped::{Shipped, shipped_form, shipped_forms};
