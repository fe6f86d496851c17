//! Three cores in one process: what they promise, and that it holds across restarts and lost quorums.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod birth;
mod birth_crash;
mod catchup;
mod cluster;
mod crash_catchup;
mod crash_points;
mod crash_saved;
mod device;
mod malicious;
mod restart;
mod room;
mod story;
