//! Records kept on the device until their receipt verified: nothing that was signed is lost with the connection.
//!
//! One append-only file: a header (magic, election), then frames
//!
//! ```text
//! "TSPF" │ length u32 │ CRC-32C of kind and body u32 │ kind u8 │ body          (little-endian)
//! ```
//!
//! Kind 1 keeps a submission, kind 2 forgets a record by its id. Every append is synced before it returns, so only the last
//! frame can be torn; a bad frame with a whole one behind it is damage and is reported, never skipped.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_ledger::ids::{ElectionId, RecordId};
use tamga_ledger::receipt::VerifiedReceipt;
use tamga_ledger::submission::{SUBMISSION_BYTES_MAX, Submission};
use tamga_platform::disk::{Disk, DiskFile, Open};

/// Largest spool file.
pub const SPOOL_BYTES_MAX: u64 = 64 << 20;
/// A file below this is not worth rewriting.
const COMPACT_BYTES_MIN: u64 = 1 << 20;

const MAGIC: &[u8; 8] = b"TSPOOL1\n";
const HEADER_BYTES: u64 = 40;
const FRAME_MAGIC: &[u8; 4] = b"TSPF";
const FRAME_HEAD_BYTES: usize = 13;
const BODY_BYTES_MAX: usize = SUBMISSION_BYTES_MAX;
const KEPT: u8 = 1;
const FORGOTTEN: u8 = 2;

/// Why a spool cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The disk failed. The spool takes nothing more: nobody knows what is on disk.
    #[error("{what} {path}: {error}; stop, and open the spool again")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// Bytes that were durable are not what was written.
    #[error("{path} is damaged at byte {offset}: {what}; copy the file away, and submit what can be read from it")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What.
        what: &'static str,
    },
    /// The file belongs to another election.
    #[error("{path} is the spool of election {found}")]
    OtherElection {
        /// Which file.
        path: PathBuf,
        /// Its election.
        found: ElectionId,
    },
    /// No room.
    #[error("the spool has reached {SPOOL_BYTES_MAX} bytes; deliver what waits before more is kept")]
    Full,
    /// An earlier write failed.
    #[error("an earlier write failed; open the spool again")]
    Failed,
}

/// What opening found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolOpened {
    /// Records that wait.
    pub waiting: usize,
    /// Bytes of a last, unfinished append that were cut. What they held was never reported as kept.
    pub cut_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    length: usize,
}

/// The open spool. One process, one owner.
#[derive(Debug)]
pub struct Spool {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    election: ElectionId,
    file: Box<dyn DiskFile>,
    end: u64,
    /// Bodies of kept submissions, by order of arrival.
    waiting: BTreeMap<u64, (RecordId, Place)>,
    orders: BTreeMap<RecordId, u64>,
    next: u64,
    failed: bool,
}

