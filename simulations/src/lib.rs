//! The national election day on real nodes, from keys to audit: the library behind the program `election-day`.
//!
//! | layer | modules | what |
//! |---|---|---|
//! | the day on paper | [`scale`], [`schedule`], [`names`], [`definition`] | sizes, hours, what stands in the genesis record |
//! | the people | [`chance`], [`population`] | voters, visits, votes and hand counts by seed; what the result must be |
//!
//! The simulated world knows the truth about every ballot; the ledger only ever sees what stations would send. At the end
//! the two are compared.

pub mod chance;
pub mod definition;
pub mod names;
pub mod population;
pub mod scale;
pub mod schedule;
