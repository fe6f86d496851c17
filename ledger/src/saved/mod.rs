//! The judging state, saved: a node's private cache that makes its start O(tail). Never shipped, never believed by others.
//!
//! Two byte strings, which the caller keeps in two files:
//!
//! - the **journal** only grows: what never changes once it is there — roll leaves, record ids, who was admitted by which
//!   leaf. A national roll (69 MB) is written once.
//! - the **head** is replaced as a whole: everything small, and how much of the journal counts.
//!
//! ```text
//! State::save(mark) ─► Step { append at an offset of the journal, head, mark } … until there is a head
//! load(head, journal) ─► the state, and the mark from which the next save goes on
//! ```
//!
//! | file | what |
//! |---|---|
//! | `journal` | blocks with a chain of digests |
//! | `head` | stamp and checksum |
//! | `parts`, `units` | the small parts of the state as CBOR |
//!
//! # Crash cases
//! - Before the head is replaced: the old head stands; the journal begins with what it names, and what follows is ignored
//!   and overwritten by the next save.
//! - Never replace the head before the journal is synced, nor before the *store* is synced up to the state's size: a head
//!   that names lost bytes is found by the chain, and one ahead of its store by comparing heads; both cost a full replay.
//!
//! Anything doubtful is discarded with a reason ([`SavedError`]); the entries are the truth.
//!
//! # Bytes
//! All integers little-endian. Head: `TAMGA/ST`, version u32, payload bytes u64, payload (CBOR, not the canonical subset),
//! BLAKE3 of all before. Journal: blocks without gaps: tag u32, payload bytes u32, payload, chain (32 bytes) = BLAKE3
//! (context `tamga 2025 saved state journal v1`) of the chain before ‖ tag ‖ payload bytes ‖ payload; the first chain value
//! is that of the election id. Roll block `TSR1`: station u32, leaves of 16 bytes. Leaves block `TSL1`: first leaf u32,
//! count u32, that many ids of 16 bytes; then, for stations with voters whom these leaves admitted, ascending: station u32,
//! count u32, that many of (position on the roll u32, leaf u32).

mod head;
mod journal;
mod parts;
mod reader;
mod units;

#[cfg(test)]
mod tests;

pub use head::HEAD_BYTES_MAX;
pub use reader::FileReader;

use crate::ids::{Digest, ElectionId};
use crate::judge::RULES_VERSION;
use crate::state::State;
use crate::store::LogPosition;
use crate::tree::{TreeHead, TreeSize};
use head::Stamp;
use std::collections::BTreeMap;
use std::io::Read;
use tamga_platform::disk::DiskFile;

/// Version of the bytes *and* of what judging keeps: to be raised with any change of a rule's effect on the state.
const VERSION: u32 = 9;

/// What an earlier save has written. A save goes on from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    journal_bytes: u64,
    /// Chain value after the last block; none before the first.
    chain: Option<Digest>,
    /// Leaves whose ids and admissions are in the journal.
    leaves: u32,
    /// Roll leaves in the journal, by station.
    rolls: BTreeMap<u32, u32>,
    /// Amendments of rolls so far. After one more the leaves stand elsewhere, and the journal begins anew: before voting it is short.
    amendments: u64,
}

impl Mark {
    /// Nothing is saved: the journal begins anew at its first byte, whatever the file holds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of the journal that count.
    #[must_use]
    pub const fn journal_bytes(&self) -> u64 {
        self.journal_bytes
    }

    /// The tree size up to which the journal goes.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        // A u32 is far below the largest size.
        TreeSize::new(u64::from(self.leaves)).unwrap_or(TreeSize::ZERO)
    }
}

/// One step of a save: bytes to write, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where in the journal `append` belongs: always the end of what counts so far.
    pub at: u64,
    /// Bytes for the journal; at most some 16 MB.
    pub append: Vec<u8>,
    /// The new head, to be put in place once the journal is durable. None: another step has to come first.
    pub head: Option<Vec<u8>>,
    /// What is saved once this step is.
    pub mark: Mark,
}

