//! What a monitor must not forget: the genesis record, and the last checkpoint that it has seen from each source.
//!
//! `genesis` is entry 0, `state` a JSON object; both are replaced atomically and synced. Crash before `state` is replaced: the
//! monitor knows the checkpoint before, against which everything later is compared all the same.

use crate::source::{Files, Source, SourceError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use tamga_ledger::entry::ENTRY_BYTES_MAX;
use tamga_ledger::history::{HISTORY_BYTES_MAX, History};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::note::{CheckpointVerifyError, VerifiedCheckpoint};
use tamga_ledger::trust::{Trust, TrustError};
use tamga_platform::disk::Disk;

/// Longest state file: some sources with a note each, and promises that were kept.
const STATE_BYTES_MAX: u64 = 16 << 20;
/// The decisions that the monitor has learned, beside its state.
const HISTORY_FILE: &str = "history";

/// Why a monitor cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// A file of its own.
    #[error("{path}: {error}; the monitor's memory is not replaced by itself")]
    Disk {
        /// Which.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// The state file cannot be understood.
    #[error("{path}: {what}; keep the file, and begin in another folder only if you know why it is damaged")]
    State {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// No source gives the pinned genesis record.
    #[error("no source gives the pinned genesis record; the last one says: {0}")]
    NoGenesis(String),
    /// The genesis record in the folder is not the pinned one.
    #[error("the folder belongs to another election: {0}")]
    Trust(#[from] TrustError),
}

/// What was verified. Notes are verified again when they are read back.
#[derive(Debug, Default)]
pub(super) struct Saved {
    newest: Option<VerifiedCheckpoint>,
    /// The source that showed it, by name: it has its tiles.
    pub(super) newest_from: String,
    /// By source.
    pub(super) last: BTreeMap<String, VerifiedCheckpoint>,
    /// Promises that were found to be kept, or reported, by digest of their bytes.
    pub(super) settled: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    version: u32,
    election: ElectionId,
    newest: Option<String>,
    newest_from: String,
    sources: BTreeMap<String, String>,
    settled: BTreeMap<String, String>,
}

fn state_path(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

impl Saved {
    pub(super) const fn newest(&self) -> Option<&VerifiedCheckpoint> {
        self.newest.as_ref()
    }

    pub(super) fn set_newest(&mut self, checkpoint: VerifiedCheckpoint, from: &str) {
        self.newest = Some(checkpoint);
        from.clone_into(&mut self.newest_from);
    }

    pub(super) fn read(disk: &dyn Disk, folder: &Path, trust: &Trust) -> Result<Self, MonitorError> {
        let path = state_path(folder);
        let bytes = match disk.read(&path, STATE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(MonitorError::Disk { path, error }),
        };
        let damaged = |what: String| MonitorError::State { path: path.clone(), what };
        let file: StateFile = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if file.version != 1 || file.election != *trust.election_id() {
            return Err(damaged("it is of another version or election".to_owned()));
        }
        let verify = |note: &str| trust.verify_checkpoint(note.as_bytes());
        let fault = |error: CheckpointVerifyError| damaged(error.to_string());
        let last: Result<_, CheckpointVerifyError> =
            file.sources.into_iter().map(|(source, note)| Ok((source, verify(&note)?))).collect();
        Ok(Self {
            newest: file.newest.map(|note| verify(&note)).transpose().map_err(fault)?,
            newest_from: file.newest_from,
            last: last.map_err(fault)?,
            settled: file.settled,
        })
    }

    /// Durable when this returns.
    pub(super) fn write(&self, disk: &dyn Disk, folder: &Path, trust: &Trust) -> Result<(), MonitorError> {
        let note = |checkpoint: &VerifiedCheckpoint| checkpoint.note().to_string();
        let file = StateFile {
            version: 1,
            election: *trust.election_id(),
            newest: self.newest.as_ref().map(note),
            newest_from: self.newest_from.clone(),
            sources: self.last.iter().map(|(source, checkpoint)| (source.clone(), note(checkpoint))).collect(),
            settled: self.settled.clone(),
        };
        let path = state_path(folder);
        let bytes = serde_json::to_vec_pretty(&file)
            .map_err(|error| MonitorError::State { path: path.clone(), what: error.to_string() })?;
        disk.replace(&path, &bytes).map_err(|error| MonitorError::Disk { path, error })
    }
}

/// The organisations' decisions in the folder, and what is trusted after them.
pub(super) fn history(disk: &dyn Disk, folder: &Path, genesis: &Trust) -> Result<(History, Trust), MonitorError> {
    let path = folder.join(HISTORY_FILE);
    let history = match disk.read(&path, HISTORY_BYTES_MAX as u64) {
        Ok(bytes) => History::from_bytes(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(History::default()),
        Err(error) => return Err(MonitorError::Disk { path, error }),
    };
    let walked = history.and_then(|history| Ok((genesis.follow(&history)?, history)));
    let (trust, history) = walked.map_err(|error| MonitorError::State { path, what: error.to_string() })?;
    Ok((history, trust))
}

/// Durable when this returns.
pub(super) fn write_history(disk: &dyn Disk, folder: &Path, history: &History) -> io::Result<()> {
    disk.replace(&folder.join(HISTORY_FILE), &history.to_bytes())
}

/// Entry 0 and the trust it gives: from the folder, or at first from a source.
pub(super) fn genesis(
    disk: &dyn Disk,
    folder: &Path,
    pinned: &ElectionId,
    sources: &[Box<dyn Source>],
) -> Result<(Vec<u8>, Trust), MonitorError> {
    let path = folder.join("genesis");
    let fault = |error| MonitorError::Disk { path: path.clone(), error };
    match disk.read(&path, ENTRY_BYTES_MAX as u64) {
        Ok(entry) => {
            let trust = Trust::from_entry(&entry, pinned)?;
            return Ok((entry, trust));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fault(error)),
    }
    let mut said = "no source was named".to_owned();
    for source in sources {
        let read: Result<Vec<u8>, SourceError> = Files::new(&**source).genesis(None);
        match read {
            Ok(entry) => match Trust::from_entry(&entry, pinned) {
                Ok(trust) => {
                    disk.create_dir_all(folder).map_err(fault)?;
                    disk.replace(&path, &entry).map_err(fault)?;
                    return Ok((entry, trust));
                }
                Err(error) => said = format!("{}: {error}", source.name()),
            },
            Err(error) => said = error.to_string(),
        }
    }
    Err(MonitorError::NoGenesis(said))
}
