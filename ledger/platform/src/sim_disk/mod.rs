//! A disk in memory that is faithful to the contract of [`crate::disk`], and as unkind as that contract allows.
//!
//! ```text
//! SimDisk ── state.rs: handles, locks, room, fault plan ──► volume.rs: files and folders, live and durable
//!    │           │                                                │
//!    │       faults.rs: what goes wrong, and the account     change.rs: one step; loss.rs: what a crash leaves of it
//!    └── journal.rs: all steps in order ──► the disk after a crash at any of them (enumerate.rs: at all of them)
//! ```
//! What is written is live at once and durable after a sync. In between it *waits*, sector by sector (512 bytes), length by
//! length, name by name, and a crash decides over each ([`Loss`]). Files are found by number, so a handle stays good
//! when its file is renamed or removed; handles and locks of a process that died are dead.
//!
//! The same seed and the same calls give the same disk: no clock, no hash maps, no randomness from outside.
//!
//! Not modelled: access rights, hard links, renamed or removed folders, and blocks that show their former owner's bytes.

mod change;
mod content;
mod enumerate;
mod faults;
mod file;
mod journal;
mod loss;
mod slow;
mod state;
mod volume;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use enumerate::{Crash, Plan};
pub use faults::{Delays, Faults, Injected};
pub use journal::{Journal, Operation, Replay};
pub use loss::Loss;
pub use slow::SlowInline;

use change::Action;
use state::State;
use volume::Volume;

/// The disk; its clones are the same disk.
///
/// The default disk takes every folder for present, for tests that are not about folders; [`SimDisk::new`] is strict.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

impl Default for SimDisk {
    fn default() -> Self {
        let disk = Self::new(0);
        disk.state().implicit_folders = true;
        disk
    }
}

impl SimDisk {
    /// An empty disk whose faults come from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::of(Volume::default(), seed)
    }

    fn of(volume: Volume, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State::new(volume, seed))))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another disk with the same content, live and durable; without faults.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        let state = self.state();
        let other = Self::of(state.volume.clone(), seed);
        other.state().implicit_folders = state.implicit_folders;
        other
    }

    /// The process dies, or the machine: handles and locks are gone, and of what was not synced remains what `loss` says.
    /// Ends [`cut_after`](Self::cut_after).
    pub fn crash(&self, loss: Loss) {
        self.state().crash(loss);
    }

    /// Loses everything that was not synced: bytes, lengths and names.
    pub fn power_loss(&self) {
        self.crash(Loss::Everything);
    }

    /// From now on every write, change of a name and sync fails, as on a disk that died; reading goes on.
    pub fn break_down(&self) {
        self.state().broken = true;
    }

    /// The end of [`break_down`](Self::break_down).
    pub fn repair(&self) {
        self.state().broken = false;
    }

    /// After so many more changes (writes, lengths, names, syncs) everything fails until [`crash`](Self::crash): the
    /// machine stops in the middle of what it does. Of the write it stops at, a part is done.
    pub fn cut_after(&self, changes: u64) {
        self.state().changes_left = Some(changes);
    }

    /// Whether the point of [`cut_after`](Self::cut_after) was reached: the time to [`crash`](Self::crash) the process.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.state().is_cut
    }

    /// Changes that reached the disk since it exists.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Sets how much fits; `None`: no limit. What is there already stays.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Room taken by files that are named or open, in whole pages of 4 KiB.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// The fault plan.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.state().injector.plan.clone()
    }

    /// Changes the fault plan, from the next operation on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().injector.plan = faults;
    }

    /// What was injected so far.
    #[must_use]
    pub fn injected(&self) -> Injected {
        self.state().injector.injected.clone()
    }

    /// Flips the bits of `mask` in the durable byte at `offset`; shown at once unless newer bytes wait for a sync there.
    /// False if there is no such byte.
    pub fn rot(&self, path: &Path, offset: u64, mask: u8) -> bool {
        self.state().rot(path, offset, mask)
    }

    /// Flips one bit of one durable file below `folder`, chosen by the seed. Says where.
    pub fn rot_somewhere(&self, folder: &Path) -> Option<(PathBuf, u64)> {
        self.state().rot_somewhere(folder)
    }

    /// Makes the sector that holds `offset` unreadable until it is written whole. False if the file is absent.
    pub fn spoil(&self, path: &Path, offset: u64) -> bool {
        self.state().spoil(path, offset)
    }

    /// Forgets the clean part of the page cache: reads then show the platter, with every write that was lost or strayed.
    pub fn evict(&self) {
        self.state().make("/".into(), Action::Evict);
    }

    /// The durable bytes of a file that is named now.
    #[must_use]
    pub fn durable(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let ino = state.volume.place(path).ok()?.ino?;
        Some(state.volume.files.get(&ino)?.durable.bytes())
    }

    /// Paths of all files below `folder`, ascending.
    #[must_use]
    pub fn files_below(&self, folder: &Path) -> Vec<PathBuf> {
        self.state().files_below(folder)
    }

    /// Begins the journal anew from the disk as it is.
    pub fn record(&self) {
        let mut state = self.state();
        state.journal = Some(Journal { base: state.volume.clone(), operations: Vec::new() });
    }

    /// Length of the journal: the place of whatever happens now among the operations.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.state().journal.as_ref().map_or(0, |journal| journal.operations.len())
    }

    /// The journal since [`record`](Self::record), which goes on; empty if there is none.
    #[must_use]
    pub fn journal(&self) -> Journal {
        let state = self.state();
        let empty = || Journal { base: state.volume.clone(), operations: Vec::new() };
        state.journal.clone().unwrap_or_else(empty)
    }

    /// How long the operations since the last call took, by the plan's [`Delays`]. The trait is synchronous, so whoever
    /// calls it has to wait afterwards: [`SlowInline`] does.
    #[must_use]
    pub fn take_delay(&self) -> Duration {
        std::mem::take(&mut self.state().injector.delay)
    }
}
