//! Signals to one node's process, by its id and to nobody else.

use crate::rehearsal::Rehearsal;
use rustix::process::{Pid, Signal, kill_process};

fn send(rehearsal: &Rehearsal, node: u32, signal: Signal) {
    let pid = rehearsal.node(node).pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    kill_process(pid.unwrap(), signal).unwrap();
}

/// The node stands still: its sockets stay open, nothing answers.
///
/// # Panics
/// If it does not run.
pub fn pause(rehearsal: &Rehearsal, node: u32) {
    send(rehearsal, node, Signal::STOP);
}

/// The node goes on, as if no time had passed.
///
/// # Panics
/// If it does not run.
pub fn resume(rehearsal: &Rehearsal, node: u32) {
    send(rehearsal, node, Signal::CONT);
}
