//! The national election day on real nodes, from keys to audit: the library behind the program `election-day`.
//!
//! | layer | modules | what |
//! |---|---|---|
//! | the day on paper | [`scale`], [`schedule`], [`definition`] | sizes, hours, what stands in the genesis record |
//! | the people | [`chance`], [`population`] | voters, visits, votes and hand counts by seed |
//! | the stations | [`keys`], [`world`] | keys of authors, ballots in boxes, and the records that follow |
//! | the cluster | [`cluster`], [`nodes`] | `tamga-node` processes, and the way to them through the client library |
//! | the day | [`day`], [`measure`], [`console`] | the phases in order, what is measured, what is seen |
//! | afterwards | [`truth`], [`aftermath`], [`report`], [`tables`] | audit of a copy, comparison with the voters, the report |
//! | secrecy | [`attack`] | everything that somebody who sees the ledger could try against the secrecy of the vote |
//! | recovery | [`recovery`] | how fast a cluster is well again: failover, restart, catch-up |
//! | the program | [`arguments`], [`election_day`], [`pace`] | the order of things |
//!
//! The simulated world knows the truth about every ballot; the ledger only ever sees what stations would send. At the end
//! the two are compared.

pub mod aftermath;
pub mod arguments;
pub mod attack;
pub mod chance;
pub mod cluster;
pub mod console;
pub mod day;
pub mod definition;
pub mod election_day;
mod folder;
pub mod keys;
pub mod measure;
pub mod nodes;
pub mod pace;
pub mod population;
pub mod recovery;
pub mod report;
pub mod scale;
pub mod schedule;
pub mod tables;
pub mod truth;
pub mod world;
