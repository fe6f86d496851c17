//! The journal: every operation with its bytes, in order; and the disk after any crash at any point of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SimDisk;
use super::change::Action;
use super::loss::{Judge, Loss};
use super::volume::Volume;

/// One operation that changed the disk.
#[derive(Debug, Clone)]
pub struct Operation {
    path: PathBuf,
    pub(super) action: Action,
}

impl Operation {
    pub(super) const fn new(path: PathBuf, action: Action) -> Self {
        Self { path, action }
    }

    /// The file or folder it was done to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes it writes; zero for everything that is no write.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.action {
            Action::Write { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Whether it makes something durable.
    #[must_use]
    pub const fn is_sync(&self) -> bool {
        matches!(self.action, Action::Sync { .. } | Action::SyncFolder { .. })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.action {
            Action::MakeFolder { .. } => write!(out, "make folder {path}"),
            Action::Create { .. } => write!(out, "create {path}"),
            Action::Rename { to, .. } => write!(out, "rename {path} to …/{}", to.1),
            Action::Remove { .. } => write!(out, "remove {path}"),
            Action::SyncFolder { .. } => write!(out, "sync folder {path}"),
            Action::Write { offset, bytes, .. } => write!(out, "write {} bytes at {offset} of {path}", bytes.len()),
            Action::SetLen { len, .. } => write!(out, "set length {len} of {path}"),
            Action::Sync { .. } => write!(out, "sync {path}"),
            Action::FailSync { .. } => write!(out, "fail to sync {path}"),
            Action::Rot { offset, .. } => write!(out, "rot at {offset} of {path}"),
            Action::Evict => write!(out, "evict"),
        }
    }
}

/// Operations from where [`SimDisk::record`] was called.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(super) base: Volume,
    pub(super) operations: Vec<Operation>,
}

impl Journal {
    /// The operations, in order.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// A cursor at the beginning.
    #[must_use]
    pub fn replay(&self) -> Replay<'_> {
        Replay { journal: self, volume: self.base.clone(), done: 0 }
    }
}

/// A cursor in a journal: the disk as it was after so many operations.
#[derive(Debug, Clone)]
pub struct Replay<'a> {
    journal: &'a Journal,
    volume: Volume,
    done: usize,
}

impl<'a> Replay<'a> {
    /// How many operations are done.
    #[must_use]
    pub const fn done(&self) -> usize {
        self.done
    }

    /// The operation that comes next.
    #[must_use]
    pub fn next(&self) -> Option<&'a Operation> {
        self.journal.operations.get(self.done)
    }

    /// Does the next operation; false at the end.
    pub fn step(&mut self) -> bool {
        let Some(next) = self.next() else { return false };
        self.volume.apply(&next.action);
        self.done += 1;
        true
    }

    /// How many sectors, lengths and names wait for a sync: as many bits of [`Loss::Chosen`] mean something.
    #[must_use]
    pub fn unsynced(&self) -> u32 {
        let mut judge = Judge::new(Loss::Everything, &[]);
        for file in self.volume.files.values() {
            judge.strays(file);
            judge.file(file);
        }
        for folder in self.volume.folders.values() {
            judge.names(folder);
        }
        judge.decided()
    }

    /// The disk that a crash at this point leaves.
    #[must_use]
    pub fn crash(&self, loss: Loss) -> SimDisk {
        self.settled(self.volume.clone(), loss)
    }

    /// The disk that a crash leaves when the next operation is a write and `bytes` bytes of it were made.
    #[must_use]
    pub fn crash_within(&self, bytes: usize, loss: Loss) -> SimDisk {
        let mut volume = self.volume.clone();
        if let Some(Operation { action: Action::Write { file, offset, bytes: all, fate }, .. }) = self.next() {
            let bytes = Arc::from(&all[..bytes.min(all.len())]);
            volume.apply(&Action::Write { file: *file, offset: *offset, bytes, fate: *fate });
        }
        self.settled(volume, loss)
    }

    fn settled(&self, mut volume: Volume, loss: Loss) -> SimDisk {
        volume.settle(loss);
        SimDisk::of(volume, self.done as u64)
    }
}
