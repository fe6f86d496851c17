//! Deterministic simulation of a cluster under faults.
//!
//! The product's own consensus, storage and node logic run under turmoil, with simulated disks, clocks, network and
//! randomness: one thread, and every choice from one seed. After every simulated millisecond all invariants are checked;
//! in the end everything is healed and the cluster must converge and serve.
//!
//! | module | what |
//! |---|---|
//! | [`plan`], [`generate`] | what happens, from a scenario file or from a seed |
//! | [`world`], `decisions`, `settle` | one simulation: faults, changes of the members, from the first start to the last read |
//! | [`cluster`], [`network`], [`seams`] | nodes, sockets, clocks and blocking work |
//! | [`clients`], [`model`] | the load, and what clients were told |
//! | [`observe`], [`invariants`], [`trace`] | what is seen, what must hold, what is written down |
//! | [`machine`] | what only the binary can do: time and randomness of libraries |
//! | [`arguments`], [`harness`] | many seeds, each in a process of its own |
//!
//! Architecture invariants: nothing here decides anything by real time, real randomness, addresses or hash maps; the
//! same plan gives the same trace, byte for byte.
#![forbid(unsafe_code)]

pub mod arguments;
pub mod bugs;
pub mod chance;
pub mod clients;
pub mod cluster;
pub mod generate;
pub mod harness;
pub mod invariants;
pub mod log;
pub mod machine;
pub mod model;
pub mod network;
pub mod observe;
pub mod plan;
pub mod seams;
pub mod trace;
pub mod world;

mod decisions;
mod settle;
