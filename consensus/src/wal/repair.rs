//! Repair of a damaged log: what may be made good safely, and what must not.
//!
//! | file | what |
//! |---|---|
//! | `scan` | reads the whole log in spite of damage |
//! | `salvage` | what is left of one bad frame |
//! | `rewrite` | frames put right in place; a log that begins behind what is lost |
//!
//! A damaged log does not open, so its node neither votes nor campaigns nor acknowledges anything meanwhile. A repair must
//! bring back every promise that this node has made to the others: its newest ballot, and every entry that it has
//! acknowledged. What cannot be brought back with certainty is never guessed: the node has to return under a new id.
//!
//! # What is certain
//! 1. **A frame whose every record still passes its own checksum** (only the frame's own header, checksum or padding is
//!    damaged) is put right in place, byte for byte. A record header with one flipped bit counts as read if the record's
//!    checksum holds with that bit put right.
//! 2. **A lost entry whose place is known.** Where the damaged record begins and where it ends are both confirmed by
//!    sound neighbours, and it is longer than any other kind of record, or says itself that it is the entry that is
//!    due. Then no ballot, truncation or mark is lost with it. (For that to be wrong, damage would have to forge a length of
//!    32 bits that ends exactly at a sound record.)
//! 3. **Anything else** (a frame whose records cannot be told apart, a missing segment) may have held anything. So every
//!    entry that was written before it is doubtful, since it may have been truncated there; the ballot is doubtful unless a
//!    later record restates one, since ballots only grow; and the end of the log is doubtful unless an entry follows.
//!
//! # What is done
//! Lost and doubtful entries are *not* replaced: an entry that the application has applied durably was committed, and its
//! effect stands in the application, which has proven its own files before. So the log begins anew behind it: a purge
//! up to an index P, as after a snapshot, with P at least the last lost or doubtful entry and at most the applied
//! position. Entries behind P, the ballot and the commit mark are taken over.
//!
//! # What is refused ([`NewIdentity`])
//! - the newest ballot is doubtful: the node could vote twice in one term;
//! - the end of the log is doubtful, or a lost or doubtful entry is not applied: the node may have acknowledged it, and a
//!   quorum may rest on that. (Committed entries could be fetched, uncommitted ones could not be told from them by anybody
//!   but a leader; a new id costs a copy and no argument.)
//!
//! # Crashes
//! The new log is one segment numbered behind all others. Its first frame states ballot, commit mark and purge, then
//! truncates everything behind P, so it gives the same log whatever precedes it. It gets its name first, and only then the
//! old segments are moved aside, oldest first. Until the damaged ones are gone the log still refuses to open; from then on
//! it opens as repaired. Each step may be repeated.

pub(super) mod rewrite;
mod salvage;
mod scan;

use std::fmt;
use std::path::{Path, PathBuf};

use tamga_platform::disk::Disk;
use tamga_platform::entropy::Entropy;

use super::error::WalError;
use crate::types::{ClusterId, LogPosition, NodeId};

use self::scan::Reading;

/// Whose log, and where.
#[derive(Debug, Clone)]
pub struct LogPlace {
    /// The folder that [`Config::folder`](crate::Config::folder) names.
    pub folder: PathBuf,
    /// The cluster.
    pub cluster: ClusterId,
    /// This node.
    pub node: NodeId,
}

impl LogPlace {
    pub(crate) fn wal(&self) -> PathBuf {
        self.folder.join("wal")
    }
}

/// One damaged stretch of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDamage {
    /// The segment.
    pub path: PathBuf,
    /// Where in it the damaged frame begins.
    pub offset: u64,
    /// What is wrong and what is lost by it, in words.
    pub what: String,
}

impl fmt::Display for LogDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.path.display(), self.offset, self.what)
    }
}

/// The node must not come back under its id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the log cannot be repaired safely: {why}. Nothing was changed. This node must not come back under its id: set it up \
     anew under a new node id, so that it copies everything from the others"
)]
pub struct NewIdentity {
    /// What this node may have promised and can no longer know.
    pub why: String,
}

