//! Whole clusters of real processes: what the system promises, told as stories in `tests/tests/`.
//!
//! | module | what |
//! |---|---|
//! | [`world`] | everything outside the cluster: a small rehearsal election, its keys, voters and authors |
//! | [`station`] | what a station counts and signs at its close |
//! | [`rehearsal`] | the cluster under test: `tamga-node` processes, started, killed, started again |
//! | [`load`] | stations that submit until told to stop, and keep what was acknowledged |
//! | [`copy`] | a copy of what one node has published, checked by hash functions of other people |
//! | [`day`] | a small day that leaves something of everything behind |
//! | [`desk`] | a desk at which a commission runs the programs |
//! | [`http`] | one GET, by hand: what a stranger's client would see |
//! | [`program`] | the program `tamga` as a process |
//! | [`aftermath`] | what must hold when everything is over |
//! | [`faults`] | wires, disks, system calls and processes that fail; a crowd whose history is checked |
//! | [`wait`] | waiting for conditions; nothing here sleeps in the hope that something has happened |
//!
//! | story | tells |
//! |---|---|
//! | `submit_and_verify` | a whole small day, every kind of record; `tamga` verifies, refutes, says when it cannot check |
//! | `kill` | SIGKILL of leader and follower under load; a power cut of all nodes |
//! | `one_voter` | one voter before two devices through two nodes at once |
//! | `tampered` | files changed while a node stood still |
//! | `strangers` | wrong certificates, unknown keys, bad bytes, garbage on every port |
//! | `fail_closed` | no quorum of organisations, no publication |
//! | `rolling` | every node restarted and upgraded in turn, and no request fails |
//! | `members` | an organisation replaces its node; who may ask about a voter, answered by a learner |
//! | `faults_network` | partitions of every kind, loss, delay, duplication, reordering, between real kernels |
//! | `faults_process` | nodes killed and paused again and again |
//! | `epochs` | the trust policy and a node's keys change while stations go on; everything verifies offline, from before and after |
//! | `faults_disk` | full disks: refused cleanly, readable, recovered |
//! | `faults_syscalls` | write, sync, rename, open that fail: fail-stop, and nothing is lost |
//! | `founding_cli` | the definition and the voters' roll reach the ledger by command, and are amended |
//! | `reliability` | what docs/RELIABILITY.md says exists |
//! | `api` | the HTTP side for programs: pages of lists, tags, budgets, what the OpenAPI document promises |
//! | `browser` | the site in Chromium: three languages, scripts on and off, receipts good and forged, accessibility |
//! | `surface` | tiles, checkpoint, proofs and problems, judged by other people's code |
//!
//! Run one with `cargo test -p tamga-tests --test kill`; the programs under test are built first. Without cargo (the test's
//! own executable) those beside it are used as they are.
//!
//! Everything here panics when it does not find what it expects: it is called by tests only.

#![allow(clippy::unwrap_used, reason = "test code: a panic is how a test fails")]

pub mod aftermath;
pub mod copy;
pub mod day;
pub mod desk;
pub mod faults;
pub mod http;
pub mod load;
pub mod program;
pub mod rehearsal;
pub mod station;
pub mod wait;
pub mod world;

pub use rehearsal::Rehearsal;
pub use world::{Plan, Voter, World};
