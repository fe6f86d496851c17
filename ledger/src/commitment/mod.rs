//! Pedersen vector commitments to counts, on ristretto255.
//!
//! A commitment to the counts v of a cell with blinding r is **C = Σ vᵢ·Gᵢ + r·H**. It hides the counts perfectly, for
//! ever and against any computer; it binds whoever made it as long as discrete logarithms are hard; and it adds up: the
//! sum of commitments opens with the sums of the counts and of the blindings, so that totals are published and cells are
//! not.
//!
//! Nobody knows a relation between the generators, because each is hashed to the group from its label
//! ([`generator`], [`blinding_generator`]).
//!
//! Not proven here: that no count inside an unopened cell is negative (DESIGN §7).
//!
//! | file | what |
//! |---|---|
//! | `generators` | G₀ … G₆₃ and H |
//! | `counts` | [`Counts`]: at most 64 numbers of at most 2³² |
//! | `blinding` | [`Blinding`]: the secret scalar, wiped from memory when dropped |
//! | `commit` | [`Commitment`]: commit, add, open |

mod blinding;
mod commit;
mod counts;
mod generators;

pub use blinding::{Blinding, BlindingError, BlindingPurpose};
pub use commit::{Commitment, CommitmentError, OpeningError, commit, sum, sum_openings, verify_opening};
pub use counts::{COUNT_MAX, Counts, CountsError, POSITIONS_MAX};
pub use generators::{blinding_generator, generator};
