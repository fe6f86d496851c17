//! The Tamga ledger: what a verifier, an auditor and a node must agree on to the last bit.
//!
//! Read in this order:
//!
//! | layer | modules | what they decide |
//! |---|---|---|
//! | bytes | [`codec`], [`ids`], [`record`], [`kinds`], [`submission`], [`entry`] | canonical CBOR, signed records, what a leaf is |
//! | mathematics | [`tree`], [`note`], [`policy`], [`commitment`], [`sign`] | two hash trees, checkpoints, who must cosign, hidden counts |
//! | rules | [`definition`], [`forms`], [`balance`], [`state`], [`judge`], [`tally`], [`summary`] | the verdict on every record, the results |
//! | between nodes and readers | [`nodes`], [`batch`], [`promise`], [`receipt`], [`trust`], [`history`] | which nodes there are, what they sign, what readers verify, who must cosign when |
//! | lies | [`evidence`] | a file that convicts offline: who signed what must not have been signed |
//! | whole ledgers | [`store`], [`saved`], [`audit`] | files on disk, the judging state as a cache, re-deriving everything |
//!
//! Architecture invariants: no async, no sockets, no clock, no randomness; the only I/O is [`store`], through
//! [`tamga_platform::disk::Disk`]. Everything that decides is a total, deterministic function of its arguments: no floats,
//! no iteration over hash maps, no time zones, no Unicode tables.

pub mod audit;
pub mod balance;
pub mod batch;
pub mod codec;
pub mod commitment;
pub mod court;
pub mod definition;
pub mod entry;
pub mod evidence;
pub mod forms;
pub mod history;
pub mod ids;
pub mod inquiry;
pub mod judge;
pub mod kinds;
pub mod nodes;
pub mod note;
pub mod policy;
pub mod promise;
pub mod receipt;
pub mod record;
pub mod saved;
pub mod sign;
pub mod state;
pub mod store;
pub mod submission;
pub mod summary;
pub mod tally;
pub mod tree;
pub mod trust;
pub mod verdict;
