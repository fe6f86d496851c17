//! What enters Tamga from outside: disk, wall clock, randomness and blocking work.
//!
//! Product code takes these as trait objects from the first line on, so that a deterministic simulation can replace
//! every one of them (docs/DESIGN.md §6). Nothing here knows of records or of Raft.
//!
//! | module | trait | the real one | the one for tests |
//! |---|---|---|---|
//! | [`disk`] | [`disk::Disk`], [`disk::DiskFile`] | [`disk::OsDisk`] | `sim_disk::SimDisk` (feature `testing`): live against durable bytes, faults, a journal |
//! | [`clock`] | [`clock::Clock`] | [`clock::SystemClock`] | [`clock::ManualClock`] |
//! | [`entropy`] | [`entropy::Entropy`] | [`entropy::OsEntropy`] | [`entropy::SeededEntropy`] |
//! | [`blocking`] | [`blocking::Blocking`] | `ThreadPool` (feature `tokio`) | [`blocking::Inline`] |
//!
//! [`calendar`] writes and reads instants for people.
//!
//! Architecture invariant: no code outside this crate and the two `main` functions calls `SystemTime::now`,
//! `getrandom`, `std::fs` or `spawn_blocking`.

pub mod blocking;
pub mod calendar;
pub mod clock;
pub mod disk;
pub mod entropy;
pub mod planted;
#[cfg(any(test, feature = "testing"))]
pub mod sim_disk;
#[cfg(any(test, feature = "testing"))]
pub mod tight_disk;
