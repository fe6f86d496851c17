//! Faults brought upon real processes from outside, and the crowd whose history must stay linearizable meanwhile.
//!
//! | module | what |
//! |---|---|
//! | [`ground`] | nodes whose wires, disks and system calls are ours |
//! | [`links`] | what befalls the bytes between two nodes: cut, lost, late, twice, out of order |
//! | [`namespace`], [`switch`] | a network namespace for each node, and the wire between them, packet by packet |
//! | [`proxy`] | the wire where no namespace may be made: streams through loopback |
//! | [`small_disk`] | a file system that is soon full |
//! | [`syscalls`] | system calls that fail when we say, by strace |
//! | [`signals`] | stopping and continuing a process |
//! | [`directory`], [`crowd`] | clients that race, and the record of what they asked and were told |
//! | [`linear`] | the specification of one voter, and somebody else's checker |
//! | [`needs`] | what the machine must permit; what is skipped says so |

pub mod crowd;
pub mod directory;
pub mod ground;
pub mod linear;
pub mod links;
pub mod namespace;
pub mod needs;
pub mod proxy;
pub mod signals;
pub mod small_disk;
pub mod switch;
pub mod syscalls;
