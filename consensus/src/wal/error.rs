//! What can be wrong with the log on disk.

use std::io;
use std::path::PathBuf;

/// The log cannot be opened, read or written. Each message names the file and what the operator can do.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The disk refused.
    #[error("{doing} {path}: {source}; consensus stops and must be restarted after the disk was checked", path = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// Bytes that had been synced are not what was written.
    #[error(
        "{path} is damaged at byte {offset}: {what}; nothing was changed. This is not a torn write. Check the disk; \
         then `tamga-node repair --config FILE` says whether this node may come back under its id, and repairs it",
        path = .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// There is no log where one has to be.
    #[error("{path} holds no log, but this node has had one", path = .path.display())]
    Gone {
        /// The folder.
        path: PathBuf,
    },
    /// The folder belongs to another cluster or node, or to another version of this program.
    #[error("{path}: {what}; nothing was changed. Point this node at its own folder", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
}