/// What a repair would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogRemedy {
    /// The log is sound.
    Nothing,
    /// So many frames and headers can be put right in place.
    InPlace(usize),
    /// The log begins anew behind this position; so many entries behind it are kept.
    BeginBehind {
        /// Everything up to here is applied and leaves the log.
        purge: LogPosition,
        /// Entries that stay.
        kept: u64,
    },
}

/// What the log holds, and what of it is damaged.
#[derive(Debug)]
pub struct LogReport(Reading);

impl LogReport {
    /// Each damaged stretch.
    #[must_use]
    pub fn damages(&self) -> &[LogDamage] {
        &self.0.damages
    }

    /// Index of the last entry.
    #[must_use]
    pub fn last_index(&self) -> Option<u64> {
        self.0.slots.last_key_value().map(|(index, _)| *index)
    }

    /// Whether every entry behind a position (`None`: every entry there ever was) is here, sound, and follows it.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn holds_behind(&self, position: Option<LogPosition>) -> Result<(), String> {
        self.0.holds_behind(position)
    }

    /// What can be done about the damage, when everything up to `applied` is durable in the application.
    ///
    /// # Errors
    /// [`NewIdentity`].
    pub fn remedy(&self, applied: Option<LogPosition>) -> Result<LogRemedy, NewIdentity> {
        self.0.remedy(applied)
    }
}

/// Reads the whole log and says what is damaged. Writes nothing. The node must not be running.
///
/// # Errors
/// [`WalError::Io`] when something cannot be read at all, [`WalError::Foreign`] when it is another node's log.
pub fn examine_log(disk: &dyn Disk, place: &LogPlace) -> Result<LogReport, WalError> {
    scan::read_log(disk, place).map(LogReport)
}

/// The application's payloads in a log behind a position, whether they were ever committed or not: for whoever gives the log
/// up and wants to lose nothing that was in it. What is damaged is passed over.
///
/// # Errors
/// As [`examine_log`].
pub fn payloads_behind(
    disk: &dyn Disk,
    place: &LogPlace,
    applied: Option<LogPosition>,
) -> Result<Vec<bytes::Bytes>, WalError> {
    let reading = scan::read_log(disk, place)?;
    let entries = rewrite::entries_behind(disk, &reading, applied.map(|applied| applied.index))?;
    let payloads = entries.into_iter().filter(|entry| entry.kind == crate::types::EntryKind::Normal);
    Ok(payloads.map(|entry| entry.payload).collect())
}

/// Why a log was not repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogRepairError {
    /// The disk, or another node's log.
    #[error(transparent)]
    Log(#[from] WalError),
    /// It must not be.
    #[error(transparent)]
    NewIdentity(#[from] NewIdentity),
}

/// What a repair needs besides the disk.
#[derive(Debug, Clone, Copy)]
pub struct LogRepair<'a> {
    /// Up to where the application has applied the log, durably.
    pub applied: Option<LogPosition>,
    /// An own folder on the same file system for the damaged originals.
    pub quarantine: &'a Path,
    /// Salts for the new segment.
    pub entropy: &'a dyn Entropy,
    /// For people who look at the file.
    pub now_ms: u64,
}

/// Repairs the log. The node must not be running.
///
/// # Errors
/// [`LogRepairError`]; nothing was changed when it is [`NewIdentity`].
pub fn repair_log(disk: &dyn Disk, place: &LogPlace, repair: &LogRepair<'_>) -> Result<LogRemedy, LogRepairError> {
    let reading = scan::read_log(disk, place)?;
    let remedy = reading.remedy(repair.applied)?;
    match &remedy {
        LogRemedy::Nothing => {}
        LogRemedy::InPlace(_) => rewrite::in_place(disk, &reading, repair)?,
        LogRemedy::BeginBehind { purge, .. } => rewrite::begin_behind(disk, place, &reading, *purge, repair)?,
    }
    Ok(remedy)
}
