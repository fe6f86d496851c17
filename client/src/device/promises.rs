//! Promises kept on the device until they are seen to be kept in the ledger, or proven to be broken.
//!
//! One file a promise, `<record>-<node>.promise`, with the signed bytes as they came: the same that `tamga watch --promises`
//! reads. A broken one is replaced by an evidence file.

use super::answer::Outcome;
use crate::monitor::{Fate, fate};
use crate::source::Source;
use crate::verify::{Opened, VerifyError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tamga_ledger::evidence::{Evidence, VerifiedEvidence, genesis_of_entry};
use tamga_ledger::ids::{ElectionId, RecordId};
use tamga_ledger::promise::{PROMISE_BYTES_MAX, Promise};
use tamga_platform::disk::Disk;

/// A folder of promises. Writes block; they are small and synced.
#[derive(Debug)]
pub struct PromiseBook {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    fault: Mutex<Option<String>>,
}

/// A promise that was not kept.
#[derive(Debug)]
pub struct Broken {
    /// About which record.
    pub record: RecordId,
    /// Whose.
    pub node: u32,
    /// The file that convicts the node.
    pub file: PathBuf,
    /// What it proves; none where it refers to a copy of the ledger, with which it has to be verified.
    pub evidence: Option<VerifiedEvidence>,
}

/// Why promises could not be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromiseBookError {
    /// The folder.
    #[error("{path}: {error}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// The ledger shown does not verify, or cannot be read.
    #[error(transparent)]
    Ledger(#[from] VerifyError),
    /// The source is of no use for a look-up.
    #[error("looking for record {record}: {what}")]
    Look {
        /// Which record.
        record: RecordId,
        /// What happened.
        what: String,
    },
}

impl PromiseBook {
    /// The promises in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`PromiseBookError::Disk`].
    pub fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, PromiseBookError> {
        let fault = |error| PromiseBookError::Disk { path: folder.to_owned(), error };
        disk.create_dir_all(folder).map_err(fault)?;
        Ok(Self { disk, folder: folder.to_owned(), fault: Mutex::default() })
    }

    /// Keeps what a node promised; durable when it returns. A failure is told by [`take_fault`](Self::take_fault): the record
    /// itself is in the spool.
    pub fn keep(&self, outcome: &Outcome) {
        let Outcome::Promised { promise, bytes } = outcome else { return };
        let path = self.path(promise, "promise");
        if let Err(error) = self.disk.replace(&path, bytes) {
            let what = format!("{}: {error}; the promise is not kept", path.display());
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        }
    }

    /// What failed since it was asked last.
    #[must_use]
    pub fn take_fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn path(&self, promise: &Promise, what: &str) -> PathBuf {
        self.folder.join(format!("{}-{}.{what}", promise.record, promise.node))
    }

    /// Looks for every promise in the ledger that a source shows: those kept are forgotten, those broken become evidence, the
    /// others wait.
    ///
    /// # Errors
    /// [`PromiseBookError`]; nothing is forgotten that was not seen.
    pub fn check(&self, source: &dyn Source, pinned: &ElectionId) -> Result<Vec<Broken>, PromiseBookError> {
        let opened = Opened::open(source, pinned)?;
        let fault = |path: &Path| {
            let path = path.to_owned();
            move |error| PromiseBookError::Disk { path, error }
        };
        let mut broken = Vec::new();
        for name in self.disk.list(&self.folder).map_err(fault(&self.folder))? {
            let path = self.folder.join(&name);
            if path.extension().is_none_or(|extension| extension != "promise") {
                continue;
            }
            let bytes = self.disk.read(&path, PROMISE_BYTES_MAX as u64).map_err(fault(&path))?;
            let Ok(promise) = Promise::verify(&bytes, |id| opened.trust.registry().promise_keys(id)) else { continue };
            if promise.election != *pinned {
                continue;
            }
            let look = |what| PromiseBookError::Look { record: promise.record, what };
            match fate(&opened, &promise, &bytes).map_err(look)? {
                Fate::Open => continue,
                Fate::Kept => {}
                Fate::Broken(claim) => {
                    let genesis = genesis_of_entry(&opened.genesis).unwrap_or_default();
                    let mut file = Evidence::new(*pinned, genesis, claim);
                    // Whoever reads it starts from the genesis record, and needs the decisions since.
                    file.receipts = opened.history.receipts();
                    let kept = self.path(&promise, "evidence");
                    self.disk.replace(&kept, &file.to_bytes()).map_err(fault(&kept))?;
                    let evidence = file.trust(pinned).and_then(|trust| file.verify(&trust)).ok();
                    broken.push(Broken { record: promise.record, node: promise.node, file: kept, evidence });
                }
            }
            // Crash before this: it is looked for again, with the same result.
            self.disk.remove(&path).map_err(fault(&path))?;
        }
        Ok(broken)
    }
}