impl State {
    /// The next step of saving this state after what `mark` says is saved. `position` is the store's, as a stamp.
    ///
    /// Changes nothing and reads no files, so it needs the state for as long as it takes to copy what is new: milliseconds
    /// for a step in between, tens of milliseconds for one with a head of the nation (measured: `saved/tests.rs`). A mark of a larger state
    /// than this one starts a new journal.
    #[must_use]
    pub fn save(&self, mark: &Mark, position: Option<LogPosition>) -> Step {
        let fresh = Mark::new();
        let mark = if journal::continues(self, mark) { mark } else { &fresh };
        let at = mark.journal_bytes;
        let (append, mark) = journal::append(self, mark);
        let whole = journal::is_whole(self, &mark);
        let head = whole.then(|| {
            let stamp = Stamp {
                rules: RULES_VERSION,
                election: self.election_id(),
                head: self.head(),
                position,
                journal_bytes: mark.journal_bytes,
                chain: mark.chain,
            };
            head::seal(&stamp, &parts::Parts::of(self))
        });
        Step { at, append, head, mark }
    }
}

/// A state as it was saved.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The state. Its head must be compared with the store's roots at that size before anything relies on it.
    pub state: State,
    /// From where the next save goes on.
    pub mark: Mark,
    /// The store's position when the state was saved.
    pub position: Option<LogPosition>,
}

/// Size and roots, position and journal bytes of a saved head, without loading the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peek {
    /// The state's head.
    pub head: TreeHead,
    /// The store's position when the state was saved.
    pub position: Option<LogPosition>,
    /// Bytes of the journal that count.
    pub journal_bytes: u64,
}

/// Reads the stamp of a head, with its checksum: what can be compared with the store before the work of loading.
///
/// # Errors
/// As [`load`].
pub fn peek(head: &[u8], election: &ElectionId) -> Result<Peek, SavedError> {
    let (stamp, _) = head::open(head, election)?;
    Ok(Peek { head: stamp.head, position: stamp.position, journal_bytes: stamp.journal_bytes })
}

/// Loads a saved state. Reads `journal` from its first byte as far as the head says, block by block.
///
/// Total over arbitrary bytes; memory grows only with bytes that were read and whose digest was right.
///
/// # Errors
/// [`SavedError`]: the cache is of no use, and the reason. Replay the entries.
pub fn load(head: &[u8], journal: &mut dyn Read, election: &ElectionId) -> Result<Loaded, SavedError> {
    load_aside(head, journal, election, None)
}

/// As [`load`], with record ids in a file instead of memory ([`State::keep_ids_aside`]).
///
/// # Errors
/// As [`load`].
pub fn load_aside(
    head: &[u8],
    journal: &mut dyn Read,
    election: &ElectionId,
    ids: Option<Box<dyn DiskFile>>,
) -> Result<Loaded, SavedError> {
    let (stamp, parts) = head::open(head, election)?;
    let mut state = parts::read(parts)?;
    if let Some(file) = ids {
        state.keep_ids_aside(file);
    }
    let mark = journal::read(&mut state, journal, &stamp)?;
    check(&state, &stamp)?;
    Ok(Loaded { state, mark, position: stamp.position })
}

/// What the parts say of each other.
fn check(state: &State, stamp: &Stamp) -> Result<(), SavedError> {
    let shape = |what: &str| Err(SavedError::Shape(what.to_owned()));
    if state.head() != stamp.head {
        return shape("the frontier does not give the head that the stamp names");
    }
    if state.election_id() != stamp.election {
        return shape("the state is of another election than the stamp says");
    }
    if state.ids.len() as u64 != stamp.head.size.get() {
        return shape("the journal has not one id for each leaf");
    }
    Ok(())
}

/// Why a saved state is discarded. Nothing is lost: the entries give the same state, at the price of a full replay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The head is not one, or damaged.
    #[error("the head of the saved state is {0}")]
    Head(&'static str),
    /// Written by software that keeps another state.
    #[error("the saved state has version {found}; this software writes version {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// Judged by other rules.
    #[error("the saved state was judged by rules version {found}; this software judges by {RULES_VERSION}")]
    Rules {
        /// Its rules version.
        found: u32,
    },
    /// Of another election.
    #[error("the saved state belongs to election {0}")]
    OtherElection(ElectionId),
    /// The journal ends early.
    #[error("the journal of the saved state ends at byte {at} of {bytes}")]
    JournalShort {
        /// Where a block begins that is not there as a whole.
        at: u64,
        /// Bytes the head names.
        bytes: u64,
    },
    /// The journal is not the one the head names.
    #[error("the journal of the saved state is damaged in the block at byte {at}: {what}")]
    Journal {
        /// Where the block begins.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Checksums hold, content does not: a bug, or bytes made by somebody else.
    #[error("the saved state contradicts itself: {0}")]
    Shape(String),
    /// Reading failed.
    #[error("the journal of the saved state cannot be read: {0}")]
    Io(#[from] std::io::Error),
}
