//! What the binary does for the simulation that safe code cannot: time and randomness of libraries on this thread.

use std::time::Duration;

/// See the module.
pub trait Machine {
    /// From now on, what this thread asks the operating system's randomness for follows from `seed`.
    fn seed(&self, seed: u64);
    /// What this thread's clocks show from now on.
    fn set_now(&self, since_1970: Duration);
}