impl Spool {
    /// Opens or creates a spool and reads what waits in it.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn open(disk: Arc<dyn Disk>, path: &Path, election: ElectionId) -> Result<(Self, SpoolOpened), SpoolError> {
        let io = |what| move |error| SpoolError::Io { what, path: path.to_owned(), error };
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        disk.create_dir_all(folder).map_err(io("create the folder of"))?;
        let file = disk.open(path, Open::ReadWrite).map_err(io("open"))?;
        let mut spool = Self {
            disk,
            path: path.to_owned(),
            election,
            file,
            end: 0,
            waiting: BTreeMap::new(),
            orders: BTreeMap::new(),
            next: 0,
            failed: false,
        };
        let cut_bytes = spool.recover()?;
        spool.disk.sync_dir(folder).map_err(io("sync the folder of"))?;
        let opened = SpoolOpened { waiting: spool.waiting.len(), cut_bytes };
        Ok((spool, opened))
    }

    /// Keeps a submission; durable when this returns. Keeping the same record again changes nothing.
    ///
    /// # Errors
    /// [`SpoolError`]; the submission is then not kept.
    pub fn keep(&mut self, submission: &Submission) -> Result<RecordId, SpoolError> {
        let id = submission.signed.id();
        if self.orders.contains_key(&id) {
            return Ok(id);
        }
        let body = submission.to_bytes();
        if self.end + (FRAME_HEAD_BYTES + body.len()) as u64 > SPOOL_BYTES_MAX {
            self.compact()?;
        }
        let place = self.append(KEPT, &body)?;
        self.remember(id, place);
        Ok(id)
    }

    /// Forgets a record: only a receipt that verified can do that.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn settle(&mut self, receipt: &VerifiedReceipt) -> Result<bool, SpoolError> {
        self.forget(&receipt.record_id())
    }

    /// Forgets a record that the ledger will not take: somebody has decided so.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn withdraw(&mut self, record: &RecordId) -> Result<bool, SpoolError> {
        self.forget(record)
    }

    fn forget(&mut self, record: &RecordId) -> Result<bool, SpoolError> {
        let Some(order) = self.orders.get(record).copied() else { return Ok(false) };
        // Crash before this is durable: the record is submitted once more, which the ledger answers as before.
        self.append(FORGOTTEN, record.as_ref())?;
        self.orders.remove(record);
        self.waiting.remove(&order);
        let waiting: u64 = self.waiting.values().map(|(_, place)| place.length as u64).sum();
        if self.end > COMPACT_BYTES_MIN && waiting < self.end / 4 {
            self.compact()?;
        }
        Ok(true)
    }

    /// Ids of the records that wait, in the order in which they were kept.
    #[must_use]
    pub fn waiting(&self) -> Vec<RecordId> {
        self.waiting.values().map(|(id, _)| *id).collect()
    }

    /// How many records wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A kept submission.
    ///
    /// # Errors
    /// [`SpoolError::Io`], [`SpoolError::Damaged`].
    pub fn submission(&self, record: &RecordId) -> Result<Option<Submission>, SpoolError> {
        let place = self.orders.get(record).and_then(|order| self.waiting.get(order));
        let Some((_, place)) = place else { return Ok(None) };
        let bytes = self.body(*place)?;
        let submission = Submission::from_bytes(&bytes).ok().filter(|submission| submission.signed.id() == *record);
        match submission {
            Some(submission) => Ok(Some(submission)),
            None => Err(self.damaged(place.offset, "a kept submission is not what was written")),
        }
    }

    fn body(&self, place: Place) -> Result<Vec<u8>, SpoolError> {
        let mut bytes = vec![0; place.length];
        self.file.read_exact_at(&mut bytes, place.offset).map_err(|error| self.io("read", error))?;
        Ok(bytes)
    }

    fn remember(&mut self, id: RecordId, place: Place) {
        self.waiting.insert(self.next, (id, place));
        self.orders.insert(id, self.next);
        self.next += 1;
    }

    fn append(&mut self, kind: u8, body: &[u8]) -> Result<Place, SpoolError> {
        if self.failed {
            return Err(SpoolError::Failed);
        }
        let frame = frame(kind, body);
        if self.end + frame.len() as u64 > SPOOL_BYTES_MAX {
            return Err(SpoolError::Full);
        }
        self.failed = true;
        // Crash from here to the end of the sync: the frame may be torn and is cut at the next open.
        self.file.write_all_at(&frame, self.end).map_err(|error| self.io("write", error))?;
        self.file.sync_data().map_err(|error| self.io("sync", error))?;
        self.failed = false;
        let place = Place { offset: self.end + FRAME_HEAD_BYTES as u64, length: body.len() };
        self.end += frame.len() as u64;
        Ok(place)
    }

    /// Rewrites the file with what still waits.
    fn compact(&mut self) -> Result<(), SpoolError> {
        if self.failed {
            return Err(SpoolError::Failed);
        }
        let mut bytes = self.header();
        let mut places = BTreeMap::new();
        for (order, (id, place)) in &self.waiting {
            let body = self.body(*place)?;
            let offset = (bytes.len() + FRAME_HEAD_BYTES) as u64;
            places.insert(*order, (*id, Place { offset, length: body.len() }));
            bytes.extend_from_slice(&frame(KEPT, &body));
        }
        self.failed = true;
        self.disk.replace(&self.path, &bytes).map_err(|error| self.io("replace", error))?;
        self.file = self.disk.open(&self.path, Open::ReadWrite).map_err(|error| self.io("open", error))?;
        self.failed = false;
        (self.waiting, self.end) = (places, bytes.len() as u64);
        Ok(())
    }

    fn header(&self) -> Vec<u8> {
        [&MAGIC[..], self.election.as_ref()].concat()
    }

    /// Reads the file; returns how many bytes of a torn last frame were cut.
    fn recover(&mut self) -> Result<u64, SpoolError> {
        let length = self.file.len().map_err(|error| self.io("read", error))?;
        if length > SPOOL_BYTES_MAX + BODY_BYTES_MAX as u64 {
            return Err(self.damaged(SPOOL_BYTES_MAX, "longer than a spool can be"));
        }
        if length < HEADER_BYTES {
            // Crash while the file was being created: nothing was ever kept in it.
            let header = self.header();
            self.file.write_all_at(&header, 0).map_err(|error| self.io("write", error))?;
            self.file.sync_data().map_err(|error| self.io("sync", error))?;
            self.end = HEADER_BYTES;
            return Ok(length);
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, 0).map_err(|error| self.io("read", error))?;
        self.check_header(&bytes)?;
        let mut at = HEADER_BYTES as usize;
        while let Some((kind, body)) = parse(bytes.get(at..).unwrap_or_default()) {
            self.replay(kind, body, at)?;
            at += FRAME_HEAD_BYTES + body.len();
        }
        if (at + 1..bytes.len()).any(|later| bytes.get(later..).and_then(parse).is_some()) {
            return Err(self.damaged(at as u64, "a frame is damaged, and whole ones follow it"));
        }
        self.end = at as u64;
        if self.end < length {
            self.file.set_len(self.end).map_err(|error| self.io("cut", error))?;
            self.file.sync_data().map_err(|error| self.io("sync", error))?;
        }
        Ok(length - self.end)
    }

    fn check_header(&self, bytes: &[u8]) -> Result<(), SpoolError> {
        let (magic, rest) = bytes.split_at_checked(MAGIC.len()).unwrap_or_default();
        if magic != MAGIC {
            return Err(self.damaged(0, "not a spool"));
        }
        match rest.get(..ElectionId::LEN).and_then(|id| ElectionId::try_from(id).ok()) {
            Some(found) if found == self.election => Ok(()),
            Some(found) => Err(SpoolError::OtherElection { path: self.path.clone(), found }),
            None => Err(self.damaged(0, "not a spool")),
        }
    }

    fn replay(&mut self, kind: u8, body: &[u8], at: usize) -> Result<(), SpoolError> {
        match kind {
            KEPT => {
                let submission = Submission::from_bytes(body);
                let submission = submission.map_err(|_| self.damaged(at as u64, "a kept submission cannot be read"))?;
                let place = Place { offset: (at + FRAME_HEAD_BYTES) as u64, length: body.len() };
                self.remember(submission.signed.id(), place);
                Ok(())
            }
            FORGOTTEN => {
                let id = RecordId::try_from(body).map_err(|_| self.damaged(at as u64, "a record id has 32 bytes"))?;
                if let Some(order) = self.orders.remove(&id) {
                    self.waiting.remove(&order);
                }
                Ok(())
            }
            _ => Err(self.damaged(at as u64, "a frame of an unknown kind")),
        }
    }

    fn io(&self, what: &'static str, error: io::Error) -> SpoolError {
        SpoolError::Io { what, path: self.path.clone(), error }
    }

    fn damaged(&self, offset: u64, what: &'static str) -> SpoolError {
        SpoolError::Damaged { path: self.path.clone(), offset, what }
    }
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let sum = crc32c::crc32c_append(crc32c::crc32c(&[kind]), body);
    let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + body.len());
    frame.extend_from_slice(FRAME_MAGIC);
    // Fits: bodies are submissions or ids.
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&sum.to_le_bytes());
    frame.push(kind);
    frame.extend_from_slice(body);
    frame
}

/// The whole frame at the start of `bytes`, if there is one.
fn parse(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let rest = bytes.strip_prefix(FRAME_MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= BODY_BYTES_MAX)?;
    let body = rest.get(..length)?;
    let good = crc32c::crc32c_append(crc32c::crc32c(&[*kind]), body) == u32::from_le_bytes(*sum);
    good.then_some((*kind, body))
}
