//! What a run of an audit leaves for the next one.
//!
//! A folder of one's own: `journal` and `head-a`/`head-b` are the judging state as [`tamga_ledger::saved`] writes it, `audit` says
//! which head counts and what had been found by then. It is as trustworthy as the machine that it lies on, and nobody else's word:
//! never take such a folder from somebody.
//!
//! ```text
//! journal appended, synced ─► the head that does not count written, synced ─► `audit` replaced: now it counts
//!       crash before that: the earlier `audit` names the other head, and the journal still begins with what that one names
//! ```
//! Whatever is odd about it (checksum, version, election) is told and costs a full run.

use super::{Reading, Scratch};
use crate::verify::open::Opened;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_ledger::audit::{Auditor, Progress};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::saved::{self, FileReader, HEAD_BYTES_MAX, Mark};
use tamga_ledger::state::State;
use tamga_platform::disk::{Disk, Open};

/// Longest `audit` file: a thousand findings of some hundred bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// The journal is read ahead by so much.
const READ_BYTES: usize = 1 << 20;
/// Entries between two saves: some seconds of work.
const SAVED_EVERY: u64 = 1 << 18;
const CONTEXT: &str = "tamga 2025 audit memory v1";
const VERSION: u32 = 1;

/// What earlier runs have verified, in a folder.
#[derive(Debug)]
pub struct Memory {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    every: u64,
    mark: Mark,
    slot: Slot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Slot {
    A,
    B,
}

impl Slot {
    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::A => "head-a",
            Self::B => "head-b",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    election: ElectionId,
    slot: Slot,
    /// Entries read: the size of the state in the slot.
    entries: u64,
    reading: Reading,
    progress: Progress,
}

impl Memory {
    /// The memory in `folder`, which need not exist yet.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self { disk, folder: folder.to_owned(), every: SAVED_EVERY, mark: Mark::new(), slot: Slot::B }
    }

    /// Puts down where the audit stands after every so many entries, not counting those that are under way.
    #[must_use]
    pub const fn saving_every(mut self, entries: u64) -> Self {
        self.every = entries;
        self
    }

    pub(super) const fn every(&self) -> u64 {
        self.every
    }

    /// How many entries the earlier runs have verified; none if there was no run, or it left nothing usable.
    #[must_use]
    pub fn entries(&self) -> Option<u64> {
        self.file().ok().flatten().map(|file| file.entries)
    }

    /// Throws away what earlier runs have left: the next run begins anew.
    ///
    /// # Errors
    /// As the disk gives them.
    pub fn discard(&self) -> io::Result<()> {
        match self.disk.remove(&self.folder.join("audit")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Err(_) => Ok(()),
            Ok(()) => self.disk.sync_dir(&self.folder),
        }
    }

    /// The folder takes what a run needs for itself, too.
    pub(super) fn scratch(&self) -> io::Result<Scratch> {
        self.disk.create_dir_all(&self.folder)?;
        Ok(Scratch::new(Arc::clone(&self.disk), &self.folder))
    }

    /// The next save begins anew.
    pub(super) fn forget(&mut self) {
        self.mark = Mark::new();
    }

    /// What the last run left for this ledger; `None` if there was none.
    ///
    /// # Errors
    /// Why it is of no use, in a sentence.
    pub(super) fn load(&mut self, opened: &Opened<'_>) -> Result<Option<(State, Progress, Reading)>, String> {
        let Some(file) = self.file()? else { return Ok(None) };
        let election = opened.trust.election_id();
        if file.version != VERSION || file.election != *election {
            return Err("the memory is of another version or another election".to_owned());
        }
        if file.entries > opened.size().get() {
            let (known, shown) = (file.entries, opened.size());
            return Err(format!(
                "the memory knows {known} entries, the source shows {shown}: all of them were read again"
            ));
        }
        if file.progress.withheld > 0 && bodies_public(opened) {
            return Err("bodies that were withheld are public now: everything was read again".to_owned());
        }
        let path = self.folder.join(file.slot.name());
        let unreadable = |error: &dyn std::fmt::Display| format!("the memory cannot be used: {error}");
        let head = self.disk.read(&path, HEAD_BYTES_MAX).map_err(|error| unreadable(&error))?;
        let journal = self.disk.open(&self.folder.join("journal"), Open::Read).map_err(|error| unreadable(&error))?;
        let mut reader = io::BufReader::with_capacity(READ_BYTES, FileReader::new(journal.as_ref()));
        let scratch = self.scratch().and_then(|scratch| scratch.file()).ok();
        let loaded = saved::load_aside(&head, &mut reader, election, scratch).map_err(|error| unreadable(&error))?;
        if loaded.state.size().get() != file.entries || file.reading.next != file.entries {
            return Err("the memory contradicts itself".to_owned());
        }
        (self.mark, self.slot) = (loaded.mark, file.slot);
        Ok(Some((loaded.state, file.progress, file.reading)))
    }

    fn file(&self) -> Result<Option<File>, String> {
        let path = self.folder.join("audit");
        let bytes = match self.disk.read(&path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let damaged = || format!("{} is damaged", path.display());
        let (sum, json) = bytes.split_at_checked(65).ok_or_else(damaged)?;
        if sum != sum_line(json).as_bytes() {
            return Err(damaged());
        }
        serde_json::from_slice(json).map(Some).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Puts down where the audit stands. Durable when this returns.
    pub(super) fn save(&mut self, auditor: &Auditor, reading: &Reading) -> io::Result<()> {
        self.disk.create_dir_all(&self.folder)?;
        let journal = self.disk.open(&self.folder.join("journal"), Open::ReadWrite)?;
        self.disk.sync_dir(&self.folder)?;
        let head = loop {
            let step = auditor.state().save(&self.mark, None);
            journal.write_all_at(&step.append, step.at)?;
            self.mark = step.mark;
            if let Some(head) = step.head {
                break head;
            }
        };
        if let Some(why) = auditor.state().ids_failure() {
            return Err(io::Error::other(why.to_owned()));
        }
        journal.sync_data()?;
        let slot = self.slot.other();
        self.disk.replace(&self.folder.join(slot.name()), &head)?;
        let file = File {
            version: VERSION,
            election: *auditor.trust().election_id(),
            slot,
            entries: auditor.state().size().get(),
            reading: Reading { next: auditor.state().size().get(), ..*reading },
            progress: auditor.progress().clone(),
        };
        let json = serde_json::to_vec(&file).map_err(io::Error::other)?;
        self.disk.replace(&self.folder.join("audit"), &[sum_line(&json).as_bytes(), &json].concat())?;
        self.slot = slot;
        Ok(())
    }
}

fn sum_line(json: &[u8]) -> String {
    format!("{}\n", blake3::Hasher::new_derive_key(CONTEXT).update(json).finalize().to_hex())
}

/// Whether the source gives confidential bodies now.
fn bodies_public(opened: &Opened<'_>) -> bool {
    let size = opened.size();
    opened.files.confidential(0, size).is_ok_and(|bodies| bodies.is_some())
}
