//! The population register's side: who is on the roll, under which tag, and that a voter stands at a unit now.
//!
//! | file | what |
//! |---|---|
//! | `number` | [`PersonalNumber`]: 14 digits (ПИН) |
//! | `tag` | [`TagKeys`]: personal number → voter tag, under keys of registry *and* commission |
//! | `roll_file` | a roll from CSV, streamed; faults reported by line, nothing half imported |
//! | `import` | [`ImportedRoll`]: roll leaves by station in a file, written whole or not at all |
//! | `adapter` | [`RegistryAdapter`] and its file-backed form [`FileRegistry`] |
//! | `attest` | [`Registry`]: attestations, each for one voter, unit, device and use |
//!
//! Keys and personal numbers never reach a node and are never printed.

mod adapter;
mod attest;
mod import;
mod number;
mod roll_file;
mod tag;

pub use adapter::{FileRegistry, RegistryAdapter, RegistryError, RollEntry};
pub use attest::Registry;
pub use import::{ImportedRegistry, ImportedRoll, ImportedRollError};
pub use number::{NumberError, PersonalNumber};
pub use roll_file::{
    FAULTS_LISTED_MAX, LINE_BYTES_MAX, RollFault, RollFaultKind, RollFile, RollFileError, RollLine, VOTERS_MAX,
    read_roll,
};
pub use tag::{CommissionKey, RegistryKey, TagKeys};
