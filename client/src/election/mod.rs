//! The election as data: files that a commission writes, checked as a whole. docs/ELECTION.md is the manual.
//!
//! ```text
//! election.toml ─┬─ include: lists of constituencies and stations
//!                └─ forms                ─► ElectionFile ─► definition parts, genesis plan (author)
//! ```
//!
//! | file | what |
//! |---|---|
//! | `file` | [`ElectionFile`]: head, lists and forms together, and what has to hold between them |
//! | `lists` | constituencies with candidates; stations, singly or in groups |
//! | `hours`, `instant` | hours of voting by the clock of each place, as UTC |
//! | `numbers` | `1-2492` and the like |
//! | `form` | [`FormFile`]: a protocol form with its control relations |
//! | `sources` | [`Files`]: where included files come from |
//! | `shipped` | forms and elections that come with the program |

mod file;
mod form;
mod hours;
mod instant;
mod lists;
mod numbers;
mod shipped;
mod sources;

pub use file::{ElectionFile, REHEARSAL_TITLES, Rules};
pub use form::{FORM_LINES_MAX, FormFile, NamedRelation};
pub use lists::{NotOnBallot, STATIONS_MAX};
pub use shipped::{Shipped, ShippedElection, shipped_election, shipped_elections, shipped_form, shipped_forms};
pub use sources::{Files, Folder};
